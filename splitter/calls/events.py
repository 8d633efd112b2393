"""The events of a call: everything that enters its inbox. Pure.

A leg is named by its key, which is unique in its call; see `LiveCall.leg_of`. Those of legs stand in `leg_events`.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm
from splitter.calls.asks import Asked, Denial
from splitter.calls.leg_events import (
    AckMissing,
    DigitPressed,
    LegEvent,
    Offered,
    RefreshFailed,
)
from splitter.calls.parties import Party
from splitter.calls.peers.binding import Named, Unclear
from splitter.calls.states import Lack, RecordingState, Side
from splitter.core.errors import PeerError
from splitter.core.frozen import frozen
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.mosaics import MosaicPlan
from splitter.media.ports.rooms import Snapshot
from splitter.media.ports.voice import CarriedRelay, Hearing, RelayHandle, SideHandle, SideSpec
from splitter.sdp.model import Session
from splitter.sdp.webrtc import SecureLocal, SecureRemote


@frozen
class SeatArrived:
    """A seat's video-only INVITE names this call; `leg` is new and unanswered, `session` is its offer.

    `extension`: of the desk that it is; `by_rule`: the configuration lets it into every call.
    """

    leg: str
    session: Session
    extension: str = ""
    by_rule: bool = False


@frozen
class AgentNamed:
    """The centre says to whom it gave the call; `sip_call_id`: of the leg on which it does."""

    sip_call_id: str
    said: Named | Unclear


@frozen
class HangupAsked:
    """An operator, the API or a drain ends the call."""

    reason: str


@frozen
class TimeUp:
    """An alarm of the call is due."""

    alarm: Alarm


# ---- what came of what the media engine was asked (see `jobs`) ----


@frozen
class VoiceOpened:
    """The relay that was asked for is open; `turn` says by which request, `sides` what it was opened with.

    `again`: what is in force, where it is the former relay at the ports that it had.
    """

    turn: int
    relay: RelayHandle
    sides: tuple[SideSpec, ...]
    again: CarriedRelay | None = None


@frozen
class VoiceUnavailable:
    """A relay could not be had: no ports, or no worker."""

    turn: int
    reason: str
    retry_after_s: float


@frozen
class VoicePointed:
    """A side of a relay sends to `remote` now, or still does not, with the `fault` in words."""

    relay_id: str
    side: str
    remote: RemoteEnd | None
    fault: str = ""


@frozen
class VoiceAdded:
    """A relay has one side more; or has not, with the `fault` in words."""

    relay_id: str
    name: str
    handle: SideHandle | None
    fault: str = ""


@frozen
class HearingSet:
    """The sides of a relay hear each other as was said; or do not, with the `fault` in words."""

    relay_id: str
    hearing: Hearing
    fault: str = ""


VoiceDoubt = AckMissing | RefreshFailed


@frozen
class VoiceCounted:
    """The number of packets that came from a side of the voice; it decides what is done `about` something else.

    `packets` is None where the engine cannot tell.
    """

    side: Side
    packets: int | None
    about: VoiceDoubt | None


@frozen
class DigitInserted:
    """A digit went into the voice of the leg `other`, or was lost, with the `fault` in words."""

    pressed: DigitPressed
    other: str
    fault: str = ""


@frozen
class DigitPassed:
    """An INFO with a digit was sent on to the leg `other`, which has answered it with `status`."""

    pressed: DigitPressed
    other: str
    status: int


@frozen
class RoomPrepared:
    """The caller has its place in the room, or cannot have one."""


@frozen
class VideoCarriedOut:
    """The room does what was negotiated for a participant; `caller_changed`: the caller receives something else now."""

    name: str
    caller_changed: bool


@frozen
class PlacesMade:
    """Participants of a lost room were given places in the new one."""

    names: tuple[str, ...]


@frozen
class PlacesLost:
    """The room goes on without these: they speak WebRTC, and their transports died. Nor has it pictures any more."""

    names: tuple[str, ...]


@frozen
class SeatPlaced:
    """A SIP seat has its place in the room, and `answer` says so; or it cannot have one."""

    leg: str
    party: Party
    offer: Session
    answer: Session | PeerError


@frozen
class PhonePlaced:
    """A phone that was invited has its place in the room; `lack`: why it cannot have one."""

    name: str
    lack: Lack | None


@frozen
class SeatRestarted:
    """The room has new ICE credentials for a SIP seat that asked for that in a re-INVITE; `ok`: or has not."""

    offered: Offered
    offer: Session
    party: Party
    remote: SecureRemote
    ok: bool


@frozen
class ClientPlaced:
    """A WebRTC client has its place in the room, and `answer` says so; or it cannot have one."""

    asked: Asked
    party: Party
    answer: Session | Denial


@frozen
class ClientRestarted:
    """The room has taken other credentials of a WebRTC client; `local`: new ones of ours. `ok`: or has not."""

    asked: Asked
    local: SecureLocal | None
    ok: bool


@frozen
class StreamsOpened:
    """The room shows others to a WebRTC client in streams of their own; or it cannot.

    `shown`: by participant, the source. `streams`: the same by the mid of the line.
    """

    watch: Asked
    party: Party
    answer: Session | Denial
    shown: tuple[tuple[str, str], ...] = ()
    streams: tuple[tuple[str, str], ...] = ()


@frozen
class ShownAsAsked:
    """The room shows what a desk chose; or it cannot, and `denial` says why."""

    asked: Asked
    denial: Denial | None = None


@frozen
class ShowFailed:
    """A picture could not be shown to a viewer again, or not be taken back."""

    viewer: str
    words: str


@frozen
class MosaicSet:
    """The mosaic that was asked for is begun or changed; or it cannot be had, and `fault` says why."""

    plan: MosaicPlan | None
    fault: str = ""


@frozen
class StillTaken:
    """A still of a participant is there, or cannot be had."""

    name: str
    found: Snapshot | Denial


@frozen
class RecorderSaid:
    """The recorder does what was wanted of a recording, or says why not."""

    recording: str
    state: RecordingState
    fault: str = ""
    left_out: tuple[str, ...] = ()


@frozen
class TapSet:
    """A relay or room is copied to a recording but for those who are left out, or ("") no longer; or it cannot be."""

    media_id: str
    recording: str
    fault: str = ""
    left_out: tuple[str, ...] = ()


@frozen
class RecordingTrouble:
    """A recording, or ("") all, had to stop."""

    recording: str
    reason: str


@frozen
class RecorderBack:
    """The recorder can be asked, and knows nothing of what was asked before."""


@frozen
class RecordedElsewhere:
    """A recorder of somebody else's has taken a recording; or none does, which is a `fault`.

    Attributes:
        words: by which one, or why not.
        alone: nothing else records it.
    """

    recording: str
    words: str
    fault: bool
    alone: bool


RecordingEvent = RecorderSaid | TapSet | RecordingTrouble | RecorderBack | RecordedElsewhere
VoiceEvent = VoiceOpened | VoiceUnavailable | VoicePointed | VoiceAdded | HearingSet | VoiceCounted
JobDone = (
    VoiceEvent
    | DigitInserted
    | DigitPassed
    | RoomPrepared
    | VideoCarriedOut
    | PlacesMade
    | PlacesLost
    | SeatPlaced
    | PhonePlaced
    | SeatRestarted
    | ClientPlaced
    | ClientRestarted
    | StreamsOpened
    | ShownAsAsked
    | ShowFailed
    | MosaicSet
    | StillTaken
    | RecordingEvent
)
CallEvent = LegEvent | AgentNamed | SeatArrived | HangupAsked | Asked | JobDone | TimeUp | MediaEvent
