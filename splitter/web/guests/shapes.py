"""What requests and answers of guests' pages, and about their links, look like in JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from splitter.calls.states import CameraState
from splitter.calls.talk.aside import ChatMessage
from splitter.core.uploads import UploadKind
from splitter.sms.message import SmsState
from splitter.web.access.links import MOST_DEVICES
from splitter.web.shapes import IceServer, Number, Title, Word


class InvitationWish(Struct, forbid_unknown_fields=True):
    """The number to send the link to, the caller's where it is left out; the language; for how many devices it is.

    `kind`: "guest", the caller's own browser; "expert", somebody else, to whom the link is sent at `number` alone.
    `title`: what people call whom it lets in.
    """

    number: Number | None = None
    language: Literal["", "en", "zh"] = ""
    devices: Annotated[int, Meta(ge=1, le=MOST_DEVICES)] = 1
    kind: Literal["guest", "expert"] = "guest"
    title: Title = ""


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


class SharedLink(Struct, forbid_unknown_fields=True):
    """A link of another node of the cluster: the hash of its code, and what it is good for."""

    id: Word
    call_id: Word
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    made_at: float
    expires_at: float
    devices: Annotated[int, Meta(ge=1, le=MOST_DEVICES)]
    over: bool
    kind: Literal["guest", "expert"] = "guest"
    title: Title = ""


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


class CameraTold(Struct, forbid_unknown_fields=True):
    """The state of a browser's own camera."""

    state: CameraState


class MessageWish(Struct, forbid_unknown_fields=True):
    """A message to the others in the call."""

    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class MessageWritten(Struct):
    """`number`: of the message in its call, from 1 on."""

    number: int


class MessageList(Struct):
    """Messages of a call, the oldest first; of very many the newest alone."""

    messages: tuple[ChatMessage, ...]


class RatingWish(Struct, forbid_unknown_fields=True):
    """The rating of a call by its caller: 1, bad, to 5, very good."""

    stars: Annotated[int, Meta(ge=1, le=5)]


class PhotoShown(Struct):
    """A photo of the caller, or a PDF, as it is kept. `taken_at`: when it came, Unix seconds.

    A PDF has no width and height, and was not checked.
    """

    number: int
    width: int
    height: int
    size_bytes: int
    taken_at: float
    kind: UploadKind = UploadKind.PHOTO


class PhotoList(Struct):
    """Photos of a call, the oldest first."""

    photos: list[PhotoShown]


class LocationTold(Struct, forbid_unknown_fields=True):
    """The place of a browser (WGS 84), and the distance within which that is so."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000)]
