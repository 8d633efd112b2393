"""Payload types of our own for what a line carries. Pure.

A payload type must not be given another meaning in a dialog (RFC 3264 §8.3.2), and a caller's may be, for us, once the
call was moved: so each encoding that a line has ever had keeps the number that it got first.
"""

from __future__ import annotations

from splitter.media.forward.protocol import Encoding

_FIRST, _LAST = 96, 127
_STATIC = {("PCMU", 8000, 1): 0, ("PCMA", 8000, 1): 8, ("G722", 8000, 1): 9}  # RFC 3551 §6
USUAL: tuple[Encoding, ...] = ((0, "PCMU", 8000, 1, ""), (8, "PCMA", 8000, 1, ""))
"""The encodings of a tap that names none."""


class PayloadTypes:
    """The payload types of one line.

    Attributes:
        encodings: under our numbers; the present one first.
    """

    def __init__(self) -> None:
        self.encodings: tuple[Encoding, ...] = ()
        self._ours: dict[tuple[str, int, int, str], int] = {}
        self._by_theirs: dict[int, Encoding] = {}

    def learn(self, spoken: tuple[Encoding, ...]) -> bool:
        """Take in what the sender speaks from now on. Returns: whether there is something new to offer."""
        self._by_theirs = {}
        found: list[Encoding] = []
        for theirs, name, rate, channels, fmtp in spoken or USUAL:
            number = self._number((name.upper(), rate, channels, fmtp))
            if number is not None:
                ours = (number, name, rate, channels, fmtp)
                self._by_theirs[theirs] = ours
                if ours not in found:  # one encoding may come under two numbers
                    found.append(ours)
        before = self.encodings
        self.encodings = (*found, *(one for one in before if one not in found))
        return set(self.encodings) != set(before)

    def of(self, theirs: int) -> Encoding | None:
        """The encoding under a payload type of the sender."""
        return self._by_theirs.get(theirs)

    def _number(self, key: tuple[str, int, int, str]) -> int | None:
        known = self._ours.get(key)
        if known is not None:
            return known
        taken = set(self._ours.values())
        static = _STATIC.get(key[:3]) if not key[3] else None
        free = (number for number in range(_FIRST, _LAST + 1) if number not in taken)
        number = static if static is not None else next(free, None)
        if number is not None:
            self._ours[key] = number
        return number
