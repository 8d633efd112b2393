"""The one timer of an endpoint, which has as many timeouts as transactions. Does I/O (asyncio)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from splitter.core.clock import Clock


class OneTimer:
    """A timer that is set again and again, mostly to a later time.

    Attributes:
        at: when it rings; infinite while it is not set.
    """

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self.at = float("inf")

    def ring_at(self, at: float | None) -> None:
        """Have it ring by then, None: whenever it likes. One that would ring early is left: it is just set again."""
        if at is None or self.at <= at:
            return
        self.cancel()
        self.at = at
        self._handle = asyncio.get_running_loop().call_later(max(0.0, at - self._clock.now()), self._rings)

    def cancel(self) -> None:
        """Ring no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self.at = float("inf")

    def _rings(self) -> None:
        self._handle = None
        self.at = float("inf")
        self._ring()
