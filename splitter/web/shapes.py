"""What requests and answers look like in JSON. The OpenAPI document shows the same types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from splitter.calls.desks import DeskView
from splitter.calls.detail import CallDetail
from splitter.calls.logins.reception import SeatView
from splitter.calls.view import CallView, CarriedView, TrunkView
from splitter.cluster.nodes import NodeView
from splitter.core.uploads import UploadKind
from splitter.media.record.index import RecordingRow
from splitter.sms.message import SmsState
from splitter.web.access.links import MOST_DEVICES
from splitter.web.ports import PictureView

# "$(?!\n)": to Python "$" alone lets a line end through; "\Z" is nothing to other readers of the OpenAPI document.
_Word = Annotated[str, Meta(min_length=1, max_length=64)]
_Name = Annotated[str, Meta(max_length=64)]
_Title = Annotated[str, Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
_Number = Annotated[str, Meta(pattern=r"^\+?[0-9*#]{2,32}$(?!\n)")]


class Fault(Struct):
    """A fault of a request: `code` is stable, for programs; `message` is for people."""

    status: int
    code: str
    message: str


class ErrorBody(Struct):
    """The one shape of an error."""

    error: Fault


class CarriedShown(Struct):
    """The counts of a call's media, and how well they came: until now, or until it ended."""

    call_id: str
    carried: tuple[CarriedView, ...]


class RecordList(Struct):
    """Records of calls that ended, the newest first.

    `next`: give it as `before` for those that follow; null where there are none. `left_out`: rows that another version
    kept, which could not be read. `missing`: gateways that do not answer now; what ended there is not in the list.
    """

    records: list[CallDetail]
    next: float | None = None
    left_out: int = 0
    missing: tuple[str, ...] = ()


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


class IceServer(Struct):
    """A relay that a browser may use, as its RTCPeerConnection takes it."""

    urls: list[str]
    username: str
    credential: str


class Cluster(Struct):
    """The gateways that stand in for each other. `node`: the one that answers; empty where it is the only one."""

    node: str
    nodes: list[NodeView]


class CallList(Struct):
    """Calls, the newest first. `missing`: gateways that do not answer now; what ended there is not in the list."""

    calls: list[CallView]
    missing: tuple[str, ...] = ()


class CallId(Struct):
    """The id of the call that is meant."""

    call_id: str


class DeskWish(Struct, forbid_unknown_fields=True):
    """The extension whose call it is to be; a desk's own where it is left out."""

    extension: _Name = ""


class HostWish(Struct, forbid_unknown_fields=True):
    """The extension whose desk is to be the host of a call."""

    extension: _Word


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

    source: _Name
    viewer: _Word = "caller"
    of: Annotated[tuple[_Word, ...], Meta(max_length=16)] = ()


class StreamWish(Struct, forbid_unknown_fields=True):
    """A further line of an offer, by its mid, and whom it is to show: "caller", or a party's name."""

    mid: Annotated[str, Meta(min_length=1, max_length=32)]
    source: _Word


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


class PictureList(Struct):
    """Stills that can be shown."""

    pictures: list[PictureView]


class InvitationWish(Struct, forbid_unknown_fields=True):
    """The number to send the link to, the caller's where it is left out; the language; for how many devices it is.

    `kind`: "guest", the caller's own browser; "expert", somebody else, to whom the link is sent at `number` alone.
    `title`: what people call whom it lets in.
    """

    number: _Number | None = None
    language: Literal["", "en", "zh"] = ""
    devices: Annotated[int, Meta(ge=1, le=MOST_DEVICES)] = 1
    kind: Literal["guest", "expert"] = "guest"
    title: _Title = ""


class Invitation(Struct):
    """A link for the caller's browser; `sent`: it is being sent, else `reason` says why not; `qr`: as SVG."""

    id: str
    link: str
    expires_at: float
    sent: bool
    reason: str
    state: SmsState
    qr: str


class InvitationView(Struct):
    """A link that was made: whether it still `holds`, where its message stands and since when, and who uses it."""

    id: str
    expires_at: float
    holds: bool
    state: SmsState
    reason: str
    changed_at: float
    devices: int
    used: int
    kind: str = "guest"
    title: str = ""


class InvitationList(Struct):
    """The links of a call, the oldest first."""

    invitations: list[InvitationView]


class InvitationStatus(Struct, forbid_unknown_fields=True):
    """What became of a message, as whoever sends it knows."""

    state: Literal["sent", "delivered", "opened", "failed"]
    reason: Annotated[str, Meta(max_length=200)] = ""


class CallWish(Struct, forbid_unknown_fields=True):
    """A number that is to be called for a desk, its own where `extension` is left out; `video`: asked for at once."""

    number: _Number
    extension: _Name = ""
    video: bool = False


class LoanWish(Struct, forbid_unknown_fields=True):
    """A test caller that is to be let in on a trunk, `for_s`: so many seconds; `source`: its SIP, over UDP."""

    source: Annotated[str, Meta(max_length=64)]
    trunk: _Name
    for_s: Annotated[float, Meta(gt=0, le=600)] = 60.0


class Loan(Struct):
    """A test caller that may call; `until`: Unix seconds."""

    trunk: str
    source: str
    until: float


class PhoneWish(Struct, forbid_unknown_fields=True):
    """A number that is to be called and connected (one's own extension where it is left out), whether it talks,
    listens, or whispers, and whether its picture is wanted as well, where the network calls it."""

    number: _Number | None = None
    part: Literal["talks", "listens", "whispers"] = "talks"
    video: bool = False


class PhoneMade(Struct):
    """A phone that is being called; `name`: such as "phone-1". The call's view says what becomes of it."""

    call_id: str
    name: str


class RecordingWish(Struct, forbid_unknown_fields=True):
    """A wish about the recording of a call.

    `party`, of "exclude" and "include": of whom nothing is to be recorded from now on, or all again: "caller",
    "centre", or the name of a party or phone.
    """

    action: Literal["start", "pause", "resume", "stop", "exclude", "include"]
    party: str = ""


class ForkCallWish(Struct, forbid_unknown_fields=True):
    """Whether who listens gets a call, as long as it is recorded."""

    fork: Literal["on", "off", "by-rule"]


class HoldWish(Struct, forbid_unknown_fields=True):
    """Whether nothing may delete a recording, and why."""

    held: bool
    reason: str = ""


class RecordingList(Struct):
    """Recordings, the newest first. `missing`: nodes of a cluster that did not answer: theirs are not in it."""

    recordings: list[RecordingRow]
    missing: tuple[str, ...] = ()


class FilmEvent(Struct):
    """Something that happened while a call was recorded. `at`: seconds of its film; `more`: as it was noted."""

    at: float
    what: str
    more: dict[str, Any]


class FilmEvents(Struct):
    """What happened, in its order."""

    events: list[FilmEvent]


class PartWish(Struct, forbid_unknown_fields=True):
    """What a phone is to take part in from now on."""

    part: Literal["talks", "listens", "whispers"]


class VoiceWish(Struct, forbid_unknown_fields=True):
    """Whether nobody is to hear a voice."""

    muted: bool


class SharedLink(Struct, forbid_unknown_fields=True):
    """A link of another node of the cluster: the hash of its code, and what it is good for."""

    id: _Word
    call_id: _Word
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    made_at: float
    expires_at: float
    devices: Annotated[int, Meta(ge=1, le=MOST_DEVICES)]
    over: bool
    kind: Literal["guest", "expert"] = "guest"
    title: _Title = ""


class GuestWish(Struct, forbid_unknown_fields=True):
    """The code of a link, and what tells this device from others: random, and kept by it."""

    code: Annotated[str, Meta(max_length=64)]
    device: Annotated[str, Meta(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]


class GuestPageShown(Struct, frozen=True):
    """The operator's own part of a guest's page. `logo`: where it is, empty for none; `consent`: the version of the
    text that its user has to agree to, empty for none; `rating`: its user is asked how it was; `files`: what
    may be sent.
    """

    name: str = ""
    name_zh: str = ""
    text: str = ""
    text_zh: str = ""
    privacy_url: str = ""
    logo: str = ""
    consent: str = ""
    rating: bool = True
    files: tuple[UploadKind, ...] = ()


class GuestLogin(Struct):
    """A token for one call. `kind`: "guest", the caller's own browser, or "expert"."""

    token: str
    expires_at: float
    call_id: str
    kind: str = "guest"
    ice_servers: list[IceServer] = []
    page: GuestPageShown = GuestPageShown()


class DeskList(Struct):
    """Desks with their clients, and the registrations of those that are SIP phones."""

    desks: list[DeskView]
    registrations: list[SeatView]


class TrunkList(Struct):
    """The trunks, in the order of the configuration."""

    trunks: list[TrunkView]


class BanView(Struct):
    """A source that is banned, and for how long yet."""

    source: str
    reason: str
    offences: int
    expires_in_s: float


class BanList(Struct):
    """The sources that are banned."""

    bans: list[BanView]


class Lifted(Struct):
    """The source whose ban was lifted."""

    source: str


class Restarting(Struct):
    """What happens to the calls meanwhile."""

    restarting: str


class HandingOver(Struct):
    """Answer to a hand-over: what happens to the calls meanwhile."""

    handing_over: str


class WrapUpWish(Struct, forbid_unknown_fields=True):
    """A note on a call that is over: `disposition`: one of the configuration, empty for none;
    `screenshots`: numbers of those that are to be kept with the call, in addition to those that are."""

    note: Annotated[str, Meta(max_length=4000)] = ""
    disposition: Annotated[str, Meta(max_length=40)] = ""
    screenshots: Annotated[list[Annotated[int, Meta(ge=1, le=999_999)]], Meta(max_length=20)] = []
