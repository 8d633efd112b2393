"""The films that are being made: one process each, a few at a time, while the machine has time. Does I/O (asyncio)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import structlog

from splitter.core.errors import LocalError
from splitter.media.children import end_child
from splitter.media.record.films import RecordingFilms
from splitter.media.record.render_job import Rendered, RenderJob, read_end, write_job

R = TypeVar("R")

_LOOK_S = 2.0
_AFTER_FAULT_S = 30.0
_WALL_S, _WALL_PER_S = 3600.0, 4.0  # an idle machine needs a fifth of the call's time
_LINE_LIMIT = 1 << 20

log = structlog.get_logger(__name__)


class InThread(Protocol):
    """Has something done by the thread that owns what it is done with."""

    def __call__(self, work: Callable[[], R], /) -> Awaitable[R]: ...


class MachineLoad:
    """The share of the machine's processors that was at work since the last look, 0 to 1. Reads /proc/stat."""

    def __init__(self, source: Path = Path("/proc/stat")) -> None:
        self._source = source
        self._busy = self._all = 0
        self.look()

    def look(self) -> float:
        """Look. Where nothing can be known, the machine is at work."""
        try:
            fields = [int(word) for word in self._source.read_text().split("\n", 1)[0].split()[1:9]]
        except (OSError, ValueError):
            return 1.0
        every, idle = sum(fields), sum(fields[3:5])  # idle, and waiting for a disk
        busy, passed = (every - idle) - self._busy, every - self._all
        self._busy, self._all = every - idle, every
        return busy / passed if passed > 0 else 1.0


class RenderQueue:
    """The films of one recorder.

    Args:
        films: touched by the recorder's thread alone. in_thread: has something done there.
        at_once: so many processes. below: a film is begun while less of the machine than that is at work.
    """

    def __init__(
        self,
        films: RecordingFilms,
        in_thread: InThread,
        at_once: int = 1,
        below: float = 0.5,
        load: Callable[[], float] | None = None,
    ) -> None:
        self._films, self._in_thread = films, in_thread
        self._at_once, self._below = at_once, below
        self._load = load or MachineLoad().look
        self._making: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Make films until it is cancelled; those that are being made then are killed."""
        try:
            while True:
                await asyncio.sleep(_LOOK_S)
                load = self._load()
                if len(self._making) < self._at_once and (load < self._below or self._below >= 1):
                    await self._begin()
        finally:
            for task in tuple(self._making):
                task.cancel()
            await asyncio.gather(*self._making, return_exceptions=True)

    async def _begin(self) -> None:
        try:
            job = await self._in_thread(self._films.next_job)
        except (OSError, LocalError) as error:
            log.error("the next film cannot be found", reason=str(error))
            await asyncio.sleep(_AFTER_FAULT_S)
            return
        if job is not None:
            task = asyncio.create_task(self._make(job), name=f"film of {job.recording}")
            self._making.add(task)
            task.add_done_callback(self._making.discard)

    async def _make(self, job: RenderJob) -> None:
        log.info("a film is being made", recording=job.recording)
        end = await rendered_apart(job)
        if end.again:
            await asyncio.sleep(_AFTER_FAULT_S)
        try:
            await self._in_thread(lambda: self._films.ended(job.recording, end))
        except (OSError, LocalError) as error:
            log.error("a film cannot be noted", recording=job.recording, reason=str(error))


async def rendered_apart(job: RenderJob) -> Rendered:
    """Render in a process of its own; it ends when we do, and within its limits."""
    words = [sys.executable, "-m", "splitter.media.playback"]
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, limit=_LINE_LIMIT)
    except OSError as error:
        return Rendered(f"no process can be started: {error.strerror or error}", again=True)
    assert process.stdin is not None and process.stdout is not None
    line = b""
    try:
        with suppress(OSError):
            process.stdin.write(write_job(job))  # and it stays open: the process ends when it closes
            await process.stdin.drain()
        async with asyncio.timeout(_WALL_S + _WALL_PER_S * job.limit_s):
            line = await process.stdout.readline()
            await process.wait()
    except TimeoutError:
        return Rendered("it took too long: the machine had no time for it", again=True)
    except ValueError:
        return Rendered("its process said too much")
    finally:
        await end_child(process)
    with suppress(msgspec.MsgspecError):
        return read_end(line)
    return Rendered(f"its process ended {_in_words(process.returncode or 0)}", again=True)


def _in_words(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with {code}"
