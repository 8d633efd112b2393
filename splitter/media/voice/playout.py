"""One incoming stream as an even flow of samples: jitter, loss, pauses, and clocks that differ. Pure.

Samples are kept by their time, and played from there as the mix asks for them. What is missing is made up (`conceal`).

    ... played | lead: what has come and is still to be played ...... | the next packet
               ^ position                                            ^ end

Nobody knows beforehand how long packets will take, so the delay is what they teach. A packet that is late is not lost:
what was made up for it is *owed*, and the delay has grown by that. If it is lost, the next one shows a hole, and what
is owed is taken off it. The *margin* is what is left after a block was taken: its least over a second is kept near a
few milliseconds, by playing a block a sample shorter or longer, which nobody hears. So clocks that differ do no harm
either.
"""

from __future__ import annotations

import numpy as np

from splitter.media.voice import BLOCK
from splitter.media.voice.conceal import BLEND, Concealer
from splitter.media.voice.g711 import Samples

SIZE = 8192
"""Samples that are kept, a power of two."""

FURTHEST = 3200
"""Samples that may lie ahead of what is played, 0.4 s; what lies further is another time."""

LEAD_LIMIT = 1200
"""What may be waiting: more than 150 ms are never added to what somebody says."""

_BACK = 8000  # samples behind that are another time, too
_MARGIN = 40  # samples: 5 ms
_SLACK = 80  # above the margin before anything is done about it
_FAR = 240  # from here on it is done in larger steps
_WINDOW = 50  # blocks
_LATE, _LATEST = 80, 800  # what one late packet adds to the margin, and what all of them may
_FORGET = 5  # blocks until a sample of that is forgotten: a late packet costs 10 ms for 8 s
_STALLED = 1600  # samples: who is silent for longer was not late


class Playout:
    """One stream.

    Attributes:
        late: samples that came when they had been given up.
        made_up: samples that were played for want of others.
    """

    __slots__ = (
        "_age",
        "_concealer",
        "_end",
        "_extra",
        "_least",
        "_least_before",
        "_owed",
        "_position",
        "_ring",
        "_solid",
        "_started",
        "_there",
        "late",
        "made_up",
    )

    def __init__(self) -> None:
        self._ring: Samples = np.zeros(SIZE, np.float32)
        self._there = np.zeros(SIZE, bool)
        self._concealer = Concealer()
        self._position = self._end = 0
        self._solid = 0  # up to here nothing is missing
        self._started = False
        self._owed = 0
        self._extra = 0  # margin that late packets have taught
        self._least = self._least_before = SIZE
        self._age = 0
        self.late = 0
        self.made_up = 0

    @property
    def lead(self) -> int:
        """Samples that wait, 0 where nothing does."""
        return max(0, self._end - self._position) if self._started else 0

    @property
    def delay(self) -> int:
        """Samples that wait where it waits longest, right after a packet has come."""
        return BLOCK + (0 if self._least == SIZE else max(0, self._least))

    # ---- what comes ----------------------------------------------------------------------------------------------

    def write(self, at: int, samples: Samples) -> None:
        """Take in samples whose first belongs at this time."""
        if not len(samples):
            return
        if not self._started or not -_BACK < at - self._position <= FURTHEST:
            self._restart(at)
        end = at + len(samples)
        early = self._position - at
        if early > 0:
            self.late += min(early, len(samples))
            if early <= _LATEST + len(samples):
                self._extra = min(_LATEST, self._extra + _LATE)
            if early >= len(samples):
                return
            samples, at = samples[early:], self._position
        start, stop = at % SIZE, end % SIZE
        if start < stop:
            self._ring[start:stop] = samples
            self._there[start:stop] = True
        else:
            first = SIZE - start
            self._ring[start:], self._ring[:stop] = samples[:first], samples[first:]
            self._there[start:] = self._there[:stop] = True
        self._end = max(self._end, end)
        if at <= self._solid < end:
            self._solid = end

    def pause(self, level: float | None = None) -> None:
        """The other side sends nothing for now, and said so."""
        self._concealer.pause(level)

    def _restart(self, at: int) -> None:
        if self._started:
            self._concealer.make(1)  # what comes is blended in; the very first packet is not: a relay sent those before
        self._there[:] = False
        self._position = self._end = self._solid = at
        self._owed = 0
        self._started = True
        self._least = self._least_before = SIZE

    # ---- what is played ------------------------------------------------------------------------------------------

    def read(self, into: Samples) -> None:
        """Fill a block with what is due."""
        position, start = self._position, self._position % SIZE
        count = BLOCK + self._bend() if self._solid - position >= BLOCK else BLOCK
        stop = start + count
        if position + count <= self._solid and stop <= SIZE:
            self._play(into, self._ring[start:stop])
            self._there[start:stop] = False
            self._position = position + count
        elif not self._started:
            into[:] = 0
            return
        else:
            self._piece_together(into)
            self._solid = self._position
            there, run = self._run(FURTHEST)
            self._solid += run if there else 0
        self._watch()

    def _play(self, into: Samples, samples: Samples) -> None:
        """Samples that have come; a block may be a little longer or shorter than that."""
        self._caught_up()
        if len(samples) != BLOCK:
            samples = _bent(samples, BLOCK)
        into[:] = samples
        self._blend(into)
        self._concealer.heard(into)

    def _blend(self, samples: Samples) -> None:
        """What was made up goes over into what came."""
        concealer = self._concealer
        if concealer.made:
            count = min(BLEND, len(samples))
            rising = np.arange(1, count + 1, dtype=np.float32) / (count + 1)
            samples[:count] = samples[:count] * rising + concealer.make(count) * (1 - rising)
            concealer.back()

    def _piece_together(self, into: Samples) -> None:
        """The long way: some of it is missing."""
        filled = 0
        while filled < BLOCK:
            there, run = self._run(BLOCK - filled)
            if there:
                piece = into[filled : filled + run]
                piece[:] = self._take(run)
                self._blend(piece)
                self._concealer.heard(piece)
                self._caught_up()
                filled += run
            elif run and self._owed:  # it was lost, and is made up for already
                run = min(run, self._owed)
                self._owed -= run
                self._position += run
            else:
                count = min(run or BLOCK, BLOCK - filled)
                into[filled : filled + count] = self._concealer.make(count)
                self.made_up += count
                filled += count
                if run:
                    self._position += count
                else:
                    self._owed += count

    def _caught_up(self) -> None:
        """What was waited for has come after all: the next one may be as late."""
        if 0 < self._owed <= _STALLED:
            self._extra = min(_LATEST, self._extra + _LATE)
        self._owed = 0

    def _run(self, most: int) -> tuple[bool, int]:
        """Whether what is due is there, and for how many samples that is so; (False, 0) where nothing is to come."""
        span = min(self._end - self._position, FURTHEST + BLOCK)
        if span <= 0:
            return False, 0
        index = (self._position + np.arange(span)) % SIZE
        there = self._there[index]
        other = np.flatnonzero(there != there[0])
        run = int(other[0]) if len(other) else span
        return bool(there[0]), min(run, most) if there[0] else run

    def _take(self, count: int) -> Samples:
        index = (self._position + np.arange(count)) % SIZE
        self._there[index] = False
        self._position += count
        return self._ring[index]

    def rest(self) -> Samples:
        """All that waits, for whoever is to hear the next packet as it comes."""
        parts = []
        while self._end > self._position:
            there, run = self._run(BLOCK)
            piece = self._take(run) if there else self._concealer.make(run)
            if there:
                self._blend(piece)
            else:
                self._position += run
            parts.append(piece)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    # ---- how much is to wait -------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """See how much was left."""
        if self._owed:
            return
        margin = self._end - self._position
        if margin > LEAD_LIMIT:
            self._leap(margin - BLOCK - _MARGIN)
            return
        self._least = min(self._least, margin)
        self._age += 1
        if self._extra and not self._age % _FORGET:
            self._extra -= 1
        if self._age >= _WINDOW:
            self._least_before, self._least, self._age = self._least, margin, 0

    def _leap(self, count: int) -> None:
        """Leave out what would only be delay from now on: the line stood still, and everything came at once."""
        self._concealer.make(1)  # what comes next is blended in
        index = (self._position + np.arange(count)) % SIZE
        self._there[index] = False
        self._position += count
        self._solid = max(self._solid, self._position)
        self._least = self._least_before = SIZE

    def _bend(self) -> int:
        """By how many samples more or less than a block is played now."""
        least = min(self._least, self._least_before)
        if least == SIZE:
            return 0
        beyond = least - _MARGIN - self._extra
        bend = 0
        if beyond > _SLACK:
            bend = 1 if beyond < _FAR else 3
        elif beyond < -_SLACK or least < _MARGIN // 2:
            bend = -1 if beyond > -_FAR else -3
        if bend:
            self._least -= bend
            self._least_before -= bend
        return bend


def _bent(samples: Samples, count: int) -> Samples:
    """Samples played within another number of them: a cubic through the four around each place (Catmull-Rom)."""
    places = np.arange(count, dtype=np.float32) * np.float32(len(samples) / count)
    whole = places.astype(np.intp)
    part = places - whole
    last = len(samples) - 1
    before, here, after, later = (samples[np.clip(whole + step, 0, last)] for step in (-1, 0, 1, 2))
    return (
        here
        + 0.5
        * part
        * (
            after
            - before
            + part * (2 * before - 5 * here + 4 * after - later + part * (3 * (here - after) + later - before))
        )
    ).astype(np.float32)
