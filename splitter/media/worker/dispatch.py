"""Carries out verbs: the relays, rooms and adapters of one worker. Does I/O through its host.

What a verb does stands in its file (`verbs`). One broken relay or room is closed and reported lost; the others go on. A
verb that cannot be carried out is answered with the reason; nothing that comes over the control socket ends the worker
but Shutdown.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from splitter.core.errors import LocalError, MediaUnavailable, NoPorts
from splitter.media.offload.kernel import KernelOffload, NoOffload
from splitter.media.ports.events import AdapterLost, MediaEvent, RelayLost, RoomLost
from splitter.media.ports.rooms import RoomReport
from splitter.media.record.tap import TapLines
from splitter.media.relay.relay import Relay
from splitter.media.wire.latch import RESTORED_WINDOW_S, LatchRules
from splitter.media.wire.stream import StreamTally
from splitter.media.worker.books import Books
from splitter.media.worker.loop import DSCP_EF, PacketHost, RoomLoop
from splitter.media.worker.verbs.process import PROTOCOL, Status
from splitter.media.worker.verbs.verb import Failed, Gone, Message, Verb

if TYPE_CHECKING:
    from splitter.media.adapter.adapter import Adapter
    from splitter.media.room.room import Room
    from splitter.media.slate.slate import Slate

log = structlog.get_logger(__name__)

Emit = Callable[[str, MediaEvent], None]
Answer = Message | asyncio.Future[Message]
"""An answer, or the promise of one where a verb takes its time: a snapshot waits for a key frame."""


@dataclass(frozen=True, slots=True)
class HeldRoom:
    """An open room and its sockets and timers."""

    room: Room
    loop: RoomLoop


@dataclass(frozen=True, slots=True)
class HeldAdapter:
    """An open adapter and its sockets and timers."""

    adapter: Adapter
    loop: RoomLoop


class Dispatcher:
    """All that one worker carries.

    Args:
        host: its sockets and timers.
        rules: of latching.
        emit: takes the id of a relay or room and its event, for the gateway.
        offload: the kernel, for voice; None where it is not wanted.

    Attributes:
        relays, rooms, adapters: what is open, by id.
        books: what was said of all that.
        mixes: encodings of voice that can be mixed, as far as that is known.
        taps: the ways to recorders.
        slate: what rooms show while no seat does; None where video cannot be had, then there are no rooms.
    """

    def __init__(
        self, host: PacketHost, rules: LatchRules, emit: Emit, offload: KernelOffload | NoOffload | None = None
    ) -> None:
        self._host = host
        self._rules = rules
        self._tell = emit
        self._offload = offload
        self.relays: dict[str, Relay] = {}
        self.rooms: dict[str, HeldRoom] = {}
        self.adapters: dict[str, HeldAdapter] = {}
        self.slate: Slate | None = None
        self.books = Books()
        self.mixes: tuple[str, ...] = ("PCMA", "PCMU")
        self.taps = TapLines(RoomLoop(host, _taps_failed))
        self._promised: set[asyncio.Task[Message]] = set()

    def _emit(self, owner: str, event: MediaEvent) -> None:
        self.books.note(owner, event)
        self._tell(owner, event)

    def reserve(self, pairs: int) -> None:
        """Have pictures leave so many pairs of ports to voice from now on."""
        self._host.ports.reserve(pairs)

    def __len__(self) -> int:
        return len(self.relays) + len(self.rooms) + len(self.adapters)

    def status(self) -> Status:
        ports = self._host.ports
        free = ports.free(time.monotonic())
        flows, no_offload = (self._offload.engaged, self._offload.broken) if self._offload is not None else (0, "")
        held, form = (len(self.relays), len(self.rooms)), self._host.form
        said = f"{form.name}: {form.reason}" if form.reason else form.name
        tally = self._host.entrance.tally if self._host.entrance is not None else StreamTally()
        return Status(
            *(PROTOCOL, os.getpid(), *held, free),
            in_kernel=flows,
            no_offload=no_offload,
            mixes=self.mixes,
            form=said,
            tcp=tally.open,
            tcp_refused=dict(tally.refused),
            tcp_unsent=tally.unsent,
            resting=ports.resting,
            for_pictures=ports.for_pictures,
            hurried=ports.hurried,
        )

    # ---- verbs ---------------------------------------------------------------------------------------------------

    def handle(self, verb: Verb[Any]) -> Answer:
        """Carry out a verb. Never raises, nor does what is promised."""
        try:
            answer: Answer = verb.run(self)
        except Exception as fault:
            return self._failed(verb, fault)
        if not isinstance(answer, asyncio.Future):
            self.books.enter(verb, answer)
            return answer
        promised = asyncio.ensure_future(self._kept(verb, answer))
        self._promised.add(promised)
        promised.add_done_callback(self._promised.discard)
        return promised

    async def _kept(self, verb: Verb[Any], promised: asyncio.Future[Message]) -> Message:
        """What fails later failed in a thread, over a stranger's picture: the room itself is in order."""
        try:
            answer = await promised
        except (MediaUnavailable, LocalError) as fault:
            return self._failed(verb, fault)
        except Exception as fault:
            log.error("verb failed", verb=type(verb).__name__, exc_info=fault)
            return Failed("fault", f"{type(fault).__name__}: {fault}")
        self.books.enter(verb, answer)
        return answer

    def _failed(self, verb: Verb[Any], fault: Exception) -> Failed:
        """What is answered where something was raised. What must not be leaves its subject in an unknown state."""
        if isinstance(fault, MediaUnavailable):
            kind = "ports" if isinstance(fault, NoPorts) else "unavailable"
            return Failed(kind, str(fault), fault.retry_after_s)
        if isinstance(fault, LocalError):
            return Failed("fault", str(fault))
        if isinstance(fault, Gone):
            return Failed("gone", str(fault))
        log.error("verb failed", verb=type(verb).__name__, exc_info=fault)
        self._lose_relay(verb.subject, fault)
        self._lose_room(verb.subject, fault)
        self._lose_adapter(verb.subject, fault)
        return Failed("fault", f"{type(fault).__name__}: {fault}")

    # ---- what verbs need of it -----------------------------------------------------------------------------------

    def open_relay(
        self, call_id: str, relay_id: str, sides: tuple[tuple[str, str] | None, ...], ports: tuple[int, ...] = ()
    ) -> Relay:
        """Bind a relay's ports; `ports`: those that it had, and None in `sides` is who is gone.

        Raises:
            MediaUnavailable, LocalError: as its ports, or what is asked, are.
        """
        if relay_id in self.relays:
            raise LocalError(f"relay {relay_id} is open already")
        loop = RoomLoop(self._host, partial(self._lose_relay, relay_id), DSCP_EF)
        rules = self._rules
        if ports:
            rules = replace(rules, window_s=max(rules.window_s, RESTORED_WINDOW_S))
        relay = self.relays[relay_id] = Relay(
            call_id, relay_id, sides, loop, rules, partial(self._emit, relay_id), ports, self._offload, self._host.form
        )
        return relay

    def open_room(self, call_id: str, room_id: str) -> Room:
        """Make an empty room. Raises MediaUnavailable, LocalError."""
        if room_id in self.rooms:
            raise LocalError(f"room {room_id} is open already")
        if self.slate is None:
            raise MediaUnavailable("no waiting picture: video is out of order in this worker")
        from splitter.media.room.room import Room  # loaded along with the slate

        loop = RoomLoop(self._host, partial(self._lose_room, room_id), picture=True)
        room = Room(call_id, room_id, loop, self.slate, partial(self._emit, room_id), form=self._host.form)
        self.rooms[room_id] = HeldRoom(room, loop)
        return room

    def close_room(self, room_id: str) -> RoomReport | None:
        """Close a room and its sockets; None where it is not open."""
        held = self.rooms.pop(room_id, None)
        if held is None:
            return None
        try:
            return held.room.close()
        finally:
            held.loop.close()

    def open_adapter(self, call_id: str, adapter_id: str, host: str, advertised: str, inside: str) -> Adapter:
        """Bind an adapter's ports. Raises MediaUnavailable, LocalError."""
        if adapter_id in self.adapters:
            raise LocalError(f"adapter {adapter_id} is open already")
        from splitter.media.adapter.adapter import Adapter  # brings DTLS along, which takes a while to load

        loop = RoomLoop(self._host, partial(self._lose_adapter, adapter_id))
        try:
            adapter = Adapter(call_id, adapter_id, loop, host, advertised, inside, partial(self._emit, adapter_id))
        except Exception:
            loop.close()
            raise
        self.adapters[adapter_id] = HeldAdapter(adapter, loop)
        return adapter

    def close_adapter(self, adapter_id: str) -> None:
        """Close an adapter and its sockets; harmless where it is not open."""
        held = self.adapters.pop(adapter_id, None)
        if held is not None:
            try:
                held.adapter.close()
            finally:
                held.loop.close()

    # ---- what breaks ---------------------------------------------------------------------------------------------

    def _lose_relay(self, relay_id: str, fault: Exception) -> None:
        relay = self.relays.pop(relay_id, None)
        if relay is None:
            return
        log.error("relay lost", call=relay.call_id, relay=relay_id, exc_info=fault)
        try:
            relay.close()
        finally:
            self._emit(relay_id, RelayLost(relay.call_id, relay_id, _reason(fault)))

    def _lose_room(self, room_id: str, fault: Exception) -> None:
        held = self.rooms.pop(room_id, None)
        if held is None:
            return
        log.error("room lost", call=held.room.call_id, room=room_id, exc_info=fault)
        try:
            held.room.close()
        except Exception:
            log.exception("a broken room could not be closed in order", room=room_id)
        finally:
            held.loop.close()
            self._emit(room_id, RoomLost(held.room.call_id, room_id, _reason(fault)))

    def _lose_adapter(self, adapter_id: str, fault: Exception) -> None:
        held = self.adapters.get(adapter_id)
        if held is None:
            return
        log.error("adapter lost", call=held.adapter.call_id, adapter=adapter_id, exc_info=fault)
        try:
            self.close_adapter(adapter_id)
        except Exception:
            log.exception("a broken adapter could not be closed in order", adapter=adapter_id)
        finally:
            self._emit(adapter_id, AdapterLost(held.adapter.call_id, adapter_id, _reason(fault)))

    def close(self) -> None:
        """Close everything. What was promised is not kept."""
        for promised in self._promised:
            promised.cancel()
        for relay_id in list(self.relays):
            self.relays.pop(relay_id).close()
        for room_id in list(self.rooms):
            self.close_room(room_id)
        for adapter_id in list(self.adapters):
            self.close_adapter(adapter_id)
        self.taps.close()
        if self._offload is not None:
            self._offload.close()


def _taps_failed(fault: Exception) -> None:
    """Copies are lost; voice and picture go on."""
    log.error("a tap failed", exc_info=fault)


def _reason(fault: Exception) -> str:
    return f"fault in the media worker: {type(fault).__name__}: {fault}"
