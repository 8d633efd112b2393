"""Time as a value that can be handed in. The one place that reads the system's clocks."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time; tests and the simulation hand in a virtual one."""

    def now(self) -> float:
        """Monotonic seconds; for timers and durations."""
        ...

    def wall(self) -> float:
        """Seconds since the Unix epoch; for what people read."""
        ...


class SystemClock:
    """The machine's own clocks."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
