"""Telephone numbers as people and networks write them: whether two of them are the same one. Pure.

Networks bring a caller as +86 138…, 0086138…, 0138… or 138…, and people type or paste it otherwise again (RFC 3966
§5.1.1 has the marks between digits). Without a country's numbering plan, which a gateway between networks cannot know,
a number is another one's shorter spelling where the longer one ends with all of it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

LEAST_ALIKE = 7  # digits that another number has to end with; shorter ones are whole: 110, 8001
_MOST_DIGITS = 24  # fifteen (ITU-T E.164 §6.2.1), and what a centre may put before them
_LONGEST = 64
_UNSAID = ("Cf", "Pd", "Zs")  # Unicode: unseen marks of direction, dashes, blanks
_PLAIN = re.compile(r"\+?[0-9]+")
_MARKS = "-./()\t"


class _Spelling(NamedTuple):
    """A number as it is written, without marks; its digits; those that count; "+" or "0" before them, or nothing."""

    text: str
    digits: str
    counting: str
    prefix: str


class WantedNumber:
    """A number that somebody asks for, in whatever spelling.

    Attributes:
        written: as it was written.
        ending: the last digits of all longer numbers that it may name; "" where it names none but itself.
    """

    def __init__(self, written: str) -> None:
        self.written = written
        self._spelling = _read(written)
        digits = self._spelling.digits if self._spelling is not None else ""
        self.ending = digits[-LEAST_ALIKE:] if len(digits) >= LEAST_ALIKE else ""

    def names(self, number: str) -> bool:
        """True where this is the number, or another spelling of it."""
        if not self.written or not number:
            return False
        if number == self.written:
            return True
        if self._spelling is None or (other := _read(number)) is None:
            return False
        return _alike(self._spelling, other)


def _alike(one: _Spelling, other: _Spelling) -> bool:
    """Of two that both begin with the country, or both with the area, neither is a part of the other."""
    if one.digits == other.digits:
        return True
    short, long = sorted((one, other), key=lambda spelling: len(spelling.digits))
    if len(short.digits) >= LEAST_ALIKE and long.digits.endswith(short.text):
        return True  # its last digits, of which the first may be a zero that is no prefix
    short, long = sorted((one, other), key=lambda spelling: len(spelling.counting))
    if len(short.counting) < LEAST_ALIKE:
        return False
    if one.prefix and one.prefix == other.prefix:
        return one.counting == other.counting
    return long.counting.endswith(short.counting)


def _read(written: str) -> _Spelling | None:
    """The number in a text; None for one that is no number, such as a name."""
    text = written if _PLAIN.fullmatch(written) else _without_marks(written)
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MOST_DIGITS:
        return None
    prefix = "+" if text.startswith(("+", "00")) else "0" if text.startswith("0") else ""
    return _Spelling(text, digits, digits.lstrip("0"), prefix)


def _without_marks(written: str) -> str:
    """Full-width digits as plain ones; without marks, blanks, and what programs put unseen around a number."""
    if len(written) > _LONGEST:
        return ""
    text = unicodedata.normalize("NFKC", written).strip()
    text = "".join(one for one in text if unicodedata.category(one) not in _UNSAID)
    if text.startswith(("+", "00")):
        text = text.replace("(0)", "")  # +44 (0)20: said to those who dial within the country
    return "".join(one for one in text if one not in _MARKS)
