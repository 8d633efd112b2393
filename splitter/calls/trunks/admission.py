"""Which new calls are taken: limits of each trunk, and what load costs. Pure: time and measurements are arguments.

Load is met in two steps, so that voice goes last: new calls lose their video, and only then are they turned away, with
a Retry-After, before the event loop is so late that peers begin to repeat themselves (RFC 3261 §21.5.4, RFC 6357 §4).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from math import ceil
from statistics import median

from splitter.calls.settings import OverloadSettings, Trunk
from splitter.core.limits import Bucket
from splitter.transport.targets import Pick

SAMPLES = 5  # of the median: one long pause is no load
# Below these parts of a threshold it is calm. A core that is used by two thirds is well used, not overloaded.
LAG_CALM, CPU_CALM = 0.5, 0.8


@dataclass(frozen=True, slots=True)
class Denied:
    """A call is not taken.

    Attributes:
        why: a word for the metrics.
        reason: in plain words.
    """

    why: str
    reason: str
    retry_after_s: int


def retry_after_headers(seconds: int) -> list[tuple[str, str]]:
    """How a peer is told when to come back; nothing where that is not known."""
    return [("Retry-After", str(seconds))] if seconds > 0 else []


class Permit:
    """One call's place on a trunk. Give it back with `release`; once more does no harm."""

    __slots__ = ("_limits", "_trunk")

    def __init__(self, limits: TrunkLimits, trunk: str) -> None:
        self._limits: TrunkLimits | None = limits
        self._trunk = trunk

    def release(self) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.give_back(self._trunk)


class TrunkLimits:
    """The number of calls that each trunk has, in both directions, and whether it may have another one."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}
        self._buckets: dict[str, tuple[float, Bucket]] = {}  # with the rate that it was made for

    def take_place(self, trunk: Trunk, now: float) -> Permit | Denied:
        """A place for one more call from or to the trunk."""
        calls = self._calls.get(trunk.name, 0)
        if trunk.max_calls and calls >= trunk.max_calls:
            return Denied("trunk-calls", f"{trunk.name} has {calls} calls, which is its limit", 5)
        if trunk.calls_per_s:
            rate, bucket = self._buckets.get(trunk.name, (0.0, None))
            if bucket is None or rate != trunk.calls_per_s:
                bucket = Bucket.per_second(trunk.calls_per_s, now)
                self._buckets[trunk.name] = trunk.calls_per_s, bucket
            if not bucket.permit(now):
                reason = f"{trunk.name} may have {trunk.calls_per_s:g} new calls per second"
                return Denied("trunk-rate", reason, ceil(bucket.wait_s(now)))
        return self.take_again(trunk)

    def take_again(self, trunk: Trunk) -> Permit:
        """The place of a call that the trunk has already, whatever its limits are."""
        self._calls[trunk.name] = self._calls.get(trunk.name, 0) + 1
        return Permit(self, trunk.name)

    def calls(self, trunk: str) -> int:
        """The number of calls that a trunk has."""
        return self._calls.get(trunk, 0)

    def give_back(self, trunk: str) -> None:
        """A call has left it; by way of its permit only."""
        self._calls[trunk] -= 1


class LoadLevel(IntEnum):
    """What load costs."""

    NONE = 0
    NO_VIDEO = 1
    REFUSE = 2


class Overload:
    """The level of load, from how late the event loop is and how much of a core it uses.

    Attributes:
        lag_s, cpu: the median of the last samples.
        reason: why the level is what it is, in plain words.
    """

    def __init__(self, settings: OverloadSettings | None = None) -> None:
        self._settings = settings or OverloadSettings()
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)
        self._calm_since: float | None = None
        self.level = LoadLevel.NONE
        self.lag_s = 0.0
        self.cpu = 0.0
        self.reason = ""

    def adopt(self, settings: OverloadSettings) -> None:
        """Go by these thresholds from the next measurement on."""
        self._settings = settings

    def observe(self, lag_s: float, cpu: float, now: float) -> bool:
        """Take one measurement in; True where the level has changed."""
        self._samples.append((lag_s, cpu))
        if len(self._samples) < SAMPLES:
            return False
        self.lag_s, self.cpu = (median(values) for values in zip(*self._samples, strict=True))
        before = self.level
        reached = self._reached()
        if reached > self.level:
            self._enter(reached)
        elif self.level is LoadLevel.NONE or self._reached(LAG_CALM, CPU_CALM) >= self.level:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= self._settings.recover_s:
            self._enter(LoadLevel(self.level - 1))
        return self.level is not before

    def retry_after_s(self, pick: Pick) -> int:
        """What to tell a caller that is turned away."""
        least = self._settings.retry_after_s
        return least + pick(least + 1)

    def _reached(self, lag_part: float = 1.0, cpu_part: float = 1.0) -> LoadLevel:
        """The level whose thresholds, or these parts of them, are reached."""
        at = self._settings
        if self.lag_s >= at.refuse_lag_s * lag_part or self.cpu >= at.refuse_cpu * cpu_part:
            return LoadLevel.REFUSE
        if self.lag_s >= at.video_lag_s * lag_part or self.cpu >= at.video_cpu * cpu_part:
            return LoadLevel.NO_VIDEO
        return LoadLevel.NONE

    def _enter(self, level: LoadLevel) -> None:
        self.level = level
        self._calm_since = None
        self.reason = f"the event loop is {self.lag_s * 1000:.0f} ms late and uses {self.cpu:.0%} of a core"


class Admission:
    """The decision on a new call, but for the gateway's own limit and its drain.

    Args:
        pick: for Retry-After.
    """

    def __init__(self, settings: OverloadSettings | None = None, pick: Pick = lambda below: 0) -> None:
        self.limits = TrunkLimits()
        self.overload = Overload(settings)
        self._pick = pick

    def admit(self, trunk: Trunk, now: float) -> Permit | Denied:
        """A call comes from this trunk."""
        if self.overload.level is LoadLevel.REFUSE:
            return Denied("overload", f"overload: {self.overload.reason}", self.overload.retry_after_s(self._pick))
        return self.limits.take_place(trunk, now)

    def video_fault(self) -> str:
        """Why a new call gets no video now; "" where it may have it."""
        if self.overload.level is LoadLevel.NONE:
            return ""
        return f"video is refused under load: {self.overload.reason}"
