"""The inbox of one call: where SIP, media, alarms and operators put what happens to it.

An object of its own, because all that posts is held by the call: were the call what they post to, a call that ended
would be a ring of objects, which only the garbage collector frees, in pauses that other calls feel.
"""

from __future__ import annotations

import asyncio
from collections import deque

from splitter.calls.alarms import Alarm, Alarms
from splitter.calls.events import CallEvent, TimeUp


class Inbox:
    """Events in the order in which they came, and between them the alarms that are due, until the call is over.

    One timer of the event loop is armed, for the first alarm. An event that came before it rings is read before it.
    """

    def __init__(self) -> None:
        self._events: deque[CallEvent] = deque()
        self._alarms = Alarms()
        self._reader: asyncio.Future[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        self._closed = False

    def post(self, event: CallEvent) -> None:
        """Put an event in; nobody reads those that come after the end."""
        if not self._closed:
            self._events.append(event)
            self._wake()

    def set_alarm(self, delay_s: float, alarm: Alarm) -> None:
        """Ring in `delay_s` seconds, as TimeUp; the same alarm is set anew.

        No alarm is set once the call is over: a late answer to a refresh may still ask for one.
        """
        if not self._closed:
            self._alarms.set(alarm, asyncio.get_running_loop().time() + delay_s)
            self._arm()

    def stop_alarm(self, alarm: Alarm) -> None:
        """Take an alarm back; harmless where it is not set."""
        if self._alarms.stop(alarm) and self._alarms.next_at is None:
            self._arm()

    def alarms(self) -> tuple[tuple[Alarm, float], ...]:
        """The alarms that are set, each with its time by the clock of the event loop, which is the steady one."""
        return tuple(self._alarms.deadlines.items())

    @property
    def unread(self) -> int:
        """Events that wait."""
        return len(self._events)

    async def next(self) -> CallEvent:
        """Wait for the next event."""
        loop = asyncio.get_running_loop()
        while not self._events:
            if (alarm := self._alarms.ring(loop.time())) is not None:
                return TimeUp(alarm)
            self._arm()
            self._reader = loop.create_future()
            await self._reader
        return self._events.popleft()

    def close(self) -> tuple[CallEvent, ...]:
        """The call is over. Returns: what nobody has read."""
        self._closed = True
        self._alarms.clear()
        self._arm()
        unread = tuple(self._events)
        self._events.clear()
        return unread

    def _arm(self) -> None:
        """Have the reader woken for the first alarm; a timer that is armed for an earlier time stays."""
        at = self._alarms.next_at
        if self._timer is not None and (at is None or at < self._timer_at):
            self._timer.cancel()
            self._timer = None
        if at is not None and self._timer is None:
            # Kept by us: uvloop does not tell it of a timer that is due already.
            self._timer, self._timer_at = asyncio.get_running_loop().call_at(at, self._on_time), at

    def _on_time(self) -> None:
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
