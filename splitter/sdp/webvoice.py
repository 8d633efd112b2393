"""The voice of a browser: what of it a centre is offered, and where it has to be made another one. Pure.

A browser's codecs go straight through. Opus can be made of G.711 as well, and the other way round, so whoever has Opus
is offered to the centre with G.711 too. What is done is decided by what the centre speaks and by which codec the
operator prefers:

    centre speaks            the browser's first codec is Opus      it is another one
    Opus                     straight through                       straight through
    G.711 that it has        transcoded                             straight through
    G.711 that it lacks      transcoded                             transcoded, where it has Opus at all
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from splitter.sdp.codec import Codec
from splitter.sdp.model import Media, Session
from splitter.sdp.voice import VoiceFormat, voice_format

Key = tuple[str, int, int]

OPUS: Key = ("opus", 48000, 2)
VOICES: dict[str, Key] = {"PCMA": ("pcma", 8000, 1), "PCMU": ("pcmu", 8000, 1), "G722": ("g722", 8000, 1), "opus": OPUS}
"""The codecs of a voice, by the names that operators write."""

DIGITS = "telephone-event"
NARROW = "minptime=10;useinbandfec=1;maxplaybackrate=8000;maxaveragebitrate=24000"
"""What a browser is to send whose Opus becomes G.711: nothing above 4 kHz, and FEC (RFC 7587 §6.1)."""

_RED: Key = ("red", 48000, 2)
_LONGEST_PARAMETERS = 200
_G711 = (Codec(8, "PCMA", 8000, 1, ""), Codec(0, "PCMU", 8000, 1, ""))
_DIGITS_TYPES = (101, *range(96, 128))


@dataclass(frozen=True, slots=True)
class Transcoding:
    """A voice that is another one inside.

    Attributes:
        browser: what the browser speaks, Opus. inside: what the relay is to have of it, G.711.
        red_type: the payload type of packets that bring those before them along (RFC 2198); None for none of these.
    """

    browser: VoiceFormat
    inside: VoiceFormat
    red_type: int | None = None


def voices_of(media: Media, codecs: Iterable[str]) -> tuple[Codec, ...]:
    """The codecs to use. All of this reaches the centre, and so nothing of it is of the browser's choice or length.

    Args:
        codecs: names out of VOICES, the preferred one first.
    """
    offered = {codec.key: _known(codec) for codec in reversed(media.codecs)}
    found = [offered[VOICES[name]] for name in dict.fromkeys(codecs) if VOICES[name] in offered]
    digits = [(DIGITS, clock, 1) for clock in dict.fromkeys(codec.clock for codec in found)]
    return (*found, *(offered[key] for key in digits if key in offered))


def red_of(media: Media, voices: Iterable[Codec]) -> Codec | None:
    """The format of Opus that is sent again (RFC 2198 §5); None where the browser has none."""
    opus = next((codec for codec in voices if codec.key == OPUS), None)
    red = next((codec for codec in media.codecs if codec.key == _RED), None)
    if opus is None or red is None or any(codec.payload_type == red.payload_type for codec in voices):
        return None
    return replace(red, name="red", fmtp=f"{opus.payload_type}/{opus.payload_type}")


def inside(voices: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """What a phone would have that is there for the browser: its voices, and G.711 where that can be made of them."""
    opus = next((codec for codec in voices if codec.key == OPUS), None)
    if opus is None:
        return voices
    keys, taken = {codec.key for codec in voices}, {codec.payload_type for codec in voices}
    added = [codec for codec in _G711 if codec.key not in keys and codec.payload_type not in taken]
    spoken = [codec for codec in voices if codec.name != DIGITS]
    digits = [codec for codec in voices if codec.name == DIGITS]
    if digits and all(codec.clock != 8000 for codec in digits):
        taken |= {codec.payload_type for codec in added}
        free = next(number for number in _DIGITS_TYPES if number not in taken)
        digits.append(Codec(free, DIGITS, 8000, 1, "0-15"))
    return (*spoken, *added, *digits)


def transcoding(voices: tuple[Codec, ...], red: Codec | None, ours: Session) -> Transcoding | None:
    """What a voice is to be made of, by our description on the plain side; None where it goes straight through."""
    line = next((media for media in ours.media if media.kind == "audio" and media.port), None)
    spoken = voice_format(line) if line is not None else None
    opus = next((codec for codec in voices if codec.key == OPUS), None)
    if opus is None or spoken is None or not spoken.is_g711:
        return None
    chosen = (spoken.encoding.lower(), spoken.clock_rate, spoken.channels)
    if opus is not voices[0] and any(codec.key == chosen for codec in voices):
        return None
    digits = next((one.payload_type for one in voices if (one.name, one.clock) == (DIGITS, opus.clock)), None)
    browser = VoiceFormat("OPUS", opus.payload_type, opus.clock, opus.channels, digits_payload_type=digits)
    return Transcoding(browser, spoken, red.payload_type if red is not None else None)


def _known(codec: Codec) -> Codec:
    """A codec with parameters that may be passed on: opus has some that both ends heed (RFC 7587 §6.1)."""
    if codec.name.lower() == DIGITS:
        return replace(codec, name=DIGITS, fmtp="0-15")
    keeps = codec.name.lower() == "opus" and len(codec.fmtp) <= _LONGEST_PARAMETERS
    return codec if keeps else replace(codec, fmtp="")
