"""Opus by libopus itself, at the rate of a mix (RFC 6716, RFC 7587). No I/O.

The codec library that decodes video brings libopus along, but has no way to ask it for what is lost: its own way is
asked, in the very library that is loaded. libopus goes to and from 8000 samples a second by itself, at no cost: what a
voice has above 4 kHz is not decoded in the first place.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import av.codec.codec
import numpy as np
from cffi import FFI

from splitter.core.errors import LocalError
from splitter.media.voice import RATE
from splitter.media.voice.g711 import NOTHING, Samples
from splitter.sdp.voice import VoiceFormat

LONGEST = 960
"""Samples of a packet, 120 ms (RFC 6716 §2.1.4); as many are made up at a time at most."""

_STEP = 20  # libopus makes up multiples of 2.5 ms
_BITS_S = 24_000
_COMPLEXITY = 5
_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_LOSS = 4002, 4010, 4012, 4014
_MOST_BYTES = 1275

_FFI = FFI()
_FFI.cdef("""
    typedef struct OpusEncoder OpusEncoder;
    typedef struct OpusDecoder OpusDecoder;
    OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
    void opus_encoder_destroy(OpusEncoder *);
    int opus_encoder_ctl(OpusEncoder *, int request, ...);
    int32_t opus_encode(OpusEncoder *, const int16_t *samples, int count, unsigned char *payload, int32_t room);
    OpusDecoder *opus_decoder_create(int32_t rate, int channels, int *error);
    void opus_decoder_destroy(OpusDecoder *);
    int opus_decode(OpusDecoder *, const unsigned char *payload, int32_t size, int16_t *samples, int room, int fec);
""")


@cache
def _library() -> Any:
    """The libopus that the codec library is linked to, or the system's. Raises LocalError."""
    for name in (av.codec.codec.__file__, "libopus.so.0"):
        try:
            library = _FFI.dlopen(name)
            library.opus_encoder_create  # noqa: B018 — whether it is there
        except (OSError, AttributeError):
            continue
        return library
    raise LocalError("there is no libopus")


def is_there() -> bool:
    """Whether there is a libopus."""
    try:
        return bool(_library())
    except LocalError:
        return False


class OpusDecoder:
    """One stream, read. `rate`: of what comes out. Raises LocalError where there is no libopus."""

    def __init__(self, rate: int = RATE) -> None:
        library = self._library = _library()
        reader = library.opus_decoder_create(rate, 1, _FFI.new("int *"))
        if not reader:
            raise LocalError("libopus has no coder for us")
        self._reader = _FFI.gc(reader, library.opus_decoder_destroy)
        self._longest = LONGEST * rate // RATE
        self._samples = _FFI.new(f"int16_t[{self._longest}]")

    def decode(self, payload: bytes | memoryview) -> Samples:
        """Read a payload. Raises ValueError where it is none."""
        return self._read(bytes(payload), self._longest, False)

    def _read(self, payload: bytes, room: int, fec: bool) -> Samples:
        count = self._library.opus_decode(self._reader, payload, len(payload), self._samples, room, fec)
        if count < 0:
            raise ValueError(f"libopus cannot read this ({count})")
        return np.frombuffer(_FFI.buffer(self._samples, 2 * count), np.int16).astype(np.float32)


class Opus(OpusDecoder):
    """One stream each way; see `VoiceCodec`. Raises LocalError where there is no libopus."""

    def __init__(self, format: VoiceFormat | None = None) -> None:
        super().__init__()
        coder = self._library.opus_encoder_create(RATE, 1, _VOIP, _FFI.new("int *"))
        if not coder:
            raise LocalError("libopus has no coder for us")
        self._coder = _FFI.gc(coder, self._library.opus_encoder_destroy)
        self._payload = _FFI.new(f"unsigned char[{_MOST_BYTES}]")
        self._set(_SET_BITRATE, _BITS_S)
        self._set(_SET_COMPLEXITY, _COMPLEXITY)
        self._set(_SET_INBAND_FEC, 1)
        self.expect_loss(10)

    def expect_loss(self, percent: int) -> None:
        """Say how much the other side misses: so much room is given to what may be lost."""
        self._set(_SET_LOSS, min(100, max(0, percent)))

    def recover(self, payload: bytes, count: int) -> Samples:
        """Make up what was lost right before a payload, with what that has of it (RFC 6716 §2.1.7). Raises ValueError.

        Args:
            payload: that is decoded next.
            count: samples that are missing; more than LONGEST are not made up.
        """
        room = min(count - count % _STEP, LONGEST)
        return self._read(payload, room, True) if room > 0 else NOTHING

    def encode(self, block: np.ndarray[Any, np.dtype[np.int16]]) -> bytes:
        """Write the payload of a block of 20 ms; empty where libopus fails."""
        samples = _FFI.from_buffer("int16_t[]", np.ascontiguousarray(block))
        size = self._library.opus_encode(self._coder, samples, len(block), self._payload, _MOST_BYTES)
        return bytes(_FFI.buffer(self._payload, size)) if size > 0 else b""

    def _set(self, request: int, value: int) -> None:
        self._library.opus_encoder_ctl(self._coder, request, _FFI.cast("int", value))
