"""A recorded file as something to read from, piece by piece, wherever it lies. Does I/O."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class RecordingSource(Protocol):
    """Bytes that can be read from any place. All of it blocks: event loops read in a thread."""

    @property
    def size(self) -> int:
        """Bytes that it has."""
        ...

    def read(self, at: int, length: int) -> bytes:
        """Bytes from a place on; fewer at the end.

        Raises:
            LocalError: they cannot be read.
            OSError: they cannot be read from the disk.
        """
        ...

    def close(self) -> None:
        """Read nothing more."""
        ...


class LocalSource:
    """A file on this machine. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size

    def read(self, at: int, length: int) -> bytes:
        """Bytes from a place on."""
        return os.pread(self._fd, length, at)

    def close(self) -> None:
        """Close it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
