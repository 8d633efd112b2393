"""A peer's process: started in its own group with its output in a file, and surely ended. Does I/O."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.patience import patient


class Process:
    """One process (and its children) of a test.

    Args:
        name: for messages and the log's file name.
        command: program and arguments.
        folder: where the log goes, and the working directory.
        env: added to the environment.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "TERM": "dumb", **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def wait(self, usual_s: float) -> int:
        """The exit status; fails with the end of the log when it takes longer."""
        limit_s = patient(usual_s)
        try:
            return self._popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {limit_s:g} s:\n{self.tail()}") from None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self._popen.send_signal(number)

    def stop(self, usual_s: float = 5.0) -> int:
        """SIGTERM, then wait; SIGKILL to the whole group when it takes longer."""
        if self.running:
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(patient(usual_s))
        self.kill()
        return self._popen.wait()

    def kill(self) -> None:
        """End what is left of the group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def text(self) -> str:
        """Everything it has printed."""
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 40) -> str:
        """The end of what it has printed."""
        return "\n".join(self.text().splitlines()[-lines:])

    def wait_for(self, words: str, usual_s: float = 10.0) -> None:
        """Wait until the log holds these words."""
        eventually(lambda: words in self.text() or self._must_run(), f"{self.name} says {words!r}", usual_s, self.tail)

    def _must_run(self) -> bool:
        assert self.running, f"{self.name} ended with {self._popen.returncode}:\n{self.tail()}"
        return False

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


def eventually(true: object, what: str, usual_s: float = 10.0, more: object = None) -> None:
    """Wait until `true()` holds; polls, because what is waited for happens in another process.

    Args:
        usual_s: how long it takes at most on a machine with nothing else to do.

    Raises:
        AssertionError: naming `what`, with the text of `more()`.
    """
    assert callable(true)
    limit_s = patient(usual_s)
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            detail = f"\n{more()}" if callable(more) else ""
            raise AssertionError(f"not within {limit_s:g} s: {what}{detail}")
        time.sleep(0.02)
