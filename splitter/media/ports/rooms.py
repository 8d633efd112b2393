"""What calls ask of an engine for their video. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from splitter.core.frozen import frozen
from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.media.ports.events import MediaListener
from splitter.sdp.video import VideoFormat
from splitter.sdp.webrtc import SecureLocal, SecureRemote

LOOPBACK = "(loopback)"
"""Name of the network inside this machine: no network of a configuration can be called so."""

PICTURES_KEPT = 16
"""How many pictures a room keeps."""

PICTURE_LIMIT_BYTES = 2 << 20
"""How large the image file of one may be."""


@frozen
class RoomHandle:
    """An open video room."""

    room_id: str
    call_id: str


@frozen
class ParticipantHandle:
    """One member of a room: "caller", or a seat's name such as "seat-1".

    `secure`: our side of its WebRTC transport; None where it speaks plain RTP. `local` then names its one port twice.
    `beside`: the one on whose transport it is; "" where it has its own. Then `secure` says no more than its SSRC, and
    `local` nothing.
    """

    room: RoomHandle
    name: str
    local: LocalEnd
    secure: SecureLocal | None = None
    beside: str = ""


def handle_beside(room: RoomHandle, name: str, other: str, ssrc: int, cname: str) -> ParticipantHandle:
    """Make the handle of a participant on another one's transport; what becomes of that changes nothing in it."""
    return ParticipantHandle(room, name, LocalEnd("", 0, 0), SecureLocal("", "", "", (), ssrc, cname), other)


@frozen
class ParticipantMedia:
    """The media that were negotiated with a participant.

    Attributes:
        remote: where its packets go and come from; None for a WebRTC participant, which has `secure` instead.
        send_format: what we may send it: payload type, packetization mode, level, feedback it understands.
        receive_format: what it sends us (payload type as in our SDP, its parameter sets from sprop).
        sending: we send it the chosen source.
        receiving: its packets are taken as a source.
        secure: its side of ICE and DTLS.
        aside: it is shown to others by choice alone (`RoomEngine.show`), never because it sends.
        first: it is the host's: the caller is shown it before others.
    """

    remote: RemoteEnd | None
    send_format: VideoFormat
    receive_format: VideoFormat
    sending: bool = True
    receiving: bool = True
    secure: SecureRemote | None = None
    aside: bool = False
    first: bool = False


@frozen
class CarriedParticipant:
    """A participant as its engine has it.

    Attributes:
        media: what was last set; None while it is paused.
        chosen: what it was last chosen to be shown; "" for the room's own choice.
    """

    handle: ParticipantHandle
    media: ParticipantMedia | None = None
    chosen: str = ""


@frozen
class CarriedRoom:
    """An open room as its engine has it. `pictures`: the IDs of those that can be shown, the oldest first."""

    handle: RoomHandle
    participants: tuple[CarriedParticipant, ...] = ()
    pictures: tuple[str, ...] = ()


@frozen
class ParticipantReport:
    """What a participant of a room sent and received."""

    name: str
    stream: StreamCount
    source: str  # what it is shown: "slate", "none", "picture:ID" or a participant's name
    key_frames_in: int = 0
    key_frame_requests_out: int = 0
    width: int = 0  # of the pictures that it sends; 0 where that is not known
    height: int = 0
    frame_rate: float = 0.0  # of late, estimated
    unfit: str = ""  # why it is not shown what was chosen; "" where it is
    rtt_ms: float = -1.0  # to it and back; -1 where unknown
    loss_reported: float = -1.0  # the fraction of what it was sent that it missed of late; -1 where unknown
    told_kbps: int = 0  # what it can receive, as it told since SDP; 0 where nothing limits it


@frozen
class RoomReport:
    """The room's participants and their counters."""

    room_id: str
    participants: tuple[ParticipantReport, ...]


@frozen
class Snapshot:
    """A still of what a participant sends, decoded by us and turned upright. `taken_at`: Unix seconds."""

    png: bytes
    width: int
    height: int
    taken_at: float


class RoomEngine(Protocol):
    """The rooms of calls; see the package for what holds of every request."""

    async def open_room(self, call_id: str, on_event: MediaListener) -> RoomHandle:
        """Open an empty room."""
        ...

    async def begin_room(self, call_id: str, name: str, network: str, on_event: MediaListener) -> ParticipantHandle:
        """Open a room and `join` it as the first, by one request: both, or nothing."""
        ...

    async def adopt_room(self, room: RoomHandle, on_event: MediaListener) -> CarriedRoom:
        """Take up a room that was opened by a gateway before this one; see `survivors`. No packet of it is lost.

        Returns: who is in it, and what is in force. Whoever is there and should not be is to `leave`; the handles of
        those who have stayed equal those that were given when they joined, or restarted ICE.
        """
        ...

    async def restore_room(
        self, room: CarriedRoom, networks: Mapping[str, str], on_event: MediaListener
    ) -> CarriedRoom:
        """Open a room again whose worker is gone, with the participants who speak plain RTP, at the same ports.

        Their pictures go on under another SSRC, with a key frame. Keys died with the worker: who speaks WebRTC has to
        join anew. Pictures have to be put again.

        Args:
            networks: by participant, where its ports are.
        Returns: what is in force: who is missing there is not in the room.
        Raises:
            MediaUnavailable: as `VoiceEngine.restore`.
        """
        ...

    async def join(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        """Bind a participant's RTP and RTCP ports on the named network."""
        ...

    async def join_secure(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        """Like `join` for WebRTC: one port for all, ICE credentials and a DTLS fingerprint in `secure` (RFC 8829)."""
        ...

    async def join_beside(self, participant: ParticipantHandle, name: str) -> ParticipantHandle:
        """Let one more in on the transport of one who speaks WebRTC (RFC 8843): another stream of the same client.

        It is shown what is chosen for it, and nothing by itself. The transport stands until the last one has left.
        """
        ...

    async def restart_ice(self, participant: ParticipantHandle) -> ParticipantHandle:
        """New ICE credentials and candidates (RFC 8445 §9); the old path carries on until the new one is there.

        `set_participant` with the peer's new credentials completes it. DTLS goes on (RFC 8842 §5.5).
        """
        ...

    async def set_participant(self, participant: ParticipantHandle, media: ParticipantMedia | None) -> None:
        """Start, change or (None) pause a participant's media. The same again: as in `VoiceEngine.point`."""
        ...

    async def show(self, room: RoomHandle, viewer: str, source: str) -> None:
        """Choose what `viewer` is shown: a participant's name, "slate", "picture:ID", or "" for the room's own choice.

        Takes effect at a key frame of the source; what was shown stays until then.
        """
        ...

    async def put_picture(self, room: RoomHandle, picture_id: str, image: bytes) -> None:
        """Make a still picture (PNG or JPEG, at most 2 MiB) known to the room as the source "picture:ID".

        An ID stands for one content. The PICTURES_KEPT that were put last are there as long as the room is: who
        rebuilds a lost room puts its pictures again. Raises MediaUnavailable, with the reason, where it cannot be
        decoded.
        """
        ...

    async def snapshot(self, room: RoomHandle, participant: str) -> Snapshot:
        """Decode what a participant sends, from a fresh key frame. Raises MediaUnavailable where it sends nothing."""
        ...

    async def request_key_frame(self, participant: ParticipantHandle) -> None:
        """`participant` asked for a key frame of what it is shown (SIP INFO); the broker takes it from there."""
        ...

    async def leave(self, participant: ParticipantHandle) -> ParticipantReport | None:
        """Take a participant out; who watched it sees the slate."""
        ...

    async def close_room(self, room: RoomHandle) -> RoomReport | None:
        """Close the room and all its ports."""
        ...

    async def report_room(self, room: RoomHandle) -> RoomReport | None:
        """The room's counters now."""
        ...
