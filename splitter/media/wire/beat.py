"""The beat of whoever makes something at even times, such as blocks of voice. By the host's timers."""

from __future__ import annotations

from collections.abc import Callable

from splitter.media.wire.host import Host, Timer

_AT_ONCE = 5  # after the clock stood still; more of them are left out
_LATE_S = 0.008  # a clock this late lets packets that wait in sockets come first
_YIELD_S = 0.001


class Beat:
    """A clock that runs from the beginning.

    Args:
        every_s: from one beat to the next.
        on_beat: called at each, with the time; it may stop the clock.
        on_missed: told how many beats are left out.
    """

    def __init__(
        self, host: Host, every_s: float, on_beat: Callable[[float], None], on_missed: Callable[[int], None]
    ) -> None:
        self._host, self._every_s, self._on_beat, self._on_missed = host, every_s, on_beat, on_missed
        self._due = host.now() + every_s
        self._yielded = False
        self._timer: Timer | None = host.call_later(every_s, self._tick)

    def stop(self) -> None:
        """Stop at once, and let go of whoever was called, which mostly holds this; again is no error."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._on_beat = self._on_missed = _call_nobody

    def _tick(self) -> None:
        now = self._host.now()
        if now - self._due > _LATE_S and not self._yielded:
            self._yielded = True
            self._timer = self._host.call_later(_YIELD_S, self._tick)
            return
        self._yielded = False
        for _ in range(_AT_ONCE):
            if self._due > now:
                break
            self._due += self._every_s
            self._on_beat(now)
            if self._timer is None:
                return
        if self._due <= now:
            missed = 1 + int((now - self._due) / self._every_s)
            self._due += missed * self._every_s
            self._on_missed(missed)
        self._timer = self._host.call_later(max(0.0, self._due - self._host.now()), self._tick)


def _call_nobody(now_or_missed: float) -> None:
    """Who is called by a clock that has stopped."""
