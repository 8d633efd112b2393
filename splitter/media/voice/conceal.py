"""What is played where packets are missing (in the spirit of ITU-T G.711 Appendix I). Pure.

The last pitch period of what was heard is repeated, at full level for 10 ms, and fades within 60 ms. What comes then is
noise as soft as the pauses of that voice were, for a while: a line that is suddenly dead makes people ask whether
somebody is there. Where the other side said that it pauses (RFC 3389, or a key is pressed) there is nothing to repeat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splitter.media.voice import BLOCK
from splitter.media.voice.g711 import Samples

HISTORY = 480
BLEND = 40  # 5 ms: as long as what was made up goes over into what came
_SHORTEST, _LONGEST = 40, 120  # samples of a pitch period: 200 to 66 Hz
_TEMPLATE = 160
_FULL, _GONE = 80, 480  # samples until the fading begins, and until it is over
_OFFSET = 32  # samples in which a step at the seam is taken away
_NOISE_LASTS = 8000  # samples
_SOFTEST, _LOUDEST = 2.0, 200.0  # of such noise (root of the mean square); the latter is -44 dBov
_LOOK = 4  # blocks between two looks at how loud it is
_LEARN = 1.08  # by how much the pauses are believed to be louder, with each look

_NOISE = np.random.default_rng(3389).standard_normal(16_384).astype(np.float32)


def noise(at: int, count: int, level: float) -> Samples:
    """Soft noise. `at`: where in the noise to begin; `level`: root of the mean square."""
    start = at % (len(_NOISE) - 4 * BLOCK)
    return _NOISE[start : start + count] * np.float32(level)


class Concealer:
    """What can be made up for one stream, from what was heard of it."""

    __slots__ = ("_at", "_blocks", "_end", "_floor", "_kept", "_level", "_period", "_step", "made")

    def __init__(self) -> None:
        self._kept: Samples = np.zeros(8 * HISTORY, np.float32)  # moved once in a while, and not with each block
        self._end = HISTORY
        self._blocks = 0
        self._period: Samples = np.zeros(0, np.float32)
        self._step = 0.0
        self._floor = _SOFTEST
        self._level: float | None = None  # of the noise, where the other side said it
        self._at = 0
        self.made = 0  # samples in a row

    def heard(self, samples: Samples) -> None:
        """Take note of what was played last, as it came."""
        end = self._end + len(samples)
        if end > len(self._kept):
            self._kept[:HISTORY] = self._kept[self._end - HISTORY : self._end].copy()
            end = HISTORY + len(samples)
        self._kept[end - len(samples) : end] = samples
        self._end = end
        self._blocks += 1
        if not self._blocks % _LOOK:
            level = max(_SOFTEST, (float(np.dot(samples, samples)) / len(samples)) ** 0.5)
            self._floor = level if level < self._floor else min(_LOUDEST, self._floor * _LEARN)

    def back(self) -> None:
        """Begin again: packets come."""
        self.made = 0
        self._level = None

    def pause(self, level: float | None = None) -> None:
        """The other side said that it sends nothing for now. `level`: of the noise that it wants; None for its own."""
        self._level = min(_LOUDEST, self._floor if level is None else level)

    def make(self, count: int) -> Samples:
        """Make so many samples more."""
        if not self.made:
            self._begin()
        places = np.arange(self.made, self.made + count)
        made = self._faded(places)
        quiet = self._floor if self._level is None else self._level
        age = np.clip((places - _FULL) / (_GONE - _FULL), 0, 1) if self._level is None else np.ones(count)
        if self._level is None and self.made > _NOISE_LASTS:
            quiet = 0.0
        self._at += count
        self.made += count
        if quiet:
            made = made + noise(self._at, count, quiet) * age.astype(np.float32)
        return made

    def _begin(self) -> None:
        history = self._kept[self._end - HISTORY : self._end]
        self._period = history[-_pitch(history) :].copy()
        # What comes first follows one period before the end: whatever step that is, is taken away slowly.
        self._step = float(history[-1] - history[-len(self._period) - 1])

    def _faded(self, places: NDArray[np.int64]) -> Samples:
        full, gone = (_FULL, _GONE) if self._level is None else (0, BLEND)
        gain = np.clip((gone - places) / (gone - full), 0, 1)
        if places[0] >= gone:
            return np.zeros(len(places), np.float32)
        wave = self._period[places % len(self._period)]
        if places[0] < _OFFSET:
            wave = wave + np.float32(self._step) * np.clip(1 - places / _OFFSET, 0, 1).astype(np.float32)
        return (wave * gain.astype(np.float32)).astype(np.float32, copy=False)


def _pitch(history: Samples) -> int:
    """The lag at which the end of what was heard is most like itself."""
    template = history[-_TEMPLATE:]
    before = history[-_TEMPLATE - _LONGEST : -_SHORTEST]
    likeness = np.correlate(before, template, "valid")
    squares = np.concatenate(([0.0], np.cumsum(before.astype(np.float64) ** 2)))
    energy = squares[_TEMPLATE:] - squares[:-_TEMPLATE]
    best = int(np.argmax(likeness / np.sqrt(energy + 1.0)))
    return _LONGEST - best
