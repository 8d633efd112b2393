"""The trace: everything that happens to a call, over all its legs, in order. No I/O of its own: a sink does that.

The driver's tap sees a message before anyone knows which call it belongs to (an INVITE makes its call), and the last
messages of a call pass after the call has let go. So messages of an unknown Call-ID wait a short, bounded while for
`bind`, and a binding lingers after `unbind`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Address, Flow, written
from splitter.sip.message import Message, Request
from splitter.telemetry.masking import to_keep

# A transaction may retransmit for 64·T1 = 32 s after its dialog ended (RFC 3261 §17); that still belongs to the call.
LINGER_S = 40.0
# From the INVITE at the tap to `bind` is one turn of the event loop; anything older is an OPTIONS ping or a stray.
UNBOUND_LIMIT_S = 5.0
UNBOUND_MESSAGES = 2048
UNBOUND_PER_CALL_ID = 8
SUBSCRIPTION_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One thing that happened to a call.

    Attributes:
        call_id: the id of the call over all legs, not a SIP Call-ID.
        at: seconds since the Unix epoch.
        leg: "caller", "centre", "seat-1" …; "" for the call as a whole.
        kind: "message", "state", "media", "note" or "alarm".
        direction: of a message: "in" (towards us) or "out"; else "".
        peer: of a message: network, transport and address of the other side; else "".
        local: of a message, while it passes: the address of our socket. None in a trace that is read again.
        text: plain words; of a message its method or status (the SDP in words is made when the trace is read).
        data: of a message its bytes as they were on the wire.
        seq: 1, 2, 3 … within the call.
    """

    call_id: str
    at: float
    leg: str
    kind: str
    direction: str
    peer: str
    text: str
    data: bytes = b""
    seq: int = 0
    local: Address | None = None

    def of_call(self, call_id: str, leg: str, seq: int) -> TraceEvent:
        """The same event, now that its call is known."""
        at, peer, text, data = self.at, self.peer, self.text, self.data
        return TraceEvent(call_id, at, leg, self.kind, self.direction, peer, text, data, seq, self.local)


class TraceSink(Protocol):
    """Takes trace events. Never blocks and never raises: a full or broken store must not touch a call."""

    def write(self, event: TraceEvent) -> None: ...


@dataclass(slots=True, eq=False)
class Subscription:
    """Live events of one call, for a follower. Bounded: a slow follower misses events and is told how many.

    Attributes:
        ended: the call is over; a few last messages may still come.
    """

    call_id: str
    ended: bool = False
    _events: deque[TraceEvent] = field(default_factory=deque)
    _missed: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: TraceEvent) -> None:
        """Hand in one event; never blocks."""
        if len(self._events) >= SUBSCRIPTION_EVENTS:
            self._missed += 1
            return
        if self._missed:
            text = f"{self._missed} events are missing here: the reader was too slow (they are in the stored trace)"
            event_of_loss = replace(event, leg="", kind="note", direction="", peer="", text=text, data=b"")
            self._events.append(event_of_loss)
            self._missed = 0
        self._events.append(event)
        self._wake.set()

    def end(self) -> None:
        """The call is over; wakes the follower."""
        self.ended = True
        self._wake.set()

    async def next(self, timeout: float | None = None) -> TraceEvent | None:
        """The next event; None when nothing came within `timeout` seconds or the call just ended."""
        if not self._events:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except TimeoutError:
                return None
        return self._events.popleft() if self._events else None


_LegKey: TypeAlias = tuple[str, str | None]
"""SIP Call-ID, and the tag of who began the dialog, which every message has in From or To. "" is for whatever tag
comes, None for the latest leg of this Call-ID: messages that name no tag we know are taken for its."""


@dataclass(slots=True)
class _TracedCall:
    """What the recorder remembers of one call."""

    seq: int = 0
    legs: list[_LegKey] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    expires_at: float | None = None  # None while bound


_Unplaced: TypeAlias = tuple[tuple[str, str], TraceEvent]  # tags of a message, and what is to be told of it
_Place: TypeAlias = tuple[str, str]  # call id, leg
_NOWHERE: _Place = "", ""


class _Unbound:
    """Messages whose call is not known yet; bounded in number and age."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, tuple[float, list[_Unplaced]]] = OrderedDict()
        self._count = 0

    def add(self, sip_call_id: str, tags: tuple[str, str], event: TraceEvent, now: float) -> None:
        entry = self._waiting.get(sip_call_id)
        if entry is None:
            entry = self._waiting[sip_call_id] = (now, [])
        if len(entry[1]) < UNBOUND_PER_CALL_ID:
            entry[1].append((tags, event))
            self._count += 1
        self._expire(now)

    def take(self, sip_call_id: str, tag: str = "") -> list[TraceEvent]:
        """Those of this tag; all where it is empty."""
        since, waiting = self._waiting.pop(sip_call_id, (0.0, []))
        taken = [event for tags, event in waiting if not tag or tag in tags]
        left = [one for one in waiting if tag and tag not in one[0]]
        self._count -= len(taken)
        if left:
            self._waiting[sip_call_id] = (since, left)
            self._waiting.move_to_end(sip_call_id, last=False)  # it is about as old as any
        return taken

    def _expire(self, now: float) -> None:
        # Insertion order is age order, so the oldest stands first.
        while self._waiting:
            sip_call_id, (since, _) = next(iter(self._waiting.items()))
            if since + UNBOUND_LIMIT_S > now and self._count <= UNBOUND_MESSAGES:
                return
            self.take(sip_call_id)

    def __len__(self) -> int:
        return self._count


class Recorder:
    """Collects what happens to calls and hands it to the sink and to followers. Is the driver's tap.

    Args:
        sink: where events go, usually the store.
        clock: wall time for the events, monotonic time for expiry.
        digits: keep those that people press; see `masking`.
    """

    def __init__(self, sink: TraceSink, clock: Clock, digits: bool = False) -> None:
        self._sink = sink
        self._digits = digits
        self._clock = clock
        self._legs: dict[_LegKey, _Place] = {}
        self._calls: dict[str, _TracedCall] = {}
        self._lingering: deque[tuple[float, str]] = deque()
        self._unbound = _Unbound()

    def adopt(self, digits: bool) -> None:
        """Keep the digits that people press, or keep them no longer."""
        self._digits = digits

    def bind(self, sip_call_id: str, call_id: str, leg: str, tag: str = "") -> None:
        """Messages with this SIP Call-ID belong to this leg from now on, and those that just passed as well.

        Args:
            tag: of whose INVITE it is: another call may use the Call-ID again, while this one's last messages pass.
        """
        self._expire()
        call = self._calls.setdefault(call_id, _TracedCall())
        call.expires_at = None
        for key in ((sip_call_id, tag), (sip_call_id, None)):
            if key not in call.legs:
                call.legs.append(key)
            self._legs[key] = (call_id, leg)
        for event in self._unbound.take(sip_call_id, tag):
            call.seq += 1
            self._emit(call, event.of_call(call_id, leg, call.seq))

    def unbind(self, call_id: str) -> None:
        """The call is over. Its last messages are still recorded for a while; followers are told."""
        self._expire()
        call = self._calls.get(call_id)
        if call is None:
            return
        self._linger(call_id, call)
        for subscription in call.subscriptions:
            subscription.end()

    def message(self, direction: str, flow: Flow, message: Message, data: bytes) -> None:
        """Record a SIP message that passed ("in" or "out"); called by the driver."""
        data = to_keep(message, data, self._digits)
        names = _names(message)
        call_id, leg = self._place_of(message, names)
        text = message.method if isinstance(message, Request) else f"{message.status} {message.reason}"
        at, peer = self._clock.wall(), written(flow)
        if call_id in self._calls:
            call = self._calls[call_id]
            call.seq += 1
            self._emit(call, TraceEvent(call_id, at, leg, "message", direction, peer, text, data, call.seq, flow.local))
        else:
            event = TraceEvent(call_id, at, leg, "message", direction, peer, text, data, 0, flow.local)
            self._unbound.add(names[0], names[1:], event, self._clock.now())

    def place_of(self, message: Message) -> _Place:
        """The id of the call that a message belongs to, and the name of its leg; two empty words for none."""
        return self._place_of(message, _names(message))

    def event(self, call_id: str, leg: str, kind: str, text: str) -> None:
        """Something else happened: kind is "state", "media", "note" or "alarm"; text says what and why."""
        call = self._calls.get(call_id)
        if call is None:  # before the first bind, or long after the end: remembered only for a while
            call = self._calls[call_id] = _TracedCall()
            self._linger(call_id, call)
        call.seq += 1
        self._emit(call, TraceEvent(call_id, self._clock.wall(), leg, kind, "", "", text, b"", call.seq))

    @contextmanager
    def subscribe(self, call_id: str) -> Iterator[Subscription]:
        """Live events of a call, from now on; ended at once when the call is not alive."""
        subscription = Subscription(call_id)
        call = self._calls.get(call_id)
        if call is None:
            subscription.end()
            yield subscription
            return
        if call.expires_at is not None:
            subscription.end()
        call.subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            call.subscriptions.remove(subscription)

    def followers(self, call_id: str) -> int:
        """The number of those who follow this call live."""
        call = self._calls.get(call_id)
        return len(call.subscriptions) if call is not None else 0

    def __len__(self) -> int:
        """Calls and waiting messages held in memory, for leak tests."""
        return len(self._calls) + len(self._unbound)

    def _emit(self, call: _TracedCall, event: TraceEvent) -> None:
        self._sink.write(event)
        for subscription in call.subscriptions:
            subscription.put(event)

    def _linger(self, call_id: str, call: _TracedCall) -> None:
        call.expires_at = self._clock.now() + LINGER_S
        self._lingering.append((call.expires_at, call_id))

    def _expire(self) -> None:
        now = self._clock.now()
        while self._lingering and self._lingering[0][0] <= now:
            _, call_id = self._lingering.popleft()
            call = self._calls.get(call_id)
            if call is None or call.expires_at is None or call.expires_at > now:
                continue  # bound again, or a later expiry stands in the queue
            del self._calls[call_id]
            for key in call.legs:
                if self._legs.get(key, _NOWHERE)[0] == call_id:
                    del self._legs[key]

    def _place_of(self, message: Message, names: tuple[str, str, str]) -> _Place:
        """The call and leg of a message with these names; two empty words where that is not known."""
        legs = self._legs
        name, from_tag, to_tag = names
        for tag in (from_tag, to_tag, ""):
            if (name, tag) in legs:
                return legs[name, tag]
        if not to_tag and isinstance(message, Request):
            return _NOWHERE  # it begins something of its own
        return legs.get((name, None), _NOWHERE)


def _names(message: Message) -> tuple[str, str, str]:
    """Call-ID and tags. Where they cannot be read, the Call-ID as it is written, and no tags: the answer to a malformed
    request echoes what is none (RFC 3261 §8.2.6.2)."""
    try:
        return message.names
    except PeerError:
        return message.headers.get("call-id") or "", "", ""
