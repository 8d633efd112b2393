"""How long a short message is, and how it is cut where it is too long for one (3GPP TS 23.038, TS 23.040). Pure.

Plain ASCII goes as 7-bit text where that has the same signs at the same places as the GSM alphabet; everything else
goes as UCS-2. A single message has 160 or 70 signs, one of several parts 153 or 67: the rest names the part
(§9.2.3.24.1).
"""

from __future__ import annotations

from dataclasses import dataclass

PLAIN_SINGLE, PLAIN_PART = 160, 153
WIDE_SINGLE, WIDE_PART = 70, 67
MOST_PARTS = 8
"""Longer texts are a mistake of the configuration."""

PLAIN_CODING, WIDE_CODING = 0x00, 0x08
"""Data codings of SMPP 3.4 §5.2.19, and of TS 23.038 §4."""

# At other places in the GSM alphabet, or not in it at all: what reads one as the other would show another sign.
_MOVED = frozenset("@$_`[\\]^{|}~")


@dataclass(frozen=True, slots=True)
class Piece:
    """One part as it goes out: `header` is its user data header, empty for a message of one part."""

    coding: int
    header: bytes
    data: bytes


def is_plain(text: str) -> bool:
    """True for a text whose signs are the same in ASCII and in the GSM alphabet."""
    return all((" " <= sign <= "z" and sign not in _MOVED) or sign == "\n" for sign in text)


def units(text: str) -> int:
    """The length in signs of its alphabet: 7-bit ones, or 16-bit units (an emoji is two)."""
    return len(text) if is_plain(text) else len(_wide(text)) // 2


def count_parts(text: str) -> int:
    """The number of messages that the text takes."""
    return len(_cut(text))


def pieces(text: str, reference: int, wide: bool = False) -> list[Piece]:
    """The text as what is sent, in order.

    Args:
        reference: tells the parts of this message from those of others; its low byte counts.
        wide: as UCS-2 in any case, for services that do not take the other.
    """
    narrow = is_plain(text) and not wide
    cut = _cut(text, wide)
    coding = PLAIN_CODING if narrow else WIDE_CODING
    data = [part.encode("ascii") if narrow else _wide(part) for part in cut]
    if len(data) == 1:
        return [Piece(coding, b"", data[0])]
    return [
        Piece(coding, bytes((5, 0, 3, reference & 0xFF, len(data), number)), part)
        for number, part in enumerate(data, 1)
    ]


def _cut(text: str, wide: bool = False) -> list[str]:
    narrow = is_plain(text) and not wide
    single, most = (PLAIN_SINGLE, PLAIN_PART) if narrow else (WIDE_SINGLE, WIDE_PART)
    if (len(text) if narrow else len(_wide(text)) // 2) <= single:
        return [text]
    parts, part, used = [], "", 0
    for sign in text:
        size = 1 if narrow else len(_wide(sign)) // 2  # both halves of a sign stay together
        if used + size > most:
            parts.append(part)
            part, used = "", 0
        part, used = part + sign, used + size
    return [*parts, part]


def _wide(text: str) -> bytes:
    """UTF-16: UCS-2 with the signs beyond it, which phones show."""
    return text.encode("utf-16-be", "replace")
