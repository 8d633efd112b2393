"""Carries out commands: the relays and rooms of one worker. Does I/O through its host.

One broken relay or room is closed and reported lost; the others go on. A command that cannot be carried out is answered
with the reason; nothing that comes over the control socket ends the worker but Shutdown.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.media.ports.events import MediaEvent, RelayLost, RoomLost
from splitter.media.relay.latch import LatchRules
from splitter.media.relay.relay import LOOK_S, Relay
from splitter.media.worker.loop import PacketHost, RoomLoop
from splitter.media.worker.protocol import (
    PROTOCOL,
    AnyRelayCommand,
    AnyRoomCommand,
    AwaitVideo,
    CloseRelay,
    CloseRoom,
    Command,
    Done,
    Failed,
    Hello,
    Join,
    Joined,
    JoinedSecure,
    JoinSecure,
    Leave,
    OpenRelay,
    OpenRoom,
    ParticipantCounts,
    Ping,
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
    Shutdown,
    SnapshotTaken,
    Status,
    TakeSnapshot,
)

if TYPE_CHECKING:
    from splitter.media.room.room import Room
    from splitter.media.slate.slate import Slate

log = structlog.get_logger(__name__)

T = TypeVar("T")

Emit = Callable[[str, MediaEvent], None]
Answer = Result | asyncio.Future[Result]
"""A result, or the promise of one where a command takes its time: a snapshot waits for a key frame."""


@dataclass(frozen=True, slots=True)
class _OpenRoom:
    room: Room
    loop: RoomLoop


class Dispatcher:
    """All that one worker carries.

    Args:
        host: its sockets and timers.
        rules: of latching.
        emit: takes the id of a relay or room and its event, for the gateway.

    Attributes:
        slate: what rooms show while no seat does; None where video cannot be had, then there are no rooms.
    """

    def __init__(self, host: PacketHost, rules: LatchRules, emit: Emit) -> None:
        self._host = host
        self._rules = rules
        self._emit = emit
        self._relays: dict[str, Relay] = {}
        self._rooms: dict[str, _OpenRoom] = {}
        self.slate: Slate | None = None
        self._promised: set[asyncio.Task[Result]] = set()
        self._timer = host.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        for relay in self._relays.values():
            relay.look()
        self._timer = self._host.call_later(LOOK_S, self._look)

    def __len__(self) -> int:
        return len(self._relays) + len(self._rooms)

    def status(self) -> Status:
        free = self._host.ports.free(time.monotonic())
        return Status(PROTOCOL, os.getpid(), len(self._relays), len(self._rooms), free)

    def handle(self, command: Command) -> Answer:
        """Carry out one command. Never raises, nor does what is promised."""
        try:
            answer = self._handle(command)
        except Exception as fault:
            return self._failed(command, fault)
        if not isinstance(answer, asyncio.Future):
            return answer
        promised = asyncio.ensure_future(self._kept(command, answer))
        self._promised.add(promised)
        promised.add_done_callback(self._promised.discard)
        return promised

    async def _kept(self, command: Command, promised: asyncio.Future[Result]) -> Result:
        """What fails later failed in a thread, over a stranger's picture: the room itself is in order."""
        try:
            return await promised
        except (MediaUnavailable, LocalError) as fault:
            return self._failed(command, fault)
        except Exception as fault:
            log.error("command failed", command=type(command).__name__, exc_info=fault)
            return Failed("fault", f"{type(fault).__name__}: {fault}")

    def _failed(self, command: Command, fault: Exception) -> Failed:
        """What is answered where something was raised."""
        if isinstance(fault, MediaUnavailable):
            return Failed("unavailable", str(fault), fault.retry_after_s)
        if isinstance(fault, LocalError):
            return Failed("fault", str(fault))
        if isinstance(fault, _Gone):
            return Failed("gone", str(fault))
        log.error("command failed", command=type(command).__name__, exc_info=fault)
        self._give_up(command, fault)
        return Failed("fault", f"{type(fault).__name__}: {fault}")

    def _handle(self, command: Command) -> Answer:
        match command:
            case Ping():
                return self.status()
            case Hello() | Shutdown():
                return Failed("fault", "the worker is at work already")
            case AwaitVideo():
                return Done() if self.slate is not None else Failed("fault", "no slate: no video in this worker")
            case OpenRelay() | SetRemote() | SendDigit() | CloseRelay() | ReportRelay():
                return self._handle_relay(command)
            case _:
                return self._handle_room(command)

    def _give_up(self, command: Command, fault: Exception) -> None:
        """A command raised what it must not: its relay or room is in an unknown state."""
        match command:
            case SetRemote() | SendDigit() | ReportRelay() | CloseRelay():
                self._lose_relay(command.relay_id, fault)
            case Hello() | Ping() | Shutdown() | OpenRelay() | OpenRoom() | AwaitVideo():
                pass
            case _:
                self._lose_room(command.room_id, fault)

    # ---- relays --------------------------------------------------------------------------------------------------

    def _handle_relay(self, command: AnyRelayCommand) -> Result:
        match command:
            case OpenRelay():
                return self._open_relay(command)
            case CloseRelay(relay_id=relay_id):
                relay = self._relays.pop(relay_id, None)
                return RelayCounts(None if relay is None else relay.close())
            case ReportRelay(relay_id=relay_id):
                found = self._relays.get(relay_id)
                return RelayCounts(None if found is None else found.report())
            case SetRemote(relay_id=relay_id, side=side, remote=remote):
                self._relay(relay_id, side).set_remote(side, remote)
                return Done()
            case SendDigit(relay_id=relay_id, side=side, digit=digit):
                self._relay(relay_id, side).send_digit(side, digit)
                return Done()

    def _relay(self, relay_id: str, side: int) -> Relay:
        if relay_id not in self._relays:
            raise _Gone(f"no relay {relay_id}")
        relay = self._relays[relay_id]
        if not 0 <= side < len(relay.sides):
            raise LocalError(f"a relay has no side {side}")
        return relay

    def _open_relay(self, command: OpenRelay) -> Result:
        relay_id = command.relay_id
        if relay_id in self._relays:
            raise LocalError(f"relay {relay_id} is open already")
        relay = Relay(
            command.call_id,
            relay_id,
            command.sides,
            self._host,
            self._rules,
            partial(self._emit, relay_id),
            lambda fault: self._lose_relay(relay_id, fault),
        )
        self._relays[relay_id] = relay
        return RelayOpened(tuple(side.ports for side in relay.sides))

    def _lose_relay(self, relay_id: str, fault: Exception) -> None:
        relay = self._relays.pop(relay_id, None)
        if relay is None:
            return
        log.error("relay lost", call=relay.call_id, relay=relay_id, exc_info=fault)
        try:
            relay.close()
        finally:
            self._emit(relay_id, RelayLost(relay.call_id, relay_id, _reason(fault)))

    # ---- rooms ---------------------------------------------------------------------------------------------------

    def _handle_room(self, command: AnyRoomCommand) -> Answer:
        if isinstance(command, OpenRoom):
            return self._open_room(command)
        held = self._rooms.get(command.room_id)
        if held is None:
            if isinstance(command, CloseRoom | ReportRoom):
                return RoomCounts(None)
            if isinstance(command, Leave):
                return ParticipantCounts(None)
            raise _Gone(f"no room {command.room_id}")
        if isinstance(command, CloseRoom):
            return self._close_room(command.room_id)
        return _command_room(held.room, command)

    def _open_room(self, command: OpenRoom) -> Result:
        room_id = command.room_id
        if room_id in self._rooms:
            raise LocalError(f"room {room_id} is open already")
        if self.slate is None:
            raise MediaUnavailable("no slate: video is out of order in this worker")
        from splitter.media.room.room import Room  # loaded along with the slate

        loop = RoomLoop(self._host, lambda fault: self._lose_room(room_id, fault))
        room = Room(command.call_id, room_id, loop, self.slate, partial(self._emit, room_id))
        self._rooms[room_id] = _OpenRoom(room, loop)
        return Done()

    def _close_room(self, room_id: str) -> Result:
        held = self._rooms.pop(room_id)
        try:
            return RoomCounts(held.room.close())
        finally:
            held.loop.close()

    def _lose_room(self, room_id: str, fault: Exception) -> None:
        held = self._rooms.pop(room_id, None)
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

    def close(self) -> None:
        """Close everything. What was promised is not kept."""
        self._timer.cancel()
        for promised in self._promised:
            promised.cancel()
        for relay_id in list(self._relays):
            self._relays.pop(relay_id).close()
        for room_id in list(self._rooms):
            self._close_room(room_id)


def _command_room(room: Room, command: AnyRoomCommand) -> Answer:
    match command:
        case Join(name=name, host=host):
            return Joined(room.join(name, host))
        case JoinSecure(name=name, host=host, advertised=advertised):
            return JoinedSecure(*room.join_secure(name, host, advertised))
        case RestartIce(name=name):
            return JoinedSecure(*room.restart_ice(name))
        case SetParticipant(name=name, media=media):
            room.set_participant(name, media)
        case Show(viewer=viewer, source=source):
            room.show(viewer, source)
        case PutPicture(picture_id=picture_id, image=image):
            return _promise(partial(room.put_picture, picture_id, image), lambda _: Done())
        case TakeSnapshot(name=name):
            return _promise(partial(room.snapshot, name), SnapshotTaken)
        case RequestKeyFrame(name=name):
            room.request_key_frame(name)
        case Leave(name=name):
            return ParticipantCounts(room.leave(name))
        case ReportRoom():
            return RoomCounts(room.report())
    return Done()


def _promise(begin: Callable[[Callable[[T | Exception], None]], None], result: Callable[[T], Result]) -> Answer:
    """Begin what is told later how it ended: with a value, or with what went wrong."""
    promised: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def ended(value: T | Exception) -> None:
        if promised.done():
            return
        if isinstance(value, Exception):
            promised.set_exception(value)
        else:
            promised.set_result(result(value))

    begin(ended)
    return promised


def _reason(fault: Exception) -> str:
    return f"fault in the media worker: {type(fault).__name__}: {fault}"


class _Gone(Exception):
    """A command names what is not here (any more)."""
