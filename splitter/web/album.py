"""Snapshots of all calls, kept in memory, bounded; the oldest give way. Uses the event loop for time alone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from splitter.calls.view import CallView
from splitter.media.ports.rooms import Snapshot

KEPT_S = 600.0  # after the end of the call
PER_CALL = 20
BYTES = 64_000_000  # of all calls


@dataclass(frozen=True, slots=True)
class ScreenshotTaken:
    """A still of a call was taken; `number` tells those of one call apart."""

    call_id: str
    number: int
    snapshot: Snapshot


class Album:
    """The screenshots that were taken, by call and number.

    Args:
        taken: told of each one.
    """

    def __init__(
        self,
        per_call: int = PER_CALL,
        size_bytes: int = BYTES,
        taken: Callable[[ScreenshotTaken], None] = lambda taken: None,
    ) -> None:
        self._per_call = per_call
        self._tell = taken
        self._most = size_bytes
        self._held = 0
        self._taken: dict[str, int] = {}
        self._kept: OrderedDict[tuple[str, int], Snapshot] = OrderedDict()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, call_id: str, snapshot: Snapshot) -> int:
        """Keep one. Returns: its number in the call, from 1 on."""
        number = self._taken[call_id] = self._taken.get(call_id, 0) + 1
        self._kept[call_id, number] = snapshot
        self._held += len(snapshot.png)
        self._drop(call_id, number - self._per_call)
        while self._held > self._most and len(self._kept) > 1:
            self._drop(*next(iter(self._kept)))
        self._tell(ScreenshotTaken(call_id, number, snapshot))
        return number

    def get(self, call_id: str, number: int) -> Snapshot | None:
        """The screenshot of that number, while it is kept."""
        return self._kept.get((call_id, number))

    def on_call(self, view: CallView) -> None:
        """A call changed; once it has ended, its snapshots are for a while yet."""
        if view.state == "ended":
            self.ended(view.call_id)

    def ended(self, call_id: str) -> None:
        """The call is over: its snapshots are for a while yet."""
        if call_id in self._taken and call_id not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[call_id] = loop.call_later(KEPT_S, self._forget, call_id)

    def close(self) -> None:
        """Stop setting timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    @property
    def size_bytes(self) -> int:
        """The size of what is held."""
        return self._held

    def _forget(self, call_id: str) -> None:
        self._timers.pop(call_id, None)
        for number in range(1, self._taken.pop(call_id, 0) + 1):
            self._drop(call_id, number)

    def _drop(self, call_id: str, number: int) -> None:
        if snapshot := self._kept.pop((call_id, number), None):
            self._held -= len(snapshot.png)
