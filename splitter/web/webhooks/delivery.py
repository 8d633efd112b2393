"""The queue before one receiver: what waits, when it is tried, and when that ends. Time and chance are arguments.

It sends nothing itself and knows no HTTP: `sender.Sender` carries out what it says, over whatever way leads to the
receiver. Deliveries go one after the other, in order; one that may pass is tried again before the next has its turn,
after pauses that double. What waits is kept in the outbox until it was taken or given up.

    add ──▶ waiting ──begin──▶ under way ──end──▶ Concluded
                                  ▲                  │
                                  └──── pause ◀── Postponed
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from splitter.core.pauses import doubled_s
from splitter.store.outbox import Delivered, Delivery


class Fate(StrEnum):
    """What became of a delivery."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # an answer that makes no second attempt sensible
    GIVEN_UP = "given-up"  # tried often enough
    DROPPED = "dropped"  # too many waited


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one attempt.

    Attributes:
        fate: DELIVERED or REFUSED; None where another attempt makes sense.
        why: in plain words; empty where there is nothing to say.
        wait_s: how long the receiver asks us to wait before the next attempt.
    """

    fate: Fate | None
    why: str = ""
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Concluded:
    """A delivery that is over."""

    row: Delivery
    fate: Fate
    why: str = ""


@dataclass(frozen=True, slots=True)
class Postponed:
    """A delivery that is tried again after `pause_s`; `attempt` counts those that failed."""

    row: Delivery
    attempt: int
    pause_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard a receiver is tried.

    Attributes:
        attempts: the most for one delivery.
        most: deliveries that wait; one more, and the oldest gives way.
        first_pause_s, longest_pause_s: between attempts, doubled each time.
    """

    attempts: int
    most: int
    first_pause_s: float
    longest_pause_s: float


class Outbox(Protocol):
    """Where deliveries are kept; `splitter.store.Store` is one."""

    def save_delivery(self, row: Delivery | Delivered) -> None: ...

    async def deliveries(self) -> list[Delivery]: ...

    async def flush(self, limit_s: float = 1.0) -> bool: ...


class DeliveryQueue:
    """What one receiver is to get, in order."""

    def __init__(self, effort: Effort, outbox: Outbox) -> None:
        self._effort = effort
        self._outbox = outbox
        self._waiting: deque[Delivery] = deque()
        self._under_way: Delivery | None = None
        self._failed = 0  # attempts of it
        self._due_at = 0.0

    def adopt(self, effort: Effort) -> list[Concluded]:
        """Go by this from now on, and try at once what waits for its next attempt. Returns: what had to give way."""
        self._effort, self._due_at = effort, 0.0
        return [self._drop("too many wait") for _ in range(len(self._waiting) - effort.most)]

    def clear(self, why: str) -> list[Concluded]:
        """The receiver is no longer to be told: nothing waits after this."""
        gone = [self._drop(why) for _ in range(len(self._waiting))]
        if self._under_way is not None:
            gone.insert(0, self._conclude(self._under_way, Fate.DROPPED, why))
            self._under_way = None
        return gone

    def add(self, row: Delivery) -> Concluded | None:
        """Keep one more, and send it in its turn. Returns: the oldest, where it had to give way."""
        self._outbox.save_delivery(row)
        return self.restore(row)

    def restore(self, row: Delivery) -> Concluded | None:
        """Take up one that the outbox holds already. Returns: the oldest, where it had to give way."""
        dropped = None
        if len(self._waiting) >= self._effort.most:
            dropped = self._drop("too many wait")
        self._waiting.append(row)
        return dropped

    @property
    def due_at(self) -> float | None:
        """When the next attempt is to be made, in the clock's seconds; None while nothing waits."""
        if self._under_way is not None:
            return self._due_at
        return 0.0 if self._waiting else None

    def begin(self, now: float) -> Delivery | None:
        """The delivery to try now; None where none is due. What came of it is told to `end`."""
        if self._under_way is None and self._waiting:
            self._under_way, self._failed, self._due_at = self._waiting.popleft(), 0, now
        return self._under_way if now >= self._due_at else None

    def end(self, receipt: Receipt, now: float, chance: float) -> Concluded | Postponed:
        """Take in what came of the attempt.

        Args:
            chance: from 0 to 1; takes up to half off the pause.
        """
        row = self._under_way
        assert row is not None, "an attempt was begun"
        self._failed += 1
        if receipt.fate is None and self._failed < self._effort.attempts:
            pause_s = doubled_s(self._effort.first_pause_s, self._effort.longest_pause_s, self._failed - 1, chance)
            pause_s = max(pause_s, min(receipt.wait_s, self._effort.longest_pause_s))
            self._due_at = now + pause_s
            return Postponed(row, self._failed, pause_s, receipt.why)
        self._under_way = None
        if receipt.fate is None:
            return self._conclude(row, Fate.GIVEN_UP, f"{self._failed} attempts: {receipt.why}")
        return self._conclude(row, receipt.fate, receipt.why if receipt.fate is Fate.REFUSED else "")

    def __len__(self) -> int:
        """How many wait, apart from the one that is under way."""
        return len(self._waiting)

    def _drop(self, why: str) -> Concluded:
        """The oldest one gives way."""
        return self._conclude(self._waiting.popleft(), Fate.DROPPED, why)

    def _conclude(self, row: Delivery, fate: Fate, why: str) -> Concluded:
        self._outbox.save_delivery(Delivered(row.id))
        return Concluded(row, fate, why)
