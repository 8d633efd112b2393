"""Snapshots of all calls, kept in memory, bounded; the oldest give way. Files keep them over a restart."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from dataclasses import dataclass

from splitter.media.ports.rooms import Snapshot
from splitter.store.screenshots import ScreenshotFiles, ShotFile

KEPT_S = 600.0  # after the end of the call
PER_CALL = 20
BYTES = 64_000_000  # of all calls


@dataclass(frozen=True, slots=True)
class ScreenshotTaken:
    """A still of a call was taken, `of` this participant; `number` tells those of one call apart."""

    call_id: str
    number: int
    snapshot: Snapshot
    of: str = "caller"


class Album:
    """The screenshots that were taken, by call and number.

    Args:
        taken: told of each one.
        files: what the next process finds.
        wall: the time, Unix seconds.
    """

    def __init__(
        self,
        per_call: int = PER_CALL,
        size_bytes: int = BYTES,
        taken: Callable[[ScreenshotTaken], None] = lambda taken: None,
        files: ScreenshotFiles | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._per_call = per_call
        self._tell = taken
        self._most = size_bytes
        self._files = files or ScreenshotFiles(None)
        self._wall = wall
        self._held = 0
        self._taken: dict[str, int] = {}
        self._kept: OrderedDict[tuple[str, int], Snapshot] = OrderedDict()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def start(self, live: Container[str]) -> None:
        """Find what a former process has left; of calls that do not live, for as long as it would have kept it."""
        ended: dict[str, float] = {}
        for shot in await self._files.read():
            self._put(shot.call_id, shot.number, Snapshot(shot.png, shot.width, shot.height, shot.taken_at))
            self._taken[shot.call_id] = max(shot.number, self._taken.get(shot.call_id, 0))
            ended[shot.call_id] = max(shot.changed_at, ended.get(shot.call_id, 0.0))
        for call_id, since in ended.items():
            if call_id not in live:
                self._set_timer(call_id, min(KEPT_S, since + KEPT_S - self._wall()))

    async def add(self, call_id: str, snapshot: Snapshot, of: str = "caller") -> int:
        """Keep one, of this participant. Returns: its number in the call, from 1 on."""
        number = self._taken[call_id] = self._taken.get(call_id, 0) + 1
        self._put(call_id, number, snapshot)
        size = (snapshot.width, snapshot.height)
        await self._files.keep(ShotFile(call_id, number, snapshot.png, *size, snapshot.taken_at))
        self._tell(ScreenshotTaken(call_id, number, snapshot, of))
        return number

    def get(self, call_id: str, number: int) -> Snapshot | None:
        """The screenshot of that number, while it is kept."""
        return self._kept.get((call_id, number))

    def ended(self, call_id: str) -> None:
        """The call is over: its snapshots are for a while yet."""
        if call_id in self._taken and call_id not in self._timers:
            self._files.end(call_id, range(1, self._taken[call_id] + 1))
            self._set_timer(call_id, KEPT_S)

    def close(self) -> None:
        """Stop setting timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._files.close()

    @property
    def size_bytes(self) -> int:
        """The size of what is held."""
        return self._held

    def _put(self, call_id: str, number: int, snapshot: Snapshot) -> None:
        self._kept[call_id, number] = snapshot
        self._held += len(snapshot.png)
        self._drop(call_id, number - self._per_call)
        while self._held > self._most and len(self._kept) > 1:
            self._drop(*next(iter(self._kept)))

    def _set_timer(self, call_id: str, delay_s: float) -> None:
        self._timers[call_id] = asyncio.get_running_loop().call_later(max(0.0, delay_s), self._forget, call_id)

    def _forget(self, call_id: str) -> None:
        self._timers.pop(call_id, None)
        for number in range(1, self._taken.pop(call_id, 0) + 1):
            self._drop(call_id, number)

    def _drop(self, call_id: str, number: int) -> None:
        if snapshot := self._kept.pop((call_id, number), None):
            self._held -= len(snapshot.png)
            self._files.drop(call_id, number)
