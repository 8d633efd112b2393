"""A-law and µ-law as tables (ITU-T G.711). Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

NOTHING: Samples = np.zeros(0, np.float32)
"""No samples."""


def _alaw(code: int) -> int:
    code ^= 0x55
    size = (code & 0x0F) << 4
    segment = (code & 0x70) >> 4
    size = size + 8 if not segment else (size + 0x108) << (segment - 1)
    return size if code & 0x80 else -size


def _ulaw(code: int) -> int:
    code ^= 0xFF
    size = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - size if code & 0x80 else size - 0x84


class Law:
    """A law, by both its tables."""

    def __init__(self, values: list[int], silence: int) -> None:
        self._values = np.array(values, np.float32)
        order = np.argsort(self._values, kind="stable")
        levels = self._values[order]
        every = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.float32)
        self._codes = order[np.searchsorted((levels[1:] + levels[:-1]) / 2, every)].astype(np.uint8)
        self._codes[0] = silence

    def decode(self, payload: bytes | memoryview) -> Samples:
        """Read the samples of a payload."""
        return self._values[np.frombuffer(payload, np.uint8)]

    def recover(self, payload: bytes, count: int) -> Samples:
        """Nothing: no payload has anything of those before it."""
        return NOTHING

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """Write a payload; each sample becomes the level that is nearest."""
        return self._codes.take(samples.view(np.uint16)).tobytes()


ALAW = Law([_alaw(code) for code in range(256)], silence=0xD5)
ULAW = Law([_ulaw(code) for code in range(256)], silence=0xFF)
