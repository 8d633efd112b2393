"""Those who listen to event sockets: what each has yet to take, and whom a happening concerns. asyncio, no I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress

from splitter.telemetry import metrics
from splitter.web.access.bearer import Bearer
from splitter.web.events.happenings import Audience, DeskChanged, Happening, address_of

MOST_WAITING = 2000  # frames that a listener has not taken

LEFT = 1000  # the other side went
FLOODING = 1008  # it sends too much (RFC 6455 §7.4.1: against our policy)
ENDING = 1001  # the gateway is being stopped
RESTARTING = 1012  # it begins anew, and calls go on (RFC 6455 §7.4.2: Service Restart)
EXPIRED = 4001  # the token holds no longer
SLOW = 4008  # it does not take what it is sent; it may come back and resume
REPLACED = 4009  # the same client opened another socket


class EventListener:
    """A listener of the event socket.

    Attributes:
        closing: the code to close its socket with; 0 while it may go on.
        narrow: it is another node, and hears of what happens at this one alone.
        unbound: the frame of calls that nobody has which it was told last.

    Args:
        ahead: by stream, the number up to which it has heard all from another node, before this one did.
    """

    def __init__(self, bearer: Bearer, narrow: bool = False, ahead: Mapping[str, int] | None = None) -> None:
        self.bearer = bearer
        self.narrow = narrow
        self.closing = 0
        self.unbound = ""
        self._ahead = dict(ahead or {})
        self._before: deque[str] = deque()  # what it missed, or the snapshot
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()

    def begin_anew(self) -> None:
        """Tell it again what it has heard elsewhere: it is shown all that lives."""
        self._ahead.clear()

    def greet(self, frames: list[str]) -> None:
        """Queue the frames that come first, instead of whatever it has not taken; may be many."""
        self._before = deque(frames)
        self._waiting.clear()
        self._wake.set()

    def hear(self, happening: Happening) -> None:
        """Something happened that may concern it."""
        if self._ahead.get(happening.stream, 0) >= happening.seq:
            return
        if (text := self.frame_of(happening)) is not None:
            self.tell(text)

    def frame_of(self, happening: Happening) -> str | None:
        """The frame that tells it of that; None for nothing."""
        if self.narrow and isinstance(happening, DeskChanged):
            return happening.near_frame()
        return happening.frame(self.bearer)

    def tell(self, text: str) -> None:
        """Something happened; too much of it unread, and the listener has to go."""
        if self.closing:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.close(SLOW)
            return
        self._waiting.append(text)
        self._wake.set()

    def close(self, code: int) -> None:
        """End it with this code; the first one counts."""
        if not self.closing:
            self.closing = code
            self._wake.set()

    @property
    def idle(self) -> bool:
        """True where the listener has taken everything."""
        return not (self._before or self._waiting)

    async def next(self, limit_s: float) -> str | None:
        """The next frame; None once it is closing, or where nothing happens for that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self.closing:
                    for queue in (self._before, self._waiting):
                        if queue:
                            return queue.popleft()
                    self._wake.clear()
                    await self._wake.wait()
        return None


class Audiences:
    """The listeners, by what concerns them."""

    def __init__(self) -> None:
        self._listeners: dict[Audience, set[EventListener]] = {}
        self._count = 0

    def add(self, listener: EventListener) -> None:
        self._listeners.setdefault(address_of(listener.bearer), set()).add(listener)
        self._count += 1
        metrics.api.EVENT_LISTENERS.set(self._count)

    def remove(self, listener: EventListener) -> bool:
        """False where it is gone already."""
        address = address_of(listener.bearer)
        there = self._listeners.get(address, set())
        if listener not in there:
            return False
        there.remove(listener)
        if not there:
            del self._listeners[address]
        self._count -= 1
        metrics.api.EVENT_LISTENERS.set(self._count)
        return True

    def tell(self, happening: Happening, near: bool = True) -> None:
        """Tell those whom it concerns.

        Args:
            near: it happened at this node.
        """
        for address in happening.addresses():
            for listener in self._listeners.get(address, ()):
                if near or not listener.narrow:
                    listener.hear(happening)

    def __iter__(self) -> Iterator[EventListener]:
        for listeners in self._listeners.values():
            yield from listeners

    def __len__(self) -> int:
        return self._count
