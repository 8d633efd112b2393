"""What requests and answers about live calls look like in JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from splitter.calls.view import CallView, CarriedView
from splitter.web.shapes import Name, Number, Word


class CarriedShown(Struct):
    """The counts of a call's media, and how well they came: until now, or until it ended."""

    call_id: str
    carried: tuple[CarriedView, ...]


class ProofShown(Struct):
    """One line of a trace. `at`: seconds since the Unix epoch; `direction` of a message: "in", "out", else ""."""

    at: float
    leg: str
    kind: str
    direction: str
    text: str


class FindingShown(Struct):
    """What there is to say of the voice or the video: `fine` where it went both ways, and one sentence."""

    fine: bool
    words: str
    proof: tuple[ProofShown, ...]


class DiagnosisShown(Struct):
    """Why a call went as it did."""

    call_id: str
    voice: FindingShown
    video: FindingShown


class CallList(Struct):
    """Calls, the newest first. `missing`: gateways that do not answer now; what ended there is not in the list."""

    calls: list[CallView]
    missing: tuple[str, ...] = ()


class CallId(Struct):
    """The id of the call that is meant."""

    call_id: str


class DeskWish(Struct, forbid_unknown_fields=True):
    """The extension whose call it is to be; a desk's own where it is left out."""

    extension: Name = ""


class HostWish(Struct, forbid_unknown_fields=True):
    """The extension whose desk is to be the host of a call."""

    extension: Word


class VideoWish(Struct, forbid_unknown_fields=True):
    """A wish for what else is done where the phone cannot: `else_link`: the caller is sent a link, in this language."""

    else_link: bool = False
    language: Literal["", "en", "zh"] = ""


class DisplayWish(Struct, forbid_unknown_fields=True):
    """A wish for what a viewer sees.

    `source`: a party's name, "slate", "picture:ID", "speaker" for whoever speaks, "mosaic" for several parties in one
    picture, or "" for the room's own choice. `of`: two to four who are to be in the mosaic, of "caller" and parties;
    none for everybody. The mosaic is one for all who see it: who is in it is what was asked for last.
    """

    source: Name
    viewer: Word = "caller"
    of: Annotated[tuple[Word, ...], Meta(max_length=16)] = ()


class StreamWish(Struct, forbid_unknown_fields=True):
    """A further line of an offer, by its mid, and whom it is to show: "caller", or a party's name."""

    mid: Annotated[str, Meta(min_length=1, max_length=32)]
    source: Word


class StreamsWish(Struct, forbid_unknown_fields=True):
    """An offer of the session that a party has, with further lines that receive; and all that are to show somebody."""

    offer: Annotated[str, Meta(min_length=1)]
    streams: Annotated[list[StreamWish], Meta(max_length=16)]


class StreamsShown(Struct):
    """Our answer, and whom its lines show."""

    answer: str
    streams: list[StreamWish]


class SourceView(Struct):
    """A party that can be seen. `kind`: "caller", "host" (the desk that has the call), "desk", "guest", "expert" or
    "phone"."""

    name: str
    kind: str
    title: str
    sends: bool


class SourceList(Struct):
    """Everybody else in the picture. `showing`: what the one who asks sees by itself."""

    showing: str
    sources: list[SourceView]


class CallWish(Struct, forbid_unknown_fields=True):
    """A number that is to be called for a desk. `extension`: whose phone rings first, one's own where it is left out;
    `video`: asked for at once."""

    number: Number
    extension: Name = ""
    video: bool = False


class PhoneWish(Struct, forbid_unknown_fields=True):
    """A number that is to be called and connected (one's own extension where it is left out), whether it talks,
    listens, or whispers, and whether its picture is wanted as well, where the network calls it."""

    number: Number | None = None
    part: Literal["talks", "listens", "whispers"] = "talks"
    video: bool = False


class PhoneMade(Struct):
    """A phone that is being called; `name`: such as "phone-1". The call's view says what becomes of it."""

    call_id: str
    name: str


class PartWish(Struct, forbid_unknown_fields=True):
    """What a phone is to take part in from now on."""

    part: Literal["talks", "listens", "whispers"]


class VoiceWish(Struct, forbid_unknown_fields=True):
    """Whether nobody is to hear a voice."""

    muted: bool
