"""Digits that people press, and keys of encrypted calls, have no place in traces. Pure.

Digits are PINs and numbers of cards. Those in INFO (RFC 6086, and what went before it) are masked where a message
enters the trace, so that no store, export or follower has them. The message keeps its length. RFC 4733 events
are counted in media workers and told to nobody.
Keys in SDP (a=crypto, RFC 4568) open every packet that somebody has kept, and with a bearer's token (RFC 8898) anybody
may come as its customer: they are masked in each message, always.
Numbers that messages are sent to stand in the log with their last digits alone.
"""

from __future__ import annotations

import re
from base64 import b64decode

from splitter.sip.message import Message, Request

_HARMLESS = ("application/media_control+xml", "application/sdp")
_OF_KEYS = (
    "application/dtmf",
    "application/dtmf-relay",
    "application/kpml-response+xml",
    "application/vnd.nortelnetworks.digits",
    "audio/telephone-event",
)
_BODY = re.compile(rb"\r?\n\r?\n")
_KEY = re.compile(rb"[0-9*#]")
# Letters A to D, or whatever stands where the format has a digit: Signal=5, d=7, digits="12".
_NAMED = re.compile(rb"((?:signal|digits?|key|\bd)\s*[=:]\s*\"?)([^\s\";,<>&]+)", re.IGNORECASE)
_MASK = b"x"
# The key of a=crypto and its salt; what follows after "|" says how long it is good.
_INLINE = re.compile(rb"(inline:)([^\s|;]+)", re.IGNORECASE)
# A part of a body in base64: its headers from this one on, and its lines.
_CODED = re.compile(
    rb"^(content-transfer-encoding[ \t]*+:[ \t]*+base64[ \t\r]*+\n(?:[^\r\n][^\n]*+\n){0,16}+\r?\n)([a-z0-9+/=\s]++)",
    re.IGNORECASE | re.MULTILINE,
)

_TOKEN = re.compile(rb"^(authorization\s*:\s*bearer\s+)(\S+)", re.IGNORECASE | re.MULTILINE)

_SHOWN = 4  # digits of a number: enough to know it again, not enough to call it


def masked_number(number: str) -> str:
    """A telephone number for the log: its end alone."""
    return f"…{number[-_SHOWN:]}" if len(number) > _SHOWN else "…"


def to_keep(message: Message, data: bytes, digits: bool) -> bytes:
    """The bytes of a message as a trace may have them.

    Args:
        data: `message` as it is on the wire.
        digits: they are kept.
    """
    if message.body and not digits:
        data = masked(message, data)
    return without_keys(data)


def without_keys(data: bytes) -> bytes:
    """The bytes of a message without the keys that its SDP tells, and without the token of a bearer."""
    if b"crypto" in data:
        data = _INLINE.sub(_covered, data)
    lower = data.lower()
    if b"bearer" in lower:
        data = _TOKEN.sub(_covered, data)
    if b"base64" in lower:
        data = _CODED.sub(_covered_where_it_has_keys, data)
    return data


def _covered(found: re.Match[bytes]) -> bytes:
    return found[1] + _MASK * len(found[2])


def _covered_where_it_has_keys(found: re.Match[bytes]) -> bytes:
    try:
        said = b64decode(b"".join(found[2].split()), validate=True)
    except ValueError:
        return found[0]  # what cannot be decoded tells no key
    return _blanked(found) if b"crypto" in said else found[0]


def _blanked(found: re.Match[bytes]) -> bytes:
    return found[1] + re.sub(rb"\S", _MASK, found[2])


def masked(message: Message, data: bytes) -> bytes:
    """The bytes of a message without the digits in it.

    Args:
        data: `message` as it is on the wire.
    """
    if not isinstance(message, Request) or message.method not in ("INFO", "NOTIFY") or not message.body:
        return data
    kind = message.content_type
    if kind in _HARMLESS or (message.method == "NOTIFY" and kind not in _OF_KEYS):
        return data
    blank = _BODY.search(data)
    if blank is None:
        return data
    head, body = data[: blank.end()], data[blank.end() :]
    body = _NAMED.sub(lambda found: found[1] + _MASK * len(found[2]), body)
    if b"=" not in body and b"<" not in body:  # application/dtmf: nothing but the key
        body = re.sub(rb"\S", _MASK, body)
    body = _CODED.sub(_blanked, body)
    return head + _KEY.sub(_MASK, body)
