"""Stills for forks: key frames wait for one process that makes them, and give way. Does I/O (asyncio).

It is begun with the first key frame, ended when none has come for a while, and killed where it takes too long. Few
wait: a still is of the present, or it is none.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import structlog

from splitter.media.children import end_child
from splitter.media.stills.process import KEY_FRAME_LIMIT_BYTES

_WAITING_LIMIT = 64
_WAITING_BYTES = 32 << 20
_STILL_LIMIT_BYTES = 16 << 20
_IDLE_S = 60.0
_AFTER_FAULT_S = 1.0

Made = Callable[[bytes], None]

log = structlog.get_logger(__name__)


class StillMaker:
    """The stills of one forwarder. As `MakesStills`.

    Args:
        module: that makes them.
        first_limit_s, limit_s: for the first still, which waits for its process' libraries, and for each other one.
    """

    def __init__(
        self, module: str = "splitter.media.stills", first_limit_s: float = 10.0, limit_s: float = 3.0
    ) -> None:
        self._words = [sys.executable, "-m", module]
        self._first_limit_s, self._limit_s = first_limit_s, limit_s
        self._waiting: deque[tuple[bytes, Made]] = deque()
        self._bytes = 0  # that wait
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ask(self, key_frame: bytes, made: Made) -> bool:
        """Have a still made; `made` is told it, b"" where that failed. Returns: whether there is room for it."""
        waiting_bytes = self._bytes + len(key_frame)
        if len(self._waiting) >= _WAITING_LIMIT or waiting_bytes > _WAITING_BYTES:
            return False
        if len(key_frame) > KEY_FRAME_LIMIT_BYTES:
            return False
        self._waiting.append((key_frame, made))
        self._bytes = waiting_bytes
        self._wake.set()
        if self._task is None:
            self._start()
        return True

    def close(self) -> None:
        """End it; what waits is not made."""
        self._waiting.clear()
        self._bytes = 0
        if self._task is not None:
            self._task.cancel()

    async def finish(self) -> None:
        """End it, and wait until its process is gone."""
        task = self._task
        self.close()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="stills")
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("stills have failed", exc_info=error)
        if self._waiting:  # it came while the process was ended
            self._start()

    async def _run(self) -> None:
        process: Process | None = None
        try:
            while await self._comes():
                key_frame, made = self._waiting.popleft()
                self._bytes -= len(key_frame)
                still = b""
                limit_s = self._limit_s if process is not None else self._first_limit_s
                try:
                    process = process or await self._begin()
                    async with asyncio.timeout(limit_s):
                        still = await _made(process, key_frame)
                except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                    log.error("a still was not made", reason=str(error) or type(error).__name__)
                    if process is not None:
                        await end_child(process)
                    process = None
                made(still)
                if process is None:
                    await asyncio.sleep(_AFTER_FAULT_S)  # where none can be begun, this is no busy loop
        finally:
            if process is not None:
                await end_child(process)

    async def _comes(self) -> bool:
        """Wait for a key frame. Returns: whether there is one; else nobody wants stills any more."""
        if not self._waiting:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_S):
                    await self._wake.wait()
        return bool(self._waiting)

    async def _begin(self) -> Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*self._words, stdin=pipe, stdout=pipe)


async def _made(process: Process, key_frame: bytes) -> bytes:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(len(key_frame).to_bytes(4, "big") + key_frame)
    await process.stdin.drain()
    size = int.from_bytes(await process.stdout.readexactly(4), "big")
    if size > _STILL_LIMIT_BYTES:
        raise OSError(0, "its process said too much")  # whatever a picture has made of it
    return await process.stdout.readexactly(size)
