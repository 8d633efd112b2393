"""A lab process that speaks JSON lines on its standard streams, seen from its parent. Does I/O."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

ProcessEvent = dict[str, Any]

_STOP_LIMIT_S = 20.0
_LINE_LIMIT = 1 << 20


class LabProcessEnded(Exception):
    """The process ended while something was still expected of it; the text carries the end of its stderr."""


class LabProcess:
    """Starts `python -m MODULE ARGS`, sends it commands and keeps its events.

    Attributes:
        events: all events so far, in order.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Condition()
        self._ended = False
        self._stderr: list[str] = []
        self.events: list[ProcessEvent] = []

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start the process and its readers. It gets a session of its own, so that Ctrl-C reaches us alone."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LINE_LIMIT,
        )
        self._readers = [asyncio.create_task(self._read_events()), asyncio.create_task(self._read_stderr())]

    def send(self, **command: object) -> None:
        """Send one command; nothing happens if the process is gone."""
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def find(
        self, name: str, match: Callable[[ProcessEvent], bool] = lambda event: True, since: int = 0
    ) -> ProcessEvent | None:
        """The first event of that name, from index `since` on, that matches."""
        return next((e for e in self.events[since:] if e["event"] == name and match(e)), None)

    async def wait_for(
        self,
        name: str,
        match: Callable[[ProcessEvent], bool] = lambda event: True,
        *,
        since: int = 0,
        limit_s: float = 60.0,
    ) -> ProcessEvent:
        """Wait until such an event is there.

        Raises:
            TimeoutError: it did not come within `limit_s`.
            LabProcessEnded: the process ended first.
        """
        async with asyncio.timeout(limit_s), self._changed:
            while True:
                event = self.find(name, match, since)
                if event is not None:
                    return event
                if self._ended:
                    raise LabProcessEnded(f"{self._command[2]} ended: {self.last_words()}")
                await self._changed.wait()

    async def ask(self, reply: str, *, limit_s: float = 60.0, **command: object) -> ProcessEvent:
        """Send a command and wait for the next event named `reply`."""
        since = len(self.events)
        self.send(**command)
        return await self.wait_for(reply, since=since, limit_s=limit_s)

    async def stop(self) -> int:
        """Close stdin and wait; kill it if it stays. Returns the exit status (0 if it was never started)."""
        if self._process is None:
            return 0
        if self._process.stdin:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_LIMIT_S):
                status = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            status = await self._process.wait()
        await asyncio.gather(*self._readers)
        return status

    def last_words(self) -> str:
        """The end of its stderr."""
        return "".join(self._stderr[-5:]).strip()

    async def _read_events(self) -> None:
        assert self._process and self._process.stdout
        async for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # something else printed to stdout
            async with self._changed:
                self.events.append(event)
                self._changed.notify_all()
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def _read_stderr(self) -> None:
        assert self._process and self._process.stderr
        async for line in self._process.stderr:
            self._stderr.append(line.decode(errors="replace"))
            del self._stderr[:-100]
