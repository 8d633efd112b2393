"""The port to media: what calls may ask of an engine and what it tells them. Pure.

A *relay* carries one audio stream between two sides: side 0 faces the caller, side 1 the centre.
A *room* carries one call's video: the caller and the seats are its *participants*; what each of them is shown (its
*source*) is chosen in the room: the caller sees the slate until a seat sends a picture, a seat sees the caller.
No packet passes through this process: ends are named by port here and live in a media worker (or the kernel).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from splitter.core.net import Address
from splitter.rtp.telephone_event import Digit
from splitter.sdp.video import VideoFormat
from splitter.sdp.webrtc import SecureLocal, SecureRemote

PICTURES_KEPT = 16
"""How many pictures a room keeps."""


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """Our ports of one stream. `host` is what SDP says (the advertised address of the network)."""

    host: str
    rtp_port: int
    rtcp_port: int


@dataclass(frozen=True, slots=True)
class RemoteEnd:
    """Where the peer's SDP says it receives.

    Packets are accepted only from `rtp.host`; its port may be relearned from the first packets after each
    `set_remote` (symmetric RTP behind NAT), within the latching window, and never afterwards. `sources`: networks such
    as "10.1.0.0/24" from whose hosts it may be learned as well, until the named address speaks.
    """

    rtp: Address
    rtcp: Address
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RelayHandle:
    """An open relay. `local[0]` faces the caller, `local[1]` the centre."""

    relay_id: str
    call_id: str
    worker: int
    local: tuple[LocalEnd, LocalEnd]


@dataclass(frozen=True, slots=True)
class RoomHandle:
    """An open video room."""

    room_id: str
    call_id: str
    worker: int


@dataclass(frozen=True, slots=True)
class ParticipantHandle:
    """One member of a room: "caller", or a seat's name such as "seat-1".

    `secure`: our side of its WebRTC transport; None where it speaks plain RTP. `local` then names its one port twice.
    """

    room: RoomHandle
    name: str
    local: LocalEnd
    secure: SecureLocal | None = None


@dataclass(frozen=True, slots=True)
class ParticipantMedia:
    """What was negotiated with a participant.

    Attributes:
        remote: where its packets go and come from; None for a WebRTC participant, which has `secure` instead.
        send_format: what we may send it: payload type, packetization mode, level, feedback it understands.
        receive_format: what it sends us (payload type as in our SDP, its parameter sets from sprop).
        sending: we send it the chosen source.
        receiving: its packets are taken as a source.
        secure: its side of ICE and DTLS.
    """

    remote: RemoteEnd | None
    send_format: VideoFormat
    receive_format: VideoFormat
    sending: bool = True
    receiving: bool = True
    secure: SecureRemote | None = None


@dataclass(frozen=True, slots=True)
class StreamCount:
    """Counters of one direction-pair at one end. Jitter in milliseconds (RFC 3550 §6.4.1), -1 where unknown."""

    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0
    lost: int = 0
    rejected: int = 0  # from a source that the signalling did not name
    jitter_ms: float = -1.0


@dataclass(frozen=True, slots=True)
class RelayReport:
    """What a relay carried: side 0 (caller), side 1 (centre)."""

    relay_id: str
    sides: tuple[StreamCount, StreamCount]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class RoomReport:
    """The room's participants and their counters."""

    room_id: str
    participants: tuple[ParticipantReport, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A still of what a participant sends, decoded by us and turned upright. `taken_at`: Unix seconds."""

    png: bytes
    width: int
    height: int
    taken_at: float


# ---- what an engine tells: events --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """The first accepted packet arrived. `end`: "caller"/"centre" of a relay, or a participant's name in a room."""

    call_id: str
    kind: str  # "audio" or "video"
    end: str
    source: Address


@dataclass(frozen=True, slots=True)
class StrangerHeard:
    """For some time nothing but this came: a stream from where SDP did not say, and which is not taken.

    `kind` and `end`: as of MediaStarted. Told once after each time that SDP named the peer.
    """

    call_id: str
    kind: str
    end: str
    source: Address
    packets: int


@dataclass(frozen=True, slots=True)
class SourceShown:
    """`viewer` is now shown `source` ("slate", "picture:ID" or a participant's name), from a key frame on."""

    call_id: str
    viewer: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """The room needs a key frame from `participant`, who negotiated no RTCP feedback: ask by SIP INFO (RFC 5168)."""

    call_id: str
    participant: str


@dataclass(frozen=True, slots=True)
class PictureStopped:
    """A participant that was sending video has sent none for the configured time."""

    call_id: str
    participant: str
    silent_s: float


@dataclass(frozen=True, slots=True)
class TransportChanged:
    """The WebRTC transport of a participant changed its state.

    `state`: "connecting", "connected" (ICE and DTLS are done), "interrupted" (no consent for some seconds; it may come
    back, by itself or by an ICE restart) or "failed" (it will not; `reason` says why).
    """

    call_id: str
    participant: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceUnfit:
    """`viewer` is not shown `source`: its picture is larger than what the viewer can take.

    What was shown before stays, or the slate comes; `source` is shown as soon as its picture fits.
    """

    call_id: str
    viewer: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class RelayLost:
    """The worker that carried this relay died; the relay is gone."""

    call_id: str
    relay_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RoomLost:
    """The worker that held this room died; the room is gone."""

    call_id: str
    room_id: str
    reason: str


MediaEvent = (
    MediaStarted
    | StrangerHeard
    | SourceShown
    | KeyFrameWanted
    | PictureStopped
    | TransportChanged
    | SourceUnfit
    | RelayLost
    | RoomLost
)
MediaListener = Callable[[MediaEvent], None]


class MediaEngine(Protocol):
    """Relays and rooms. Every request is bounded in time and raises MediaUnavailable or MediaTimeout.

    Closing what is already gone is not an error: it returns None.
    """

    async def open_relay(self, call_id: str, networks: tuple[str, str], on_event: MediaListener) -> RelayHandle:
        """Bind four ports: RTP and RTCP on each of the two named networks."""
        ...

    async def set_remote(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        """Say where side 0 or 1 sends and receives; None stops sending there. Restarts the latching window.

        The same again: its port may be learned anew, and what is in force goes on meanwhile.
        """
        ...

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        """Let side 0 or 1 hear a digit, in the voice that it gets (RFC 4733). Returns before it is over."""
        ...

    async def close_relay(self, relay: RelayHandle) -> RelayReport | None:
        """Close the relay; its ports go into quarantine."""
        ...

    async def open_room(self, call_id: str, on_event: MediaListener) -> RoomHandle:
        """Open an empty room."""
        ...

    async def join(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        """Bind a participant's RTP and RTCP ports on the named network."""
        ...

    async def join_secure(self, room: RoomHandle, name: str, network: str) -> ParticipantHandle:
        """Like `join` for WebRTC: one port for all, ICE credentials and a DTLS fingerprint in `secure` (RFC 8829)."""
        ...

    async def restart_ice(self, participant: ParticipantHandle) -> ParticipantHandle:
        """New ICE credentials and candidates (RFC 8445 §9); the old path carries on until the new one is there.

        `set_participant` with the peer's new credentials completes it. DTLS goes on (RFC 8842 §5.5).
        """
        ...

    async def set_participant(self, participant: ParticipantHandle, media: ParticipantMedia | None) -> None:
        """Start, change or (None) pause a participant's media. The same again: as in `set_remote`."""
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

    async def report_relay(self, relay: RelayHandle) -> RelayReport | None:
        """The relay's counters now."""
        ...

    async def report_room(self, room: RoomHandle) -> RoomReport | None:
        """The room's counters now."""
        ...
