"""One live call as plain data. Whatever is under way beside it stands in `pending`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from splitter.calls.alarms import Due, Epoch
from splitter.calls.parties import Parties
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.peers.identity import Identity
from splitter.calls.peers.session_id import SessionId
from splitter.calls.states import Bridge, CallState, Direction, PhoneOutcome, Side, VideoState
from splitter.calls.talk.aside import Aside
from splitter.calls.talk.course import Course
from splitter.calls.talk.leg import LegRecord
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.recording import Recording
from splitter.calls.talk.room import RoomState
from splitter.calls.talk.voice import VoiceState
from splitter.calls.view import CarriedView, LegView, PhoneView, SilenceView, StrangerView, VideoView
from splitter.core.errors import LocalError
from splitter.sdp.model import Media
from splitter.sdp.split import Plan

_PAST_LEGS = 32  # that are shown
_PAST_PHONES = 8


@dataclass(slots=True)
class Wish:
    """Somebody wants video of the caller.

    Attributes:
        by: who wants it.
        tries: how often the phone was busy with an offer of its own.
        gave_way: the question was taken back once for something that concerned the voice.
        collided: an offer of the caller's own with video met ours.
        rests: until the alarm ASK_AGAIN rings.
        link: see `RaiseVideo`.
    """

    by: str
    tries: int = 0
    gave_way: bool = False
    collided: bool = False
    rests: bool = False
    link: str | None = None


@dataclass(slots=True)
class CallerVideo:
    """The caller's video.

    Attributes:
        view: what desks are shown of it.
        sends: a picture of the caller comes. showing: what the caller sees.
        wish: somebody wants it; None while nobody does.
        refused: it is being dropped: what the caller offers meanwhile is answered with port 0.
        line, index: ours, as it was last offered or agreed on: its payload types keep their meaning.
        begun: what the call's first answer said of it has been looked at.
        excused: it was not to come when it was waited for, as on hold: it is waited for once more when it is.
    """

    view: VideoView = field(default_factory=VideoView)
    sends: bool = False
    showing: str = "none"
    wish: Wish | None = None
    refused: bool = False
    line: Media | None = None
    index: int | None = None
    begun: bool = False
    excused: bool = False


@dataclass(slots=True)
class Exchange:
    """What caller and centre want of each other's voice, and who has to be told something.

    Attributes:
        wishes: by leg, the direction that its side wants for its voice, not what it was left with: who could not but
            answer a closed offer with a closed one has not said that it wants to be closed.
        told: by leg, the direction that it was last told on our own account.
        owed: legs that need an offer of ours with what stands now, such as our present ports.
        refused: how often in a row each leg has refused such an offer. unusable: or answered it beyond understanding.
        to_mix: legs that were asked for a codec which can be mixed.
    """

    wishes: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    owed: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    unusable: dict[str, int] = field(default_factory=dict)
    to_mix: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Talk:
    """All that is known of one call and needed to carry it on.

    Attributes:
        call_id, short_code: how people and seats name it.
        identity, called_number: who calls whom. facts: what the network says of the caller.
        started_at, answered_at, ended_at: Unix seconds; None where it has not happened.
        end_reason, end_status: why it ended; "" and 0 while it lives.
        route: the trunk of the centre that carries it.
        extension, bound_by: of the agent who has the call, and what told us.
        plan: which m-lines of the caller are used; None before its offer.
        session: the two halves of its Session-ID (RFC 7989).
        legs: those that are in the call, by name. past_legs: those that were, as operators see them.
        centres: how many legs of the centre there have been; each new one is named by its number.
        direction: whether a caller calls the centre, or the centre somebody in the network, who is the caller here.
        caller, centre: the keys of its legs towards the two that talk, "" before there is one. seats: names of its SIP
            seats.
        parties: who is in the room besides the caller, SIP seats included.
        strangers: whose media are not taken though nothing else comes, by leg and kind.
        alarms: that are set, as of when it was written down; while it lives they stand in its inbox. epoch: of their
            times.
        carried: by its media, once it has ended.
        admitted: extensions whose desks were let in by the agent who has the call.
        phones: those that were invited and have answered, by name. past_phones: the last ones that are not there.
        muted: voices that nobody hears, by name.
        silences: the last times in which a voice was missed.
        aside: what people tell each other beside voice and video.
        course: what its record says of it later.
        recording: of it, as it is wanted.
        test: no person has called, but `splitter probe`.
    """

    call_id: str
    short_code: str
    identity: Identity
    facts: CallerFacts
    started_at: float
    session: SessionId
    voice: VoiceState = field(default_factory=VoiceState)
    called_number: str = ""
    state: CallState = CallState.ROUTING
    answered_at: float | None = None
    ended_at: float | None = None
    end_reason: str = ""
    end_status: int = 0
    route: str = ""
    extension: str = ""
    bound_by: str = ""
    plan: Plan | None = None
    legs: dict[str, LegRecord] = field(default_factory=dict)
    direction: Direction = Direction.IN
    caller: str = Side.CALLER.value
    centre: str = ""
    seats: list[str] = field(default_factory=list)
    past_legs: list[LegView] = field(default_factory=list)
    centres: int = 1
    parties: Parties = field(default_factory=Parties)
    strangers: dict[tuple[str, str], StrangerView] = field(default_factory=dict)
    carried: tuple[CarriedView, ...] = ()
    alarms: list[Due] = field(default_factory=list)
    epoch: Epoch | None = None
    admitted: set[str] = field(default_factory=set)
    room: RoomState = field(default_factory=RoomState)
    video: CallerVideo = field(default_factory=CallerVideo)
    exchange: Exchange = field(default_factory=Exchange)
    phones: dict[str, Phone] = field(default_factory=dict)
    past_phones: list[PhoneView] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    silences: list[SilenceView] = field(default_factory=list)
    aside: Aside = field(default_factory=Aside)
    course: Course = field(default_factory=Course)
    recording: Recording = field(default_factory=Recording)
    test: bool = False

    def follow_course(self, wall: float) -> None:
        """Take down what is new in it; `wall`: Unix seconds."""
        over = self.state is CallState.ENDED
        self.course.reach(self.state is CallState.RINGING, bool(self.extension), wall)
        self.course.see(self.video.sends and not over, "" if over else self.video.showing, wall)
        self.course.stay(() if over else self.parties.all(), () if over else self.phones.values(), wall)

    def silence_of(self, name: str) -> SilenceView | None:
        """The silence of a voice that lasts; None where there is none."""
        return next((one for one in self.silences if one.leg == name and one.until is None), None)

    def end_silence(self, name: str, at: float) -> None:
        """A voice comes again, or is gone: its silence is over."""
        lasting = self.silence_of(name)
        self.silences = [replace(one, until=at) if one is lasting else one for one in self.silences]

    @property
    def bridge(self) -> Bridge:
        """How the voices are connected."""
        return Bridge.MIX if self.phones else Bridge.PAIR

    def forget_phone(self, phone: Phone, outcome: PhoneOutcome, reason: str, leaves: bool = True) -> None:
        """A phone is not in the call any more, or never was; it is shown on for a while.

        Args:
            leaves: False for one that takes the place of the centre.
        """
        if leaves:
            self.phones.pop(phone.name, None)
        self.muted.discard(phone.name)
        self.past_phones = [*self.past_phones, phone.view(outcome=outcome, reason=reason)][-_PAST_PHONES:]

    def forget_questions(self) -> None:
        """Forget who was being asked for a picture, and the places in voice and room of phones that rang.

        What the engine has for these it removes as what nobody knows, when it is taken up.
        """
        for phone in self.phones.values():
            if phone.video is not VideoState.ON:
                phone.video = VideoState.OFF
        for name in [*self.room.members, *self.room.homeless]:
            if name.startswith("phone-") and self.parties.get(name) is None:
                self.room.members.pop(name, None)
                self.room.homeless.pop(name, None)
                self.room.forget_rank(name)
        for name in [name for name in self.voice.added if name not in self.phones]:
            del self.voice.added[name]

    def remember(self, leg: LegRecord) -> None:
        """Show a leg on after it has left the call."""
        self.past_legs = [*self.past_legs, leg.view()][-_PAST_LEGS:]

    @property
    def near(self) -> Side:
        """The side that has called us."""
        return Side.CALLER if self.direction is Direction.IN else Side.CENTRE

    @property
    def far(self) -> Side:
        """The side that we call for it."""
        return Side.CENTRE if self.direction is Direction.IN else Side.CALLER

    @property
    def number(self) -> str:
        """The number of the person in the network, whoever called."""
        return self.identity.number if self.direction is Direction.IN else self.called_number

    @property
    def lines(self) -> Plan:
        """Which m-lines of the caller are used. Raises LocalError before its offer."""
        if self.plan is None:
            raise LocalError("a call was used before its caller has offered anything")
        return self.plan
