"""When a certificate holds (RFC 5280 §4.1.2.5), read from its DER. Pure.

The standard library verifies certificates but does not say when our own one ends; this is the little that is missing.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import NamedTuple

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x17, 0x18, 0xA0


SOON_S = 14 * 86_400.0
"""A certificate that ends sooner than this is an alarm."""


class Validity(NamedTuple):
    """The times between which a certificate holds, in seconds since the Unix epoch."""

    begins: float
    ends: float

    def objection(self, wall: float) -> str:
        """Why it does not hold at this time, in words; empty where it does."""
        if wall < self.begins:
            return f"holds only from {_day(self.begins)}"
        return f"expired on {_day(self.ends)}" if wall > self.ends else ""

    def warning(self, wall: float) -> str:
        """What an operator should know: an objection, or that the end is near; empty for nothing."""
        if self.ends - wall < SOON_S and not self.objection(wall):
            return f"expires on {_day(self.ends)}"
        return self.objection(wall)


class _Element(NamedTuple):
    tag: int
    content: bytes


def validity(pem: str) -> Validity:
    """The validity of the first certificate in a PEM file.

    Raises:
        ValueError: there is no certificate, or it cannot be read.
    """
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("holds no certificate")
    try:
        (certificate,) = _elements(base64.b64decode(found[1]))
        fields = _elements(_elements(certificate.content)[0].content)
        if fields[0].tag == _VERSION:
            del fields[0]
        begins, ends = _elements(fields[3].content)  # after serial number, algorithm and issuer
        return Validity(_time(begins), _time(ends))
    except (ValueError, IndexError) as error:
        raise ValueError("holds a certificate that cannot be read") from error


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _elements(data: bytes) -> list[_Element]:
    """The elements that stand side by side in `data`."""
    found = []
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:  # the long form: so many bytes of length follow
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + size > len(data):
            raise ValueError("cut short")
        found.append(_Element(tag, data[at : at + size]))
        at += size
    return found


def _time(element: _Element) -> float:
    text = element.content.decode("ascii")
    if element.tag == _UTC_TIME:
        text = ("20" if text[:2] < "50" else "19") + text  # RFC 5280 §4.1.2.5.1
    elif element.tag != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
