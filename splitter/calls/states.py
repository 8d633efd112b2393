"""The states and kinds that a call, its legs, its parties and the caller's video can have. Pure.

Each is the word that the API, the CLI and the store show.
"""

from __future__ import annotations

from enum import StrEnum


class CallState(StrEnum):
    """How far a call is."""

    ROUTING = "routing"
    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"


class Direction(StrEnum):
    """Which way a call goes."""

    IN = "in"  # a caller of the network calls the centre
    OUT = "out"  # the centre calls somebody in the network


class Side(StrEnum):
    """The two that talk, by the names of their legs and, in the room, of the participant."""

    CALLER = "caller"
    CENTRE = "centre"

    @property
    def place(self) -> int:
        """The place among the sides of a relay, as engines number them."""
        return 0 if self is Side.CALLER else 1


class LegState(StrEnum):
    """How far the dialog of a leg is."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    ENDED = "ended"


class PartyKind(StrEnum):
    """The kind of client by which a party is in the room."""

    SIP = "sip"  # a video client that speaks SIP
    WEBRTC = "webrtc"  # a desk's browser
    GUEST = "guest"  # the caller's own browser
    EXPERT = "expert"  # somebody else's browser, asked in by a link
    ONLOOKER = "onlooker"  # a supervisor's browser: it sees, and nobody sees it
    PHONE = "phone"  # a phone that was invited, with the picture of its own call

    @classmethod
    def of_desk(cls, kind: str) -> PartyKind:
        """The kind of party by which a browser comes in; see `Desk.kind`."""
        return cls.WEBRTC if kind == "desk" else cls(kind)

    @property
    def is_desk(self) -> bool:
        """True for the client of a desk that takes part."""
        return self in (PartyKind.SIP, PartyKind.WEBRTC)

    @property
    def invited(self) -> bool:
        """True for those who come by a link: they have one call, and are no desk."""
        return self in (PartyKind.GUEST, PartyKind.EXPERT)


class PartyState(StrEnum):
    """Whether a party is in the room."""

    JOINING = "joining"
    CONNECTED = "connected"
    INTERRUPTED = "interrupted"  # it may come back
    LEFT = "left"


class CameraState(StrEnum):
    """The state of a browser's own camera, by its own word; pictures may come all the same, or not."""

    UNKNOWN = ""
    STARTING = "starting"
    ON = "on"
    PAUSED = "paused"  # by its user
    DENIED = "denied"
    MISSING = "no-camera"
    IN_USE = "in-use"  # by another program
    UNPLUGGED = "unplugged"
    MUTED = "muted"  # by the system, such as during a phone call
    BLOCKED = "blocked"  # the program that shows the page gives it none
    BACKGROUND = "background"  # the page is not seen, and systems stop cameras then
    FAILED = "failed"


class Bridge(StrEnum):
    """How the voices of a call are connected."""

    PAIR = "pair"  # two, who negotiate with each other
    MIX = "mix"  # three or more, each of whom negotiates with us


class PhoneState(StrEnum):
    """How far a phone is that was invited."""

    CALLING = "calling"
    RINGING = "ringing"
    JOINING = "joining"  # it has answered, and is not connected yet
    JOINED = "joined"
    LEFT = "left"


class PhoneOutcome(StrEnum):
    """Why a phone that was invited is not in the call any more, or never was."""

    BUSY = "busy"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"
    UNREACHABLE = "unreachable"  # there is no such number, or no trunk that takes it
    WITHDRAWN = "withdrawn"  # while it rang
    HUNG_UP = "hung-up"
    REMOVED = "removed"
    NO_CODEC = "no-codec"  # it, or somebody in the call, speaks nothing that can be mixed
    NO_MEDIA = "no-media"
    PROMOTED = "promoted"  # it has the place of the centre now


class PhonePart(StrEnum):
    """What a phone that was invited takes part in."""

    TALKS = "talks"
    LISTENS = "listens"  # hears all, is heard by nobody
    WHISPERS = "whispers"  # hears all, is heard by the agent alone


class Lack(StrEnum):
    """What kept a picture from having a place in the room: a code of the API."""

    MEDIA = "no-media"
    PORTS = "no-ports"

    @property
    def code(self) -> str:
        """The code itself."""
        return self.value

    @property
    def words(self) -> str:
        """A sentence that says it, in the trace and to programs."""
        if self is Lack.PORTS:
            return "no media ports are left for video: see media.first_port and last_port"
        return "no media resources for video"


class VideoState(StrEnum):
    """Where a call stands with the caller's video."""

    OFF = "off"
    ASKING = "asking"  # the caller is being asked on the phone's screen
    ON = "on"
    DROPPING = "dropping"


class RecordingState(StrEnum):
    """State of a call's recording."""

    OFF = "off"
    RECORDING = "recording"
    PAUSED = "paused"
    STOPPED = "stopped"  # by a fault


class ForkWish(StrEnum):
    """What people want of a call's fork."""

    BY_RULE = "by-rule"  # what the configuration says
    ON = "on"
    OFF = "off"


class RecordingAction(StrEnum):
    """An action of people on a recording."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
