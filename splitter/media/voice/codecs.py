"""What a mix can decode and encode: G.711 by itself, others where the codec library has both ways. No I/O.

A mix has 8000 samples a second. What speaks more of them loses those as long as it is in a mix; see
docs/decisions/0030.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from splitter.core.errors import LocalError
from splitter.media.voice import RATE
from splitter.media.voice.g711 import ALAW, ULAW, Samples
from splitter.sdp.voice import VoiceFormat

Block = NDArray[np.int16]

PAYLOAD_LIMIT = 2048
"""Bytes of a payload of voice: 0.25 s of G.711. What is longer is none."""


class VoiceDecoder(Protocol):
    """One format, one stream."""

    def decode(self, payload: bytes | memoryview) -> Samples:
        """The samples of a payload. Raises ValueError where it is none."""
        ...


class VoiceCodec(VoiceDecoder, Protocol):
    """One format, one stream each way."""

    def recover(self, payload: bytes, count: int) -> Samples:
        """Samples that were lost right before a payload, as far as it tells of them. Raises ValueError.

        Args:
            payload: that is decoded next.
            count: how many are missing.
        """
        ...

    def encode(self, block: Block) -> bytes:
        """The payload of a block."""
        ...


_LAWS: dict[str, VoiceCodec] = {"PCMA": ALAW, "PCMU": ULAW}
_Makers = dict[str, Callable[[VoiceFormat], VoiceCodec]]


@cache
def _library() -> _Makers:
    """Those of the codec library; none where it lacks them."""
    from splitter.media.voice import library

    return library.makers()


def can_mix(format: VoiceFormat) -> bool:
    """Say whether a side that speaks this can be in a mix."""
    return format.is_g711 or format.is_among(_library())


def encodings() -> tuple[str, ...]:
    """Name what can be mixed."""
    return (*_LAWS, *sorted(_library()))


def codec_of(format: VoiceFormat) -> VoiceCodec:
    """Make what decodes and encodes a format. Raises LocalError where nothing does."""
    if format.is_g711:
        return _LAWS[format.encoding]
    make = _library().get(format.encoding)
    if make is None:
        raise LocalError(f"{format.encoding} cannot be mixed")
    return make(format)


def decoder_of(format: VoiceFormat) -> VoiceDecoder:
    """Make what decodes a format, be it that nothing encodes it. Raises LocalError where nothing does."""
    if format.encoding != "AMR-WB":
        return codec_of(format)
    from splitter.media.voice import library

    try:
        return library.WideAmr(format)
    except ValueError as error:  # a library without it
        raise LocalError(f"{format.encoding} cannot be decoded") from error


class _Doubled:
    """A voice of 8000 samples a second, as 16 000: nothing is in it that was not."""

    def __init__(self, decoder: VoiceDecoder) -> None:
        from splitter.media.voice import library

        self._decoder, self._up = decoder, library.Interpolator(2)

    def decode(self, payload: bytes | memoryview) -> Samples:
        """The samples of a payload. Raises ValueError where it is none."""
        samples = self._decoder.decode(payload)
        return self._up.take(samples) if len(samples) else samples  # as of AMR that says nothing


WIDE = frozenset({"G722", "AMR-WB", "OPUS"})
"""What carries more than 4 kHz of a voice."""


def wide_decoder_of(format: VoiceFormat) -> VoiceDecoder:
    """Make what decodes a format to 16 000 samples a second. Raises LocalError where nothing does."""
    if format.encoding not in WIDE:
        return _Doubled(codec_of(format))
    from splitter.media.voice import library, opus

    if format.encoding == "OPUS":
        return opus.OpusDecoder(2 * RATE)
    try:
        return library.wide_g722() if format.encoding == "G722" else library.WideAmr(format, 2 * RATE)
    except ValueError as error:  # a library without it
        raise LocalError(f"{format.encoding} cannot be decoded") from error
