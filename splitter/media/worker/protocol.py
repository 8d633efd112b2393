"""What the gateway and its media workers say to each other. Pure.

A frame is a length (4 bytes, big endian) and that many bytes of MessagePack. Towards the worker: Call(id, command).
Back: Reply(id, result), in any order, and Notice(owner, event) at any time. Commands, results and events are encoded
inside their envelope, so that one that cannot be understood spoils nothing but itself and is still answered.

Ids of relays and rooms are chosen by the gateway. Commands take effect in the order they are sent: whoever gives up
waiting for an Open sends the Close after it, and nothing is left open.
"""

from __future__ import annotations

from typing import get_args

import msgspec

from splitter.core.errors import LocalError
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.rooms import ParticipantMedia, ParticipantReport, RoomReport, Snapshot
from splitter.media.ports.voice import RelayReport
from splitter.rtp.telephone_event import Digit
from splitter.sdp.webrtc import SecureLocal

PROTOCOL = 6
FRAME_LIMIT_BYTES = 1 << 23  # a snapshot of 1920x1080 fits, however little it can be compressed
_LENGTH_BYTES = 4


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of commands and results; the tag is the class's name."""


# ---- commands ----------------------------------------------------------------------------------------------------


class Hello(Message, frozen=True):
    """The first command: who we are and what the worker may use.

    Attributes:
        protocol: a worker of another version answers Failed and is of no use.
        ports: first and last of its slice of the range.
        resting: pairs of a predecessor that must not be used yet, each with the seconds that are left.
    """

    protocol: int
    ports: tuple[int, int]
    quarantine_s: float
    resting: list[tuple[int, float]]
    slate_text: str
    slate_picture: str
    latch_window_s: float


class Ping(Message, frozen=True):
    """Are you alive, and how busy?"""


class Shutdown(Message, frozen=True):
    """Close everything and exit."""


class OpenRelay(Message, frozen=True):
    """`sides`: of each, what events call it and the address to bind."""

    call_id: str
    relay_id: str
    sides: tuple[tuple[str, str], ...]


class SetRemote(Message, frozen=True):
    relay_id: str
    side: int
    remote: RemoteEnd | None


class SendDigit(Message, frozen=True):
    relay_id: str
    side: int
    digit: Digit


class CloseRelay(Message, frozen=True):
    relay_id: str


class ReportRelay(Message, frozen=True):
    relay_id: str


class RoomCommand(Message, frozen=True):
    """Base of the commands that need the slate."""

    room_id: str


class AwaitVideo(RoomCommand, frozen=True):
    """Answer Done once rooms open as quickly as ever; names no room (`room_id` is "")."""


class OpenRoom(RoomCommand, frozen=True):
    call_id: str


class Join(RoomCommand, frozen=True):
    name: str
    host: str


class JoinSecure(RoomCommand, frozen=True):
    """`host` is bound; `advertised` is what the candidate says."""

    name: str
    host: str
    advertised: str


class RestartIce(RoomCommand, frozen=True):
    name: str


class SetParticipant(RoomCommand, frozen=True):
    name: str
    media: ParticipantMedia | None


class Show(RoomCommand, frozen=True):
    viewer: str
    source: str


class PutPicture(RoomCommand, frozen=True):
    picture_id: str
    image: bytes


class TakeSnapshot(RoomCommand, frozen=True):
    """Answered when a key frame has come and is decoded, or too long has not."""

    name: str


class RequestKeyFrame(RoomCommand, frozen=True):
    name: str


class Leave(RoomCommand, frozen=True):
    name: str


class CloseRoom(RoomCommand, frozen=True):
    pass


class ReportRoom(RoomCommand, frozen=True):
    pass


AnyRoomCommand = (
    AwaitVideo
    | OpenRoom
    | Join
    | JoinSecure
    | RestartIce
    | SetParticipant
    | Show
    | PutPicture
    | TakeSnapshot
    | RequestKeyFrame
    | Leave
    | CloseRoom
    | ReportRoom
)
AnyRelayCommand = OpenRelay | SetRemote | SendDigit | CloseRelay | ReportRelay
Command = Hello | Ping | Shutdown | AnyRelayCommand | AnyRoomCommand


# ---- results -----------------------------------------------------------------------------------------------------


class Done(Message, frozen=True):
    pass


class Failed(Message, frozen=True):
    """The command was not carried out.

    Attributes:
        kind: "unavailable" (no ports), "gone" (unknown relay, room or participant) or "fault" (a bug, or nonsense).
    """

    kind: str
    reason: str
    retry_after_s: int = 5


class Status(Message, frozen=True):
    """Answer to Hello and Ping."""

    protocol: int
    pid: int
    relays: int
    rooms: int
    free_ports: int


class RelayOpened(Message, frozen=True):
    """(RTP, RTCP) of each side."""

    ports: tuple[tuple[int, int], ...]


class Joined(Message, frozen=True):
    ports: tuple[int, int]


class JoinedSecure(Message, frozen=True):
    """Answer to JoinSecure and RestartIce."""

    port: int
    local: SecureLocal


class RelayCounts(Message, frozen=True):
    report: RelayReport | None


class ParticipantCounts(Message, frozen=True):
    report: ParticipantReport | None


class RoomCounts(Message, frozen=True):
    report: RoomReport | None


class SnapshotTaken(Message, frozen=True):
    snapshot: Snapshot


Result = (
    Done
    | Failed
    | Status
    | RelayOpened
    | Joined
    | JoinedSecure
    | RelayCounts
    | ParticipantCounts
    | RoomCounts
    | SnapshotTaken
)


# ---- envelopes and frames ----------------------------------------------------------------------------------------


class Call(msgspec.Struct, frozen=True):
    id: int
    command: msgspec.Raw


class Reply(msgspec.Struct, frozen=True, tag=True):
    id: int
    result: msgspec.Raw


class Notice(msgspec.Struct, frozen=True, tag=True):
    """An event of the relay or room with the id `owner`; `name` is the event's class."""

    owner: str
    name: str
    event: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_calls = msgspec.msgpack.Decoder(Call)
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_answers: msgspec.msgpack.Decoder[Reply | Notice] = msgspec.msgpack.Decoder(Reply | Notice)
_results: msgspec.msgpack.Decoder[Result] = msgspec.msgpack.Decoder(Result)
_events = {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in get_args(MediaEvent)}


class ProtocolError(LocalError):
    """The other process sent what this version does not understand."""


def _frame(envelope: Call | Reply | Notice) -> bytes:
    body = _encoder.encode(envelope)
    if len(body) > FRAME_LIMIT_BYTES:
        raise ProtocolError(f"a message of {len(body)} bytes is over the limit")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def write_call(id: int, command: Command) -> bytes:
    return _frame(Call(id, msgspec.Raw(_encoder.encode(command))))


def write_reply(id: int, result: Result) -> bytes:
    return _frame(Reply(id, msgspec.Raw(_encoder.encode(result))))


def write_event(owner: str, event: MediaEvent) -> bytes:
    return _frame(Notice(owner, type(event).__name__, msgspec.Raw(_encoder.encode(event))))


def read_call(body: bytes) -> Call:
    """The envelope alone. Raises ProtocolError."""
    try:
        return _calls.decode(body)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a call: {error}") from error


def read_command(call: Call) -> Command:
    """Raises ProtocolError."""
    try:
        return _commands.decode(call.command)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a command: {error}") from error


def read_answer(body: bytes) -> Reply | Notice:
    """Raises ProtocolError."""
    try:
        return _answers.decode(body)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not an answer: {error}") from error


def read_result(reply: Reply) -> Result:
    """Raises ProtocolError."""
    try:
        return _results.decode(reply.result)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a result: {error}") from error


def read_event(notice: Notice) -> MediaEvent:
    """Raises ProtocolError."""
    try:
        event: MediaEvent = _events[notice.name].decode(notice.event)
    except (msgspec.MsgspecError, KeyError) as error:
        raise ProtocolError(f"not an event: {notice.name!r}: {error}") from error
    return event


class Framer:
    """Cuts a byte stream into the bodies of frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; return the bodies that are complete.

        Raises:
            ProtocolError: a length beyond the limit. The stream cannot be read any further.
        """
        self._data += data
        bodies: list[bytes] = []
        at = 0
        while len(self._data) - at >= _LENGTH_BYTES:
            length = int.from_bytes(self._data[at : at + _LENGTH_BYTES], "big")
            if length > FRAME_LIMIT_BYTES:
                raise ProtocolError(f"a frame of {length} bytes is over the limit")
            end = at + _LENGTH_BYTES + length
            if len(self._data) < end:
                break
            bodies.append(bytes(self._data[at + _LENGTH_BYTES : end]))
            at = end
        del self._data[:at]
        return bodies
