"""Screenshots as files, for a process that comes after this one. Does I/O, on a thread of its own.

A file is `CALL.NUMBER.MILLISECONDS.WIDTHxHEIGHT.png`. Nobody waits for more than a moment until it is written: what a
broken disk does not take is lost at the next restart, and that alone. Times of change say when a call has ended.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from splitter.telemetry import metrics

PATIENCE_S = 1.0
MOST_WAITING = 100  # files that were not written, or deleted, yet
_NAME = re.compile(r"([\w-]{1,64})\.(\d{1,9})\.(\d{1,18})\.(\d{1,5})x(\d{1,5})\.png", re.ASCII)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShotFile:
    """A screenshot that was kept. Times are Unix seconds; `changed_at`: when it was taken, or its call ended."""

    call_id: str
    number: int
    png: bytes
    width: int
    height: int
    taken_at: float
    changed_at: float = 0.0

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.call_id}.{self.number}.{round(self.taken_at * 1000)}.{self.width}x{self.height}.png"


def parse_name(name: str) -> ShotFile | None:
    """What the name of a file says of it, without the picture; None for no screenshot."""
    if (match := _NAME.fullmatch(name)) is None:
        return None
    call_id, number, at_ms, width, height = match.groups()
    return ShotFile(call_id, int(number), b"", int(width), int(height), int(at_ms) / 1000)


class ScreenshotFiles:
    """The folder of screenshots.

    Args:
        folder: made if need be; None keeps nothing over a restart.
        size_bytes: of all that is read at the start; the newest ones go first.
    """

    def __init__(self, folder: Path | None, size_bytes: int = 64_000_000) -> None:
        self._folder = folder
        self._size_bytes = size_bytes
        self._names: dict[tuple[str, int], str] = {}
        self._thread = ThreadPoolExecutor(1, "screenshots")
        self._waiting = 0

    async def read(self) -> list[ShotFile]:
        """Read all that is there, the oldest first. Files that are none, or too many, are deleted."""
        if self._folder is None:
            return []
        found = await asyncio.wrap_future(self._thread.submit(_read, self._folder, self._size_bytes))
        self._names = {(shot.call_id, shot.number): shot.name for shot in found}
        return found

    async def keep(self, shot: ShotFile) -> None:
        """Write one; returns once it is written, or after a moment."""
        if self._folder is None:
            return
        folder, self._names[shot.call_id, shot.number] = self._folder, shot.name
        if (written := self._do(lambda: write_whole(folder / shot.name, shot.png))) is not None:
            await asyncio.wait({asyncio.wrap_future(written)}, timeout=PATIENCE_S)

    def end(self, call_id: str, numbers: range) -> None:
        """A call has ended: from now on its screenshots grow old."""
        folder = self._folder
        names = [name for number in numbers if (name := self._names.get((call_id, number)))]
        if folder is not None and names:
            self._do(lambda: _touch(folder, names))

    def drop(self, call_id: str, number: int) -> None:
        """Delete one."""
        name, folder = self._names.pop((call_id, number), None), self._folder
        if name is not None and folder is not None:
            self._do(lambda: (folder / name).unlink(missing_ok=True))

    def close(self) -> None:
        """Take no more."""
        self._thread.shutdown(wait=False)

    def _do(self, work: Callable[[], object]) -> Future[None] | None:
        """Do it on the thread; None where a disk that hangs holds up too much already."""
        if self._waiting >= MOST_WAITING:
            metrics.store.ALARMS.labels("screenshots").inc()
            return None
        self._waiting += 1
        done = self._thread.submit(_guarded, work)
        done.add_done_callback(self._done)
        return done

    def _done(self, _: Future[None]) -> None:
        self._waiting -= 1


def _touch(folder: Path, names: list[str]) -> None:
    for name in names:
        os.utime(folder / name)


def _guarded(work: Callable[[], object]) -> None:
    try:
        work()
    except OSError as error:
        metrics.store.ALARMS.labels("screenshots").inc()
        log.error("a screenshot's file cannot be changed: it would be lost at a restart", reason=str(error))


def write_whole(path: Path, png: bytes) -> None:
    """Whole or not at all; for us alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".new")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(png)
    part.replace(path)


def _read(folder: Path, size_bytes: int) -> list[ShotFile]:
    found: list[ShotFile] = []
    try:
        files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files:
            shot = parse_name(file.name)
            changed_at, size = file.stat().st_mtime, file.stat().st_size
            size_bytes -= size if shot else 0
            if shot is None or size_bytes < 0:
                if shot is not None or file.suffix == ".new":
                    file.unlink(missing_ok=True)
                continue
            found.append(replace(shot, png=file.read_bytes(), changed_at=changed_at))
    except FileNotFoundError:
        pass
    except OSError as error:
        log.error("screenshots of before cannot be read", folder=str(folder), reason=str(error))
    return found[::-1]
