"""The gateway's event socket, listened to beside a test: every frame with the moment it came. Does I/O in a thread."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from tests.interop.process import eventually


@dataclass(frozen=True)
class Frame:
    """One frame. `at`: time.monotonic() when it came."""

    at: float
    data: dict[str, Any]


class EventLog:
    """Listens at a control socket from `__enter__` on."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "control.sock")
        self._frames: list[Frame] = []
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="event log", daemon=True)

    def frames(self, kind: str = "") -> list[Frame]:
        """What came so far, of one type."""
        return [frame for frame in tuple(self._frames) if kind in ("", frame.data["type"])]

    def calls(self) -> list[dict[str, Any]]:
        """The views of calls, as they came."""
        return [frame.data["call"] for frame in self.frames("call")]

    def notices(self, code: str) -> list[dict[str, Any]]:
        """The notices of one code."""
        return [frame.data["notice"] for frame in self.frames("notice") if frame.data["notice"]["code"] == code]

    def until(self, holds: Callable[[Frame], bool], what: str, usual_s: float = 10.0) -> Frame:
        """Wait for the first frame of which `holds`."""
        eventually(lambda: any(map(holds, self.frames())), what, usual_s, self.in_words)
        return next(frame for frame in self.frames() if holds(frame))

    def in_words(self) -> str:
        """What came, a line each."""
        return "\n".join(json.dumps(frame.data, ensure_ascii=False)[:400] for frame in self.frames())

    def __enter__(self) -> EventLog:
        self._thread.start()
        eventually(lambda: self.frames("ready"), "the event socket is ready", 5)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._listen())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _listen(self) -> None:
        connector = aiohttp.UnixConnector(self._path)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect("http://splitter/v1/events", protocols=("splitter.v1",)) as socket,
        ):
            async for message in socket:
                self._frames.append(Frame(time.monotonic(), json.loads(message.data)))
