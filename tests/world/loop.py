"""An asyncio event loop whose time is virtual: when nothing is ready, the clock leaps to the next timer.

No sockets, no threads, no sleeping; the same program takes the same turns every time. It stands on `BaseEventLoop`, which
asks its selector to wait: here the wait is the leap.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextvars import Context
from typing import Any

EPOCH = 1_700_000_000.0
"""Wall clock at virtual time 0."""


class Stuck(RuntimeError):
    """Something was waited for, and nothing will ever happen again: no timer, nothing ready."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. `run_until` drives it from plain (not async) tests."""

    def __init__(self) -> None:
        super().__init__()
        self._selector: Any = self  # what BaseEventLoop waits on
        self._now = 0.0
        self._count = 0
        self._until: Callable[[], bool] = lambda: False
        self._deadline = float("inf")
        self._reached = False
        self.faults: list[str] = []  # exceptions that nobody caught
        self.set_exception_handler(self._on_fault)

    def time(self) -> float:
        return self._now

    def run_until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Let things happen until `condition` holds; False if it does not within `limit_s` of virtual time."""
        self._until, self._deadline, self._reached = condition, self._now + limit_s, False
        entered = asyncio._get_running_loop() is self
        asyncio._set_running_loop(None)
        try:
            self.run_forever()
        finally:
            asyncio._set_running_loop(self if entered else None)
            self._until, self._deadline = lambda: False, float("inf")
        return self._reached

    def enter(self) -> None:
        """Be the running loop for plain code too, so that it can call what sets timers."""
        asyncio._set_running_loop(self)

    def leave(self) -> None:
        asyncio._set_running_loop(None)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's; of timers for the same moment the one that was set first rings first, whatever else is set."""
        self._count += 1
        timer = _InTurn(when, callback, args, self, context)
        timer.turn = self._count
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def timers(self) -> list[asyncio.TimerHandle]:
        """Timers that will still ring."""
        return [handle for handle in self._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]

    # ---- for BaseEventLoop ----

    def select(self, timeout: float | None) -> list[Any]:
        """Stand in for the selector: leap instead of waiting."""
        if self._until():
            self._reached = True
            self.stop()
        elif timeout is None or timeout > 0:
            self._leap()
        return []

    def _leap(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        at = timers[0].when() if timers else float("inf")
        if at <= self._deadline and timers:
            self._now = max(self._now, at)
        elif self._deadline < float("inf"):
            self._now = self._deadline
            self.stop()
        else:
            raise Stuck("nothing is ready and no timer is set")

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.faults.append(f"{context.get('message')}: {error!r}")


class _InTurn(asyncio.TimerHandle):
    """A timer that knows when it was set."""

    turn = 0

    def __lt__(self, other: Any) -> bool:
        return (self.when(), self.turn) < (other.when(), other.turn)


class VirtualClock:
    """The loop's time as a `splitter.core.clock.Clock`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.set_by = 0.0  # seconds by which somebody has set the time of day

    def now(self) -> float:
        return self._loop.time()

    def wall(self) -> float:
        return EPOCH + self.set_by + self._loop.time()
