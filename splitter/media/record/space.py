"""Space for recordings: what the disk has left, and what may be kept. Does I/O, in the recorder's one thread.

But for the count of what is kept, which takes a second for some hundred thousand recordings: nothing is written
meanwhile by a thread that counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

_ROOM_AGAIN = 1.1  # of the least room: else they would begin and stop with each file that is deleted
_QUOTA_AGAIN = 0.98
_ALARM = 0.9
_COUNT_S, _COUNT_FULL_S = 10.0, 1.0
_COUNT_SHARE, _COUNT_FULL_SHARE = 0.1, 0.5  # of the time, at most
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SpaceLimits:
    """Limits of the room for recordings.

    `least_free_bytes`: of the disk that are left to others. `quota_bytes`: that recordings may take, 0 for all.
    """

    least_free_bytes: int = 0
    quota_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SpaceUsed:
    """The part of the disk that recordings take. `warning`: that it is soon too much, in words; "" where it is not."""

    kept_bytes: int = 0
    warning: str = ""


class RecordingSpace:
    """The space of one folder.

    Args:
        count: tells what files that are ended take here.
        told: hears what is used, when that has changed.
        beside: counts; None: it is waited for.

    Attributes:
        full: why nothing can be recorded now, in words; "" where it can.
    """

    def __init__(
        self,
        folder: Path,
        count: Callable[[], int],
        limits: SpaceLimits,
        clock: Callable[[], float],
        told: Callable[[SpaceUsed], None],
        beside: Executor | None = None,
    ) -> None:
        self._folder, self._count, self._limits = folder, count, limits
        self._clock, self._told, self._beside = clock, told, beside
        self._counting: Future[int] | None = None
        self._counted, self._grown, self._begun_at, self._next_at = 0, 0, 0.0, float("-inf")
        self._used = SpaceUsed()
        self.full = ""

    def grew(self, size: int) -> None:
        """A file of this size has ended: it is no longer among those that are written."""
        self._counted += size
        self._grown += size

    def look(self, writing: int) -> None:
        """Look how much there is; `writing`: the bytes of files that are being written."""
        self._follow_count()
        kept = self._counted + writing
        self.full = self._disk_fault() or self._quota_fault(kept)
        used = SpaceUsed(kept, self._warning(kept))
        if used != self._used:
            self._used = used
            self._told(used)

    def _follow_count(self) -> None:
        """Take in what was counted, or have it counted when it is time."""
        now = self._clock()
        if self._counting is None and now >= self._next_at:
            self._grown, self._begun_at = 0, now
            self._counting = _at_once(self._count) if self._beside is None else self._beside.submit(self._count)
        if self._counting is not None and self._counting.done():
            done, self._counting = self._counting, None
            pause_s, share = (_COUNT_FULL_S, _COUNT_FULL_SHARE) if self.full else (_COUNT_S, _COUNT_SHARE)
            self._next_at = now + max(pause_s, (now - self._begun_at) / share)
            if done.exception() is None:  # the index is faulty: that is told elsewhere
                self._counted = done.result() + self._grown

    def left(self) -> int:
        """The bytes that may be written still, as it was when it was looked at last."""
        free = self._free() - self._limits.least_free_bytes
        quota = self._limits.quota_bytes
        return min(free, quota - self._used.kept_bytes) if quota else free

    def _free(self) -> int:
        stat = os.statvfs(self._folder)
        return stat.f_bavail * stat.f_frsize

    def _disk_fault(self) -> str:
        free = self._free()
        least = self._limits.least_free_bytes * (_ROOM_AGAIN if self.full else 1)
        return f"the disk of recordings is full: {free // 1_000_000} MB are left" if free < least else ""

    def _quota_fault(self, kept: int) -> str:
        quota = self._limits.quota_bytes
        if not quota or kept < quota * (_QUOTA_AGAIN if self.full else 1):
            return ""
        return f"the quota of recordings is used up: {_in_gb(kept)} of {_in_gb(quota)} GB are kept"

    def _warning(self, kept: int) -> str:
        quota = self._limits.quota_bytes
        if not quota or kept < quota * _ALARM or self.full:
            return ""
        return f"{_in_gb(quota)} GB may be kept, and {kept * 100 // quota} % of that are"


def _in_gb(size: int) -> str:
    return f"{size / _GB:.3g}" if size < 100 * _GB else f"{size // _GB}"


def _at_once(work: Callable[[], int]) -> Future[int]:
    done: Future[int] = Future()
    try:
        done.set_result(work())
    except Exception as error:
        done.set_exception(error)
    return done
