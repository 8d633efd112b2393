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

    @classmethod
    def of_desk(cls, kind: str) -> PartyKind:
        """The kind of party by which a browser comes in; see `Desk.kind`."""
        return cls.WEBRTC if kind == "desk" else cls(kind)

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


class VideoState(StrEnum):
    """Where a call stands with the caller's video."""

    OFF = "off"
    ASKING = "asking"  # the caller is being asked on the phone's screen
    ON = "on"
    DROPPING = "dropping"
