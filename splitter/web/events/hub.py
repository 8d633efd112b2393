"""The hub of the event socket: what happens goes to everybody whom it concerns. Writes a journal; else no I/O.

Who was cut off says the last number that it saw and gets what it missed; only where that is too long ago does it begin
again with all that lives. While nobody listens, and nobody did lately, nothing is kept. The numbers go on in the
process that comes after this one, by the journal (`store/journal.py`).
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge

import msgspec
import structlog

from splitter.calls.desks import DeskView
from splitter.calls.view import CallView, Notice
from splitter.core.clock import Clock
from splitter.store.journal import Journal, Journalled, KeptEvent
from splitter.web.access.bearer import Bearer
from splitter.web.events import memory
from splitter.web.events.audience import ENDING, EXPIRED, RESTARTING, Audiences, EventListener
from splitter.web.events.happenings import WIDE, CallChanged, DeskChanged, Happening, Told, address_of, frame
from splitter.web.events.streams import KEPT_S, EventStream, cursor_of, written
from splitter.web.events.unbound import NOTHING, UnboundFrames, is_unbound, pause_s

log = structlog.get_logger(__name__)


class Hub:
    """The listeners of all event sockets, and what happened lately.

    Args:
        clock: for the age of what is kept, and the time that frames tell.
        epoch: names this life of the gateway, unless an earlier one goes on: numbers of another one mean nothing.
        journal: for the process that comes after this one.
        node: this one of several; empty where there are none.
        shown: what a desk is at all nodes together.
        unbound: what desks are told of calls that nobody has.
    """

    def __init__(
        self,
        clock: Clock,
        epoch: str,
        journal: Journal | None = None,
        node: str = "",
        shown: Callable[[str], DeskView] | None = None,
        unbound: UnboundFrames | None = None,
    ) -> None:
        self._clock = clock
        self._together = shown
        self._unbound = unbound or UnboundFrames()
        self._far: dict[str, EventStream] = {}  # by node: what others tell
        self._journal = journal or Journal(None)
        self._own = EventStream(f"{node}.{epoch}" if node else epoch, node)
        self._listeners = Audiences()
        self._order = 0
        self._standing = ""  # what everybody is told who comes
        self._left_at = float("-inf")  # when the last one went

    # ---- what happens --------------------------------------------------------------------------------------------

    def call(self, view: CallView) -> None:
        """A call changed."""
        before = self._own.calls.get(view.call_id)
        if view == before:
            return
        self._own.enter_call(view)
        self._look_again(before, view)
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
            wall, shown = self._clock.wall(), self._shown(view)
            changed = DeskChanged(self._own.seq + 1, wall, view, self._own.name, shown)
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
            self._unbound.changed.set()
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
            self._order += 1  # read when somebody asks for it: most of them nobody has missed
            stream.ring.append((self._order, event), now - max(0.0, wall - event.at))
        return stream

    # ---- what other nodes tell -----------------------------------------------------------------------------------

    def place_in(self, node: str) -> str:
        """The place up to which a node was heard; empty where it has to tell all."""
        return cursor_of((self._far[node],)) if node in self._far else ""

    def hear(self, node: str, seq: int, at: float, news: CallView | Notice | DeskView) -> None:
        """Something happened at another node.

        Raises:
            ValueError: something before it was not heard.
        """
        stream = self._far.get(node)
        if stream is None or seq != stream.seq + 1:
            raise ValueError(f"event {seq} of {node} comes after {stream.seq if stream else 'nothing'}")
        match news:
            case CallView():
                before = stream.calls.get(news.call_id)
                stream.enter_call(news)
                self._look_again(before, news)
                happening: Happening = CallChanged(seq, at, news, before, stream.name)
            case Notice():
                view = stream.calls.get(news.call_id)
                happening = Told(seq, at, news, view, stream.extension_of(news), stream.name)
            case DeskView():
                stream.enter_desk(news)
                happening = DeskChanged(seq, at, news, stream.name, self._shown(news))
        self._keep(stream, happening)
        self._listeners.tell(happening, near=False)

    def replace(self, node: str, name: str, seq: int, calls: Iterable[CallView], desks: Iterable[DeskView]) -> None:
        """All that another node has, in place of what was heard of it before."""
        stream, before = EventStream(name, node), self._far.get(node)
        stream.ring.skip(seq)
        for view in calls:
            stream.enter_call(view)
        for desk in desks:
            stream.enter_desk(desk)
        self._far[node] = stream
        self._unbound.changed.set()
        known = (before.calls, before.desks) if before is not None and before.name != name else ({}, {})
        if (before is not None and before.name == name) or known != (stream.calls, stream.desks):
            self._greet_again()

    def forget(self, node: str) -> None:
        """A node is gone, and nobody goes on in its place."""
        self._unbound.changed.set()
        if (stream := self._far.pop(node, None)) is not None and (stream.calls or stream.desks):
            self._greet_again()

    def far_calls(self) -> Iterator[CallView]:
        """The calls of other nodes."""
        for stream in self._far.values():
            yield from stream.calls.values()

    def calls_of(self, node: str) -> list[CallView]:
        """The calls of one other node."""
        return [*self._far[node].calls.values()] if node in self._far else []

    def _greet_again(self) -> None:
        """What listeners know of another node cannot be mended by what it tells from now on: they begin anew."""
        for listener in self._listeners:
            if not listener.narrow:
                listener.greet(self._greeting(listener, None))

    # ---- who listens ---------------------------------------------------------------------------------------------

    def attach(self, bearer: Bearer, after: Mapping[str, int] | None = None, narrow: bool = False) -> EventListener:
        """Add a listener.

        Args:
            after: of each stream the last number that it saw; None for one that comes for the first time.
            narrow: it is another node, and hears of this one alone.
        """
        if self._journal.idle:
            self._journal.begin(self._own.name, self._own.seq, self._state())
        ahead = {far.name: after.get(far.name, 0) for far in self._far.values()} if after else {}
        listener = EventListener(bearer, narrow, ahead)
        listener.greet(self._greeting(listener, after))
        self._listeners.add(listener)
        return listener

    def _greeting(self, listener: EventListener, after: Mapping[str, int] | None) -> list[str]:
        """What comes first: what it missed, or all that lives."""
        missed = self._missed(after, listener.narrow) if after is not None else None
        if missed is None:
            listener.begin_anew()  # what it is shown now may be older than what another node has told it
        # Each frame says from where the listener may resume once it has seen that one; before a snapshot is whole: from
        # nowhere.
        start = after if after is not None and missed is not None else {}
        me = {"resumed": missed is not None, "me": _me(listener.bearer)}
        happenings = missed if missed is not None else self._snapshot(listener)
        standing = [self._standing] if self._standing and not listener.narrow else []
        return [
            frame("hello", start.get(self.epoch, 0), None, epoch=self.epoch, after=written(start), **me),
            *(text for happening in happenings if (text := listener.frame_of(happening)) is not None),
            frame("ready", self.seq, None, after=self.cursor),
            *standing,
            *self._unbound_frame(listener, NOTHING),
        ]

    def detach(self, listener: EventListener) -> None:
        """Remove a listener; harmless where it is gone already."""
        if self._listeners.remove(listener):
            self._left_at = self._clock.now()

    def expire(self, revoked: Callable[[Bearer], bool]) -> None:
        """Tokens hold no longer: their listeners have to go."""
        for listener in self._listeners:
            if revoked(listener.bearer):
                listener.close(EXPIRED)

    def tell_gateway(self, draining_since: float | None) -> None:
        """Tell everybody, and whoever comes, how the gateway itself is: since when it takes no new calls, if so.

        Such frames have no number: they are not news, but how it is now.
        """
        state = {"state": "running"} if draining_since is None else {"state": "draining", "since": draining_since}
        text = msgspec.json.encode({"type": "gateway", "gateway": state}).decode()
        self._standing = text if draining_since is not None else ""
        for listener in self._listeners:
            if not listener.narrow:
                listener.tell(text)

    async def tell_unbound(self) -> None:
        """Tell desks, for ever, which calls nobody has."""
        while True:
            await self._unbound.changed.wait()
            await sleep(pause_s(len(self)))
            try:
                self.refresh_unbound()
            except Exception:  # the next change may fare better, and without it desks see no such call any more
                log.exception("desks could not be told which calls nobody has")

    def refresh_unbound(self) -> None:
        """Tell desks which calls nobody has, where that is not what they know."""
        self._unbound.changed.clear()
        if not self._unbound.refresh(self.unbound()):
            return
        for listener in self._listeners:
            for text in self._unbound_frame(listener, listener.unbound):
                listener.tell(text)

    def unbound(self) -> Iterator[CallView]:
        """The calls that nobody has, of all nodes."""
        for stream in self._streams():
            yield from stream.unbound.values()

    def leave(self) -> None:
        """The gateway begins anew: whoever listens comes back, and misses nothing."""
        for listener in self._listeners:
            listener.close(RESTARTING)

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
        return cursor_of(self._streams())

    def __len__(self) -> int:
        """Listeners."""
        return len(self._listeners)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _shown(self, view: DeskView) -> DeskView | None:
        return self._together(view.extension) if self._together is not None else None

    def _unbound_frame(self, listener: EventListener, known: str) -> list[str]:
        """The frame of calls that nobody has, where this listener knows another one."""
        listener.unbound = "" if listener.narrow else self._unbound.text_for(listener.bearer)
        return [listener.unbound] if listener.unbound not in ("", known) else []

    def _look_again(self, before: CallView | None, view: CallView) -> None:
        """A call that nobody has, or had, is another one now."""
        if is_unbound(view) or (before is not None and is_unbound(before)):
            self._unbound.changed.set()

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
        self._keep(self._own, happening)
        self._listeners.tell(happening)

    def _keep(self, stream: EventStream, happening: Happening) -> None:
        self._order += 1
        stream.ring.append((self._order, happening), self._clock.now())

    def _streams(self, narrow: bool = False) -> tuple[EventStream, ...]:
        return (self._own,) if narrow else (self._own, *self._far.values())

    def _missed(self, after: Mapping[str, int], narrow: bool) -> list[Happening] | None:
        """What came after that, of all streams in their order here; None where some of it is not known."""
        streams, tails = self._streams(narrow), []
        if after.keys() != {stream.name for stream in streams}:
            return None
        for stream in streams:
            seq = after[stream.name]
            if stream is not self._own and seq > stream.seq:
                continue  # another node has told it already what this one has yet to hear
            if (tail := stream.ring.since(seq, self._clock.now())) is None:
                return None
            tails.append(tail)
        try:
            return [self._read(one) for _, one in merge(*tails, key=lambda one: one[0])]
        except ValueError:
            return None  # another version has told it

    def _read(self, told: Happening | KeptEvent) -> Happening:
        """What was told, be it by a former process."""
        if isinstance(told, KeptEvent):
            return memory.decode(self.epoch, told.seq, told.at, told.body)
        return told

    def _snapshot(self, listener: EventListener) -> list[Happening]:
        """All that lives, as if it had happened just now."""
        wall, found = self._clock.wall(), list[Happening]()
        streams = self._streams(listener.narrow)
        for stream in streams:
            found += [CallChanged(0, wall, view, None, stream.name) for view in stream.calls.values()]
        if address_of(listener.bearer) == WIDE:
            desks = {view.extension: view for stream in reversed(streams) for view in stream.desks.values()}
            found += [DeskChanged(0, wall, view, self.epoch, self._shown(view)) for view in desks.values()]
        return found

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
