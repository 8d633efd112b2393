"""What a voice m-line speaks, as a mixer must know it (RFC 3551, RFC 4733). Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from splitter.sdp.codec import Codec
from splitter.sdp.model import Media
from splitter.sdp.split import NOT_VOICE

USUAL_PTIME_MS = 20
"""Of a packet where SDP does not say (RFC 3551 §4.2)."""

_SHORTEST_MS, _LONGEST_MS = 10, 120
_ODD = ("crc", "robust-sorting", "interleaving")  # of AMR (RFC 4867 §8.1): hardly anybody has them


@dataclass(frozen=True, slots=True)
class VoiceFormat:
    """What a peer sends and is sent.

    Attributes:
        encoding: its name in upper case: "PCMA", "PCMU", "OPUS", "AMR".
        payload_type: of it, as the peer names it.
        clock_rate, channels: as of a=rtpmap; those of Opus are 48000 and 2 whatever it carries (RFC 7587 §4.1).
        ptime_ms: how much of it the peer wants in a packet.
        digits_payload_type: of telephone-event at the same clock rate; None where the peer knows none.
        fmtp: its parameters as SDP has them.
        named_here: payload types of our description, each with the peer's for the same, where they differ. What comes
            has ours (RFC 3264 §5.1), or theirs: there are peers that know one number for both ways.
    """

    encoding: str
    payload_type: int
    clock_rate: int = 8000
    channels: int = 1
    ptime_ms: int = USUAL_PTIME_MS
    digits_payload_type: int | None = None
    fmtp: str = ""
    named_here: tuple[tuple[int, int], ...] = ()

    @property
    def is_g711(self) -> bool:
        """Whether this is G.711, as everybody has it (RFC 3551 §4.5.14)."""
        return self.encoding in ("PCMA", "PCMU") and (self.clock_rate, self.channels) == (8000, 1)

    @property
    def parameters(self) -> dict[str, str]:
        """The fmtp's `name=value` pairs; see `Codec.parameters`."""
        return Codec(self.payload_type, self.encoding, self.clock_rate, self.channels, self.fmtp).parameters

    def numbers_of(self, payload_type: int) -> tuple[int, ...]:
        """The payload types under which what the peer names so may come."""
        return (payload_type, *(ours for ours, theirs in self.named_here if theirs == payload_type))

    def is_among(self, encodings: Collection[str]) -> bool:
        """Whether somebody who knows these encodings can decode and encode it."""
        if self.is_g711:
            return True
        odd = self.encoding.startswith("AMR") and any(self.parameters.get(name, "0") != "0" for name in _ODD)
        return self.encoding in encodings and self.channels <= 2 and not odd


def voice_format(media: Media) -> VoiceFormat | None:
    """Say what is spoken on an m-line of the peer: its first voice format; in an answer it is the one agreed on.

    Returns: None where there is none: the line is off, or of another kind.
    """
    if media.port == 0 or media.kind != "audio":
        return None
    spoken = next((codec for codec in media.codecs if codec.name.lower() not in NOT_VOICE), None)
    if spoken is None:
        return None
    return VoiceFormat(
        _text(spoken.name.upper()),
        spoken.payload_type,
        spoken.clock,
        spoken.channels,
        _ptime_of(media),
        _digits_of(media, spoken),
        _text(spoken.fmtp),
    )


def _text(said: str) -> str:
    """Text without bytes that are no UTF-8, which nobody could be told of."""
    return said.encode("utf-8", "replace").decode()


def _ptime_of(media: Media) -> int:
    text = (media.get("ptime") or "").strip()
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else USUAL_PTIME_MS
    return wanted if _SHORTEST_MS <= wanted <= _LONGEST_MS else USUAL_PTIME_MS


def _digits_of(media: Media, spoken: Codec) -> int | None:
    """RFC 4733 §2.1: events have the clock of the voice that they stand in for."""
    events = (codec for codec in media.codecs if codec.name.lower() == "telephone-event")
    return next((codec.payload_type for codec in events if codec.clock == spoken.clock), None)
