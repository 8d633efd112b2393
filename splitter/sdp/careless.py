"""Careless descriptions: what real endpoints write beside RFC 8866 §9, how it is read, and the words for it. Pure.

The rule: whatever says where media go and what they are (m= of the audio, c=, a payload type) has one reading or is
refused; all else that says nothing of the media is read as it was meant, or passed over, and noted. A note is for the
trace of the call: the peer's vendor can be told what to mend.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from splitter.core.errors import PeerError
from splitter.sdp.carry import ENDS_HERE, FOLDED
from splitter.sdp.codec import read_codecs
from splitter.sdp.model import DIRECTIONS, Attribute, shown

NOTES = 8
"""So many oddities of one description are told; of the others only that there are more."""

BLANKS = " \t\v\f"
LETTERS = frozenset("vosiuepcbtrzkam")
"""What lines begin with."""

NAMES = frozenset(
    {
        *DIRECTIONS,
        *ENDS_HERE,
        *FOLDED,
        *("rtpmap", "fmtp", "ptime", "maxptime", "rtcp-fb", "imageattr", "content", "framerate"),
    }
)
"""Attributes that we act upon: their names are found in any case."""

_FREE_TEXT = "siuepk"  # their blanks belong to the value; RFC 8866 §5.3 knows "s= "
_PER_FORMAT = frozenset({"rtpmap", "fmtp", "rtcp-fb", "imageattr"})
# At each line's end: a blank before it, or after it no letter, "=" and something else than a blank.
_ODD_ENDS = re.compile(r"\n(?:(?<= \n)|(?![vosiuepcbtrzkam]=[^ ]|\n|\Z))")
_LINE = re.compile(r"[ \t\v\f]*+([A-Za-z])[ \t]*+=(.*)", re.DOTALL)
_LIKE_MEDIA = re.compile(r"[ \t]*[mc](?:[^A-Za-z0-9]|\Z)|.*\bRTP/S?AVP", re.IGNORECASE | re.DOTALL)
_NUL_AT_END = re.compile(rb"\0+(?=[\r\n]|\Z)")
_ANY_LINE = re.compile(rb"[A-Za-z][ \t]*=")
_EVENTS = ("0-15", "0-16", "0-11")  # RFC 4733 §2.4.1: what phones can, and no parameter of any codec
_USUAL_CLOCK = 8000
_DECIMAL = re.compile(r"-?[0-9]{1,20}\Z", re.ASCII)


_seen: dict[str, Attribute] = {}
seen = _seen.get
"""The attribute that a line without oddities says, if it was read lately."""


class Oddities:
    """The faults that were overlooked in one description, in plain words, each once."""

    __slots__ = ("_found", "_more")

    def __init__(self) -> None:
        self._found: dict[str, None] = {}
        self._more = 0

    def note(self, what: str, text: str = "") -> None:
        """Add one; `text` is what the peer wrote."""
        words = f"{what}: {shown(text, 40)}" if text else what
        if words not in self._found:
            if len(self._found) < NOTES:
                self._found[words] = None
            else:
                self._more += 1

    def told(self) -> tuple[str, ...]:
        """The oddities in one sentence, for the trace."""
        more = (f"and {self._more} more",) if self._more else ()
        return (*self._found, *more)


def without_nul(data: bytes, odd: Oddities) -> bytes:
    """The description without NUL bytes at the end of its lines, and without what follows one if that is no SDP.

    C programs write such bytes when they count one too many, or send a buffer that is longer than the text in it.

    Raises:
        PeerError: a NUL with further lines after it: whoever stops there reads another description than who goes on.
    """
    kept = _NUL_AT_END.sub(b"", data)
    if kept != data:
        odd.note("a NUL byte at the end of a line")
    text, found, rest = kept.partition(b"\0")
    if found and any(_ANY_LINE.match(line) for line in re.split(rb"[\r\n\0]+", rest)):
        raise PeerError("SDP holds a NUL byte, and lines after it (RFC 8866 §9)")
    if found:
        odd.note(f"{len(rest)} bytes of no meaning after a NUL byte")
    return text


def is_tidy(text: str) -> bool:
    """True where no line needs `tidied`; quick, for nearly every description is tidy.

    Args:
        text: with LF at the ends of its lines, and one before the first.
    """
    return not ("\t" in text or _ODD_ENDS.search(text) or ": " in text or "  " in text or text[-1] == " ")


def tidied(lines: list[str], odd: Oddities) -> Iterator[str]:
    """The lines as they were meant: without blanks around them and their parts, letters lower case, junk left out.

    Raises:
        PeerError: junk that may have been a line about media.
    """
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            if line.strip(BLANKS):
                if _LIKE_MEDIA.match(line):
                    raise PeerError(f"SDP line is not <letter>=<value>: {shown(line)}")
                odd.note("a line that is not <letter>=<value>", line)
            continue
        letter, value = match[1].lower(), match[2]
        if letter not in LETTERS:
            odd.note("a line of an unknown kind", line)
            continue
        if letter not in _FREE_TEXT:
            value = value.strip(BLANKS)
        if letter == "a":
            value = _spaced(value)
        tidy = f"{letter}={value}"
        if tidy != line:
            odd.note("blanks or upper case where none belong", line)
        yield tidy


def _spaced(value: str) -> str:
    """An attribute without blanks around its colon, and with one after the payload type it speaks of."""
    name, colon, rest = value.partition(":")
    if not colon or " " in name.rstrip(BLANKS):
        return value
    name, rest = name.rstrip(BLANKS), rest.lstrip(BLANKS)
    if name.lower() not in NAMES:
        return value  # somebody else's
    return f"{name}:{' '.join(rest.split(None, 1)) if name.lower() in _PER_FORMAT else rest}"


def attribute(line: str, odd: Oddities) -> tuple[Attribute, ...]:
    """An a= line, also where the name of one that we act upon is in a careless spelling.

    Returns: nothing for one without a name.
    """
    text = line[2:]
    name, colon, value = text.partition(":")
    if not name:
        odd.note("an attribute without a name", line)
        return ()
    word, blank, rest = name.partition(" ")
    plain = word.lower()
    if plain == name or plain not in NAMES:
        return (_remembered(line, Attribute(name, value if colon else None)),)
    odd.note("an attribute in a spelling of its own", line)
    if plain in DIRECTIONS:
        return (Attribute(plain),)
    if blank:  # "rtpmap 97 AMR/8000"
        return (Attribute(plain, (rest + colon + value).strip(BLANKS)),)
    return (Attribute(plain, value if colon else None),)


def unnamed_digits(formats: tuple[str, ...], attributes: list[Attribute], odd: Oddities) -> list[Attribute]:
    """The a=rtpmap lines of digits that are described by their events alone: "a=fmtp:101 0-15".

    Without them no digit would reach who asks for a number. Where other formats are unknown as well, nothing is added:
    the line may follow another that says what its numbers stand for (`align.described`).
    """
    events = {
        number
        for number, _, what in ((value or "").partition(" ") for name, value in attributes if name == "fmtp")
        if what in _EVENTS
    }
    if not events:
        return []
    codecs = read_codecs(formats, attributes)
    known = {str(codec.payload_type) for codec in codecs}
    known.update((value or "").partition(" ")[0] for name, value in attributes if name == "rtpmap")  # readable or not
    unknown = [number for number in dict.fromkeys(formats) if number not in known]
    if not events.issuperset(unknown):
        return []
    clocks = [codec.clock for codec in codecs]
    clock = clocks[0] if clocks and _USUAL_CLOCK not in clocks else _USUAL_CLOCK  # that of the voice (RFC 4733 §2.1)
    for number in unknown:
        odd.note("events without a=rtpmap", number)
    return [Attribute("rtpmap", f"{number} telephone-event/{clock}") for number in unknown]


def _remembered(line: str, attribute: Attribute) -> Attribute:
    """Keep what a line says: a peer's lines come with its every description. Long ones would fill our memory."""
    if len(line) < 200:
        if len(_seen) >= 4096:
            _seen.clear()
        _seen[line] = attribute
    return attribute


def origin_number(text: str, odd: Oddities) -> int:
    """Session id or version of o= (RFC 8866 §5.2) as a number: equal texts give equal numbers, others differ.

    Nothing of a call hangs on a peer's o=: what has changed is read from the lines themselves (`sdp.compare`). So what
    is no number of 64 bits needs no more than to be told from others.
    """
    if _DECIMAL.match(text):
        if text[0] == "-":
            odd.note("a negative number in o=", text)
        return int(text)
    odd.note("something else than a number in o=", text)
    return stand_in(text)


def stand_in(text: str) -> int:
    """A number of 64 bits for a text; 0 for none."""
    if not text:
        return 0
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
