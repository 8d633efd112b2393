"""The hub of the event socket: what happens goes to everybody whom it concerns. Waits on nothing but asyncio's events.

Who was cut off says the last number that it saw and gets what it missed; only where that is too long ago does it begin
again with all that lives. While nobody listens, and nobody did lately, nothing is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from splitter.calls.desks import DeskView
from splitter.calls.view import CallView, Notice
from splitter.core.clock import Clock
from splitter.telemetry import metrics
from splitter.web.bearer import Bearer
from splitter.web.happenings import WIDE, Audience, CallChanged, DeskChanged, Happening, Told, address_of, frame
from splitter.web.ring import Ring

MOST_KEPT = 10_000
KEPT_S = 600.0
MOST_WAITING = 2000  # frames that a listener has not taken

LEFT = 1000  # the other side went
FLOODING = 1008  # it sends too much (RFC 6455 §7.4.1: against our policy)
ENDING = 1001  # the gateway is being stopped
EXPIRED = 4001  # the token holds no longer
SLOW = 4008  # it does not take what it is sent; it may come back and resume
REPLACED = 4009  # the same client opened another socket


class EventListener:
    """A listener of the event socket. `closing`: the code to close its socket with; 0 while it may go on."""

    def __init__(self, bearer: Bearer) -> None:
        self.bearer = bearer
        self.closing = 0
        self._before: deque[str] = deque()  # what it missed, or the snapshot
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()

    def greet(self, frames: list[str]) -> None:
        """Queue the frames that come first; may be many."""
        self._before.extend(frames)
        self._wake.set()

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


class Hub:
    """The listeners of all event sockets, and what happened lately.

    Args:
        clock: for the age of what is kept, and the time that frames tell.
        epoch: names this life of the gateway: numbers of another one mean nothing.
    """

    def __init__(self, clock: Clock, epoch: str) -> None:
        self.epoch = epoch
        self._clock = clock
        self._ring: Ring[Happening] = Ring(MOST_KEPT, KEPT_S)
        self._listeners: dict[Audience, set[EventListener]] = {}
        self._count = 0
        self._left_at = float("-inf")  # when the last one went
        self._calls: dict[str, CallView] = {}
        self._names: dict[str, dict[str, str]] = {}  # call → party → extension
        self._desks: dict[str, DeskView] = {}

    # ---- what happens --------------------------------------------------------------------------------------------

    def call(self, view: CallView) -> None:
        """A call changed."""
        before = self._calls.get(view.call_id)
        if view == before:
            return
        if view.state == "ended":
            self._calls.pop(view.call_id, None)
            self._names.pop(view.call_id, None)
        else:
            self._calls[view.call_id] = view
            if view.parties:  # those who are there, and the last ones that left
                self._names[view.call_id] = {party.name: party.extension for party in view.parties}
        if self._wanted():
            self._publish(CallChanged(self._ring.next_seq(), self._clock.wall(), view, before))

    def notice(self, notice: Notice) -> None:
        """People are to be told something."""
        if self._wanted():
            extension = notice.extension or self._names.get(notice.call_id, {}).get(notice.party, "")
            view = self._calls.get(notice.call_id)
            self._publish(Told(self._ring.next_seq(), self._clock.wall(), notice, view, extension))

    def desk(self, view: DeskView) -> None:
        """A desk changed."""
        if self._desks.get(view.extension) == view:
            return
        if view.clients:
            self._desks[view.extension] = view
        else:
            self._desks.pop(view.extension, None)
        if self._wanted():
            self._publish(DeskChanged(self._ring.next_seq(), self._clock.wall(), view))

    # ---- who listens ---------------------------------------------------------------------------------------------

    def attach(self, bearer: Bearer, after: int | None = None, epoch: str = "") -> EventListener:
        """Add a listener.

        Args:
            after, epoch: the last number that it saw, and whose; None and "" for one that comes for the first time.
        """
        listener, now = EventListener(bearer), self._clock.now()
        missed = self._ring.since(after, now) if after is not None and epoch == self.epoch else None
        # Each frame says from where the listener may resume once it has seen that one; before a snapshot is whole: from
        # nowhere.
        start = 0 if missed is None or after is None else after
        frames = [frame("hello", start, epoch=self.epoch, resumed=missed is not None, me=_me(bearer))]
        if missed is None:
            frames += self._snapshot(bearer)
        else:
            frames += [text for happening in missed if (text := happening.frame(bearer)) is not None]
        listener.greet([*frames, frame("ready", self._ring.seq)])
        self._listeners.setdefault(address_of(bearer), set()).add(listener)
        self._count += 1
        metrics.EVENT_LISTENERS.set(self._count)
        return listener

    def detach(self, listener: EventListener) -> None:
        """Remove a listener; harmless where it is gone already."""
        address = address_of(listener.bearer)
        there = self._listeners.get(address, set())
        if listener not in there:
            return
        there.remove(listener)
        if not there:
            del self._listeners[address]
        self._count -= 1
        self._left_at = self._clock.now()
        metrics.EVENT_LISTENERS.set(self._count)

    def expire(self, revoked: Callable[[Bearer], bool]) -> None:
        """Tokens hold no longer: their listeners have to go."""
        for listeners in self._listeners.values():
            for listener in listeners:
                if revoked(listener.bearer):
                    listener.close(EXPIRED)

    def close(self) -> None:
        """The gateway is being stopped: everybody has to go."""
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close(ENDING)

    @property
    def seq(self) -> int:
        """The number of what happened last."""
        return self._ring.seq

    def __len__(self) -> int:
        """Listeners."""
        return self._count

    # ---- inside --------------------------------------------------------------------------------------------------

    def _wanted(self) -> bool:
        """Somebody hears it, or may come back and ask for it; else it only counts, so that a gap shows."""
        if self._count or self._clock.now() - self._left_at <= KEPT_S:
            return True
        self._ring.skip()
        return False

    def _publish(self, happening: Happening) -> None:
        self._ring.append(happening, self._clock.now())
        for address in happening.addresses():
            for listener in self._listeners.get(address, ()):
                if (text := happening.frame(listener.bearer)) is not None:
                    listener.tell(text)

    def _snapshot(self, bearer: Bearer) -> list[str]:
        """All that lives, as if it had happened just now."""
        wall = self._clock.wall()
        happenings: list[Happening] = [CallChanged(0, wall, view, None) for view in self._calls.values()]
        if address_of(bearer) == WIDE:
            happenings += [DeskChanged(0, wall, view) for view in self._desks.values()]
        return [text for happening in happenings if (text := happening.frame(bearer)) is not None]


def _me(bearer: Bearer) -> dict[str, object]:
    return {
        "name": bearer.name,
        "extension": bearer.extension,
        "scopes": sorted(bearer.scopes),
        "expires_at": bearer.expires_at,
    }
