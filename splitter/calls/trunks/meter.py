"""Measures the load of the event loop: how late it is, and how much of a core it uses. asyncio; no other I/O."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

INTERVAL_S = 0.2


class Meter:
    """Takes a measurement five times a second.

    Args:
        take: told (seconds late, share of a core since the last time).
        cpu: seconds of CPU that the loop's thread has used. CPU time is no time of day, so it is not the clock's.
    """

    def __init__(self, take: Callable[[float, float], None], cpu: Callable[[], float] = time.thread_time) -> None:
        self._take = take
        self._cpu = cpu
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._used_s = 0.0

    def start(self) -> None:
        """Begin, on the running loop."""
        self._used_s = self._cpu()
        self._arm()

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + INTERVAL_S
        self._timer = loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        late_s = max(0.0, asyncio.get_running_loop().time() - self._due)
        used_s, before_s = self._cpu(), self._used_s
        self._used_s = used_s
        self._arm()
        self._take(late_s, (used_s - before_s) / (INTERVAL_S + late_s))
