"""The media engine "relay": relays and rooms in supervised worker processes. Does I/O (asyncio).

WorkerEngine is a VoiceEngine, a RoomEngine and an EngineHealth (splitter.media.ports). It chooses the least loaded
worker that answers, keeps a record of what each one holds, and tells the listeners when a worker takes that with it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from splitter.core.errors import LocalError, MediaError, MediaTimeout, MediaUnavailable
from splitter.core.ids import IdSource
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaEvent, MediaListener, RelayLost, RoomLost
from splitter.media.ports.health import WorkerStatus
from splitter.media.ports.rooms import (
    PICTURE_LIMIT_BYTES,
    ParticipantHandle,
    ParticipantMedia,
    ParticipantReport,
    RoomHandle,
    RoomReport,
    Snapshot,
)
from splitter.media.ports.voice import Capability, RelayHandle, RelayReport, SideSpec
from splitter.media.relay.latch import LatchRules
from splitter.media.relay.ports import PortLedger
from splitter.media.settings import MediaSettings
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.protocol import (
    PROTOCOL,
    CloseRelay,
    CloseRoom,
    Command,
    Done,
    Hello,
    Join,
    Joined,
    JoinedSecure,
    JoinSecure,
    Leave,
    OpenRelay,
    OpenRoom,
    ParticipantCounts,
    PutPicture,
    RelayCounts,
    RelayOpened,
    ReportRelay,
    ReportRoom,
    RequestKeyFrame,
    RestartIce,
    Result,
    RoomCounts,
    SendDigit,
    SetParticipant,
    SetRemote,
    Show,
    SnapshotTaken,
    TakeSnapshot,
)
from splitter.media.worker.record import PortRecord
from splitter.media.worker.supervisor import State, Supervisor, SupervisorTimers
from splitter.rtp.telephone_event import Digit
from splitter.telemetry import metrics
from splitter.telemetry.settings import TelemetrySettings

log = structlog.get_logger(__name__)

RELAY_LOAD = 1
SUCCESSOR_S = 1.0
SNAPSHOT_LIMIT_S = 6.0  # the room gives up sooner, and says why
ROOM_LOAD = 8  # a picture is a few hundred packets per second, each read and rewritten

R = TypeVar("R", bound=Result)
T = TypeVar("T")


class MediaNetwork(Protocol):
    """What the engine needs to know of a network (splitter.transport.settings.Network has it)."""

    @property
    def media_address(self) -> str: ...

    @property
    def advertised_address(self) -> str | None: ...


@dataclass(slots=True)
class _Held:
    """A relay or room that a worker holds for us. `ports`: the even port of each pair, by whose it is."""

    call_id: str
    supervisor: Supervisor
    client: WorkerClient
    listener: MediaListener
    load: int
    lost: Callable[[str], MediaEvent]
    ports: dict[str, int] = field(default_factory=dict)


class WorkerEngine:
    """Relays and rooms in worker processes.

    Args:
        settings: how many workers, which ports.
        networks: by name, where to bind and what to advertise.
        timers: of the supervisors.
        rules: of latching; the window is what workers are told.
        logs: passed on to the workers.
        ids: names relays and rooms.
    """

    can = frozenset({Capability.DIGITS, Capability.QUALITY})

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
        self._settings = settings
        self._networks = networks
        self._timers = timers or SupervisorTimers()
        self._rules = rules or LatchRules()
        self._logs = logs or TelemetrySettings()
        self._ids = ids or IdSource()
        self._held: dict[str, _Held] = {}
        self._loads: Counter[int] = Counter()  # by worker: the sum over what it holds
        self._supervisors: list[Supervisor] = []
        self._arrived = asyncio.Event()  # set when a worker can be used, and replaced then

    # ---- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the workers and wait until rooms can be opened on them at once, or the limits have passed."""
        count = self._settings.workers or os.cpu_count() or 1
        record = self._recorded()
        self._supervisors = [self._supervisor(index, count, record) for index in range(count)]
        for supervisor in self._supervisors:
            supervisor.start()
        starts = {asyncio.ensure_future(supervisor.started.wait()) for supervisor in self._supervisors}
        _, late = await asyncio.wait(starts, timeout=self._timers.start_limit_s)
        if late and self._by_load():  # they are there, and still busy with the slate
            _, late = await asyncio.wait(late, timeout=self._timers.video_limit_s)
        for start in late:
            start.cancel()
        if late:
            log.error("media workers missing", wanted=count, missing=len(late))

    def _recorded(self) -> PortRecord | None:
        """What is known of the ports from before a restart.

        Raises:
            LocalError: there is no folder for it, nor for the control sockets.
        """
        settings = self._settings
        folder = Path(settings.socket_dir)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(f"media.socket_dir {folder}: {error.strerror}") from error
        return PortRecord.at(folder, settings.first_port, settings.last_port)

    def _supervisor(self, index: int, count: int, record: PortRecord | None) -> Supervisor:
        settings = self._settings
        ports = slice_of(settings.first_port, settings.last_port, index, count)
        used = record.used(settings.quarantine_s) if record is not None else []
        mine = [(port, since_s) for port, since_s in used if ports[0] <= port <= ports[1]]
        hello = Hello(
            protocol=PROTOCOL,
            ports=ports,
            quarantine_s=settings.quarantine_s,
            resting=[],
            slate_text=settings.slate_text,
            slate_picture=settings.slate_picture,
            latch_window_s=self._rules.window_s,
        )
        return Supervisor(
            index,
            hello,
            PortLedger(settings.quarantine_s, record, mine, time.monotonic()),
            Path(settings.socket_dir),
            self._timers,
            self._logs,
            self._on_event,
            partial(self._on_lost, index),
            self._on_ready,
        )

    async def stop(self) -> None:
        """End all workers. What they held is gone, without events."""
        self._held.clear()
        self._loads.clear()
        await asyncio.gather(*(supervisor.stop() for supervisor in self._supervisors))

    def status(self) -> list[WorkerStatus]:
        """The workers, for the operator."""
        return [_status(supervisor) for supervisor in self._supervisors]

    def sizes(self) -> dict[str, int]:
        """How much is held, for the check that nothing is left behind."""
        workers = self.status()
        return {
            "relays": sum(worker.relays for worker in workers),
            "rooms": sum(worker.rooms for worker in workers),
            "ports": sum(2 * len(held.ports) for held in self._held.values()),
        }

    def worker_of(self, id: str) -> int | None:
        """The worker that holds this relay or room."""
        held = self._held.get(id)
        return held.supervisor.index if held is not None else None

    # ---- events --------------------------------------------------------------------------------------------------

    def _on_event(self, owner: str, event: MediaEvent) -> None:
        held = self._held.get(owner)
        if held is None:
            return  # it was closed while the event was on its way
        if isinstance(event, RelayLost | RoomLost):
            self._release(owner)
        self._tell(held.listener, event)

    def _on_lost(self, index: int, reason: str) -> None:
        supervisor = self._supervisors[index]
        gone = [id for id, held in self._held.items() if held.supervisor is supervisor]
        for held in [self._drop(id) for id in gone]:
            event = held.lost(f"media worker {index} died: {reason}")
            metrics.MEDIA_LOST.labels("relay" if isinstance(event, RelayLost) else "room").inc()
            self._tell(held.listener, event)

    def _on_ready(self) -> None:
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def _some_worker(self, deadline: float) -> None:
        """Where no worker can be used, wait a moment for one: a successor is there in half a second."""
        arrived = self._arrived
        if not self._by_load():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(SUCCESSOR_S, deadline - time.monotonic())):
                    await arrived.wait()

    def _tell(self, listener: MediaListener, event: MediaEvent) -> None:
        try:
            listener(event)
        except Exception:
            log.exception("media listener failed", call=event.call_id)

    # ---- requests ------------------------------------------------------------------------------------------------

    def _host(self, network: str) -> tuple[str, str]:
        """(address to bind, address to advertise)."""
        found = self._networks.get(network)
        if found is None:
            raise LocalError(f"no network {network!r}")
        return found.media_address, found.advertised_address or found.media_address

    def _hold(self, id: str, held: _Held) -> _Held:
        self._held[id] = held
        self._loads[held.supervisor.index] += held.load
        return held

    def _drop(self, id: str) -> _Held:
        held = self._held.pop(id)
        self._loads[held.supervisor.index] -= held.load
        return held

    def _by_load(self, video: bool = False) -> list[Supervisor]:
        """Workers to try, the least loaded first; those that are stuck only if there is no other.

        Args:
            video: for a room: a successor that still draws its slate comes after the others.
        """
        alive = [supervisor for supervisor in self._supervisors if supervisor.client is not None]
        ready = [supervisor for supervisor in alive if supervisor.state is State.READY]
        return sorted(ready or alive, key=lambda one: (video and not one.video, self._loads[one.index]))

    async def _ask(self, held: _Held, command: Command, expected: type[R], limit_s: float | None = None) -> R:
        try:
            return await held.client.ask(command, expected, limit_s or self._settings.request_limit_s)
        except MediaTimeout:
            held.supervisor.suspect()
            metrics.MEDIA_REQUEST_FAILURES.labels("timeout").inc()
            raise
        except MediaUnavailable:
            metrics.MEDIA_REQUEST_FAILURES.labels("unavailable").inc()
            raise

    async def _open(
        self, id: str, make: Callable[[Supervisor, WorkerClient], _Held], command: Command, expected: type[R]
    ) -> R:
        """Have a new relay or room opened by some worker, within one request limit over all that are tried."""
        deadline = time.monotonic() + self._settings.request_limit_s
        refusal = MediaUnavailable("no media worker is ready", retry_after_s=2)
        await self._some_worker(deadline)
        for supervisor in self._by_load(video=isinstance(command, OpenRoom)):
            client = supervisor.client
            if client is None:
                continue
            held = self._hold(id, make(supervisor, client))
            try:
                return await self._ask(held, command, expected, max(0.001, deadline - time.monotonic()))
            except BaseException as error:
                if id in self._held:  # else the worker died meanwhile
                    self._drop(id)
                if isinstance(error, MediaUnavailable):
                    refusal = error
                    continue
                client.tell(CloseRelay(id) if isinstance(command, OpenRelay) else CloseRoom(id))
                raise
        raise refusal

    def _find(self, id: str) -> _Held:
        held = self._held.get(id)
        if held is None:
            raise MediaUnavailable(f"{id} is gone")
        return held

    def _release(self, id: str) -> _Held | None:
        """Forget a relay or room; its ports rest from now on."""
        if id not in self._held:
            return None
        held = self._drop(id)
        held.supervisor.ledger.closed(time.monotonic(), *held.ports.values())
        return held

    # ---- relays --------------------------------------------------------------------------------------------------

    async def open(self, call_id: str, sides: tuple[SideSpec, ...], on_event: MediaListener) -> RelayHandle:
        relay_id = f"relay-{self._ids.call()}"
        hosts = [self._host(side.network) for side in sides]

        def make(supervisor: Supervisor, client: WorkerClient) -> _Held:
            return _Held(call_id, supervisor, client, on_event, RELAY_LOAD, partial(RelayLost, call_id, relay_id))

        bound = tuple((side.name, host) for side, (host, _) in zip(sides, hosts, strict=True))
        opened = await self._open(relay_id, make, OpenRelay(call_id, relay_id, bound), RelayOpened)
        held = self._find(relay_id)
        held.ports = {str(side): rtp for side, (rtp, _) in enumerate(opened.ports)}
        held.supervisor.ledger.opened(*held.ports.values())
        local = (LocalEnd(public, *ports) for (_, public), ports in zip(hosts, opened.ports, strict=True))
        return RelayHandle(relay_id, call_id, tuple(local))

    async def point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        await self._ask(self._find(relay.relay_id), SetRemote(relay.relay_id, side, remote), Done)

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        await self._ask(self._find(relay.relay_id), SendDigit(relay.relay_id, side, digit), Done)

    async def close(self, relay: RelayHandle) -> RelayReport | None:
        """As the port says; also returns None if the worker does not answer: it closes the relay when it wakes up."""
        held = self._release(relay.relay_id)
        if held is None:
            return None
        report = (await self._last(held, CloseRelay(relay.relay_id), RelayCounts, RelayCounts(None))).report
        if report is not None:
            metrics.RTP_REJECTED.inc(sum(side.rejected for side in report.sides))
        return report

    async def report(self, relay: RelayHandle) -> RelayReport | None:
        held = self._held.get(relay.relay_id)
        if held is None:
            return None
        return (await self._ask(held, ReportRelay(relay.relay_id), RelayCounts)).report

    async def _last(self, held: _Held, command: Command, expected: type[R], otherwise: R) -> R:
        """The last command to something: it takes effect even if nobody tells us."""
        try:
            return await self._ask(held, command, expected)
        except MediaError as error:
            log.warning("no report of closed media", call=held.call_id, reason=str(error))
            return otherwise

    # ---- rooms ---------------------------------------------------------------------------------------------------

    async def open_room(self, call_id: str, on_event: MediaListener) -> RoomHandle:
        room_id = f"room-{self._ids.call()}"

        def make(supervisor: Supervisor, client: WorkerClient) -> _Held:
            return _Held(call_id, supervisor, client, on_event, ROOM_LOAD, partial(RoomLost, call_id, room_id))

        await self._open(room_id, make, OpenRoom(room_id, call_id), Done)
        self._find(room_id)
        return RoomHandle(room_id, call_id)

    async def join(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        host, public = self._host(network)
        held = self._find(room.room_id)
        try:
            joined = await self._ask(held, Join(room.room_id, name, host), Joined)
        except (MediaTimeout, asyncio.CancelledError):
            held.client.tell(Leave(room.room_id, name))
            raise
        held.ports[name] = joined.ports[0]
        held.supervisor.ledger.opened(joined.ports[0])
        return ParticipantHandle(room, name, LocalEnd(public, *joined.ports))

    async def join_secure(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        host, public = self._host(network)
        held = self._find(room.room_id)
        try:
            joined = await self._ask(held, JoinSecure(room.room_id, name, host, public), JoinedSecure)
        except (MediaTimeout, asyncio.CancelledError):
            held.client.tell(Leave(room.room_id, name))
            raise
        held.ports[name] = joined.port
        held.supervisor.ledger.opened(joined.port)
        return ParticipantHandle(room, name, LocalEnd(public, joined.port, joined.port), joined.local)

    async def restart_ice(self, participant: ParticipantHandle) -> ParticipantHandle:
        room, name = participant.room, participant.name
        held = self._find(room.room_id)
        joined = await self._ask(held, RestartIce(room.room_id, name), JoinedSecure)
        before, held.ports[name] = held.ports.get(name), joined.port
        ledger = held.supervisor.ledger
        ledger.opened(joined.port)
        if before is not None:  # it is closed soon after the new path is there
            ledger.closed(time.monotonic(), before)
        host = participant.local.host
        return ParticipantHandle(room, name, LocalEnd(host, joined.port, joined.port), joined.local)

    async def set_participant(self, participant: ParticipantHandle, media: ParticipantMedia | None) -> None:
        room_id = participant.room.room_id
        await self._ask(self._find(room_id), SetParticipant(room_id, participant.name, media), Done)

    async def show(self, room: RoomHandle, viewer: str, source: str) -> None:
        await self._ask(self._find(room.room_id), Show(room.room_id, viewer, source), Done)

    async def put_picture(self, room: RoomHandle, picture_id: str, image: bytes) -> None:
        if len(image) > PICTURE_LIMIT_BYTES:
            raise MediaUnavailable(f"a picture of {len(image)} bytes is too large: {PICTURE_LIMIT_BYTES} at most")
        await self._ask(self._find(room.room_id), PutPicture(room.room_id, picture_id, image), Done)

    async def snapshot(self, room: RoomHandle, participant: str) -> Snapshot:
        command = TakeSnapshot(room.room_id, participant)
        return (await self._ask(self._find(room.room_id), command, SnapshotTaken, SNAPSHOT_LIMIT_S)).snapshot

    async def request_key_frame(self, participant: ParticipantHandle) -> None:
        room_id = participant.room.room_id
        await self._ask(self._find(room_id), RequestKeyFrame(room_id, participant.name), Done)

    async def leave(self, participant: ParticipantHandle) -> ParticipantReport | None:
        """As the port says; also returns None if the worker does not answer."""
        room_id = participant.room.room_id
        held = self._held.get(room_id)
        port = held.ports.pop(participant.name, None) if held is not None else None
        if held is None or port is None:
            return None
        held.supervisor.ledger.closed(time.monotonic(), port)
        leave = Leave(room_id, participant.name)
        report = (await self._last(held, leave, ParticipantCounts, ParticipantCounts(None))).report
        if report is not None:
            metrics.RTP_REJECTED.inc(report.stream.rejected)
        return report

    async def close_room(self, room: RoomHandle) -> RoomReport | None:
        """As the port says; also returns None if the worker does not answer."""
        held = self._release(room.room_id)
        if held is None:
            return None
        report = (await self._last(held, CloseRoom(room.room_id), RoomCounts, RoomCounts(None))).report
        if report is not None:
            metrics.RTP_REJECTED.inc(sum(one.stream.rejected for one in report.participants))
        return report

    async def report_room(self, room: RoomHandle) -> RoomReport | None:
        held = self._held.get(room.room_id)
        if held is None:
            return None
        return (await self._ask(held, ReportRoom(room.room_id), RoomCounts)).report


def slice_of(first: int, last: int, index: int, count: int) -> tuple[int, int]:
    """The part of the port range that belongs to worker `index` of `count`: whole pairs, first and last inclusive."""
    even = first + first % 2
    pairs = (last + 1 - even) // 2
    begin, end = pairs * index // count, pairs * (index + 1) // count
    return even + 2 * begin, even + 2 * end - 1


def _pairs(ports: tuple[int, int]) -> int:
    """How many pairs lie in a range; see PortPairs."""
    first, last = ports
    return len(range(first + first % 2, last, 2))


def _status(supervisor: Supervisor) -> WorkerStatus:
    status = supervisor.status
    return WorkerStatus(
        index=supervisor.index,
        pid=supervisor.pid,
        state=supervisor.state.value,
        relays=status.relays if status else 0,
        rooms=status.rooms if status else 0,
        pairs=_pairs(supervisor.ports),
        free_ports=status.free_ports if status else 0,
        restarts=supervisor.restarts,
    )
