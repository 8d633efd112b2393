"""What legs and flows read from SIP messages and put into them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from splitter.core.errors import PeerError
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sip.headers import Headers
from splitter.sip.message import Message, Request
from splitter.sip.multipart import EARLY_SESSION, find_part, parts

SDP = "application/sdp"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
SUPPORTED = "100rel, timer"
REPLACES = "replaces"  # of the centre alone: it may take a call over from itself (RFC 3891)
FROM_CHANGE = "from-change"  # of a centre that names its agents in From of re-INVITE and UPDATE (RFC 4916)
EXTENSIONS = frozenset({"100rel", "timer"})  # what a Require may name towards every leg

ALL_EXTENSIONS = EXTENSIONS | {"precondition", REPLACES, FROM_CHANGE}  # towards one leg or another

_SCHEMES = ("sip", "sips", "tel", "urn")
UNDERSTOOD = frozenset({SDP, "application/pidf+xml"})  # bodies of an INVITE that stop no call

METADATA_REQUEST = "application/rs-metadata-request"  # RFC 7866 §9.2
FAST_UPDATE = "application/media_control+xml"  # RFC 5168
KEY_FRAME_BODY = (
    b'<?xml version="1.0" encoding="utf-8"?>\r\n'
    b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n"
)

Pairs = Iterable[tuple[str, str]]


class Refusal(PeerError):
    """A PeerError that brings headers for its response."""

    def __init__(self, status: int, reason: str, headers: Pairs) -> None:
        super().__init__(reason, status)
        self.headers = tuple(headers)


def headers_of(error: PeerError) -> tuple[tuple[str, str], ...]:
    """The headers that the response to this fault needs."""
    found: tuple[tuple[str, str], ...] = getattr(error, "headers", ())
    return found


def warning(server: str, reason: str) -> list[tuple[str, str]]:
    """A Warning in plain words (RFC 3261 §20.43: 399), if there is something to say; it may hold a peer's text."""
    text = "".join(" " if ord(letter) < 32 else letter for letter in reason)
    text = text.replace("\\", "").replace('"', "'")
    return [("Warning", f'399 {server} "{text}"')] if text else []


def refuse_unknown_extensions(request: Request, known: Collection[str] = EXTENSIONS) -> None:
    """Raise 420 for a Require that we do not implement (RFC 3261 §8.2.2.3)."""
    unknown = [name for name in request.headers.values("require") if name.lower() not in known]
    if unknown:
        names = ", ".join(unknown)
        raise Refusal(420, f"unsupported extension: {names[:60]}", [("Unsupported", names)])


def refuse_unknown_scheme(request: Request) -> None:
    """Raise 416 for a Request-URI of a scheme that names nobody here (RFC 3261 §8.2.2.1)."""
    scheme = request.uri.partition(":")[0].lower()
    if scheme not in _SCHEMES:
        raise PeerError(f"URI scheme {scheme[:20]} is not sip, sips or tel", 416)


def refuse_unknown_bodies(request: Request) -> None:
    """Raise 415 for a body of an INVITE that must be understood and is not (RFC 3261 §8.2.3, RFC 5621 §4).

    Voice first: beside a session description only a part that says `handling=required` itself stops a call.
    """
    beside_session = has_session(request)
    for part in parts(request):
        if (part.content_type in UNDERSTOOD and part.disposition != EARLY_SESSION) or not part.required:
            continue
        if not beside_session or "handling" in (part.headers.get("content-disposition") or "").lower():
            raise Refusal(415, f"unsupported body: {part.content_type[:60]}", [("Accept", SDP)])


def requires(message: Message, extension: str) -> bool:
    """True if a message names this option tag in Require."""
    return any(name.lower() == extension for name in message.headers.values("require"))


def has_session(message: Message) -> bool:
    """True if there is a session description anywhere in the body."""
    return bool(find_part(message, SDP))


def session_of(message: Message) -> Session | None:
    """The session description in a message, wherever in its body it stands; None where there is none.

    Raises:
        PeerError: it cannot be read; 415 where that is for its encoding (RFC 3261 §8.2.3, §20.12).
    """
    body = find_part(message, SDP)
    try:
        return parse(body) if body else None
    except PeerError:
        coding = (message.headers.get("content-encoding") or "identity").strip().lower()
        if coding == "identity":
            raise
        raise Refusal(415, f"a body in {coding[:20]}", [("Accept-Encoding", "identity")]) from None


def plain_headers(message: Message, *names: str) -> Headers:
    """The headers of a message that are passed on as they are."""
    return Headers((name, value) for name in names for value in message.headers.get_all(name))
