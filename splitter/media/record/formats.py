"""The part of a voice packet that goes into the file, by its codec. Pure.

G.711 and G.722 are kept as Microsoft's ACM names them, AMR in its storage format (RFC 4867 §5.3), Opus as it is. What
no player knows, such as EVS, is kept all the same, payload by payload, under a name of our own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from splitter.media.record.matroska import Track
from splitter.media.voice import amr
from splitter.sdp.voice import VoiceFormat

_ACM = "A_MS/ACM"
_TAGS = {"PCMA": (0x0006, 8), "PCMU": (0x0007, 8), "G722": (0x028F, 4), "AMR": (0x0057, 0), "AMR-WB": (0x0058, 0)}
_OPUS_RATE = 48_000
_OPUS_SKIP = 312  # samples that a decoder needs to settle (RFC 7845 §4.2)

Frames = Callable[[bytes], list[tuple[int, bytes]]]
"""Takes a payload apart: how many time stamp units after its begin each frame is, and the frame. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class KeptVoice:
    """How a voice is kept. `frames`: see `Frames`."""

    track: Track
    frames: Frames


def kept(name: str, voice: VoiceFormat) -> KeptVoice:
    """Say how this format is kept, in a track of this name."""
    encoding = voice.encoding
    if encoding == "OPUS":
        return KeptVoice(_opus(name), _whole)
    if encoding in ("AMR", "AMR-WB"):
        aligned, wide = voice.parameters.get("octet-align", "0") == "1", encoding == "AMR-WB"
        rate = 16_000 if wide else 8000
        return KeptVoice(_acm(name, encoding, rate, 1), lambda payload: _amr(payload, aligned, wide))
    if encoding in _TAGS:
        rate = 16_000 if encoding == "G722" else voice.clock_rate  # RFC 3551 §4.5.2: its clock is said to be half
        return KeptVoice(_acm(name, encoding, rate, voice.channels), _whole)
    if encoding == "L16":
        track = Track(name, "A_PCM/INT/BIG", rate=voice.clock_rate, channels=voice.channels, depth=16)
        return KeptVoice(track, _whole)
    track = Track(name, f"A_RTP/{encoding[:20]}", voice.fmtp.encode()[:200], rate=voice.clock_rate)
    return KeptVoice(track, _whole)


def _whole(payload: bytes) -> list[tuple[int, bytes]]:
    return [(0, payload)] if payload else []


def _amr(payload: bytes, aligned: bool, wide: bool) -> list[tuple[int, bytes]]:
    samples = 320 if wide else 160  # of 20 ms
    return [(samples * index, frame) for index, frame in enumerate(amr.frames(payload, aligned, wide))]


def _acm(name: str, encoding: str, rate: int, channels: int) -> Track:
    """WAVEFORMATEX, which ACM has for its private data."""
    tag, bits = _TAGS[encoding]
    per_second = rate * channels * bits // 8 if bits else 1600
    align = max(1, channels * bits // 8)
    data = struct.pack("<HHIIHHH", tag, channels, rate, per_second, align, bits, 0)
    return Track(name, _ACM, data, rate=rate, channels=channels, depth=bits)


def _opus(name: str) -> Track:
    """RFC 7845 §5.1, and Matroska's codec mapping."""
    data = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, _OPUS_SKIP, _OPUS_RATE, 0, 0)
    delay_ns = _OPUS_SKIP * 1_000_000_000 // _OPUS_RATE
    return Track(name, "A_OPUS", data, rate=_OPUS_RATE, channels=2, delay_ns=delay_ns, preroll_ns=80_000_000)
