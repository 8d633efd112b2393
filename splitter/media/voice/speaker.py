"""Who speaks in a mix: the loudest, once it has been so for a moment. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from splitter.media.ports.voice import SILENCE_DB

_FULL_SCALE = 32768.0
_SPEECH_DB = -45.0  # below that it is breath and room
_LOUDER_DB = 3.0  # than whoever speaks now: two who are about as loud do not take turns
_BLOCKS = 15  # 0.3 s: a cough changes nothing
_SILENT_BLOCKS = 150  # 3 s: pauses between sentences are no silence
_RISE, _FALL = 0.5, 0.06  # of the way to what a block says

NOBODY = -1


def level_db(power: float) -> float:
    """The level of a mean square, in dBov."""
    return max(float(SILENCE_DB), 10 * math.log10(power / _FULL_SCALE**2)) if power > 0 else float(SILENCE_DB)


class Speaker:
    """The levels of all sides, and who of them speaks.

    Attributes:
        levels: by side, smoothed, in dBov.
        now: who speaks; NOBODY for silence.
    """

    def __init__(self) -> None:
        self.levels: dict[int, float] = {}
        self.now = NOBODY
        self._candidate, self._blocks, self._silent = NOBODY, 0, 0

    def heard(self, powers: Mapping[int, float]) -> bool:
        """Take in the mean squares of one block. Returns: whether somebody else speaks now."""
        before = self.levels
        self.levels = {side: _smoothed(before.get(side), level_db(power)) for side, power in powers.items()}
        if self.now not in self.levels and self.now != NOBODY:
            self.now = NOBODY
            self._candidate = NOBODY
            return True
        loudest = max(self.levels, key=self.levels.__getitem__, default=NOBODY)
        if loudest == NOBODY or self.levels[loudest] < _SPEECH_DB:
            self._silent += 1
            self._candidate, self._blocks = NOBODY, 0
            return self._silent == _SILENT_BLOCKS and self._is(NOBODY)
        self._silent = 0
        if loudest == self.now or self.levels[loudest] < self.levels.get(self.now, -200.0) + _LOUDER_DB:
            self._candidate, self._blocks = NOBODY, 0
            return False
        self._blocks = self._blocks + 1 if loudest == self._candidate else 1
        self._candidate = loudest
        return self._blocks >= _BLOCKS and self._is(loudest)

    def _is(self, side: int) -> bool:
        changed, self.now = side != self.now, side
        return changed


def _smoothed(before: float | None, now: float) -> float:
    if before is None:
        return now
    return before + (now - before) * (_RISE if now > before else _FALL)
