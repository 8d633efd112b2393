"""The alarms of one call, by name: each comes back into its inbox as TimeUp. Sets timers of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from splitter.calls.events import TimeUp


class Alarms:
    """Those that are set.

    Args:
        post: puts an event into the call's inbox.
    """

    def __init__(self, post: Callable[[TimeUp], None]) -> None:
        self._post = post
        self._timers: dict[str, tuple[TimeUp, asyncio.TimerHandle]] = {}
        self._over = False

    def set(self, delay_s: float, what: str) -> None:
        """Ring in `delay_s` seconds; an alarm of the same name is replaced.

        None is set any more once the call is over: a late answer to a refresh may still ask for one.
        """
        self.stop(what)
        if self._over:
            return
        event = TimeUp(what)
        self._timers[what] = (event, asyncio.get_running_loop().call_later(delay_s, self._post, event))

    def stop(self, what: str) -> None:
        """Take an alarm back; harmless where it is not set."""
        if timer := self._timers.pop(what, None):
            timer[1].cancel()

    def rings(self, event: TimeUp) -> bool:
        """True if this one counts: it may have rung, and been stopped while it waited in the inbox."""
        if event is not self._timers.get(event.what, (None,))[0]:
            return False
        del self._timers[event.what]
        return True

    def close(self) -> None:
        """The call is over."""
        self._over = True
        for what in tuple(self._timers):
            self.stop(what)
