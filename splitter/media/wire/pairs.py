"""Pairs of UDP ports: RTP on the even one, RTCP on the odd one above it (RFC 3550 §11). Pure: time is an argument.

A closed pair rests before it is used again, so that the last packets of one call never reach the next.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from splitter.core.errors import MediaUnavailable


class PortPairs:
    """The pairs of one worker, named by their even port.

    Args:
        first, last: the range, inclusive; odd edges are left out.
        quarantine_s: how long a pair rests after use.
        rng: shuffles the order of first use, so that the next port cannot be guessed from the last.
    """

    def __init__(self, first: int, last: int, quarantine_s: float, rng: random.Random | None = None) -> None:
        pairs = list(range(first + first % 2, last, 2))
        self._slice = frozenset(pairs)
        (rng or random.SystemRandom()).shuffle(pairs)
        self._free = deque(pairs)
        self._quarantine_s = quarantine_s
        self._resting: dict[int, float] = {}  # port → when it may be used again; in the order of closing

    def take(self, now: float) -> int:
        """The next pair.

        Raises:
            MediaUnavailable: none is free; Retry-After says when the first one in quarantine will be.
        """
        if not self._free:
            self._wake(now)
        if not self._free:
            soonest = next(iter(self._resting.values()), now + 5)
            raise MediaUnavailable("no free media ports", max(1, round(soonest - now)))
        return self._free.popleft()

    def take_again(self, port: int) -> None:
        """Take this very pair, also while it rests: it is what used it before that comes back.

        Of another worker's pairs nothing is known here: the system says whether they can be had.

        Raises:
            MediaUnavailable: it is in use.
        """
        if self._resting.pop(port, None) is not None:
            return
        if port in self._slice:
            try:
                self._free.remove(port)
            except ValueError:
                raise MediaUnavailable(f"media port {port} is in use") from None

    def rest(self, port: int, now: float) -> None:
        """Put a pair that was taken to rest; another worker's is forgotten."""
        if port in self._slice:
            self._resting[port] = now + self._quarantine_s

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
            self._free.append(port)

    def free(self, now: float) -> int:
        """Count the pairs that could be taken now."""
        self._wake(now)
        return len(self._free)


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
