"""Tells a worker that hangs from a machine that is busy. `look` reads /proc; all else is pure: time is an argument.

Both are silent, and only one is mended by giving the worker up. What they differ in is what the process does meanwhile:

    it is stopped, or asleep though a question waits for it   it hangs: each moment counts
    it computes and does not come to our question             a long step or an endless one: the time it computed counts
    it waits for memory or a disk                             it may come back: each moment, towards the longer limit
    it could run and gets no processor                        the machine is busy: nothing counts

A silence that we slept through ourselves counts no longer than the time between two looks: the answer may lie unread.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from os import sysconf
from pathlib import Path

_TICKS_PER_S = sysconf("SC_CLK_TCK")
_LATE = 1.5  # a look counts as at most so many times the interval
_THREADS_LOOKED_AT = 64
COUNTS_S = 0.5
"""So old may be what a worker has told of itself: to ask one that talks with calls costs as much as their requests."""


class Doing(StrEnum):
    """What a process is seen to do."""

    STILL = "still"  # all its threads sleep, or it is stopped
    BLOCKED = "blocked"  # a thread waits for memory, a disk or another device, uninterruptibly
    RUNNABLE = "runnable"  # a thread computes, or waits for a processor
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a process; `computed_s`: since it was born, all threads together."""

    doing: Doing
    computed_s: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a silent worker is waited for, by what it does meanwhile.

    Attributes:
        still_s: standing still.
        slow_s: computing, or waiting for a disk; also where nobody can see what it does.
    """

    still_s: float
    slow_s: float


class Pulse:
    """The silence of one worker, as far as it speaks against it.

    Args:
        interval_s: between two looks.

    Attributes:
        patience: the limits now.
    """

    def __init__(self, patience: Patience, interval_s: float) -> None:
        self.patience = patience
        self._most_s = _LATE * interval_s
        self._since = 0.0
        self._computed_s: float | None = None
        self._still_s = self._slow_s = 0.0

    def heard(self, now: float) -> None:
        """Note that it answered."""
        self._since = now
        self._computed_s = None
        self._still_s = self._slow_s = 0.0

    def silent(self, now: float, look: Look) -> None:
        """Note that it has still not answered, and what it does."""
        passed_s = min(now - self._since, self._most_s)
        self._since = now
        before, self._computed_s = self._computed_s, look.computed_s
        computed_s = min(passed_s, max(0.0, look.computed_s - before)) if before is not None else 0.0
        match look.doing:
            case Doing.STILL:
                self._still_s += passed_s - computed_s
                self._slow_s += computed_s
            case Doing.RUNNABLE:
                self._slow_s += computed_s
            case Doing.BLOCKED | Doing.UNKNOWN:
                self._slow_s += passed_s

    @property
    def suspect(self) -> bool:
        """Others are to be preferred, until it answers."""
        return self._still_s >= self.patience.still_s / 2 or self._slow_s >= self.patience.slow_s / 2

    @property
    def hangs(self) -> str:
        """Why it is to be given up; "" while it is not."""
        if self._still_s >= self.patience.still_s:
            return f"it did not answer, and stood still for {self._still_s:.1f} s"
        if self._slow_s >= self.patience.slow_s:
            return f"it did not answer, busy with something else for {self._slow_s:.1f} s"
        return ""


class Inquiry:
    """Decides when a worker is asked how it is: one that has just answered a call lives, and is asked for its counts.

    Attributes:
        spoke: it has answered others since the last look.
    """

    def __init__(self) -> None:
        self.spoke = False
        self._replies = 0
        self._told_at = float("-inf")

    def look(self, now: float, replies: int, told: bool) -> None:
        """Note what came since the last look.

        Args:
            replies: all that it has given so far. told: one of them says how it is.
        """
        self.spoke, self._replies = replies - self._replies > told, replies
        if told:
            self._told_at = now

    def due(self, now: float) -> bool:
        """Whether it is to be asked now."""
        return not self.spoke or now - self._told_at >= COUNTS_S


def look(pid: int) -> Look:
    """What a process does now (proc_pid_stat(5))."""
    try:
        threads = [_stat(path) for path in list(Path(f"/proc/{pid}/task").iterdir())[:_THREADS_LOOKED_AT]]
        computed_s = _computed_s(_stat(Path(f"/proc/{pid}")))
    except (OSError, ValueError, IndexError):
        return Look(Doing.UNKNOWN, 0.0)  # it is gone, or there is no such /proc here
    states = {fields[0] for fields in threads}
    if "R" in states:
        return Look(Doing.RUNNABLE, computed_s)
    return Look(Doing.BLOCKED if "D" in states else Doing.STILL, computed_s)


def _stat(folder: Path) -> list[str]:
    """The fields after the name, which may hold blanks and brackets: the state comes first."""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _computed_s(fields: list[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S  # utime, stime
