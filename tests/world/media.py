"""A media engine without media: it hands out ports, counts what is open, fails when it is told to, and knows where the
sides of each relay point and who hears whom.

It keeps the promises of the port as the real engine does: tests/media/contract holds both to them. What it imagines is
the peers: whoever is pointed to is heard, whoever is to be received sends a picture, every browser connects.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TypeVar

import structlog

from splitter.core.errors import LocalError, MediaTimeout, MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.media.ports.events import MediaEvent, MediaListener, RelayLost, RoomLost, SourceShown, TransportChanged
from splitter.media.ports.rooms import (
    LOOPBACK,
    PICTURE_LIMIT_BYTES,
    PICTURES_KEPT,
    CarriedParticipant,
    CarriedRoom,
    ParticipantHandle,
    ParticipantMedia,
    ParticipantReport,
    RoomHandle,
    RoomReport,
    Snapshot,
    handle_beside,
)
from splitter.media.ports.survivors import Inventory
from splitter.media.ports.voice import (
    SIDES_LIMIT,
    Capability,
    CarriedRelay,
    Hearing,
    MixedSide,
    RelayHandle,
    RelayReport,
    SideHandle,
    SideSpec,
)
from splitter.media.standing import Standing
from splitter.media.voice.mode import RelayMode, among
from splitter.media.worker.pool import MediaNetwork
from splitter.rtp.telephone_event import QUEUE_LIMIT, Digit
from splitter.sdp.voice import VoiceFormat
from splitter.sdp.webrtc import SecureLocal, SecureRemote
from tests.world.loop import EPOCH
from tests.world.relays import Relay, can_mix

log = structlog.get_logger(__name__)
T = TypeVar("T")

_IMAGES = (b"\x89PNG", b"\xff\xd8\xff")
_FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)

# What may become of a request: None carries it out; an exception is raised after the delay.
Fault = Callable[[str, str], "Exception | None"]


@dataclass(slots=True)
class Room:
    """An open room and what each participant was told; a participant without media is None.

    `secure`: our side of those that speak WebRTC; `restarting`: those of them whose peers may come with other
    credentials. `beside`: who is on whose transport. `chosen`: by viewer, what desks want it to see. `pictures`: by id.
    """

    handle: RoomHandle
    worker: int
    listener: MediaListener | None
    standing: Standing = field(default_factory=Standing)
    members: dict[str, ParticipantMedia | None] = field(default_factory=dict)
    local: dict[str, LocalEnd] = field(default_factory=dict)
    secure: dict[str, SecureLocal] = field(default_factory=dict)
    restarting: set[str] = field(default_factory=set)
    beside: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)

    def sends(self, name: str) -> bool:
        """Whether a participant sends a picture."""
        media = self.members.get(name)
        return media is not None and media.receiving

    def can_show(self, source: str) -> bool:
        """Whether there is such a picture."""
        return self.sends(source) or (
            source.startswith("picture:") and source.removeprefix("picture:") in self.pictures
        )

    def carried(self) -> CarriedRoom:
        """As the port says."""
        everybody = [
            CarriedParticipant(
                ParticipantHandle(
                    self.handle, name, self.local[name], self.secure.get(name), self.beside.get(name, "")
                ),
                self.members[name],
                self.chosen.get(name, ""),
            )
            for name in self.local
        ]
        return CarriedRoom(self.handle, tuple(everybody), tuple(self.pictures))

    def report(self) -> RoomReport:
        """Who is in it."""
        return RoomReport(self.handle.room_id, tuple(_report(name) for name in self.local))


M = TypeVar("M", Relay, Room)


class FakeEngine:
    """A VoiceEngine and a RoomEngine, and its own survivor (splitter.media.ports); see `abandon`.

    Attributes:
        relays, rooms: what is open, by id.
        workers: how many there are; relays and rooms go to them in turn, those in `down` are left out.
        can: what it can do beyond relaying.
        delay: how long a request takes, in seconds.
        fault: asked before each request with (operation, call id): "open", "point", "close",
            "add_side", "remove_side", "set_hearing", "adopt", "adopt_room", "restore", "restore_room", "open_room", "join", "join_secure", "restart_ice", "show", "put_picture", "snapshot", "set_participant", "leave", "close_room", "report", "send_digit".
        stuck: operations that never come back: they end in MediaTimeout after `limit_s`; those that close something
            do so all the same, and report nothing.
        silent: (call id, side) from which no voice comes: `report` counts nothing more there.
        asked: operations, counted.
        digits: what was sent as telephone events: (call id, the side that hears it, digit).
    """

    def __init__(self, networks: Mapping[str, MediaNetwork], workers: int = 2) -> None:
        self.relays: dict[str, Relay] = {}
        self.rooms: dict[str, Room] = {}
        self.can = frozenset(
            {Capability.DIGITS, Capability.QUALITY, Capability.RESTORE, Capability.MIX, Capability.SRTP}
        )
        self.workers = workers
        self._deaths = 0
        self.down: set[int] = set()
        self.delay: Callable[[], float] = lambda: 0.001
        self.limit_s = 1.0
        self.fault: Fault = lambda operation, call_id: None
        self.stuck: set[str] = set()
        self.silent: set[tuple[str, int]] = set()
        self.asked: dict[str, int] = {}
        self.digits: list[tuple[str, int, Digit]] = []
        self._networks = networks
        self.ids = itertools.count(1)
        self._port = itertools.cycle(range(20_000, 60_000, 2))
        self._turn = itertools.count()

    # ---- for tests ----

    @property
    def ports(self) -> int:
        """RTP and RTCP ports that are bound."""
        return 2 * sum(len(relay.local) for relay in self.relays.values()) + 2 * sum(
            len(room.local) - len(room.beside) for room in self.rooms.values()
        )

    def relay_of(self, call_id: str) -> Relay | None:
        """The relay of a call; the last one opened."""
        return next((relay for relay in reversed(self.relays.values()) if relay.handle.call_id == call_id), None)

    def room_of(self, call_id: str) -> Room | None:
        """The room of a call."""
        return next((room for room in reversed(self.rooms.values()) if room.handle.call_id == call_id), None)

    def kill(self, worker: int, back_after_s: float | None = 0.5) -> None:
        """A worker dies with all it holds; it is back after a while (None: never)."""
        reason = f"media worker {worker} died: killed"
        relays = [relay for relay in self.relays.values() if relay.worker == worker]
        rooms = [room for room in self.rooms.values() if room.worker == worker]
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
        self.tell(relay, RelayLost(handle.call_id, handle.relay_id, reason))

    def lose_room(self, room: Room, reason: str = "killed") -> None:
        """One room is gone, and its call is told."""
        handle = room.handle
        del self.rooms[handle.room_id]
        self.tell(room, RoomLost(handle.call_id, handle.room_id, reason))

    def tell(self, media: Relay | Room, event: MediaEvent) -> None:
        """Let a call hear of something."""
        asyncio.get_running_loop().call_soon(_listen, media, event)

    def abandon(self) -> None:
        """The gateway dies; what is open stays so, and waits for the next one."""
        self._deaths += 1
        for media in (*self.relays.values(), *self.rooms.values()):
            media.listener = None  # type: ignore[attr-defined]

    def transport(self, room: Room, name: str, state: str, reason: str = "", after_s: float = 0.0) -> None:
        """The WebRTC transport of a participant changes its state."""
        event = TransportChanged(room.handle.call_id, name, state, reason)
        asyncio.get_running_loop().call_later(after_s, self._announce, room, event)

    # ---- VoiceEngine ----

    def can_on(self, relay: RelayHandle) -> frozenset[Capability]:
        return self.can

    def can_mix(self, format: VoiceFormat) -> bool:
        return Capability.MIX in self.can and can_mix(format)

    async def open(
        self,
        call_id: str,
        sides: tuple[SideSpec, ...],
        on_event: MediaListener,
        needs: frozenset[Capability] = frozenset(),
    ) -> RelayHandle:
        hosts = [self._host(side.network) for side in sides]
        await self._ask("open", call_id)
        worker = self._worker()
        if not needs <= self.can:
            raise MediaUnavailable(f"no {', '.join(sorted(needs - self.can))} here")
        if len(sides) != 2 and not (Capability.MIX in self.can and 2 < len(sides) <= SIDES_LIMIT):
            raise MediaUnavailable(f"a relay has two sides, not {len(sides)}")
        ends = tuple(self._local(host) for host in hosts)
        handle = RelayHandle(f"relay-{next(self.ids)}", call_id, ends)
        empty = CarriedRelay(handle, (None,) * len(sides))
        self.relays[handle.relay_id] = Relay.made(empty, sides, worker, on_event)
        return handle

    async def add_side(self, relay: RelayHandle, spec: SideSpec) -> SideHandle:
        host = self._host(spec.network)
        await self._ask("add_side", relay.call_id)
        found = self._mixable(relay)
        if len(found.local) >= SIDES_LIMIT:
            raise MediaUnavailable(f"a relay has {SIDES_LIMIT} sides at most")
        if spec.name in found.names.values():
            raise MediaUnavailable(f"{spec.name!r} is there already")
        number = len(found.remote)
        made = SideHandle(number, spec, self._local(host))
        found.added[number], found.names[number], found.local[number] = made, spec.name, made.local
        found.remote.append(None)
        found.packets.append(0)
        return made

    async def remove_side(self, relay: RelayHandle, side: int) -> StreamCount | None:
        found = self.relays.get(relay.relay_id)
        count: StreamCount | None = None
        if found is not None and found.local.pop(side, None) is not None:
            count = self._relay_report(found).sides[side]
            found.added.pop(side, None)
            found.standing.left(found.names.pop(side))
            remote = [None if number == side else end for number, end in enumerate(found.remote)]
            found.change(remote, among(found.hearing, set(found.local)))
        return await self._last("remove_side", relay.call_id, count)

    async def set_hearing(self, relay: RelayHandle, hearing: Hearing) -> None:
        await self._ask("set_hearing", relay.call_id)
        found = self._mixable(relay)
        found.change(found.remote, among(hearing, set(found.local)))

    async def adopt(self, relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
        await self._ask("adopt", relay.call_id)
        found = self.relays.get(relay.relay_id)
        return self._claim(found, relay, on_event, Relay.carried)

    async def restore(self, relay: CarriedRelay, sides: tuple[SideSpec, ...], on_event: MediaListener) -> None:
        handle = relay.handle
        await self._ask("restore", handle.call_id)
        if handle.relay_id in self.relays:
            raise MediaUnavailable(f"{handle.relay_id} is open")
        for number, (side, end) in enumerate(zip(sides, handle.local, strict=True)):
            if number not in relay.removed:
                self._take_again(side.network, end)
        for added in relay.added:
            self._take_again(added.spec.network, added.local)
        self.relays[handle.relay_id] = Relay.made(relay, sides, self._worker(), on_event)

    async def point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        await self._ask("point", relay.call_id)
        found = self._relay(relay, side)
        if remote is not None:
            _check_address(found.local[side], remote.rtp)
            _check_address(found.local[side], remote.rtcp)
        found.change([remote if number == side else end for number, end in enumerate(found.remote)], found.hearing)
        found.standing.pointed(found.names[side])

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        await self._ask("send_digit", relay.call_id)
        typed, now = self._relay(relay, side).typed.setdefault(side, []), asyncio.get_running_loop().time()
        typed[:] = [over for over in typed if over > now]
        if not (0 <= digit.event < 16 and 0 <= digit.payload_type < 128 and digit.clock >= 8000):
            raise MediaUnavailable(f"{digit} cannot be sent")
        if len(typed) >= QUEUE_LIMIT:
            raise MediaUnavailable("too many digits wait to be sent")
        typed.append(max([now, *typed]) + digit.duration_ms / 1000)
        self.digits.append((relay.call_id, side, digit))

    async def close(self, relay: RelayHandle) -> RelayReport | None:
        found = self.relays.pop(relay.relay_id, None)
        return await self._last("close", relay.call_id, self._relay_report(found) if found else None)

    async def report(self, relay: RelayHandle) -> RelayReport | None:
        await self._ask("report", relay.call_id)
        found = self.relays.get(relay.relay_id)
        return self._relay_report(found) if found else None

    # ---- RoomEngine ----

    async def open_room(self, call_id: str, on_event: MediaListener) -> RoomHandle:
        await self._ask("open_room", call_id)
        worker = self._worker()
        handle = RoomHandle(f"room-{next(self.ids)}", call_id)
        self.rooms[handle.room_id] = Room(handle, worker, on_event)
        return handle

    async def begin_room(self, call_id: str, name: str, network: str, on_event: MediaListener) -> ParticipantHandle:
        room = await self.open_room(call_id, on_event)
        try:
            return await self.join(room, name, network)
        except BaseException:
            self.rooms.pop(room.room_id, None)
            raise

    async def adopt_room(self, room: RoomHandle, on_event: MediaListener) -> CarriedRoom:
        await self._ask("adopt_room", room.call_id)
        found = self.rooms.get(room.room_id)
        return self._claim(found, room, on_event, Room.carried)

    async def restore_room(
        self, room: CarriedRoom, networks: Mapping[str, str], on_event: MediaListener
    ) -> CarriedRoom:
        handle = room.handle
        await self._ask("restore_room", handle.call_id)
        if handle.room_id in self.rooms:
            raise MediaUnavailable(f"{handle.room_id} is open")
        plain = [one for one in room.participants if one.handle.secure is None]
        for one in plain:
            self._take_again(networks.get(one.handle.name, ""), one.handle.local)
        made = self.rooms[handle.room_id] = Room(handle, self._worker(), on_event)
        for one in plain:
            name = one.handle.name
            made.local[name], made.members[name] = one.handle.local, one.media
            if one.chosen:
                made.chosen[name] = one.chosen
        return made.carried()

    async def join(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        host = "127.0.0.1" if network == LOOPBACK else self._host(network)
        await self._ask("join", room.call_id)
        found = self._joinable(room, name)
        found.local[name], found.members[name] = self._local(host), None
        return ParticipantHandle(room, name, found.local[name])

    async def join_secure(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        host = self._host(network)
        await self._ask("join_secure", room.call_id)
        found = self._joinable(room, name)
        found.members[name] = None
        return self._secured(found, name, host, next(self.ids))

    async def join_beside(self, participant: ParticipantHandle, name: str) -> ParticipantHandle:
        await self._ask("join_beside", participant.room.call_id)
        room, other = self._joinable(participant.room, name), participant.name
        if other not in room.secure:
            raise MediaUnavailable(f"there is no {other!r} with a transport to share")
        handle = handle_beside(room.handle, name, other, next(self.ids), f"video-{room.handle.room_id}")
        assert handle.secure is not None
        room.members[name], room.local[name], room.secure[name] = None, handle.local, handle.secure
        room.beside[name] = other
        return handle

    async def restart_ice(self, participant: ParticipantHandle) -> ParticipantHandle:
        await self._ask("restart_ice", participant.room.call_id)
        room, name = self._room(participant.room), participant.name
        if name not in room.secure:
            raise MediaUnavailable(f"{name!r} has no ICE")
        room.restarting.add(name)
        return self._secured(room, name, participant.local.host, room.secure[name].ssrc)

    async def set_participant(self, participant: ParticipantHandle, media: ParticipantMedia | None) -> None:
        await self._ask("set_participant", participant.room.call_id)
        room, name = self._room(participant.room), participant.name
        if name not in room.members:
            raise MediaUnavailable(f"there is no {name!r}")
        before = room.members[name]
        if media is not None and (media.remote if name not in room.secure else media.secure) is None:
            raise MediaUnavailable(f"{name!r} needs the peer's end of its own kind of transport")
        if media is not None and media.secure is not None and name not in room.beside:
            self._connect(room, name, before.secure if before is not None else None, media.secure)
        room.members[name] = media
        if media is None or not media.receiving:
            room.standing.paused(name)
        else:
            room.standing.pointed(name)
        if name not in ("caller", "mosaic") and media is not None and media.receiving:
            event = SourceShown(room.handle.call_id, "caller", name, "its first key frame")
            asyncio.get_running_loop().call_later(0.05, self._show, room, event)

    async def show(self, room: RoomHandle, viewer: str, source: str) -> None:
        await self._ask("show", room.call_id)
        found = self._room(room)
        found.chosen[viewer] = source
        media = found.members.get(viewer)
        if media is not None and media.sending and (source == "slate" or found.can_show(source)):
            self._emit(found, SourceShown(room.call_id, viewer, source, "chosen"))

    async def put_picture(self, room: RoomHandle, picture_id: str, image: bytes) -> None:
        if len(image) > PICTURE_LIMIT_BYTES:
            raise MediaUnavailable(f"a picture of {len(image)} bytes is too large")
        await self._ask("put_picture", room.call_id)
        pictures = self._room(room).pictures
        if not image.startswith(_IMAGES):
            raise MediaUnavailable(f"picture {picture_id}: no PNG and no JPEG")
        pictures.setdefault(picture_id, image)
        if len(pictures) > PICTURES_KEPT:
            del pictures[next(iter(pictures))]

    async def snapshot(self, room: RoomHandle, participant: str) -> Snapshot:
        await self._ask("snapshot", room.call_id)
        if not self._room(room).sends(participant):
            raise MediaUnavailable(f"{participant} sends no picture")
        return Snapshot(b"\x89PNG", 480, 640, EPOCH + asyncio.get_running_loop().time())

    async def request_key_frame(self, participant: ParticipantHandle) -> None:
        await self._ask("request_key_frame", participant.room.call_id)
        self._room(participant.room)

    async def leave(self, participant: ParticipantHandle) -> ParticipantReport | None:
        room, name = self.rooms.get(participant.room.room_id), participant.name
        there = room is not None and name in room.local
        if room is not None and there:
            del room.local[name], room.members[name]
            room.secure.pop(name, None)
            room.beside.pop(name, None)
            room.restarting.discard(name)
            room.standing.left(name)
            room.chosen = {viewer: source for viewer, source in room.chosen.items() if name not in (viewer, source)}
            if name != "caller" and not name.startswith("mosaic"):
                self._emit(room, SourceShown(room.handle.call_id, "caller", "slate", f"{name} left"))
        return await self._last("leave", participant.room.call_id, _report(name) if there else None)

    async def close_room(self, room: RoomHandle) -> RoomReport | None:
        found = self.rooms.pop(room.room_id, None)
        return await self._last("close_room", room.call_id, found.report() if found else None)

    async def report_room(self, room: RoomHandle) -> RoomReport | None:
        await self._ask("report_room", room.call_id)
        found = self.rooms.get(room.room_id)
        return found.report() if found else None

    # ---- Survivors ----

    def inventory(self) -> Inventory:
        relays = [relay for relay in self.relays.values() if relay.listener is None]
        rooms = [room for room in self.rooms.values() if room.listener is None]
        return Inventory(tuple(relay.carried() for relay in relays), tuple(room.carried() for room in rooms))

    async def release_unclaimed(self, grace_s: float = 0.0) -> int:
        await asyncio.sleep(grace_s)
        left = self.inventory()
        for relay in left.relays:
            del self.relays[relay.handle.relay_id]
        for room in left.rooms:
            del self.rooms[room.handle.room_id]
        return len(left.relays) + len(left.rooms)

    # ---- inside ----

    def _claim(
        self, found: M | None, handle: RelayHandle | RoomHandle, on_event: MediaListener, carried: Callable[[M], T]
    ) -> T:
        """Let a call have what nobody listens to, and tell it how things stand."""
        if found is None or found.handle != handle:
            raise MediaUnavailable(f"{handle} is gone")
        if found.listener is not None:
            raise MediaUnavailable(f"{handle} was taken up already")
        found.listener = on_event
        for event in found.standing.events:
            self.tell(found, event)
        return carried(found)

    async def _last(self, operation: str, call_id: str, report: T | None) -> T | None:
        """What closes something: it has taken effect, and a worker that does not answer costs the report alone."""
        try:
            await self._ask(operation, call_id, fails=False)
        except MediaTimeout:
            return None
        return report

    async def _ask(self, operation: str, call_id: str, fails: bool = True) -> None:
        self.asked[operation] = self.asked.get(operation, 0) + 1
        if operation in self.stuck:
            await asyncio.sleep(self.limit_s)
            raise MediaTimeout(f"{operation}: no answer in {self.limit_s:g} s")
        deaths = self._deaths
        await asyncio.sleep(self.delay())
        if self._deaths != deaths:
            raise MediaUnavailable("who asked is dead")  # and the request was lost with it
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

    def _host(self, network: str) -> str:
        found = self._networks.get(network)
        if found is None:
            raise LocalError(f"no network {network!r}")
        return found.advertised_address or found.media_address

    def _local(self, host: str) -> LocalEnd:
        port = next(self._port)
        return LocalEnd(host, port, port + 1)

    def _take_again(self, network: str, end: LocalEnd) -> None:
        """A pair of ports that was in use before."""
        if network not in self._networks or self._host(network) != end.host:
            raise MediaUnavailable(f"{end.host} is no address of network {network!r}")
        ends = [*(end for relay in self.relays.values() for end in relay.local.values())]
        ends += [end for room in self.rooms.values() for end in room.local.values()]
        if any((one.host, one.rtp_port) == (end.host, end.rtp_port) for one in ends):
            raise MediaUnavailable(f"media port {end.rtp_port} is in use")

    def _relay(self, handle: RelayHandle, side: int) -> Relay:
        if handle.relay_id not in self.relays:
            raise MediaUnavailable(f"{handle.relay_id} is gone")
        if side not in self.relays[handle.relay_id].local:
            raise MediaUnavailable(f"a relay has no side {side}")
        return self.relays[handle.relay_id]

    def _mixable(self, handle: RelayHandle) -> Relay:
        if handle.relay_id not in self.relays:
            raise MediaUnavailable(f"{handle.relay_id} is gone")
        if Capability.MIX not in self.can:
            raise MediaUnavailable("this engine mixes no voices")
        return self.relays[handle.relay_id]

    def _room(self, handle: RoomHandle) -> Room:
        if handle.room_id not in self.rooms:
            raise MediaUnavailable(f"{handle.room_id} is gone")
        return self.rooms[handle.room_id]

    def _joinable(self, handle: RoomHandle, name: str) -> Room:
        room = self._room(handle)
        if name in room.local or name in ("slate", "none", ""):
            raise MediaUnavailable(f"{name!r} cannot join {handle.room_id}")
        return room

    def _secured(self, room: Room, name: str, host: str, ssrc: int) -> ParticipantHandle:
        """A port and credentials for somebody who speaks WebRTC."""
        end, number = self._local(host), next(self.ids)
        room.local[name] = replace(end, rtcp_port=end.rtp_port)
        candidate = f"1 1 udp 2130706431 {host} {end.rtp_port} typ host"
        cname = f"video-{room.handle.room_id}"
        ours = SecureLocal(f"ours{number}", f"{number:022}", _FINGERPRINT, (candidate,), ssrc, cname)
        room.secure[name] = ours
        return ParticipantHandle(room.handle, name, room.local[name], ours)

    def _connect(self, room: Room, name: str, before: SecureRemote | None, peer: SecureRemote) -> None:
        """The peer of somebody who speaks WebRTC comes, or comes again."""
        if before is None:
            self.transport(room, name, "connected", "ICE and DTLS are done", 0.03)
        elif set(peer.fingerprints) != set(before.fingerprints):
            self.transport(room, name, "failed", "the peer came with another certificate: it has to join anew")
        elif (peer.ufrag, peer.password) != (before.ufrag, before.password):
            if name not in room.restarting:
                raise MediaUnavailable(f"{name}: the peer restarts ICE, and restart_ice was not asked for")
            room.restarting.remove(name)

    def _emit(self, room: Room, event: MediaEvent) -> None:
        """Tell of something in a room, as long as the room is there."""

        def tell() -> None:
            if room.handle.room_id in self.rooms:
                _listen(room, event)

        asyncio.get_running_loop().call_soon(tell)

    def _announce(self, room: Room, event: TransportChanged) -> None:
        if room.handle.room_id in self.rooms and event.participant in room.secure:
            _listen(room, event)

    def _show(self, room: Room, event: SourceShown) -> None:
        if room.handle.room_id in self.rooms and event.source in room.members:
            _listen(room, event)

    def _relay_report(self, relay: Relay) -> RelayReport:
        sides = []
        for side, remote in enumerate(relay.remote):
            heard = remote is not None and (relay.handle.call_id, side) not in self.silent
            if heard:
                relay.packets[side] = 50 + int(50 * asyncio.get_running_loop().time())
            sides.append(StreamCount(packets_in=relay.packets[side]))
        mixed = tuple(MixedSide() for _ in sides) if relay.mode is RelayMode.MIXES else ()
        return RelayReport(relay.handle.relay_id, tuple(sides), mixed)


def _report(name: str) -> ParticipantReport:
    return ParticipantReport(name, StreamCount(), "slate")


def _listen(media: Relay | Room, event: MediaEvent) -> None:
    media.standing.note(event)
    if media.listener is None:
        return
    try:
        media.listener(event)
    except Exception:
        log.exception("media listener failed", call=event.call_id)


def _check_address(ours: LocalEnd, theirs: Address) -> None:
    """As the sockets of the real engine do."""
    try:
        reachable = ip_address(theirs.host).version == ip_address(ours.host).version
    except ValueError:
        reachable = False
    if not reachable or not 0 < theirs.port < 65536:
        raise MediaUnavailable(f"{theirs.host!r}, port {theirs.port}: this network cannot reach that")
