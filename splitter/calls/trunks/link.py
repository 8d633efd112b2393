"""One server of a trunk: whether it is alive, by what was heard of it, and how quickly it answers. Pure.

A server is judged by OPTIONS and by the INVITEs that go to it anyway. One that fails several times in a row is down,
one that answers several times in a row is up again, and one that says 503 with Retry-After is left alone for that long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from splitter.calls.settings import MonitorSettings
from splitter.core.pauses import retry_after_s
from splitter.sip.headers import Headers
from splitter.transport.targets import Target

HOLD_MOST_S = 600.0  # a Retry-After of a day, by mistake or malice, must not close a trunk for a day
DOUBT_INTERVAL_S = 2.0  # while something seems to change, it is asked more often than usual
# RFC 6298 §2: how much one sample moves the smoothed time, and its variation.
_LATENCY_GAIN, _JITTER_GAIN = 1 / 8, 1 / 4
# These say that the request is not to its taste, not that it cannot work.
_ALIVE_5XX = frozenset({501, 505, 513, 555, 580})


class TrunkState(StrEnum):
    """The state of a server, and of a trunk as a whole."""

    UP = "up"
    DOWN = "down"
    DRAINING = "draining"  # it asks for no new calls


@dataclass(frozen=True, slots=True)
class Alive:
    """News that a server answered; `latency_s` where it answered an OPTIONS, which tells the way there and back."""

    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class Faulty:
    """News that a server did not answer, could not be reached, or says that it cannot work."""

    reason: str


@dataclass(frozen=True, slots=True)
class HeldOff:
    """News that a server answered 503; `for_s` is its Retry-After."""

    reason: str
    for_s: float | None = None


News = Alive | Faulty | HeldOff


def judge(status: int, reason: str, headers: Headers, latency_s: float | None = None) -> News:
    """What a final response to OPTIONS says about the server (RFC 3261 §11.2): even a refusal is a sign of life."""
    if status == 503:
        return HeldOff(f"OPTIONS: 503 {reason}", retry_after_s(headers.get("retry-after")))
    if status == 408 or (status >= 500 and status < 600 and status not in _ALIVE_5XX):
        return Faulty(f"OPTIONS: {status} {reason}")
    return Alive(latency_s)


class Link:
    """A server of a trunk, and whether it takes calls.

    Attributes:
        watched: it is asked by OPTIONS. Only then is a failure held against it: nothing would tell of its recovery.
        since: when it came into its state.
        latency_s, jitter_s: None until measured.
        due: when it is to be asked next; None while it is being asked, or never is.
    """

    __slots__ = ("_failures", "_held_until", "_interval_s", "_rules", "_successes", "due", "jitter_s", "latency_s",
                 "reason", "since", "state", "target")  # fmt: skip

    def __init__(self, target: Target, rules: MonitorSettings, interval_s: float, now: float) -> None:
        self.target = target
        self.state = TrunkState.UP
        self.since = now
        self.reason = "not asked yet" if interval_s else "not watched"
        self.latency_s: float | None = None
        self.jitter_s: float | None = None
        self.due: float | None = now if interval_s else None
        self._rules = rules
        self._interval_s = interval_s
        self._failures = 0
        self._successes = 0
        self._held_until: float | None = None

    def adopt(self, rules: MonitorSettings, interval_s: float, now: float) -> None:
        """Go by these rules from now on; what is known of the server stays."""
        self._rules = rules
        before, self._interval_s = self._interval_s, interval_s
        if not interval_s:
            self.due, self._failures = None, 0
            if self.state is TrunkState.DOWN:  # nothing would tell of its recovery
                self._enter(TrunkState.UP, "not watched", now)
        elif not before:
            self.due = now
        elif self.due is not None and not self.held:
            self.due = min(self.due, now + interval_s)

    @property
    def watched(self) -> bool:
        return self._interval_s > 0

    @property
    def held(self) -> bool:
        """True while the server has named a time until which it wants no calls."""
        return self._held_until is not None

    @property
    def ends_at(self) -> float | None:
        """When `tick` has something to do."""
        return self._held_until

    def hear_news(self, news: News, now: float) -> None:
        """Something was heard of it, or nothing where an answer was due."""
        self.tick(now)
        match news:
            case Alive(latency_s):
                if latency_s is not None:
                    self._measure(latency_s)
                self._answered(now)
            case Faulty(reason):
                self._failed(reason, now)
            case HeldOff(reason, for_s):
                self._hold(reason, for_s, now)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self._held_until is not None and now >= self._held_until:
            self._held_until = None
            self._enter(TrunkState.UP, "the time that it asked for is over", now)

    def asked(self) -> None:
        """Note that the server is being asked."""
        self.due = None

    def ask_again(self, now: float, spread: float) -> None:
        """The asking is over; set when to ask next.

        Args:
            spread: about 1; keeps servers from being asked all at once.
        """
        if not self._interval_s:
            self.due = None  # it was watched when it was asked
            return
        if self._held_until is not None:
            self.due = self._held_until
            return
        doubt = self._failures if self.state is TrunkState.UP else self._successes
        self.due = now + (min(self._interval_s, DOUBT_INTERVAL_S) if doubt else self._interval_s) * spread

    # ---- inside ----

    def _answered(self, now: float) -> None:
        self._failures = 0
        if self._held_until is not None:
            return  # it asked to be left alone; that one more request got an answer does not take that back
        if self.state is TrunkState.DOWN:
            self._successes += 1
            if self._successes < self._rules.successes_up:
                return
        if self.state is not TrunkState.UP:
            self._enter(TrunkState.UP, "answers", now)
        self.reason = "answers"
        self._successes = 0

    def _failed(self, reason: str, now: float) -> None:
        self._successes = 0
        if not self.watched or self._held_until is not None:
            return
        self._failures += 1
        if self.state is TrunkState.DOWN:
            self.reason = reason
        elif self._failures >= self._rules.failures_down:
            self._enter(TrunkState.DOWN, reason, now)

    def _hold(self, reason: str, for_s: float | None, now: float) -> None:
        self._failures = self._successes = 0
        if for_s:
            self._held_until = now + min(for_s, HOLD_MOST_S)
            reason += f"; to be left alone for {min(for_s, HOLD_MOST_S):.0f} s"
        self._enter(TrunkState.DRAINING, reason, now)

    def _measure(self, latency_s: float) -> None:
        if self.latency_s is None or self.jitter_s is None:
            self.latency_s, self.jitter_s = latency_s, 0.0
            return
        self.jitter_s += (abs(latency_s - self.latency_s) - self.jitter_s) * _JITTER_GAIN
        self.latency_s += (latency_s - self.latency_s) * _LATENCY_GAIN

    def _enter(self, state: TrunkState, reason: str, now: float) -> None:
        if state is not self.state:
            self.state, self.since = state, now
        self.reason = reason
