"""Screenshots that are kept with the records of ended calls, as files. Does I/O, in threads.

Files are named as those of `screenshots`; their times say how old they are. They go with their age, and past a size the
oldest ones. Nobody waits long for a disk that hangs: a note is kept without them then.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from splitter.store.screenshots import ShotFile, parse_name, write_whole
from splitter.telemetry import metrics

PATIENCE_S = 5.0
MOST_WAITING = 4  # notes whose screenshots a disk has not taken yet
_DAY_S = 86_400.0

log = structlog.get_logger(__name__)


class KeptScreenshots:
    """The folder of kept screenshots.

    Args:
        folder: made if need be; None keeps none.
        size_bytes: of all; 0 keeps none.
        max_age_days: as long as calls are kept.
        wall: the time, Unix seconds.
    """

    def __init__(
        self,
        folder: Path | None,
        size_bytes: int = 0,
        max_age_days: Callable[[], float] = lambda: 30.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder if size_bytes > 0 else None
        self._size_bytes = size_bytes
        self._max_age_days = max_age_days
        self._wall = wall
        self._thread = ThreadPoolExecutor(1, "kept-screenshots")  # one after the other
        self._waiting = 0

    async def keep(self, shots: Sequence[ShotFile]) -> tuple[int, ...]:
        """Keep these. Returns: the numbers of those that are on the disk now."""
        if (folder := self._folder) is None or not shots:
            return ()
        if self._waiting < MOST_WAITING:
            self._waiting += 1
            writing = asyncio.get_running_loop().run_in_executor(self._thread, self._write, folder, shots)
            writing.add_done_callback(self._written)
            done, _ = await asyncio.wait({writing}, timeout=PATIENCE_S)
            if done:
                return writing.result()
        metrics.store.ALARMS.labels("screenshots").inc()
        log.error("screenshots cannot be kept with their call in time", call_id=shots[0].call_id)
        return ()

    async def get(self, call_id: str, number: int) -> ShotFile | None:
        """A screenshot of a call; None where it is not kept, or cannot be read."""
        if self._folder is None:
            return None
        return await asyncio.to_thread(_read, self._folder, call_id, number)

    async def start(self) -> None:
        """Delete what has become too old while nobody was there."""
        if self._folder is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._prune, self._folder)

    def _write(self, folder: Path, shots: Sequence[ShotFile]) -> tuple[int, ...]:
        kept = _write(folder, shots)
        self._prune(folder)
        return kept

    def _written(self, _: object) -> None:
        self._waiting -= 1

    def _prune(self, folder: Path) -> None:
        _prune(folder, self._size_bytes, self._wall() - self._max_age_days() * _DAY_S)


def _write(folder: Path, shots: Sequence[ShotFile]) -> tuple[int, ...]:
    kept = []
    for shot in shots:
        try:
            write_whole(folder / shot.name, shot.png)
        except OSError as error:
            metrics.store.ALARMS.labels("screenshots").inc()
            log.error("a screenshot cannot be kept with its call", call_id=shot.call_id, reason=str(error))
        else:
            kept.append(shot.number)
    return tuple(kept)


def _read(folder: Path, call_id: str, number: int) -> ShotFile | None:
    try:
        for path in folder.glob(f"{call_id}.{number}.*.png"):  # an id has no letters that mean something here
            if (shot := parse_name(path.name)) is not None and (shot.call_id, shot.number) == (call_id, number):
                return ShotFile(call_id, number, path.read_bytes(), shot.width, shot.height, shot.taken_at)
    except OSError as error:
        log.error("a kept screenshot cannot be read", call_id=call_id, reason=str(error))
    return None


def _prune(folder: Path, size_bytes: int, before: float) -> None:
    try:
        found = [(entry.stat(), entry.path) for entry in os.scandir(folder) if entry.name.endswith((".png", ".new"))]
        for stat, path in sorted(found, key=lambda one: one[0].st_mtime, reverse=True):
            size_bytes -= stat.st_size
            if size_bytes < 0 or stat.st_mtime < before or path.endswith(".new"):
                Path(path).unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.error("kept screenshots cannot be looked through", folder=str(folder), reason=str(error))
