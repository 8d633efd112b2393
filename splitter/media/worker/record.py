"""Which media ports were in use of late, kept over a restart of the gateway: callers of before still send to them.

Does I/O: one number per pair of ports in a small file that is mapped into memory. Writing costs no system call, and
what was written stays when the process is killed.
"""

from __future__ import annotations

import math
import mmap
import os
import time
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_OPEN = math.inf
_NUMBER_BYTES = 8


class PortRecord:
    """The record of a range; make it with `at`.

    Args:
        memory: one double per pair: when it was closed (seconds of the Unix epoch), or that it is open, or 0.
        first: the even port of the first pair.
    """

    def __init__(self, memory: mmap.mmap, first: int) -> None:
        self._closed_at = memoryview(memory).cast("d")
        self._first = first

    @classmethod
    def at(cls, folder: Path, first: int, last: int) -> PortRecord | None:
        """The record of the range from `first` to `last`, in `folder`; None where it cannot be kept."""
        even = first + first % 2
        size = (last + 1 - even) // 2 * _NUMBER_BYTES
        path = folder / f"ports-{first}-{last}"
        try:
            return cls(_mapped(path, size), even)
        except (OSError, ValueError) as error:
            log.warning("ports do not rest over a restart", path=str(path), reason=str(error))
            return None

    def opened(self, port: int) -> None:
        """A pair is in use from now on."""
        self._write(port, _OPEN)

    def closed(self, port: int) -> None:
        """A pair is no longer in use."""
        self._write(port, time.time())

    def used(self, rest_s: float) -> list[tuple[int, float]]:
        """Pairs that were in use within `rest_s` before now, each with the seconds since, the last one used last.

        What is still written down as open was so until the gateway died: it is taken for closed now.
        """
        now = time.time()
        recent: list[tuple[int, float]] = []
        for index, at in enumerate(self._closed_at):
            if at == _OPEN:
                self._closed_at[index] = at = now
            if at > now - rest_s:  # a clock that was put back makes it rest as if closed just now
                recent.append((self._first + 2 * index, max(0.0, now - at)))
        return sorted(recent, key=lambda one: -one[1])

    def _write(self, port: int, value: float) -> None:
        index = (port - self._first) // 2
        if 0 <= index < len(self._closed_at):
            self._closed_at[index] = value


def _mapped(path: Path, size: int) -> mmap.mmap:
    """A file of this size in memory, made where it is not there. Raises OSError, ValueError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(fd).st_size != size:
            os.ftruncate(fd, 0)
        os.posix_fallocate(fd, 0, size)  # else writing to a full disk would kill the process
        return mmap.mmap(fd, size)
    finally:
        os.close(fd)
