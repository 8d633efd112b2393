"""The engine that calls use: relays and rooms in supervised worker processes. Does I/O (asyncio).

WorkerEngine is all that splitter.media.ports asks for: VoiceEngine, RoomEngine, Survivors and EngineHealth. Each
request is a verb to the worker that holds the relay or room (`verbs`, `pool`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import structlog

from splitter.core.errors import LocalError, MediaTimeout, MediaUnavailable
from splitter.core.ids import IdSource
from splitter.media.ports.adapters import CarriedAdapter
from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.media.ports.events import MediaListener
from splitter.media.ports.health import WorkerStatus
from splitter.media.ports.rooms import (
    LOOPBACK,
    PICTURE_LIMIT_BYTES,
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
    Capability,
    CarriedRelay,
    Hearing,
    RelayHandle,
    RelayReport,
    SideHandle,
    SideSpec,
)
from splitter.media.settings import MediaSettings
from splitter.media.wire.latch import LatchRules
from splitter.media.worker.adapters import WorkerAdapters
from splitter.media.worker.held import SIDE_LOAD, Held, relay_opening, room_opening
from splitter.media.worker.pool import MediaNetwork, Pool
from splitter.media.worker.supervisor import SupervisorTimers
from splitter.media.worker.taps import WorkerTaps
from splitter.media.worker.verbs.add_side import AddSide
from splitter.media.worker.verbs.close_adapter import CloseAdapter
from splitter.media.worker.verbs.close_relay import CloseRelay
from splitter.media.worker.verbs.close_room import CloseRoom
from splitter.media.worker.verbs.join import JoinRoom
from splitter.media.worker.verbs.join_beside import JoinBeside
from splitter.media.worker.verbs.join_secure import JoinSecure
from splitter.media.worker.verbs.leave import Leave
from splitter.media.worker.verbs.open_relay import OpenRelay
from splitter.media.worker.verbs.open_room import First, OpenRoom, RoomOpened
from splitter.media.worker.verbs.put_picture import PutPicture
from splitter.media.worker.verbs.remove_side import RemoveSide
from splitter.media.worker.verbs.report_relay import ReportRelay
from splitter.media.worker.verbs.report_room import ReportRoom
from splitter.media.worker.verbs.request_key_frame import RequestKeyFrame
from splitter.media.worker.verbs.restart_ice import RestartIce
from splitter.media.worker.verbs.restore_relay import RestoreRelay, ends_of
from splitter.media.worker.verbs.restore_room import RestoreRoom
from splitter.media.worker.verbs.send_digit import SendDigit
from splitter.media.worker.verbs.set_participant import SetParticipant
from splitter.media.worker.verbs.set_remote import SetRemote
from splitter.media.worker.verbs.set_who_hears import SetWhoHears
from splitter.media.worker.verbs.show import ShowSource
from splitter.media.worker.verbs.take_snapshot import TakeRoomSnapshot
from splitter.media.worker.verbs.verb import Message, RoomVerb, Verb
from splitter.rtp.telephone_event import Digit
from splitter.sdp.voice import VoiceFormat
from splitter.telemetry import metrics
from splitter.telemetry.settings import TelemetrySettings

SNAPSHOT_LIMIT_S = 6.0  # the room gives up sooner, and says why

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Message)


class WorkerEngine:
    """Relays and rooms in worker processes.

    Args:
        settings: how many workers, which ports.
        networks: by name, where to bind and what to advertise.
        timers: of the supervisors.
        rules: of latching; the window is what workers are told.
        logs: passed on to the workers.
        ids: names relays and rooms.

    Attributes:
        adapters: those of web callers.
    """

    can = frozenset({Capability.DIGITS, Capability.QUALITY, Capability.RESTORE, Capability.MIX, Capability.SRTP})

    def __init__(
        self,
        settings: MediaSettings,
        networks: Mapping[str, MediaNetwork],
        *,
        timers: SupervisorTimers | None = None,
        rules: LatchRules | None = None,
        logs: TelemetrySettings | None = None,
        ids: IdSource | None = None,
    ) -> None:
        self._networks = networks
        self._ids = ids or IdSource()
        self._pool = Pool(settings, timers or SupervisorTimers(), rules or LatchRules(), logs or TelemetrySettings())
        self.adapters = WorkerAdapters(self._pool, networks, self._new_id)
        self.taps = WorkerTaps(self._pool)

    async def start(self) -> None:
        """Find or start the workers and wait until rooms can be opened on them at once, or the limits have passed.

        Raises:
            LocalError: there is no folder for the control sockets, or another gateway has it.
        """
        await self._pool.start()

    async def stop(self) -> None:
        """End all workers. What they held is gone, without events."""
        await self._pool.stop()

    async def abandon(self) -> None:
        """Leave the workers, and what they carry, to the next gateway; they wait for it for their grace time."""
        await self._pool.abandon()

    async def prepare(self, settings: MediaSettings) -> None:
        """Make ready what `renew` will bring. Raises LocalError."""
        await self._pool.prepare(settings)

    def renew(self, settings: MediaSettings, logs: TelemetrySettings) -> None:
        """Go by these from now on: the slate of later rooms, the level of the workers' log."""
        self._pool.adopt(settings, logs)

    # ---- EngineHealth --------------------------------------------------------------------------------------------

    def status(self) -> list[WorkerStatus]:
        return self._pool.status()

    def sizes(self) -> dict[str, int]:
        return self._pool.sizes()

    def worker_of(self, id: str) -> int | None:
        held = self._pool.holdings.get(id)
        return held.supervisor.index if held is not None else None

    # ---- VoiceEngine ---------------------------------------------------------------------------------------------

    def can_on(self, relay: RelayHandle) -> frozenset[Capability]:
        return self.can if self._pool.mixes(relay.relay_id) else self.can - {Capability.MIX}

    def can_mix(self, format: VoiceFormat) -> bool:
        return format.is_among(self._pool.mixes())

    async def open(
        self,
        call_id: str,
        sides: tuple[SideSpec, ...],
        on_event: MediaListener,
        needs: frozenset[Capability] = frozenset(),
    ) -> RelayHandle:
        if needs - self.can:
            raise MediaUnavailable(f"no {', '.join(sorted(needs - self.can))} here")
        id = self._new_id("relay")
        hosts = [self._host(side.network) for side in sides]
        bound = tuple((side.name, host) for side, (host, _) in zip(sides, hosts, strict=True))
        wanted = relay_opening(id, call_id, on_event)
        verb = OpenRelay(call_id, id, bound, tuple(public for _, public in hosts))
        held, opened = await self._pool.open(wanted, verb, CloseRelay(id))
        for side, (rtp, _) in enumerate(opened.ports):
            held.bound(str(side), rtp)
        local = (LocalEnd(public, *ports) for (_, public), ports in zip(hosts, opened.ports, strict=True))
        return RelayHandle(id, call_id, tuple(local))

    async def add_side(self, relay: RelayHandle, spec: SideSpec) -> SideHandle:
        host, public = self._host(spec.network)
        held = self._pool.holdings.find(relay.relay_id)
        if not self._pool.mixes(relay.relay_id):
            raise MediaUnavailable("the worker of this relay is from before there were mixes")
        ticket = self._ids.tag()
        try:
            added = await self._pool.ask(held, AddSide(relay.relay_id, spec, host, public, ticket))
        except (MediaTimeout, asyncio.CancelledError):
            held.client.tell(RemoveSide(relay.relay_id, -1, ticket))
            raise
        held.bound(str(added.side), added.ports[0])
        self._pool.holdings.weigh(held, SIDE_LOAD)
        return SideHandle(added.side, spec, LocalEnd(public, *added.ports))

    async def remove_side(self, relay: RelayHandle, side: int) -> StreamCount | None:
        held = self._pool.holdings.get(relay.relay_id)
        if held is None or not held.freed(str(side)):
            return None
        if side >= len(relay.local):
            self._pool.holdings.weigh(held, -SIDE_LOAD)
        counts = await self._pool.last(held, RemoveSide(relay.relay_id, side))
        if counts is None or counts.count is None:
            return None
        metrics.media.RTP_REJECTED.inc(counts.count.rejected)
        return counts.count

    async def set_hearing(self, relay: RelayHandle, hearing: Hearing) -> None:
        await self._pool.ask(self._pool.holdings.find(relay.relay_id), SetWhoHears(relay.relay_id, hearing))

    async def adopt(self, relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
        return cast(CarriedRelay, self._pool.holdings.claim(relay.relay_id, relay, on_event))

    async def restore(self, relay: CarriedRelay, sides: tuple[SideSpec, ...], on_event: MediaListener) -> None:
        handle = relay.handle
        if not len(sides) == len(handle.local) <= len(relay.remotes):
            raise MediaUnavailable(f"{handle.relay_id} had another number of sides than {len(sides)}")
        specs = dict(enumerate(sides)) | {one.number: one.spec for one in relay.added}
        ends = ends_of(relay)
        bound = {
            number: (specs[number].name, self._host_again(specs[number].network, end)) for number, end in ends.items()
        }
        wanted = relay_opening(handle.relay_id, handle.call_id, on_event, len(relay.added))
        ports = {str(number): end.rtp_port for number, end in ends.items()}
        verb = RestoreRelay(relay, tuple(bound.get(number) for number in range(len(relay.remotes))))
        await self._pool.reopen(wanted, verb, CloseRelay(handle.relay_id), ports)

    async def point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        await self._pool.ask(self._pool.holdings.find(relay.relay_id), SetRemote(relay.relay_id, side, remote))

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        await self._pool.ask(self._pool.holdings.find(relay.relay_id), SendDigit(relay.relay_id, side, digit))

    async def report(self, relay: RelayHandle) -> RelayReport | None:
        held = self._pool.holdings.get(relay.relay_id)
        return None if held is None else (await self._pool.ask(held, ReportRelay(relay.relay_id))).report

    async def close(self, relay: RelayHandle) -> RelayReport | None:
        held = self._pool.holdings.release(relay.relay_id)
        counts = await self._pool.last(held, CloseRelay(relay.relay_id)) if held is not None else None
        if counts is None or counts.report is None:
            return None
        metrics.media.RTP_REJECTED.inc(sum(side.rejected for side in counts.report.sides))
        return counts.report

    # ---- RoomEngine ----------------------------------------------------------------------------------------------

    async def open_room(self, call_id: str, on_event: MediaListener) -> RoomHandle:
        id = self._new_id("room")
        await self._pool.open(room_opening(id, call_id, on_event), OpenRoom(id, call_id), CloseRoom(id))
        return RoomHandle(id, call_id)

    async def begin_room(self, call_id: str, name: str, network: str, on_event: MediaListener) -> ParticipantHandle:
        host, public = self._host(network)
        room = RoomHandle(self._new_id("room"), call_id)
        verb = OpenRoom(room.room_id, call_id, First(name, host, public))
        wanted = room_opening(room.room_id, call_id, on_event)
        held, opened = await self._pool.open(wanted, verb, CloseRoom(room.room_id))
        if not isinstance(opened, RoomOpened):  # its worker is from before there was `first`
            return await self._joined_or_closed(room, name, network)
        held.bound(name, opened.ports[0])
        return ParticipantHandle(room, name, LocalEnd(public, *opened.ports))

    async def _joined_or_closed(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        try:
            return await self.join(room, name, network)
        except BaseException:
            if (held := self._pool.holdings.release(room.room_id)) is not None:
                held.client.tell(CloseRoom(room.room_id))
            raise

    async def adopt_room(self, room: RoomHandle, on_event: MediaListener) -> CarriedRoom:
        return cast(CarriedRoom, self._pool.holdings.claim(room.room_id, room, on_event))

    async def restore_room(
        self, room: CarriedRoom, networks: Mapping[str, str], on_event: MediaListener
    ) -> CarriedRoom:
        handle = room.handle
        plain = tuple(one for one in room.participants if one.handle.secure is None)
        back = replace(room, participants=plain, pictures=())
        hosts = tuple(self._host_again(networks.get(one.handle.name, ""), one.handle.local) for one in plain)
        wanted = room_opening(handle.room_id, handle.call_id, on_event)
        ports = {one.handle.name: one.handle.local.rtp_port for one in plain}
        await self._pool.reopen(wanted, RestoreRoom(back, hosts), CloseRoom(handle.room_id), ports)
        return back

    async def join(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        host, public = self._host(network)
        held, joined = await self._join(room, name, JoinRoom(room.room_id, name, host, public))
        held.bound(name, joined.ports[0])
        return ParticipantHandle(room, name, LocalEnd(public, *joined.ports))

    async def join_secure(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        host, public = self._host(network)
        held, joined = await self._join(room, name, JoinSecure(room.room_id, name, host, public))
        held.bound(name, joined.port)
        return ParticipantHandle(room, name, LocalEnd(public, joined.port, joined.port), joined.local)

    async def join_beside(self, participant: ParticipantHandle, name: str) -> ParticipantHandle:
        room, other = participant.room, participant.name
        _, joined = await self._join(room, name, JoinBeside(room.room_id, name, other))
        return handle_beside(room, name, other, joined.ssrc, joined.cname)

    async def restart_ice(self, participant: ParticipantHandle) -> ParticipantHandle:
        room, name = participant.room, participant.name
        held = self._pool.holdings.find(room.room_id)
        joined = await self._pool.ask(held, RestartIce(room.room_id, name))
        held.bound(name, joined.port)  # the one before is closed soon after the new path is there
        local = LocalEnd(participant.local.host, joined.port, joined.port)
        return ParticipantHandle(room, name, local, joined.local)

    async def set_participant(self, participant: ParticipantHandle, media: ParticipantMedia | None) -> None:
        room_id = participant.room.room_id
        await self._pool.ask(self._pool.holdings.find(room_id), SetParticipant(room_id, participant.name, media))

    async def show(self, room: RoomHandle, viewer: str, source: str) -> None:
        await self._pool.ask(self._pool.holdings.find(room.room_id), ShowSource(room.room_id, viewer, source))

    async def put_picture(self, room: RoomHandle, picture_id: str, image: bytes) -> None:
        if len(image) > PICTURE_LIMIT_BYTES:
            raise MediaUnavailable(f"a picture of {len(image)} bytes is too large: {PICTURE_LIMIT_BYTES} at most")
        await self._pool.ask(self._pool.holdings.find(room.room_id), PutPicture(room.room_id, picture_id, image))

    async def snapshot(self, room: RoomHandle, participant: str) -> Snapshot:
        held, verb = self._pool.holdings.find(room.room_id), TakeRoomSnapshot(room.room_id, participant)
        return (await self._pool.ask(held, verb, SNAPSHOT_LIMIT_S)).snapshot

    async def request_key_frame(self, participant: ParticipantHandle) -> None:
        room_id = participant.room.room_id
        await self._pool.ask(self._pool.holdings.find(room_id), RequestKeyFrame(room_id, participant.name))

    async def leave(self, participant: ParticipantHandle) -> ParticipantReport | None:
        room_id, name = participant.room.room_id, participant.name
        held = self._pool.holdings.get(room_id)
        if held is None or not (held.freed(name) or participant.beside):
            return None
        counts = await self._pool.last(held, Leave(room_id, name))
        if counts is None or counts.report is None:
            return None
        metrics.media.RTP_REJECTED.inc(counts.report.stream.rejected)
        return counts.report

    async def close_room(self, room: RoomHandle) -> RoomReport | None:
        held = self._pool.holdings.release(room.room_id)
        counts = await self._pool.last(held, CloseRoom(room.room_id)) if held is not None else None
        if counts is None or counts.report is None:
            return None
        metrics.media.RTP_REJECTED.inc(sum(one.stream.rejected for one in counts.report.participants))
        return counts.report

    async def report_room(self, room: RoomHandle) -> RoomReport | None:
        held = self._pool.holdings.get(room.room_id)
        return None if held is None else (await self._pool.ask(held, ReportRoom(room.room_id))).report

    # ---- Survivors -----------------------------------------------------------------------------------------------

    def inventory(self) -> Inventory:
        left = self._pool.holdings.unclaimed()
        return Inventory(
            tuple(one for one in left if isinstance(one, CarriedRelay)),
            tuple(one for one in left if isinstance(one, CarriedRoom)),
            tuple(one for one in left if isinstance(one, CarriedAdapter)),
        )

    async def release_unclaimed(self, grace_s: float = 0.0) -> int:
        await asyncio.sleep(grace_s)
        left = self.inventory()
        for relay in left.relays:
            self._close_unclaimed(relay.handle.relay_id, "relay", CloseRelay(relay.handle.relay_id))
        for room in left.rooms:
            self._close_unclaimed(room.handle.room_id, "room", CloseRoom(room.handle.room_id))
        for adapter in left.adapters:
            self._close_unclaimed(adapter.handle.adapter_id, "adapter", CloseAdapter(adapter.handle.adapter_id))
        counts = {"relays": len(left.relays), "rooms": len(left.rooms), "adapters": len(left.adapters)}
        if count := sum(counts.values()):
            log.warning("media closed that no call has taken up", **counts)
        return count

    def _close_unclaimed(self, id: str, kind: str, verb: Verb[Any]) -> None:
        held = self._pool.holdings.release(id)
        if held is not None:
            held.client.tell(verb)
            metrics.media.UNCLAIMED.labels(kind).inc()

    # ---- inside --------------------------------------------------------------------------------------------------

    def _new_id(self, kind: str) -> str:
        """One that nothing has; what was there before us was named by somebody else."""
        while self._pool.holdings.get(id := f"{kind}-{self._ids.call()}") is not None:
            pass
        return id

    def _host(self, network: str) -> tuple[str, str]:
        """(address to bind, address to advertise)."""
        if network == LOOPBACK:
            return "127.0.0.1", "127.0.0.1"
        found = self._networks.get(network)
        if found is None:
            raise LocalError(f"no network {network!r}")
        return found.media_address, found.advertised_address or found.media_address

    def _host_again(self, network: str, end: LocalEnd) -> str:
        """The address to bind for ports that were there before. Raises MediaUnavailable where they were elsewhere."""
        if network not in self._networks:
            raise MediaUnavailable(f"there is no network {network!r} any more")
        host, public = self._host(network)
        if end.host != public or end.rtcp_port != end.rtp_port + 1:
            raise MediaUnavailable(f"{end.host}:{end.rtp_port} and {end.rtcp_port} are no pair of network {network}")
        return host

    async def _join(self, room: RoomHandle, name: str, verb: RoomVerb[R]) -> tuple[Held, R]:
        held = self._pool.holdings.find(room.room_id)
        try:
            return held, await self._pool.ask(held, verb)
        except (MediaTimeout, asyncio.CancelledError):
            held.client.tell(Leave(room.room_id, name))
            raise
