"""The events of a call: everything that enters its inbox. Pure.

A leg is named by its key, which is unique in its call; see `Call.leg_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

from splitter.calls.alarms import Alarm
from splitter.calls.asks import Asked, Denial
from splitter.calls.binding import Named, Unclear
from splitter.calls.parties import Party
from splitter.core.errors import LocalError, PeerError
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.rooms import Snapshot
from splitter.media.ports.voice import RelayHandle
from splitter.sdp.model import Session
from splitter.sdp.webrtc import SecureLocal, SecureRemote
from splitter.sip.message import Request, Response


@dataclass(frozen=True, slots=True)
class Rang:
    """A provisional response other than 100 to the INVITE we sent on `leg`."""

    leg: str
    response: Response
    session: Session | None
    tag: str  # of the early dialog; "" where the response carried none


@dataclass(frozen=True, slots=True)
class Answered:
    """The first 2xx to the INVITE we sent on `leg`; already acknowledged."""

    leg: str
    response: Response
    session: Session | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The INVITE we sent on `leg` failed; `response` is None where nobody answered (408) or it was not sent (503)."""

    leg: str
    status: int
    reason: str
    response: Response | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The peer of an unanswered incoming INVITE gave up."""

    leg: str
    request: Request


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """ACK to a 2xx of ours; `session` is an answer where our 2xx held an offer.

    `fault`: why the answer cannot be read. It is in force at the peer all the same.
    """

    leg: str
    session: Session | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class AckMissing:
    """A 2xx of ours was not acknowledged for 64*T1 (RFC 3261 §13.3.1.4)."""

    leg: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A re-INVITE came in; answer it with `leg.answer(txn, …)` or `leg.decline(txn, …)`.

    `session` is None for a re-INVITE without an offer: our 2xx makes one. `tag` is the peer's, which names the dialog
    while there are several.
    """

    leg: str
    txn: str
    session: Session | None
    tag: str = ""

    @property
    def offer(self) -> Session:
        """The offer that is in it. Raises LocalError where there is none."""
        if self.session is None:
            raise LocalError("a re-INVITE without an offer was taken for one that has one")
        return self.session


@dataclass(frozen=True, slots=True)
class OfferWithdrawn:
    """The peer cancelled its re-INVITE; it was answered 487 and the session stands as it was. `reason`: its Reason."""

    leg: str
    txn: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Overlooked:
    """A peer broke a rule in a way that can be mended; `words` are for the trace."""

    leg: str
    words: str


@dataclass(frozen=True, slots=True)
class OfferAccepted:
    """A 2xx came to a re-INVITE or UPDATE of ours; it is acknowledged already.

    `early`: the answer came in a reliable provisional response (RFC 3262 §5); the peer may still be asking its user,
    and Refreshed with `offer_done`, or OfferRefused, is to follow.
    `fault`: why the answer cannot be read; `session` is None then. The offer is in force at the peer all the same.
    """

    leg: str
    session: Session | None
    early: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """A re-INVITE of ours failed; the session stands as it was (RFC 3261 §14.1, RFC 6141).

    `retry_after_s` is what the peer's Retry-After asks for.
    """

    leg: str
    status: int
    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class OfferCollided:
    """A re-INVITE of the peer was refused with 491, for one of ours was open; `session` is what it offered."""

    leg: str
    session: Session | None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A request of ours in the dialog came to its end and changed nothing: the leg may be asked again.

    `offer_done`: it was a re-INVITE whose answer had come early (see OfferAccepted).
    """

    leg: str
    offer_done: bool = False


@dataclass(frozen=True, slots=True)
class RefreshFailed:
    """Our session refresh was refused, or nobody answered it (408)."""

    leg: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class KeyFrameAsked:
    """INFO with media_control+xml (RFC 5168): the peer wants a key frame. Already answered 200."""

    leg: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """INFO with a digit; answer it with `leg.reply_info(txn, …)`."""

    leg: str
    txn: str
    request: Request


@dataclass(frozen=True, slots=True)
class Ended:
    """BYE from the peer, already answered. `request` carries Reason and User-to-User where the peer gave them."""

    leg: str
    request: Request


@dataclass(frozen=True, slots=True)
class SeatArrived:
    """A seat's video-only INVITE names this call; `leg` is new and unanswered, `session` is its offer.

    `extension`: of the desk that it is; `by_rule`: the configuration lets it into every call.
    """

    leg: str
    session: Session
    extension: str = ""
    by_rule: bool = False


@dataclass(frozen=True, slots=True)
class AgentNamed:
    """The centre says to whom it gave the call; `sip_call_id`: of the leg on which it does."""

    sip_call_id: str
    said: Named | Unclear


@dataclass(frozen=True, slots=True)
class HangupAsked:
    """An operator, the API or a drain ends the call."""

    reason: str


@dataclass(frozen=True, slots=True)
class TimeUp:
    """An alarm of the call is due."""

    alarm: Alarm


# ---- what came of what the media engine was asked (see `jobs`) ----


@dataclass(frozen=True, slots=True)
class VoiceOpened:
    """The relay that was asked for is open; `turn` says by which request."""

    turn: int
    relay: RelayHandle


@dataclass(frozen=True, slots=True)
class VoiceUnavailable:
    """A relay could not be had: no ports, or no worker."""

    turn: int
    reason: str
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class VoicePointed:
    """A side of a relay sends to `remote` now, or still does not, with the `fault` in words."""

    relay_id: str
    side: int
    remote: RemoteEnd | None
    fault: str = ""


VoiceDoubt = AckMissing | RefreshFailed


@dataclass(frozen=True, slots=True)
class VoiceCounted:
    """The number of packets that came from a side of the voice; it decides what is done `about` something else.

    `packets` is None where the engine cannot tell.
    """

    side: int
    packets: int | None
    about: VoiceDoubt | None


@dataclass(frozen=True, slots=True)
class DigitInserted:
    """A digit went into the voice of the leg `other`, or was lost, with the `fault` in words."""

    pressed: DigitPressed
    other: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DigitPassed:
    """An INFO with a digit was sent on to the leg `other`, which has answered it with `status`."""

    pressed: DigitPressed
    other: str
    status: int


@dataclass(frozen=True, slots=True)
class RoomPrepared:
    """The caller has its place in the room, or cannot have one."""


@dataclass(frozen=True, slots=True)
class VideoCarriedOut:
    """The room does what was negotiated for a participant; `caller_changed`: the caller receives something else now."""

    name: str
    caller_changed: bool


@dataclass(frozen=True, slots=True)
class PlacesMade:
    """Participants of a lost room were given places in the new one."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeatPlaced:
    """A SIP seat has its place in the room, and `answer` says so; or it cannot have one."""

    leg: str
    party: Party
    offer: Session
    answer: Session | PeerError


@dataclass(frozen=True, slots=True)
class SeatRestarted:
    """The room has new ICE credentials for a SIP seat that asked for that in a re-INVITE; `ok`: or has not."""

    offered: Offered
    offer: Session
    party: Party
    remote: SecureRemote
    ok: bool


@dataclass(frozen=True, slots=True)
class ClientPlaced:
    """A WebRTC client has its place in the room, and `answer` says so; or it cannot have one."""

    asked: Asked
    party: Party
    answer: Session | Denial


@dataclass(frozen=True, slots=True)
class ClientRestarted:
    """The room has taken other credentials of a WebRTC client; `local`: new ones of ours. `ok`: or has not."""

    asked: Asked
    local: SecureLocal | None
    ok: bool


@dataclass(frozen=True, slots=True)
class ShownAsAsked:
    """The room shows what a desk chose; or it cannot, and `denial` says why."""

    asked: Asked
    denial: Denial | None = None


@dataclass(frozen=True, slots=True)
class ShowFailed:
    """What a viewer is to see could not be shown again, or not be taken back."""

    viewer: str
    words: str


@dataclass(frozen=True, slots=True)
class StillTaken:
    """A still of a participant is there, or cannot be had."""

    name: str
    found: Snapshot | Denial


LegEvent = (
    Rang
    | Answered
    | Refused
    | Cancelled
    | Acknowledged
    | AckMissing
    | Offered
    | OfferWithdrawn
    | Overlooked
    | OfferAccepted
    | OfferRefused
    | OfferCollided
    | Refreshed
    | RefreshFailed
    | KeyFrameAsked
    | DigitPressed
    | Ended
)
VoiceEvent = VoiceOpened | VoiceUnavailable | VoicePointed | VoiceCounted
JobDone = (
    VoiceEvent
    | DigitInserted
    | DigitPassed
    | RoomPrepared
    | VideoCarriedOut
    | PlacesMade
    | SeatPlaced
    | SeatRestarted
    | ClientPlaced
    | ClientRestarted
    | ShownAsAsked
    | ShowFailed
    | StillTaken
)
CallEvent = LegEvent | AgentNamed | SeatArrived | HangupAsked | Asked | JobDone | TimeUp | MediaEvent
