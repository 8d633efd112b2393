"""Lets requests and connections into the event loop one after the other, so that calls go first. asyncio; no I/O.

The loop that answers HTTP carries the calls. So whoever asks takes a turn: after each the turnstile measures how long
the loop was busy with it, and with all else, and rests a multiple of that. HTTP gets a share of the loop and no more;
when calls need the loop, its turns take longer and HTTP waits longer. Those who wait cost nothing: they are not read.
Sources take turns with each other, so one that asks a lot waits behind its own requests, not before those of others.

    enter ──▶ the request is handled ──▶ two turns of the loop ──▶ rest ──▶ the next one of the next source
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE_S = 10.0  # browsers and programs have given up after that, or will ask again


class Busy(Exception):
    """A request has waited for its turn too long, or too many of its source wait."""


@dataclass(frozen=True, slots=True)
class _Queued:
    turn: asyncio.Future[None]
    price_s: float
    since: float


class Turnstile:
    """A queue for each source. What waits is bounded by the connections there may be: each waits once at a time.

    Args:
        share: of the loop's time that may be spent on what enters here; at most 1.
        patience_s: who has waited longer is turned away.
        each: the most that may wait of one source; 0 for no limit.
        now: monotonic time.
    """

    def __init__(
        self,
        share: float,
        patience_s: float = PATIENCE_S,
        each: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest = 1 / share - 1
        self._patience_s = patience_s
        self._each = each
        self._now = now
        self._queues: OrderedDict[str, deque[_Queued]] = OrderedDict()
        self._busy = False
        self._since = 0.0
        self._price_s = 0.0

    async def enter(self, source: str, price_s: float = 0.0) -> None:
        """Wait for a turn.

        Args:
            price_s: the least that what follows costs the loop, where it does not follow at once.
        Raises:
            Busy: it did not come in time, or too many of the source wait already.
        """
        if not self._busy:
            self._begin(price_s)
            return
        queue = self._queues.setdefault(source, deque())
        if self._each and len(queue) >= self._each:
            raise Busy
        waiting = _Queued(asyncio.get_running_loop().create_future(), price_s, self._now())
        queue.append(waiting)
        await waiting.turn

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return sum(len(queue) for queue in self._queues.values())

    # ---- inside ----

    def _begin(self, price_s: float) -> None:
        self._busy, self._since, self._price_s = True, self._now(), price_s
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """What was let in has run; what it has written or started takes the next turn of the loop."""
        asyncio.get_running_loop().call_soon(self._measure)

    def _measure(self) -> None:
        spent_s = max(self._price_s, self._now() - self._since)
        asyncio.get_running_loop().call_later(spent_s * self._rest, self._admit)

    def _admit(self) -> None:
        waiting = self._next()
        if waiting is None:
            self._busy = False
            return
        if self._now() - waiting.since > self._patience_s:
            waiting.turn.set_exception(Busy())
        else:
            waiting.turn.set_result(None)
        self._begin(waiting.price_s)

    def _next(self) -> _Queued | None:
        """Of the source whose turn it is; those who went away meanwhile are passed over."""
        while self._queues:
            source, queue = next(iter(self._queues.items()))
            waiting = queue.popleft()
            self._queues.move_to_end(source)
            if not queue:
                del self._queues[source]
            if not waiting.turn.done():
                return waiting
        return None
