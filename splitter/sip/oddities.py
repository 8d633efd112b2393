"""What was overlooked in a message, in plain words for a trace. Pure.

The readers of headers are lenient where that costs nothing; they do not report it, for nearly every message is fine.
Whoever shows a message asks here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from splitter.core.errors import PeerError
from splitter.sip.digest import HEADERS, apart
from splitter.sip.message import Message
from splitter.sip.multipart import EARLY_SESSION, SDP, find_part, parts
from splitter.sip.session_timer import minimum, session_expires


def oddities(message: Message) -> tuple[str, ...]:
    """List what is odd about a message; nothing for one as it should be."""
    return tuple(_oddities(message))


def _oddities(message: Message) -> Iterator[str]:
    headers = message.headers
    with suppress(PeerError):
        if any("<" not in value for value in headers.values("record-route")):
            yield "a Record-Route without angle brackets (RFC 3261 §20.30)"
    with suppress(PeerError):
        contact = message.contact
        if contact is not None and '"' in contact.uri:
            yield "quotes in the URI of Contact (RFC 3261 §25.1)"
        if contact is not None and contact.uri != "*" and contact.sip.headers:
            yield "headers in the URI of Contact"
    for name, read in (("Session-Expires", session_expires), ("Min-SE", minimum)):
        try:
            read(message)
        except PeerError as error:
            yield f"{name}: {error.reason}"
    for header, _ in HEADERS.values():
        if any(len(apart(line)) > 1 for line in headers.get_all(header)):
            yield f"several challenges in one {header}"
    if not message.content_type and find_part(message, SDP):
        yield "no Content-Type, and a body that is a session description"
    with suppress(PeerError):
        if message.content_type.startswith("multipart/") and any(
            part.disposition == EARLY_SESSION for part in parts(message)
        ):
            yield "a part for an early session (RFC 3959)"
