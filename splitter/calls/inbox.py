"""The inbox of one call: where SIP, media, timers and operators put what happens to it.

An object of its own, because all that posts is held by the call: were the call what they post to, a call that ended
would be a ring of objects, which only the garbage collector frees, in pauses that other calls feel.
"""

from __future__ import annotations

import asyncio

from splitter.calls.events import CallEvent


class Inbox:
    """Events in the order in which they came, until the call is over."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[CallEvent] = asyncio.Queue()
        self._closed = False

    def post(self, event: CallEvent) -> None:
        """Put an event in; nobody reads those that come after the end."""
        if not self._closed:
            self._events.put_nowait(event)

    async def next(self) -> CallEvent:
        """Wait for the next event."""
        return await self._events.get()

    def close(self) -> tuple[CallEvent, ...]:
        """The call is over. Returns: what nobody has read."""
        self._closed = True
        return tuple(self._events.get_nowait() for _ in range(self._events.qsize()))
