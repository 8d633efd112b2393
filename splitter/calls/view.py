"""A call as operators see it: what the API, the CLI and the store show. Pure."""

from __future__ import annotations

from dataclasses import field, replace

from splitter.calls.after.wrap_up import WrapUpView
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.states import (
    CallState,
    CameraState,
    Direction,
    ForkWish,
    LegState,
    PartyKind,
    PartyState,
    PhonePart,
    PhoneState,
    RecordingState,
    VideoState,
)
from splitter.core.frozen import frozen
from splitter.sdp.video import Limits


@frozen
class LegView:
    """One leg. `name` is "caller", "centre" or "seat-1" …; `state` early, confirmed or ended."""

    name: str
    trunk: str
    peer: str
    sip_call_id: str
    state: LegState
    audio: str  # negotiated codec and direction, e.g. "PCMA/8000 sendrecv"; "" where none
    video: str  # e.g. "H264 42e01f mode 1 sendrecv"; "" where none


@frozen
class PartyView:
    """A party of the call's room besides the caller.

    `name`: "seat-1", "desk-1", "guest-1", "expert-1" …; `kind`: "sip", "webrtc", "guest" (the caller's own browser) or
    "expert"; `state`: "joining", "connected", "interrupted" (it may come back) or "left". `sends`: a picture of it
    comes. `showing`: what it sees. `title`: what people call it, "" where nobody has said. `camera`: what its browser
    says of its camera, "" where it has said nothing. `hidden`: a supervisor, of whom desks are told nothing. `lack`:
    what kept it out, "no-ports" or "no-media"; "" for nothing.
    """

    name: str
    kind: PartyKind
    extension: str = ""
    client: str = ""
    state: PartyState = PartyState.JOINING
    sends: bool = False
    showing: str = "none"
    title: str = ""
    camera: CameraState = CameraState.UNKNOWN
    hidden: bool = False
    lack: str = ""


@frozen
class VideoView:
    """Where the call stands with the caller's video.

    `state`: "off"; "asking" (the caller is being asked on the phone's screen); "on"; "dropping". `outcome` of the last
    question, "" before the first: "accepted", "refused", "no-answer", "unsupported", "failed" or "withdrawn"; `reason`
    in plain words. `supported`: whether the handset can, None as long as nobody knows. `limits`: of what it can be
    sent, None while off. `sends`: its picture comes. `fault`: why video that the caller offered is not used.
    """

    state: VideoState = VideoState.OFF
    outcome: str = ""
    reason: str = ""
    supported: bool | None = None
    limits: Limits | None = None
    sends: bool = False
    fault: str = ""


@frozen
class CarriedView:
    """The packets that have come from a leg or a party, and gone to it. `kind`: "audio" or "video".

    `rejected`: packets from sources that its SDP did not name. `key_frames`: of video that came. `lost`: packets that
    were lost on the way from it, as we count. `jitter_ms`: of what came from it (RFC 3550 §6.4.1); -1 is unknown.
    `mos`: how good the voice from it sounds by the E-model (ITU-T G.107), 1 to 4.4; 0 for none. `lost_there`: packets
    that were lost on the way to it, as its RTCP says, from one end to the other; -1 is unknown. `jitter_there_ms`: of
    what it was sent, as its RTCP says; -1 is unknown. `mos_there`: how good the voice sounds there; 0 for none.
    `round_trip_ms`: to it and back; -1 is unknown. `skew_ms`: by how much the caller's video comes later than the
    caller's voice (earlier, if below 0), by the sender reports of both; None where those do not say.
    `skew_uncertainty_ms`: how far off that is at most.
    """

    name: str
    kind: str
    packets_in: int = 0
    packets_out: int = 0
    lost: int = 0
    rejected: int = 0
    key_frames: int = 0
    jitter_ms: float = -1.0
    mos: float = 0.0
    round_trip_ms: float = -1.0
    lost_there: int = -1
    jitter_there_ms: float = -1.0
    mos_there: float = 0.0
    skew_ms: float | None = None
    skew_uncertainty_ms: float = 0.0


@frozen
class StrangerView:
    """A stream that is not taken though nothing else comes: from `source`, where SDP said `named`.

    `leg`: whose it seems to be; `kind`: "audio" or "video"; `packets`: how many had come when it was noticed.
    """

    leg: str
    kind: str
    source: str
    named: str
    packets: int


@frozen
class SilenceView:
    """A time in which no voice came from a leg though it should. Unix seconds; `until`: None while it lasts."""

    leg: str
    since: float
    until: float | None
    why: str


@frozen
class LinkWanted:
    """The caller's phone cannot give video, and whoever asked for it wants the caller to be sent a link instead.

    Attributes:
        by: who asked. language: of the message; "" for the usual one.
        reason: why the phone cannot, in plain words.
    """

    call_id: str
    by: str
    language: str
    reason: str


@frozen
class StayView:
    """Somebody who was in the call beside the caller and the centre. Unix seconds; `left_at`: None while it stays.

    `kind`: as of PartyView, or "phone", whose `title` is its number. `hidden`: desks were never shown it.
    """

    name: str
    kind: str
    extension: str = ""
    title: str = ""
    joined_at: float | None = None
    left_at: float | None = None
    hidden: bool = False


@frozen
class CourseView:
    """How a call went, for its record. Unix seconds; None where it has not happened.

    `rang_at`: the other side rang; `bound_at`: an agent had it for the first time. `from_caller_s`, `to_caller_s`: how
    long the caller's picture came, and a person was shown to the caller, until the last change. `links`: what became
    of each link that was sent.
    """

    rang_at: float | None = None
    bound_at: float | None = None
    stays: tuple[StayView, ...] = ()
    from_caller_s: float = 0.0
    to_caller_s: float = 0.0
    links: tuple[str, ...] = ()


@frozen
class Notice:
    """Something that people at the desk should be told now.

    `code` is stable, for programs and translations: "video-refused"; `text` is plain English, with the reason.
    `extension`: of a desk that it concerns though the call is not its own, such as one that asks to join.
    `invitation`: the id of the link that it is about.
    """

    call_id: str
    code: str
    text: str
    party: str = ""
    extension: str = ""
    invitation: str = ""


@frozen
class LocationView:
    """The place of the caller, as the own browser says (WGS 84): `accuracy_m` around it; `at`: Unix seconds."""

    latitude: float
    longitude: float
    accuracy_m: float
    at: float


@frozen
class ConsentView:
    """The consent of a guest's user to a text, before the camera was started. `at`: Unix seconds."""

    party: str
    version: str
    at: float


@frozen
class PhoneView:
    """A phone that was invited into the voice.

    `name`: "phone-1" …; `by`: who invited it; `state`: "calling", "ringing", "joining", "joined" or "left". `outcome`
    of one that has left, or never came: "busy", "refused", "no-answer", "unreachable", "withdrawn", "hung-up",
    "removed", "no-codec", "no-media" or "promoted"; `reason` in plain words. `part`: "talks", "listens" or "whispers".
    `video`: "off", "asking", "on" or "dropping"; `video_reason`: why it is off, though somebody has wanted it.
    `hidden`: from desks.
    """

    name: str
    number: str
    by: str = ""
    state: PhoneState = PhoneState.CALLING
    outcome: str = ""
    reason: str = ""
    muted: bool = False
    part: PhonePart = PhonePart.TALKS
    video: VideoState = VideoState.OFF
    video_reason: str = ""
    hidden: bool = False


@frozen
class MosaicView:
    """The mosaic of a call that somebody is to see.

    `parties`: whose pictures are in it, () while whoever speaks is shown instead; `reason`: why that is so, "" while it
    only begins. `of`: who was chosen to be in it, () for everybody.
    """

    parties: tuple[str, ...] = ()
    reason: str = ""
    of: tuple[str, ...] = ()


@frozen
class RecordingView:
    """The recording of a call.

    `state`: "off", "recording", "paused" or "stopped" (by a fault); `id`: of the latest one; `reason`: why it is so, in
    plain words; `by_rule`: the configuration wants it, and only an operator may end it. `possible`: there is a
    recorder. `elsewhere`: what has become of it at the recorders of others, "" where there are none. `left_out`:
    names of those of whom nothing is recorded; "guest" are all browsers of the caller.
    `fork`: whether people want that who listens gets it: "on", "off", or "by-rule".
    """

    state: RecordingState = RecordingState.OFF
    id: str = ""
    reason: str = ""
    by_rule: bool = False
    possible: bool = False
    elsewhere: str = ""
    left_out: tuple[str, ...] = ()
    fork: ForkWish = ForkWish.BY_RULE


@frozen
class CallView:
    """One call. Times are seconds since the Unix epoch; None where it has not happened.

    `direction`: "in", or "out" for a call of the centre to somebody in the network, who is the caller in all else that
    is said of it. `state`: routing, ringing, connected, ended. `showing`: what the caller sees: "none", "slate", a
    party's name, "mosaic" or "picture:ID"; `chosen`: what it is to see by choice, "speaker" for whoever speaks,
    "mosaic" for several at once, "" for the host's desk or who stands in. `extension`: of the agent whom the centre
    gave the call, "" while nobody knows; `bound_by` says what told us: "centre" with the header, "cti", "client".
    `asking`: extensions whose desks ask to be let in, `admitted`: those that were. `carried`: by its media, once it has
    ended. `node`: that has it, of several. `phones`: those that were invited, the last ones that left first; `muted`:
    voices that nobody hears. `silences`: the last times in which no voice came from somebody though it should.
    `mosaic`: None where nobody is to see one.
    `messages`: how many were written; `location`: of the caller by consent, None where it is not shared, and once the
    call is over. `course`: times that its record is made of. `consents`: of guests, to the
    text that their page has shown; `rating`: by the caller, 1 to 5, 0 for none; `photos`: that the caller
    has sent. `web`: while it lives, the caller has a page of the API instead of a phone. `test`: nobody has called, but
    `splitter probe`. `wrap_up`: what the agent has noted once it was over; None where nothing is.
    """

    call_id: str
    short_code: str
    state: CallState
    caller: str
    called: str
    started_at: float
    answered_at: float | None
    ended_at: float | None
    end_reason: str
    end_status: int  # the SIP status that refused the call, or 200 for an answered one; 0 while it lives
    route: str  # the centre trunk that carries it, "" before
    showing: str
    legs: tuple[LegView, ...]
    facts: CallerFacts = field(default_factory=CallerFacts)
    parties: tuple[PartyView, ...] = ()
    video: VideoView = field(default_factory=VideoView)
    extension: str = ""
    bound_by: str = ""
    asking: tuple[str, ...] = ()
    admitted: tuple[str, ...] = ()
    strangers: tuple[StrangerView, ...] = ()
    direction: Direction = Direction.IN
    carried: tuple[CarriedView, ...] = ()
    node: str = ""
    chosen: str = ""
    phones: tuple[PhoneView, ...] = ()
    muted: tuple[str, ...] = ()
    silences: tuple[SilenceView, ...] = ()
    messages: int = 0
    location: LocationView | None = None
    mosaic: MosaicView | None = None
    course: CourseView = CourseView()
    recording: RecordingView = field(default_factory=RecordingView)
    consents: tuple[ConsentView, ...] = ()
    rating: int = 0
    photos: int = 0
    web: bool = False
    test: bool = False
    wrap_up: WrapUpView | None = None

    @property
    def number(self) -> str:
        """The number of the person in the network, whoever called."""
        return self.caller if self.direction is Direction.IN else self.called


@frozen
class CallEnded:
    """A call is over; its last view has been told."""

    call_id: str


@frozen
class TargetView:
    """One server of a trunk: its address, its state and since when, and how quickly it answers; None: not measured."""

    address: str  # such as "udp 10.1.0.20:5060"
    state: str
    reason: str
    since: float
    latency_ms: float | None
    jitter_ms: float | None


@frozen
class TrunkView:
    """One trunk. `state`: up, down or draining, `reason` why, `since` seconds since the Unix epoch.

    Limits of 0 are none. `registration`: of ours at a centre that wants one: "registering", "registered", "failed" or
    "stopped", with the last failure in plain words; "" where there is none to be. Latency and jitter are those of the
    nearest server that is up; None where nothing is measured.
    """

    name: str
    role: str
    state: str
    reason: str
    since: float
    calls: int
    max_calls: int
    calls_per_s: float
    address: str
    latency_ms: float | None
    jitter_ms: float | None
    targets: tuple[TargetView, ...]
    registration: str = ""


def rated_words(stars: int) -> str:
    """A sentence that tells of a rating."""
    return f"the caller has rated the call with {stars} of 5"


def lost(view: CallView, at: float) -> CallView:
    """A call whose process has ended and that no other one carries on."""
    unanswered = view.answered_at is None
    return replace(
        view,
        state=CallState.ENDED,
        ended_at=at,
        end_reason=f"the gateway was restarted{' before it was answered' if unanswered else ', and could not go on'}",
        end_status=480 if unanswered else 200,
        location=None,
        showing="none",
        legs=tuple(replace(leg, state=LegState.ENDED) for leg in view.legs),
        parties=tuple(replace(party, state=PartyState.LEFT, sends=False, showing="none") for party in view.parties),
        phones=tuple(replace(phone, state=PhoneState.LEFT) for phone in view.phones),
        course=replace(
            view.course,
            stays=tuple(replace(stay, left_at=stay.left_at or at) for stay in view.course.stays),
        ),
    )
