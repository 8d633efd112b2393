"""The formats of an RTP line, resolved (RFC 8866 §6.6, RFC 3551 §6). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

# RFC 3551 §6, tables 4 and 5: payload types that need no rtpmap.
_STATIC = {
    "0": ("PCMU", 8000, 1),
    "3": ("GSM", 8000, 1),
    "4": ("G723", 8000, 1),
    "5": ("DVI4", 8000, 1),
    "6": ("DVI4", 16000, 1),
    "7": ("LPC", 8000, 1),
    "8": ("PCMA", 8000, 1),
    "9": ("G722", 8000, 1),
    "10": ("L16", 44100, 2),
    "11": ("L16", 44100, 1),
    "12": ("QCELP", 8000, 1),
    "13": ("CN", 8000, 1),
    "14": ("MPA", 90000, 1),
    "15": ("G728", 8000, 1),
    "16": ("DVI4", 11025, 1),
    "17": ("DVI4", 22050, 1),
    "18": ("G729", 8000, 1),
    "25": ("CelB", 90000, 1),
    "26": ("JPEG", 90000, 1),
    "28": ("nv", 90000, 1),
    "31": ("H261", 90000, 1),
    "32": ("MPV", 90000, 1),
    "33": ("MP2T", 90000, 1),
    "34": ("H263", 90000, 1),
}

_SAME_AS = {"g729a": "g729", "g729b": "g729", "g729ab": "g729", "g723.1": "g723"}
"""One bit stream under several names (RFC 4856 §2.1.9)."""

_RATES = {"G722": (8000, 1), "OPUS": (48000, 2)}
"""Clock and channels whatever a peer writes: many give G.722 its 16000 samples (RFC 3551 §4.5.2), and Opus one channel
where it is to have two (RFC 7587 §7)."""

_LONGEST, _MOST = 4096, 128
"""Characters, and descriptions, of a line that is kept."""


CodecKey = tuple[str, int, int]
"""What a payload type stands for: name in lower case, clock rate, channels."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One format of an RTP m-line, resolved. `name` as spelled; compare with `.key`. `fmtp` is "" where absent.

    `clock` and `channels` are those of the packets, should the line say otherwise.
    """

    payload_type: int
    name: str
    clock: int
    channels: int
    fmtp: str
    key: CodecKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name = self.name.lower()
        object.__setattr__(self, "key", (_SAME_AS.get(name, name), self.clock, self.channels))

    @property
    def parameters(self) -> dict[str, str]:
        """The fmtp's `name=value` pairs, names in lower case, first one wins; "" for a bare word."""
        found: dict[str, str] = {}
        for item in self.fmtp.split(";"):
            name, _, value = item.partition("=")
            found.setdefault(name.strip().lower(), value.strip())
        found.pop("", None)
        return found


def read_codecs(formats: tuple[str, ...], attributes: Iterable[tuple[str, str | None]]) -> tuple[Codec, ...]:
    """The codecs of a line, in the order of its formats; one that cannot be understood is left out.

    Kept for the lines that came last: all phones of a kind, and all calls to a centre, say the same. A line that is
    longer than theirs is not kept; otherwise a peer could fill our memory.
    """
    described = tuple([one for one in attributes if one[0] == "rtpmap" or one[0] == "fmtp"])
    length = sum(map(len, formats)) + sum([len(value or "") for _, value in described])
    long = length > _LONGEST or len(described) > _MOST
    return (_codecs_of if long else _kept)(formats, described)


def _codecs_of(formats: tuple[str, ...], described: tuple[tuple[str, str | None], ...]) -> tuple[Codec, ...]:
    maps: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for name, value in described:
        if value:
            payload_type, _, rest = value.partition(" ")
            if name == "rtpmap":
                maps.setdefault(payload_type, rest.strip())
            else:  # one line each, but there are browsers' pages that add another (RFC 8866 §6.15, rtpengine#1017)
                before = parameters.get(payload_type)
                parameters[payload_type] = f"{before};{rest.strip()}" if before else rest.strip()
    found = []
    for payload_type in dict.fromkeys(formats):
        encoding = _encoding(maps[payload_type]) if payload_type in maps else None
        if encoding is None and (known := _STATIC.get(payload_type)):
            name = maps.get(payload_type, "").partition("/")[0].strip()
            encoding = known if name.upper() in ("", known[0].upper()) else None
        if encoding and payload_type.isascii() and payload_type.isdigit() and len(payload_type) <= 3:
            found.append(Codec(int(payload_type), *encoding, parameters.get(payload_type, "")))
    return tuple(found)


_kept = lru_cache(maxsize=256)(_codecs_of)


def _encoding(text: str) -> tuple[str, int, int] | None:
    """Read "name/clock[/channels]" (RFC 8866 §6.6)."""
    name, _, rest = text.partition("/")
    clock, _, channels = rest.partition("/")
    channels = channels or "1"
    for number in (clock, channels):
        if not (number.isascii() and number.isdigit() and len(number) <= 9):
            return None
    return (name, *_RATES.get(name.upper(), (int(clock), int(channels)))) if name else None
