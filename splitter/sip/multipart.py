"""Bodies inside bodies: multipart/* of SIP messages (RFC 2046 §5.1, RFC 5621). Pure."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.sip.grammar import parse_params, shown, unquote
from splitter.sip.headers import HeaderLine, Headers, canonical
from splitter.sip.message import Message

MAX_PARTS = 32
MAX_DEPTH = 4
"""Multipart in multipart in … beyond this is an attack, not a message."""

SDP = "application/sdp"
EARLY_SESSION = "early-session"  # RFC 3959 §4
_SDP_BEGINS = b"v=0"
_OF_THE_SESSION = ("", "session")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a body.

    Attributes:
        headers: its MIME headers; the message's own for a body that is not multipart.
        body: its content, without a transfer encoding.
    """

    headers: Headers
    body: bytes

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case; where it is missing, RFC 2046 §5.1 makes text/plain of it.

        There are peers that forget it (RFC 3261 §20.15 does not let them): a session description is one all the same.
        """
        return self.headers.media_type or (SDP if self.body.startswith(_SDP_BEGINS) else "text/plain")

    @property
    def disposition(self) -> str:
        """What the part is for, in lower case (RFC 3261 §20.11); "" where it does not say."""
        written = self.headers.get("content-disposition")
        return written.partition(";")[0].strip().lower() if written else ""

    @property
    def required(self) -> bool:
        """True unless `handling=optional`: who does not understand the part must refuse the message (RFC 5621 §4)."""
        disposition = self.headers.get("content-disposition")
        if disposition is None:
            return True
        handling = parse_params(disposition.partition(";")[2]).get("handling") or "required"
        return unquote(handling).lower() != "optional"


def find_part(message: Message, content_type: str) -> bytes | None:
    """The body of this type, wherever it is: bare, in a multipart, or in a multipart in a multipart.

    Args:
        content_type: `type/subtype` in lower case, e.g. "application/sdp".
    Returns: its bytes; None where there is none. Of multipart/alternative the last one, which the sender likes best
        (RFC 2046 §5.1.4); otherwise the first one. A part for an early session is not looked at (RFC 3959 §4: it is a
        description of another session), and one that is for something else than the session only for want of another.
    Raises:
        PeerError: a multipart body that cannot be taken apart.
    """
    if not message.body:
        return None
    whole = Part(message.headers, message.body)
    kind = whole.content_type
    if not kind.startswith("multipart/"):
        return whole.body if kind == content_type and whole.disposition != EARLY_SESSION else None
    found = list(_find(whole, content_type, MAX_DEPTH))
    best = next((part for part in found if part.disposition in _OF_THE_SESSION), found[0] if found else None)
    return best.body if best is not None else None


def parts(message: Message) -> list[Part]:
    """The parts of the body, nested ones laid flat, in their order; a single one for a body that is not multipart.

    Raises:
        PeerError: a multipart body that cannot be taken apart.
    """
    if not message.body:
        return []
    return list(_flat(Part(message.headers, message.body), MAX_DEPTH))


def _find(part: Part, wanted: str, depth: int) -> Iterator[Part]:
    """The parts of this type, the best first; what is in a part for an early session is for that too."""
    if part.disposition == EARLY_SESSION:
        return
    if part.content_type == wanted:
        yield part
    elif part.content_type.startswith("multipart/"):
        children = _divide(part, depth)
        for child in reversed(children) if part.content_type == "multipart/alternative" else children:
            yield from _find(child, wanted, depth - 1)


def _flat(part: Part, depth: int) -> Iterator[Part]:
    if not part.content_type.startswith("multipart/"):
        yield part
        return
    for child in _divide(part, depth):
        yield from _flat(child, depth - 1)


def _divide(part: Part, depth: int) -> list[Part]:
    """The direct children of a multipart. The closing delimiter may be missing, as field captures have it."""
    if depth == 0:
        raise PeerError(f"multipart bodies nested more than {MAX_DEPTH} deep")
    params = parse_params((part.headers.get("content-type") or "").partition(";")[2])
    boundary = unquote(params.get("boundary") or "")
    if not boundary or len(boundary) > 70:
        raise PeerError(f"a multipart body without a usable boundary: {shown(boundary)}")
    children = [_part(piece) for piece in _pieces(part.body, b"\n--" + boundary.encode("utf-8", "replace"))]
    if not children:
        raise PeerError("a multipart body in which its boundary does not occur")
    return children


def _pieces(body: bytes, delimiter: bytes) -> Iterator[bytes]:
    """What stands between delimiter lines; a preamble and an epilogue are passed over."""
    body = b"\n" + body
    start = count = 0
    at = body.find(delimiter)
    while at >= 0:
        end = body.find(b"\n", at + 1)
        end = len(body) if end < 0 else end
        tail = body[at + len(delimiter) : end].strip(b" \t\r")
        if tail in (b"", b"--"):  # else a longer boundary, perhaps that of a part inside
            if start:
                yield body[start:at].removesuffix(b"\r")
                count += 1
            if tail:
                return
            start = min(end + 1, len(body))
            if count >= MAX_PARTS:
                raise PeerError(f"more than {MAX_PARTS} parts in a body")
        at = body.find(delimiter, end)
    if start:
        yield body[start:].removesuffix(b"\n").removesuffix(b"\r")


def _part(content: bytes) -> Part:
    """MIME headers, a blank line, the content; a part may have no headers at all."""
    if content.startswith((b"\r\n", b"\n")):
        return Part(Headers(), content.partition(b"\n")[2])
    head, body = _cut(content)
    text = head.decode("utf-8", "replace").replace("\r\n", "\n")
    found: list[HeaderLine] = []
    for line in text.replace("\n ", " ").replace("\n\t", " ").split("\n"):
        name, colon, raw = line.partition(":")
        if not colon:
            raise PeerError(f"a body part with a header line without a colon: {shown(line)}")
        found.append((canonical(name), name, raw))
    headers = Headers.of_lines(found)
    return Part(headers, _decoded(body, (headers.get("content-transfer-encoding") or "").strip().lower()))


def _decoded(body: bytes, encoding: str) -> bytes:
    """The content as it was before it was made fit for mail (RFC 2045 §6): some send locations so (RFC 3261 §7.4.1)."""
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding == "base64":
        with suppress(ValueError):
            return base64.b64decode(b"".join(body.split()), validate=True)
    return body


def _cut(content: bytes) -> tuple[bytes, bytes]:
    """Headers and content; the blank line may be CRLF or LF, whichever comes first."""
    with_cr, bare = content.find(b"\r\n\r\n"), content.find(b"\n\n")
    if with_cr >= 0 and (bare < 0 or with_cr < bare):
        return content[:with_cr], content[with_cr + 4 :]
    if bare >= 0:
        return content[:bare], content[bare + 2 :]
    return content.rstrip(b"\r\n"), b""
