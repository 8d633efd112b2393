"""Codecs of a mix that are not its own: G.722 and AMR of the library that decodes video too, and Opus. No I/O.

Each has a rate of its own; a mix has 8000 samples a second. AMR-WB can be decoded, but the library does not encode it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from numpy.lib.stride_tricks import sliding_window_view

from splitter.core.errors import LocalError
from splitter.media.voice import BLOCK, RATE, amr, opus
from splitter.media.voice.g711 import NOTHING, Samples
from splitter.sdp.voice import VoiceFormat

if TYPE_CHECKING:
    from splitter.media.voice.codecs import Block, VoiceCodec

_FULL_SCALE = np.float32(32768)
_LONGEST = 2400  # samples of a packet: 0.3 s
_G722_RATE = _WIDE_RATE = 16_000
_PASS = 0.9  # of the band of a mix: up to 3600 Hz


def _filter(factor: int) -> Samples:
    """A low pass for a rate `factor` times that of a mix."""
    at = np.arange(-8 * factor, 8 * factor + 1)
    taps = np.sinc(at * _PASS / factor) * np.hamming(len(at))
    filtered: Samples = (taps / taps.sum()).astype(np.float32)
    return filtered


class Decimator:
    """Samples of a higher rate become those of a mix. `factor`: by how many times it is higher."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._taps = _filter(factor)
        self._kept: Samples = np.zeros(len(self._taps) - 1, np.float32)

    def take(self, samples: Samples) -> Samples:
        """Convert some, a multiple of the factor; what is over is left out."""
        whole = np.concatenate((self._kept, samples))
        self._kept = whole[-len(self._kept) :]
        return (sliding_window_view(whole, len(self._taps))[:: self._factor] @ self._taps).astype(np.float32)


class Interpolator:
    """Samples of a mix become those of a higher rate."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._taps = _filter(factor) * np.float32(factor)
        self._kept: Samples = np.zeros(len(self._taps) - 1, np.float32)

    def take(self, samples: Samples) -> Samples:
        """Convert some."""
        spread = np.zeros(len(samples) * self._factor, np.float32)
        spread[:: self._factor] = samples
        whole = np.concatenate((self._kept, spread))
        self._kept = whole[-len(self._kept) :]
        return np.convolve(whole, self._taps, "valid").astype(np.float32)


def _context(name: str, mode: Literal["r", "w"], rate: int, bits_s: int = 0) -> AudioCodecContext:
    context = av.CodecContext.create(name, mode)
    if not isinstance(context, AudioCodecContext):
        raise LocalError(f"{name} is no codec of voice")
    context.sample_rate, context.layout = rate, "mono"
    if mode == "w":
        context.format = av.AudioFormat("s16")
        if bits_s:
            context.bit_rate = bits_s
    context.open()
    return context


class LibraryDecoder:
    """A decoder of the library; see `VoiceDecoder`.

    Args:
        name: of the library.
        decoded: samples a second that come out of it; wanted: those that come out of this.
    """

    def __init__(self, name: str, decoded: int, wanted: int = RATE) -> None:
        self._decoder = _context(name, "r", decoded)
        self._down = Decimator(decoded // wanted) if decoded != wanted else None
        self._longest = _LONGEST * wanted // RATE

    def decode(self, payload: bytes | memoryview) -> Samples:
        """Read a payload. Raises ValueError."""
        parts = [self._samples(frame) for part in self._parts(bytes(payload)) for frame in self._decoded(part)]
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        if self._down is not None and len(samples):
            samples = self._down.take(samples)
        if len(samples) > self._longest:
            raise ValueError("a packet of more voice than there can be in one")
        return samples

    def _decoded(self, part: bytes) -> list[AudioFrame]:
        try:
            return self._decoder.decode(av.Packet(part))
        except FFmpegError as error:
            raise ValueError(str(error)) from error

    def _samples(self, frame: AudioFrame) -> Samples:
        """The samples of a frame, of all channels together."""
        channels = frame.layout.nb_channels
        values = frame.to_ndarray().reshape(-1)
        scale = np.float32(1) if values.dtype == np.int16 else _FULL_SCALE
        mono = values.astype(np.float32) * scale
        if channels > 1:
            shape = (channels, -1) if frame.format.is_planar else (-1, channels)
            mono = mono.reshape(shape).mean(axis=0 if frame.format.is_planar else 1)
        return mono

    def _parts(self, payload: bytes) -> list[bytes]:
        """What of a payload the library takes at a time. Raises ValueError."""
        return [payload]


def wide_g722() -> LibraryDecoder:
    """G.722 as it was spoken: 16 000 samples a second."""
    return LibraryDecoder("g722", _G722_RATE, _G722_RATE)


class LibraryCodec(LibraryDecoder):
    """A codec of the library; see `VoiceCodec`.

    Args:
        decoded, encoded: samples a second on either side of it.
    """

    def __init__(self, name: str, decoded: int, encoded: int, bits_s: int = 0) -> None:
        super().__init__(name, decoded)
        self._encoder = _context(name, "w", encoded, bits_s)
        self._up = Interpolator(encoded // RATE) if encoded != RATE else None
        self._encoded = encoded
        self._time = 0

    def recover(self, payload: bytes, count: int) -> Samples:
        """Nothing: what a payload has of those before it the library does not tell."""
        return NOTHING

    def encode(self, block: Block) -> bytes:
        """Write the payload of a block; empty where the library keeps it back, or fails."""
        if self._up is not None:
            risen = self._up.take(block.astype(np.float32))
            block = np.clip(np.rint(risen), -32768, 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._encoded, self._time
        self._time += len(block)
        try:
            return b"".join(self._written(bytes(packet)) for packet in self._encoder.encode(frame))
        except (FFmpegError, ValueError):
            return b""  # of one side, for 20 ms: no reason to end what all others hear

    def _written(self, part: bytes) -> bytes:
        return part


class Amr(LibraryCodec):
    """AMR, in the form that SDP says, and in the mode that the peer asks for."""

    def __init__(self, format: VoiceFormat) -> None:
        self._aligned = format.parameters.get("octet-align", "0") == "1"
        self._requests = amr.ModeRequests(amr.modes_of(format.parameters.get("mode-set", "")))
        super().__init__("libopencore_amrnb", RATE, RATE, amr.RATES[self._requests.modes[-1]])

    def encode(self, block: Block) -> bytes:
        self._encoder.bit_rate = amr.RATES[self._requests.next()]
        return super().encode(block)

    def _parts(self, payload: bytes) -> list[bytes]:
        found = amr.frames(payload, self._aligned)
        self._requests.take(payload)
        return found

    def _written(self, part: bytes) -> bytes:
        return amr.payload(part, self._aligned)


class WideAmr(LibraryDecoder):
    """AMR-WB, which the library only decodes."""

    def __init__(self, format: VoiceFormat, wanted: int = RATE) -> None:
        self._aligned = format.parameters.get("octet-align", "0") == "1"
        super().__init__("libopencore_amrwb", _WIDE_RATE, wanted)

    def _parts(self, payload: bytes) -> list[bytes]:
        return amr.frames(payload, self._aligned, wide=True)


def _g722(format: VoiceFormat) -> VoiceCodec:
    return LibraryCodec("g722", _G722_RATE, _G722_RATE)


_ALL: dict[str, Callable[[VoiceFormat], VoiceCodec]] = {"AMR": Amr, "G722": _g722, "OPUS": opus.Opus}
_SAMPLES = {
    "AMR": VoiceFormat("AMR", 96),
    "G722": VoiceFormat("G722", 9),
    "OPUS": VoiceFormat("OPUS", 111, 48_000, 2),
}


def makers() -> dict[str, Callable[[VoiceFormat], VoiceCodec]]:
    """Find those that work here, both ways, by the name that SDP has for them."""
    return {name: make for name, make in _ALL.items() if _works(make(_SAMPLES[name]) if _there(name) else None)}


def _there(name: str) -> bool:
    if name == "OPUS":
        return opus.is_there()
    library = {"AMR": "libopencore_amrnb", "G722": "g722"}[name]
    return library in av.codec.codecs_available


def _works(codec: VoiceCodec | None) -> bool:
    payload = b""
    if codec is None:
        return False
    try:
        for _ in range(3):
            payload = codec.encode(np.zeros(BLOCK, np.int16))
            if payload:
                codec.decode(payload)
    except (FFmpegError, ValueError):
        return False
    return bool(payload)
