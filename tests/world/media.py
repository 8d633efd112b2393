"""A media engine without media: it hands out ports, counts what is open, fails when it is told to, and knows where both
sides of each relay point."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from splitter.core.errors import MediaTimeout, MediaUnavailable
from splitter.media.engine import (
    LocalEnd,
    MediaEvent,
    MediaListener,
    ParticipantHandle,
    ParticipantMedia,
    ParticipantReport,
    RelayHandle,
    RelayLost,
    RelayReport,
    RemoteEnd,
    RoomHandle,
    RoomLost,
    RoomReport,
    Snapshot,
    SourceShown,
    StreamCount,
    TransportChanged,
)
from splitter.rtp.telephone_event import Digit
from splitter.sdp.webrtc import SecureLocal
from splitter.transport.settings import Network
from tests.world.loop import EPOCH

# What may become of a request: None carries it out; an exception is raised after the delay.
Fault = Callable[[str, str], "Exception | None"]


@dataclass(slots=True)
class Relay:
    """An open relay. `remote` is where its sides point."""

    handle: RelayHandle
    listener: MediaListener
    remote: list[RemoteEnd | None] = field(default_factory=lambda: [None, None])
    packets: list[int] = field(default_factory=lambda: [0, 0])


@dataclass(slots=True)
class Room:
    """An open room and what each participant was told; a participant without media is None.

    `secure`: our side of those that speak WebRTC. `chosen`: by viewer, what desks want it to see. `pictures`: by id.
    """

    handle: RoomHandle
    listener: MediaListener
    members: dict[str, ParticipantMedia | None] = field(default_factory=dict)
    local: dict[str, LocalEnd] = field(default_factory=dict)
    secure: dict[str, SecureLocal] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)


class FakeEngine:
    """Implements `splitter.media.engine.MediaEngine`.

    Attributes:
        relays, rooms: what is open, by id.
        workers: how many there are; relays and rooms go to them in turn, those in `down` are left out.
        delay: how long a request takes, in seconds.
        fault: asked before each request with (operation, call id): "open_relay", "set_remote", "close_relay",
            "open_room", "join", "join_secure", "restart_ice", "show", "put_picture", "snapshot", "set_participant", "leave", "close_room", "report_relay", "send_digit".
        stuck: operations that never come back: they end in MediaTimeout after `limit_s`.
        silent: (call id, side) from which no voice comes: `report_relay` counts nothing more there.
        asked: operations, counted.
        digits: what was sent as telephone events: (call id, the side that hears it, digit).
    """

    def __init__(self, networks: Mapping[str, Network], workers: int = 2) -> None:
        self.relays: dict[str, Relay] = {}
        self.rooms: dict[str, Room] = {}
        self.workers = workers
        self.down: set[int] = set()
        self.delay: Callable[[], float] = lambda: 0.001
        self.limit_s = 1.0
        self.fault: Fault = lambda operation, call_id: None
        self.stuck: set[str] = set()
        self.silent: set[tuple[str, int]] = set()
        self.asked: dict[str, int] = {}
        self.digits: list[tuple[str, int, Digit]] = []
        self._networks = networks
        self._ids = itertools.count(1)
        self._port = itertools.cycle(range(20_000, 60_000, 2))
        self._turn = itertools.count()

    # ---- for tests ----

    @property
    def ports(self) -> int:
        """RTP and RTCP ports that are bound."""
        return 4 * len(self.relays) + 2 * sum(len(room.local) for room in self.rooms.values())

    def relay_of(self, call_id: str) -> Relay | None:
        """The relay of a call; the last one opened."""
        return next((relay for relay in reversed(self.relays.values()) if relay.handle.call_id == call_id), None)

    def room_of(self, call_id: str) -> Room | None:
        """The room of a call."""
        return next((room for room in reversed(self.rooms.values()) if room.handle.call_id == call_id), None)

    def kill(self, worker: int, back_after_s: float | None = 0.5) -> None:
        """A worker dies with all it holds; it is back after a while (None: never)."""
        reason = f"media worker {worker} died: killed"
        relays = [relay for relay in self.relays.values() if relay.handle.worker == worker]
        rooms = [room for room in self.rooms.values() if room.handle.worker == worker]
        for relay in relays:
            self.lose_relay(relay, reason)
        for room in rooms:
            self.lose_room(room, reason)
        if back_after_s is not None:
            self.down.add(worker)
            asyncio.get_running_loop().call_later(back_after_s, self.down.discard, worker)

    def lose_relay(self, relay: Relay, reason: str = "killed") -> None:
        """One relay is gone, and its call is told."""
        handle = relay.handle
        del self.relays[handle.relay_id]
        self.tell(relay.listener, RelayLost(handle.call_id, handle.relay_id, reason))

    def lose_room(self, room: Room, reason: str = "killed") -> None:
        """One room is gone, and its call is told."""
        handle = room.handle
        del self.rooms[handle.room_id]
        self.tell(room.listener, RoomLost(handle.call_id, handle.room_id, reason))

    def tell(self, listener: MediaListener, event: MediaEvent) -> None:
        """Let a call hear of something."""
        asyncio.get_running_loop().call_soon(listener, event)

    def transport(self, room: Room, name: str, state: str, reason: str = "", after_s: float = 0.0) -> None:
        """The WebRTC transport of a participant changes its state."""
        event = TransportChanged(room.handle.call_id, name, state, reason)
        asyncio.get_running_loop().call_later(after_s, self._announce, room, event)

    # ---- MediaEngine ----

    async def open_relay(self, call_id: str, networks: tuple[str, str], on_event: MediaListener) -> RelayHandle:
        await self._ask("open_relay", call_id)
        worker = self._worker()
        ends = (self._local(networks[0]), self._local(networks[1]))
        handle = RelayHandle(f"relay-{next(self._ids)}", call_id, worker, ends)
        self.relays[handle.relay_id] = Relay(handle, on_event)
        return handle

    async def set_remote(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        await self._ask("set_remote", relay.call_id)
        self._relay(relay).remote[side] = remote

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        await self._ask("send_digit", relay.call_id)
        self._relay(relay)
        self.digits.append((relay.call_id, side, digit))

    async def close_relay(self, relay: RelayHandle) -> RelayReport | None:
        await self._ask("close_relay", relay.call_id, fails=False)
        found = self.relays.pop(relay.relay_id, None)
        return self._relay_report(found) if found else None

    async def open_room(self, call_id: str, on_event: MediaListener) -> RoomHandle:
        await self._ask("open_room", call_id)
        handle = RoomHandle(f"room-{next(self._ids)}", call_id, self._worker())
        self.rooms[handle.room_id] = Room(handle, on_event)
        return handle

    async def join(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        await self._ask("join", room.call_id)
        found = self._room(room)
        assert name not in found.local, f"{name} joins {room.room_id} twice"
        found.local[name], found.members[name] = self._local(network), None
        return ParticipantHandle(room, name, found.local[name])

    async def join_secure(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        await self._ask("join_secure", room.call_id)
        found = self._room(room)
        assert name not in found.local, f"{name} joins {room.room_id} twice"
        end = self._local(network)
        found.local[name], found.members[name] = replace(end, rtcp_port=end.rtp_port), None
        found.secure[name] = self._credentials(found.local[name])
        return ParticipantHandle(room, name, found.local[name], found.secure[name])

    async def restart_ice(self, participant: ParticipantHandle) -> ParticipantHandle:
        await self._ask("restart_ice", participant.room.call_id)
        room = self._room(participant.room)
        room.secure[participant.name] = self._credentials(participant.local)
        return replace(participant, secure=room.secure[participant.name])

    async def set_participant(self, participant: ParticipantHandle, media: ParticipantMedia | None) -> None:
        await self._ask("set_participant", participant.room.call_id)
        room = self._room(participant.room)
        before = room.members.get(participant.name)
        room.members[participant.name] = media
        if media is not None and media.secure is not None and (before is None or before.secure is None):
            self.transport(room, participant.name, "connected", "ICE and DTLS are done", 0.03)
        if participant.name != "caller" and media is not None and media.receiving:
            event = SourceShown(room.handle.call_id, "caller", participant.name, "its first key frame")
            asyncio.get_running_loop().call_later(0.05, self._show, room, event)

    async def show(self, room: RoomHandle, viewer: str, source: str) -> None:
        await self._ask("show", room.call_id)
        found = self._room(room)
        found.chosen[viewer] = source
        if source:
            self.tell(found.listener, SourceShown(room.call_id, viewer, source, "chosen"))

    async def put_picture(self, room: RoomHandle, picture_id: str, image: bytes) -> None:
        await self._ask("put_picture", room.call_id)
        self._room(room).pictures[picture_id] = image

    async def snapshot(self, room: RoomHandle, participant: str) -> Snapshot:
        await self._ask("snapshot", room.call_id)
        media = self._room(room).members.get(participant)
        if media is None or not media.receiving:
            raise MediaUnavailable(f"{participant} sends no picture")
        return Snapshot(b"\x89PNG", 480, 640, EPOCH + asyncio.get_running_loop().time())

    async def request_key_frame(self, participant: ParticipantHandle) -> None:
        await self._ask("request_key_frame", participant.room.call_id)
        self._room(participant.room)

    async def leave(self, participant: ParticipantHandle) -> ParticipantReport | None:
        await self._ask("leave", participant.room.call_id, fails=False)
        room = self.rooms.get(participant.room.room_id)
        if room is None or participant.name not in room.local:
            return None
        del room.local[participant.name], room.members[participant.name]
        room.secure.pop(participant.name, None)
        if participant.name != "caller":
            self.tell(room.listener, SourceShown(room.handle.call_id, "caller", "slate", f"{participant.name} left"))
        return _report(participant.name)

    async def close_room(self, room: RoomHandle) -> RoomReport | None:
        await self._ask("close_room", room.call_id, fails=False)
        found = self.rooms.pop(room.room_id, None)
        return RoomReport(room.room_id, tuple(_report(name) for name in found.local)) if found else None

    async def report_relay(self, relay: RelayHandle) -> RelayReport | None:
        await self._ask("report_relay", relay.call_id)
        found = self.relays.get(relay.relay_id)
        return self._relay_report(found) if found else None

    async def report_room(self, room: RoomHandle) -> RoomReport | None:
        await self._ask("report_room", room.call_id)
        return None

    # ---- inside ----

    async def _ask(self, operation: str, call_id: str, fails: bool = True) -> None:
        self.asked[operation] = self.asked.get(operation, 0) + 1
        if operation in self.stuck:
            await asyncio.sleep(self.limit_s)
            raise MediaTimeout(f"{operation}: no answer in {self.limit_s:g} s")
        await asyncio.sleep(self.delay())
        fault = self.fault(operation, call_id) if fails else None
        try:
            if fault is not None:
                raise fault
        finally:
            del fault  # no cycle of ours: tests count what the gateway leaves

    def _worker(self) -> int:
        up = [worker for worker in range(self.workers) if worker not in self.down]
        if not up:
            raise MediaUnavailable("no media worker is ready", retry_after_s=2)
        return up[next(self._turn) % len(up)]

    def _local(self, network: str) -> LocalEnd:
        port = next(self._port)
        settings = self._networks[network]
        return LocalEnd(settings.advertised_address or settings.media_address, port, port + 1)

    def _relay(self, handle: RelayHandle) -> Relay:
        if handle.relay_id not in self.relays:
            raise MediaUnavailable(f"{handle.relay_id} is gone")
        return self.relays[handle.relay_id]

    def _room(self, handle: RoomHandle) -> Room:
        if handle.room_id not in self.rooms:
            raise MediaUnavailable(f"{handle.room_id} is gone")
        return self.rooms[handle.room_id]

    def _credentials(self, end: LocalEnd) -> SecureLocal:
        number = next(self._ids)
        candidate = f"1 1 udp 2130706431 {end.host} {end.rtp_port} typ host"
        return SecureLocal(f"ours{number}", f"{number:022}", "sha-256 " + ":".join(["AB"] * 32), (candidate,))

    def _announce(self, room: Room, event: TransportChanged) -> None:
        if room.handle.room_id in self.rooms and event.participant in room.secure:
            room.listener(event)

    def _show(self, room: Room, event: SourceShown) -> None:
        if room.handle.room_id in self.rooms and event.source in room.members:
            room.listener(event)

    def _relay_report(self, relay: Relay) -> RelayReport:
        sides = []
        for side, remote in enumerate(relay.remote):
            heard = remote is not None and (relay.handle.call_id, side) not in self.silent
            if heard:
                relay.packets[side] = 50 + int(50 * asyncio.get_running_loop().time())
            sides.append(StreamCount(packets_in=relay.packets[side]))
        return RelayReport(relay.handle.relay_id, (sides[0], sides[1]))


def _report(name: str) -> ParticipantReport:
    return ParticipantReport(name, StreamCount(), "slate")
