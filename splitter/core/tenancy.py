"""The right of one process to files of a kind that two must not have at a time. Does I/O: a lock file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from splitter.core.errors import LocalError


class Tenancy:
    """A lock that ends with the process, however that ends.

    Args:
        path: of the lock file.
        subject: what it guards, as the configuration names it.
    """

    def __init__(self, path: Path, subject: str) -> None:
        """Take it. Raises LocalError where another gateway has it."""
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise LocalError(f"{subject}: {path.name}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            other = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            who = f"another gateway, process {other}, works there" if isinstance(error, BlockingIOError) else error
            raise LocalError(f"{subject}: {who}; give each one of its own") from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def end(self) -> None:
        """Let another gateway have it; again is no error."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
