"""What an SMS service's answers and receipts say, by the places that the configuration names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from splitter.core.errors import UNREADABLE, PeerError
from splitter.sms.message import Attempted, InDoubt, SmsReceipt, SmsState, Taken, TryAgain, TurnedDown
from splitter.sms.settings import HttpSmsSettings

MOST_BYTES = 65_536
_LONGEST = 200
_AGAIN = frozenset({408, 425, 429, 500, 503})
_UNCERTAIN = frozenset({502, 504})  # of something between: the service may have the message (RFC 9110 §15.6.3, §15.6.5)


def attempted(settings: HttpSmsSettings, status: int, body: bytes, wait_s: float = 0.0) -> Attempted:
    """What came of a request by its response.

    Args:
        wait_s: what Retry-After says.
    """
    read = _json(body)
    reason = _at(read, settings.answer_reason) or f"HTTP {status}"
    code = _at(read, settings.answer_code)
    if code and code in settings.answer_again:
        return TryAgain(_said(reason, code), wait_s, all=True)
    if status in _UNCERTAIN:
        return InDoubt(f"HTTP {status}: it may have been sent")
    if status in _AGAIN:
        return TryAgain(_said(reason, code), wait_s, all=True)
    if not 200 <= status < 300:
        return TurnedDown(_said(reason, code))
    if settings.answer_code and code not in settings.answer_good:
        return TurnedDown(_said(reason, code or "no answer that can be read"))
    ident = _at(read, settings.answer_id)
    return Taken((ident,) if ident else ())


def receipts(settings: HttpSmsSettings, content_type: str, body: bytes) -> list[SmsReceipt]:
    """The receipts in a request; what is none, or says nothing new, is passed over.

    Raises:
        PeerError: it cannot be read at all.
    """
    found = []
    for one in _records(content_type, body):
        ident, code = _at(one, settings.receipt_id), _at(one, settings.receipt_code)
        if ident and code in settings.receipt_delivered:
            found.append(SmsReceipt(ident, SmsState.DELIVERED))
        elif ident and code in settings.receipt_failed:
            reason = _at(one, settings.receipt_reason)
            found.append(SmsReceipt(ident, SmsState.FAILED, _said("it cannot be delivered", reason or code)))
    return found


def _records(content_type: str, body: bytes) -> Iterator[Any]:
    if "form" in content_type:
        try:
            yield dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200))
        except (UnicodeDecodeError, ValueError):
            raise PeerError("a receipt cannot be read") from None
        return
    try:
        read = msgspec.json.decode(body)
    except UNREADABLE:
        raise PeerError("a receipt cannot be read") from None
    yield from read if isinstance(read, list) else [read]


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except UNREADABLE:
        return None


def _at(value: Any, path: str) -> str:
    """The text at a place such as "SendStatusSet.0.Code"; empty where there is none."""
    if not path:
        return ""
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return ""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)[:_LONGEST]
        case _:
            return ""


def _said(reason: str, code: str) -> str:
    return f"{reason} ({code})" if code and code not in reason else reason
