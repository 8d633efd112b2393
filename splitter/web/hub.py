"""The hub of the event socket: what happens goes to everybody whom it concerns. Writes a journal; else no I/O.

Who was cut off says the last number that it saw and gets what it missed; only where that is too long ago does it begin
again with all that lives. While nobody listens, and nobody did lately, nothing is kept. The numbers go on in the
process that comes after this one, by the journal (`store/journal.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import merge

import structlog

from splitter.calls.desks import DeskView
from splitter.calls.view import CallView, Notice
from splitter.core.clock import Clock
from splitter.store.journal import Journal, Journalled, KeptEvent
from splitter.web import memory
from splitter.web.audience import ENDING, EXPIRED, Audiences, EventListener
from splitter.web.bearer import Bearer
from splitter.web.happenings import WIDE, CallChanged, DeskChanged, Happening, Told, address_of, frame
from splitter.web.streams import KEPT_S, EventStream, cursor_of, written

log = structlog.get_logger(__name__)


class Hub:
    """The listeners of all event sockets, and what happened lately.

    Args:
        clock: for the age of what is kept, and the time that frames tell.
        epoch: names this life of the gateway, unless an earlier one goes on: numbers of another one mean nothing.
        journal: for the process that comes after this one.
        node: this one of several; empty where there are none.
    """

    def __init__(self, clock: Clock, epoch: str, journal: Journal | None = None, node: str = "") -> None:
        self._clock = clock
        self._journal = journal or Journal(None)
        self._own = EventStream(f"{node}.{epoch}" if node else epoch, node)
        self._listeners = Audiences()
        self._order = 0
        self._left_at = float("-inf")  # when the last one went

    # ---- what happens --------------------------------------------------------------------------------------------

    def call(self, view: CallView) -> None:
        """A call changed."""
        before = self._own.calls.get(view.call_id)
        if view == before:
            return
        self._own.enter_call(view)
        if self._wanted():
            changed = CallChanged(self._own.seq + 1, self._clock.wall(), view, before, self._own.name)
            left = memory.encode_view(view) if view.state != "ended" else None
            self._publish(changed, memory.CALL + view.call_id, left)

    def notice(self, notice: Notice) -> None:
        """People are to be told something."""
        if self._wanted():
            own, extension = self._own, self._own.extension_of(notice)
            view = own.calls.get(notice.call_id)
            self._publish(Told(own.seq + 1, self._clock.wall(), notice, view, extension, own.name))

    def desk(self, view: DeskView) -> None:
        """A desk changed."""
        if self._own.desks.get(view.extension) == view:
            return
        self._own.enter_desk(view)
        if self._wanted():
            changed = DeskChanged(self._own.seq + 1, self._clock.wall(), view, self._own.name)
            left = memory.encode_view(view) if view.clients else None
            self._publish(changed, memory.DESK + view.extension, left)

    # ---- over a restart ------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Go on where the former process was, if that is known; before anything happens."""
        kept = self._journal.read()
        if kept is None:
            return
        try:
            self._own = self._remembered(kept)
        except ValueError as error:
            log.warning("what was told before is not understood: event sockets begin anew", reason=str(error))
            self._journal.forget()
            return
        self._left_at = self._clock.now()  # whoever listened then may come back
        for view in tuple(self._own.desks.values()):
            self.desk(DeskView(view.extension, "offline"))  # their sockets have gone with the former process

    def missing(self, live: set[str]) -> list[CallView]:
        """Calls that listeners believe to live, and that do not: the former process has taken them with it."""
        return [view for call_id, view in self._own.calls.items() if call_id not in live]

    def _remembered(self, kept: Journalled) -> EventStream:
        stream = EventStream(kept.epoch, self._own.node)
        calls, desks = memory.decode_views(kept.state)
        for view in calls:
            stream.enter_call(view)
        for desk in desks:
            stream.enter_desk(desk)
        now, wall = self._clock.now(), self._clock.wall()
        stream.ring.skip(kept.seq - len(kept.events))
        for event in kept.events:
            self._order += 1
            happening = memory.decode(stream.name, event.seq, event.at, event.body)
            stream.ring.append((self._order, happening), now - max(0.0, wall - event.at))
        return stream

    # ---- who listens ---------------------------------------------------------------------------------------------

    def attach(self, bearer: Bearer, after: Mapping[str, int] | None = None) -> EventListener:
        """Add a listener.

        Args:
            after: of each stream the last number that it saw; None for one that comes for the first time.
        """
        if self._journal.idle:
            self._journal.begin(self._own.name, self._own.seq, self._state())
        listener = EventListener(bearer)
        missed = self._missed(after) if after is not None else None
        # Each frame says from where the listener may resume once it has seen that one; before a snapshot is whole: from
        # nowhere.
        start = after if after is not None and missed is not None else {}
        more = {"epoch": self.epoch, "after": written(start), "resumed": missed is not None, "me": _me(bearer)}
        frames = [frame("hello", start.get(self.epoch, 0), None, **more)]
        if missed is None:
            frames += self._snapshot(bearer)
        else:
            frames += [text for happening in missed if (text := happening.frame(bearer)) is not None]
        listener.greet([*frames, frame("ready", self.seq, after=self.cursor)])
        self._listeners.add(listener)
        return listener

    def detach(self, listener: EventListener) -> None:
        """Remove a listener; harmless where it is gone already."""
        if self._listeners.remove(listener):
            self._left_at = self._clock.now()

    def expire(self, revoked: Callable[[Bearer], bool]) -> None:
        """Tokens hold no longer: their listeners have to go."""
        for listener in self._listeners:
            if revoked(listener.bearer):
                listener.close(EXPIRED)

    def close(self) -> None:
        """The gateway is being stopped: everybody has to go."""
        for listener in self._listeners:
            listener.close(ENDING)
        self._journal.close()

    @property
    def epoch(self) -> str:
        """The name of this node's own stream."""
        return self._own.name

    @property
    def seq(self) -> int:
        """The number of what happened last at this node."""
        return self._own.seq

    @property
    def cursor(self) -> str:
        """The place from which a listener resumes that has heard all."""
        return cursor_of((self._own,))

    def __len__(self) -> int:
        """Listeners."""
        return len(self._listeners)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _wanted(self) -> bool:
        """Somebody hears it, or may come back and ask for it; else it only counts, so that a gap shows."""
        if self._listeners or self._clock.now() - self._left_at <= KEPT_S:
            return True
        self._own.ring.skip()
        self._journal.forget()
        return False

    def _publish(self, happening: Happening, key: str = "", left: bytes | None = None) -> None:
        """Keep it, and tell it then: whoever has heard of it finds that the next process knows of it."""
        self._journal.append(KeptEvent(happening.seq, happening.at, memory.encode(happening)), key, left)
        self._order += 1
        self._own.ring.append((self._order, happening), self._clock.now())
        self._listeners.tell(happening)

    def _missed(self, after: Mapping[str, int]) -> list[Happening] | None:
        """What came after that, of all streams in their order here; None where some of it is not known."""
        tails = []
        for stream in (self._own,):
            tail = stream.ring.since(after.get(stream.name, -1), self._clock.now())
            if tail is None:
                return None
            tails.append(tail)
        return [happening for _, happening in merge(*tails, key=lambda one: one[0])]

    def _snapshot(self, bearer: Bearer) -> list[str]:
        """All that lives, as if it had happened just now."""
        wall, name = self._clock.wall(), self._own.name
        happenings: list[Happening] = [CallChanged(0, wall, view, None, name) for view in self._own.calls.values()]
        if address_of(bearer) == WIDE:
            happenings += [DeskChanged(0, wall, view, name) for view in self._own.desks.values()]
        return [text for happening in happenings if (text := happening.frame(bearer)) is not None]

    def _state(self) -> list[tuple[str, bytes]]:
        calls = [(memory.CALL + key, memory.encode_view(view)) for key, view in self._own.calls.items()]
        return calls + [(memory.DESK + key, memory.encode_view(view)) for key, view in self._own.desks.items()]


def _me(bearer: Bearer) -> dict[str, object]:
    return {
        "name": bearer.name,
        "extension": bearer.extension,
        "scopes": sorted(bearer.scopes),
        "expires_at": bearer.expires_at,
    }
