"""A worker's process as the gateway sees it, be it a child of ours or not. Does I/O.

A gateway that was killed leaves children behind; the next one has to watch and kill what is not its own. So processes
are held by file descriptors (pidfd_open(2)), which never mean another one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress


def reap() -> None:
    """Forget children that ended while nobody looked, such as around an exec: they would be zombies for ever."""
    with suppress(ChildProcessError):
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
            pass


_NOWHERE = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]


class WorkerProcess:
    """One process.

    Args:
        pid: of a process that is known to be there, or a child of ours.

    Attributes:
        ended: set when it has.
        how: it ended, in words.

    Raises:
        ProcessLookupError: it is gone.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended = asyncio.Event()
        self.how = ""
        self._fd = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._on_ended)

    @classmethod
    def spawn(
        cls, arguments: Sequence[str], module: str = "splitter.media.worker", control: int | None = None
    ) -> WorkerProcess:
        """Start one in a session of its own: Ctrl-C at a terminal is not meant for it. Raises OSError.

        Args:
            module: that it runs.
            control: a file that is to be its standard input.
        """
        words = [sys.executable, "-m", module, *arguments]
        files = _NOWHERE if control is None else [*_NOWHERE, (os.POSIX_SPAWN_DUP2, control, 0)]
        return cls(os.posix_spawn(sys.executable, words, os.environ, file_actions=files, setsid=True))

    def _on_ended(self) -> None:
        self.release()
        try:
            _, status = os.waitpid(self.pid, os.WNOHANG)
            self.how = _in_words(os.waitstatus_to_exitcode(status))
        except ChildProcessError:
            self.how = "ended"  # another one's child: nobody tells us how
        self.ended.set()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal, if it is there."""
        if self._fd >= 0:
            try:
                signal.pidfd_send_signal(self._fd, number)
            except ProcessLookupError:
                pass

    def release(self) -> None:
        """Watch it no longer; it goes on."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
