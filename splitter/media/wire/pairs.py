"""Pairs of UDP ports: RTP on the even one, RTCP on the odd one above it (RFC 3550 §11). Pure: time is an argument.

A closed pair rests before it is used again, so that the last packets of one call never reach the next. Where nothing
else is left, the pair that has rested longest is taken all the same, and whoever used it is told whom not to believe
for the rest of that time. Pictures leave a part of the pairs to voice.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from splitter.core.errors import MediaUnavailable, NoPorts
from splitter.core.net import Address


@dataclass(frozen=True, slots=True)
class Stragglers:
    """Peers, of its last user and those before, that may still send to a pair that has not rested; each until then."""

    until: Mapping[Address, float] = field(default_factory=dict)

    def may_be(self, source: Address, now: float) -> bool:
        """Whether this is one of them, for all that is known."""
        return now < self.until.get(source, float("-inf"))


RESTED = Stragglers()


class PortPairs:
    """The pairs of one worker, named by their even port.

    Args:
        first, last: the range, inclusive; odd edges are left out.
        quarantine_s: how long a pair rests after use.
        rng: shuffles the order of first use, so that the next port cannot be guessed from the last.
        reserved: pairs that pictures leave to voice; at most half of all.

    Attributes:
        hurried: how often a pair was taken before it had rested.
    """

    def __init__(
        self, first: int, last: int, quarantine_s: float, rng: random.Random | None = None, reserved: int = 0
    ) -> None:
        pairs = list(range(first + first % 2, last, 2))
        self._slice = frozenset(pairs)
        (rng or random.SystemRandom()).shuffle(pairs)
        self._free = deque(pairs)
        self._quarantine_s = quarantine_s
        self._resting: dict[int, float] = {}  # port → when it may be used again; in the order of closing
        self._late: dict[
            int, Stragglers
        ] = {}  # of ports that rest, or were taken before they had; where they are known
        self.reserve(reserved)
        self._pictures: set[int] = set()  # ports in use
        self.hurried = 0

    def reserve(self, pairs: int) -> None:
        """Have pictures leave so many pairs to voice from now on, at most half of all; those in use go on."""
        self._most_of_pictures = len(self._slice) - min(pairs, len(self._slice) // 2)

    def take(self, now: float, picture: bool = False) -> int:
        """The next pair: one that has rested or, where there is none, the one that has rested longest.

        Raises:
            NoPorts: there is none; Retry-After says when the first one in quarantine will be.
        """
        if picture and len(self._pictures) >= self._most_of_pictures:
            raise NoPorts("no free media ports for pictures: the others are kept for voice")
        port = self._next(now)
        if picture:
            self._pictures.add(port)
        return port

    def _next(self, now: float) -> int:
        if not self._free:
            self._wake(now)
        if self._free:
            return self._free.popleft()
        port = next((port for port in self._resting if port in self._late), None)
        if port is None:
            soonest = next(iter(self._resting.values()), now + 5)
            raise NoPorts("no free media ports", max(1, round(soonest - now)))
        del self._resting[port]
        self.hurried += 1
        return port

    def late(self, port: int) -> Stragglers:
        """Peers that are not to be believed on a pair that was just taken."""
        return self._late.get(port, RESTED)

    def take_again(self, port: int, picture: bool = False) -> None:
        """Take this very pair, also while it rests: it is what used it before that comes back.

        Of another worker's pairs nothing is known here: the system says whether they can be had.

        Raises:
            MediaUnavailable: it is in use.
        """
        if port not in self._slice:
            return
        if self._resting.pop(port, None) is None:
            try:
                self._free.remove(port)
            except ValueError:
                raise MediaUnavailable(f"media port {port} is in use") from None
        self._late.pop(port, None)
        if picture:
            self._pictures.add(port)

    def rest(self, port: int, now: float, late: Collection[Address] | None = None) -> None:
        """Put a pair that was taken to rest; another worker's is forgotten.

        Args:
            late: who may still send to it, those of before aside; None where that is not known: it rests for as long as
                is due.
        """
        self._pictures.discard(port)
        if port in self._slice:
            self._resting[port] = until = now + self._quarantine_s
            before = self._late.pop(port, RESTED).until
            if late is not None:
                known = {one: at for one, at in before.items() if at > now}
                self._late[port] = Stragglers(known | dict.fromkeys(late, until))

    def withhold(self, resting: Iterable[tuple[int, float]], now: float) -> None:
        """Put free pairs to rest that were in use before our time, each for so many seconds; before any is taken."""
        until = {port: now + rest_s for port, rest_s in sorted(resting, key=lambda one: one[1])}
        self._free = deque(port for port in self._free if port not in until)
        self._resting.update(until)

    def _wake(self, now: float) -> None:
        while self._resting:
            port, ready_at = next(iter(self._resting.items()))
            if ready_at > now:
                return
            del self._resting[port]
            self._late.pop(port, None)
            self._free.append(port)

    def free(self, now: float) -> int:
        """Count the pairs that have rested, or were never used."""
        self._wake(now)
        return len(self._free)

    @property
    def resting(self) -> int:
        """Count the pairs that rest and would be taken all the same."""
        return sum(1 for port in self._resting if port in self._late)

    @property
    def for_pictures(self) -> int:
        """Count the pairs that pictures could take now."""
        left = len(self._free) + self.resting
        return max(0, min(left, self._most_of_pictures - len(self._pictures)))


class Record(Protocol):
    """Where it is written down which pairs are in use, for the next gateway."""

    def opened(self, port: int) -> None: ...

    def closed(self, port: int) -> None: ...


class PortLedger:
    """What a worker's ports did, kept outside the worker: its successor must let them rest.

    Args:
        quarantine_s: how long a pair rests after use.
        record: None where nothing is to be known of this after a restart.
        used: pairs that were in use before our time: each with the seconds since, the last one used last.
        now: the time of `used`.
    """

    def __init__(
        self,
        quarantine_s: float,
        record: Record | None = None,
        used: Iterable[tuple[int, float]] = (),
        now: float = 0.0,
    ) -> None:
        self._quarantine_s = quarantine_s
        self._record = record
        self._open: set[int] = set()
        self._closed = {port: now - since_s for port, since_s in used}

    def opened(self, *ports: int) -> None:
        self._open.update(ports)
        for port in ports:
            self._closed.pop(port, None)  # it was in use before our time, and is so still
            if self._record is not None:
                self._record.opened(port)

    def closed(self, now: float, *ports: int) -> None:
        for port in ports:
            self._open.discard(port)
            self._closed.pop(port, None)  # the dict is in the order of closing
            self._closed[port] = now
            if self._record is not None:
                self._record.closed(port)
        self._forget(now)

    def all_closed(self, now: float) -> None:
        """The worker is gone, and its sockets with it."""
        self.closed(now, *self._open)

    def resting(self, now: float) -> list[tuple[int, float]]:
        """Pairs that must not be used yet, each with the seconds that are left."""
        self._forget(now)
        return [(port, at + self._quarantine_s - now) for port, at in self._closed.items()]

    def _forget(self, now: float) -> None:
        """Drop what has rested; the dict is in the order of closing, so look no further than the first that has not."""
        while self._closed:
            port, at = next(iter(self._closed.items()))
            if now - at < self._quarantine_s:
                return
            del self._closed[port]
