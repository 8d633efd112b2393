"""Sums that are too loud for 16 bits, made to fit without a click. Pure.

The gain goes down within 5 ms where a sum is too loud, and comes back over seconds. What is too loud before it is down
is bent, not cut.
"""

from __future__ import annotations

import numpy as np

from splitter.media.voice import BLOCK
from splitter.media.voice.g711 import Samples

LOUDEST = 30_000.0
"""Up to here a sum stays as it is, and here is where the gain brings it."""

_ROOM = 32_600.0 - LOUDEST
_ATTACK = 40  # samples
_RECOVERY = 1.012  # a block, 0.1 dB: 5 dB a second

_FALL = np.clip(np.arange(1, BLOCK + 1, dtype=np.float32) / _ATTACK, 0, 1)
_RISE = np.arange(1, BLOCK + 1, dtype=np.float32) / BLOCK


class Limiter:
    """The gain of one sum. `gain`: what it is now, 1 where nothing is too loud."""

    __slots__ = ("gain",)

    def __init__(self) -> None:
        self.gain = 1.0

    def limit(self, block: Samples, peak: float) -> Samples:
        """Make a block fit. `peak`: its largest sample, whatever the sign."""
        before = self.gain
        if before == 1.0 and peak <= LOUDEST:
            return block
        wanted = min(1.0, LOUDEST / peak if peak else 1.0)
        self.gain = wanted if wanted < before else min(wanted, before * _RECOVERY)
        way = _FALL if self.gain < before else _RISE
        quieter = block * (before + (self.gain - before) * way)
        over = np.abs(quieter) - LOUDEST
        if over.max() <= 0:
            return quieter.astype(np.float32)
        bent = np.sign(quieter) * (LOUDEST + _ROOM * np.tanh(np.maximum(over, 0) / _ROOM))
        return np.where(over > 0, bent, quieter).astype(np.float32)
