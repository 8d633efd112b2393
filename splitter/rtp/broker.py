"""When to ask a source for a key frame, and how (PLI RFC 4585, FIR RFC 5104, INFO RFC 5168). Pure.

One broker per source gathers the wishes of all who watch it. It asks at most once a second, with a short burst when
somebody begins to watch, by the best means the peer negotiated and, when that is ignored, by the next one, until a key
frame is seen; then it is silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Means(Enum):
    """How a key frame is asked for."""

    PLI = "pli"
    FIR = "fir"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class KeyFrameRequest:
    """Ask now. `number` is FIR's: the same for repetitions of one request (RFC 5104 §4.3.1.2)."""

    means: Means
    number: int


@dataclass(frozen=True, slots=True)
class BrokerTimes:
    """Seconds, but for `tries` and `many`.

    Attributes:
        spacing_s: between two requests.
        burst_s: spacing of the first requests when somebody begins to watch.
        burst: how many requests come at that spacing.
        tries: requests by one means before the next one is tried.
        many: requests without an answer after which the spacing grows to `slow_s`.
    """

    spacing_s: float = 1.0
    burst_s: float = 0.25
    burst: int = 3
    tries: int = 2
    many: int = 10
    slow_s: float = 3.0


def means_for(feedback: Iterable[str]) -> tuple[Means, ...]:
    """The means to try, best first.

    Where no feedback was negotiated, INFO is the way; PLI comes behind it because many peers heed it all the same.
    """
    known = frozenset(feedback)
    means = [Means.PLI] if "nack pli" in known else []
    if "ccm fir" in known:
        means.append(Means.FIR)
    return (*means, Means.INFO) if means else (Means.INFO, Means.PLI)


class KeyFrameBroker:
    """Decides about one source. `want` and `seen` are told to it; `poll` is called when `next_timeout` is reached.

    Attributes:
        asked: requests sent.
    """

    __slots__ = ("_best", "_burst", "_last", "_means", "_number", "_pending", "_tries", "asked", "times")

    def __init__(self, means: tuple[Means, ...], times: BrokerTimes | None = None) -> None:
        self.times = times or BrokerTimes()
        self.asked = 0
        self._means = means
        self._best = 0  # index of the means that worked last
        self._pending = False
        self._burst = 0  # requests left at burst spacing
        self._tries = 0  # requests since the wish arose
        self._last = float("-inf")
        self._number = -1

    @property
    def pending(self) -> bool:
        """Whether a key frame is wanted and has not come."""
        return self._pending

    def set_means(self, means: tuple[Means, ...]) -> None:
        """The session was renegotiated."""
        if means != self._means:
            self._means = means
            self._best = 0

    def want(self, burst: bool = False) -> None:
        """Ask for a key frame; `burst` for who begins to watch: one lost request must not cost a second."""
        if not self._pending:
            self._pending = True
            self._tries = 0
            self._number = self._number + 1 & 0xFF
        if burst and self._burst == 0:
            self._burst = self.times.burst

    def seen(self, now: float) -> None:
        """A key frame begins."""
        if self._pending and self._tries and now - self._last <= self.times.spacing_s:
            self._best = self._index()  # what was asked last is what works with this peer
        self._pending = False
        self._burst = 0

    def next_timeout(self) -> float | None:
        """When to `poll`; in the past means now. None while nothing is wanted."""
        if not self._pending:
            return None
        return self._last + self._spacing()

    def poll(self, now: float) -> KeyFrameRequest | None:
        """What to send now, if anything."""
        due = self.next_timeout()
        if due is None or due > now:
            return None
        self._tries += 1
        self._burst = max(0, self._burst - 1)
        self._last = now
        self.asked += 1
        return KeyFrameRequest(self._means[self._index()], self._number)

    def _spacing(self) -> float:
        if self._burst:
            return self.times.burst_s
        return self.times.spacing_s if self._tries < self.times.many else self.times.slow_s

    def _index(self) -> int:
        """The means of the current try: the one that worked last, then the others in turn."""
        return (self._best + max(0, self._tries - 1) // self.times.tries) % len(self._means)
