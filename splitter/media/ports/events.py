"""What engines tell the calls that media belong to. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from enum import StrEnum

from splitter.core.frozen import frozen
from splitter.core.net import Address


@frozen
class MediaStarted:
    """The first accepted packet arrived. `end`: the name of a relay's side, or of a participant of a room.

    `at`: Unix seconds; 0 where that is not said.
    """

    call_id: str
    kind: str  # "audio" or "video"
    end: str
    source: Address
    at: float = field(default=0.0, compare=False)


@frozen
class StrangerHeard:
    """A stream came from where SDP did not say, and nothing else for some time; it is not taken.

    `kind` and `end`: as of MediaStarted. Told once after each time that SDP named the peer.
    """

    call_id: str
    kind: str
    end: str
    source: Address
    packets: int


@frozen
class KeysDoubted:
    """Encrypted packets of a stream come, and none can be decrypted: the keys that SDP told are not the peer's.

    `kind` and `end`: as of MediaStarted. Told once after each time that SDP told keys.
    """

    call_id: str
    kind: str
    end: str
    source: Address


@frozen
class SourceShown:
    """`viewer` is now shown `source` ("slate", "picture:ID" or a participant's name), from a key frame on."""

    call_id: str
    viewer: str
    source: str
    reason: str


@frozen
class KeyFrameWanted:
    """The room needs a key frame from `participant`, who negotiated no RTCP feedback: ask by SIP INFO (RFC 5168)."""

    call_id: str
    participant: str


@frozen
class PictureStopped:
    """A participant that was sending video sends none any more: for the configured time, or it said goodbye."""

    call_id: str
    participant: str
    reason: str  # in words


@frozen
class TransportChanged:
    """The WebRTC transport of a participant changed its state.

    `state`: "connecting", "connected" (ICE and DTLS are done), "interrupted" (no consent for some seconds; it may come
    back, by itself or by an ICE restart) or "failed" (it will not; `reason` says why).
    """

    call_id: str
    participant: str
    state: str
    reason: str


@frozen
class SourceUnfit:
    """`viewer` is not shown `source`: its picture is larger than what the viewer can take.

    What was shown before stays, or the slate comes; `source` is shown as soon as its picture fits.
    """

    call_id: str
    viewer: str
    source: str
    reason: str


@frozen
class SpeakerChanged:
    """Another side of a mix speaks: the loudest, once it has been so for a moment. `end`: its name; "" for silence."""

    call_id: str
    end: str


class PeerClaim(StrEnum):
    """The word of a peer's RTCP on its voice, while none of it comes.

    Attributes:
        NOTHING: it sends no RTCP.
        QUIET: it is there, and sends no voice: muted, or it pauses.
        SENDS: it sends; that is lost on the way.
    """

    NOTHING = "nothing"
    QUIET = "quiet"
    SENDS = "sends"


@frozen
class VoiceMissed:
    """A side that was pointed is silent; told again as that lasts.

    Whether that is a fault the engine does not know: it may be on hold.

    Attributes:
        end: the side's name.
        since: Unix seconds: of its last packet, or of when it was last pointed.
        lasted_s: as long by now.
        never: none ever came.
    """

    call_id: str
    end: str
    since: float
    lasted_s: float
    never: bool
    claim: PeerClaim


@frozen
class VoiceReturned:
    """The voice of a side that was missed comes (again). `at`: Unix seconds."""

    call_id: str
    end: str
    at: float


@frozen
class EnginePassedOver:
    """The engine that is to carry this call's voice cannot; another one does, or fails as well."""

    call_id: str
    reason: str


@frozen
class VoiceOffloaded:
    """The kernel has the voice of this relay, or the worker has it (again).

    Attributes:
        reason: why the worker has it, in words.
        fault: something took it from the kernel that nobody here asked for.
    """

    call_id: str
    in_kernel: bool
    reason: str = ""
    fault: bool = False


@frozen
class RelayLost:
    """What carried this relay, a worker or an rtpengine, died; the relay is gone."""

    call_id: str
    relay_id: str
    reason: str


@frozen
class RoomLost:
    """The worker that held this room died; the room is gone."""

    call_id: str
    room_id: str
    reason: str


@frozen
class AdapterLost:
    """The adapter is gone with its worker; the browser has to come by another one."""

    call_id: str
    adapter_id: str
    reason: str


@frozen
class MosaicLost:
    """The process that made this mosaic died, or could not keep up; the mosaic is gone."""

    call_id: str
    mosaic_id: str
    reason: str


MediaEvent = (
    MediaStarted
    | StrangerHeard
    | KeysDoubted
    | SourceShown
    | KeyFrameWanted
    | PictureStopped
    | TransportChanged
    | SourceUnfit
    | SpeakerChanged
    | VoiceMissed
    | VoiceReturned
    | EnginePassedOver
    | VoiceOffloaded
    | RelayLost
    | RoomLost
    | AdapterLost
    | MosaicLost
)
MediaListener = Callable[[MediaEvent], None]
