"""A voice whose delay can be measured: it beeps, and knows when. Does no I/O."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from splitter.lab.tone import FRAME_SAMPLES, Hearing, Samples, Tone, silence
from tests.browser.centre import CALLER_HZ, Centre
from tests.patience import PATIENCE_S

_FRAMES_ON, _FRAMES_OFF = 10, 15  # half a second from beep to beep
_LOUD_RMS = 1000.0


class Beeps(Tone):
    """Says a short tone twice a second.

    Attributes:
        said: when each began, in Unix milliseconds.
    """

    def __init__(self) -> None:
        super().__init__(CALLER_HZ)
        self.said: list[float] = []
        self._number = 0

    def frame(self, samples: int = FRAME_SAMPLES) -> Samples:
        """The next 20 ms."""
        at = self._number % (_FRAMES_ON + _FRAMES_OFF)
        self._number += 1
        if at == 0:
            self.said.append(time.time() * 1000)
        return super().frame(samples) if at < _FRAMES_ON else silence(samples)

    def delays_ms(self, heard: list[float]) -> list[float]:
        """From saying to hearing, of each beep that was heard."""
        delays = []
        for at in heard:
            before = [said for said in self.said if said <= at]
            if before:
                delays.append(at - before[-1])
        return delays


class Ear(Hearing):
    """Also writes down when a sound began."""

    __slots__ = ("_loud", "began")

    def __init__(self, expected: tuple[float, ...]) -> None:
        super().__init__(expected)
        self.began: list[float] = []
        self._loud = True

    def samples(self, samples: Samples) -> None:
        super().samples(samples)
        loud = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) > _LOUD_RMS
        if loud and not self._loud:
            self.began.append(time.time() * 1000)
        self._loud = loud


async def listen(centre: Centre) -> list[float]:
    """Listen to the caller in the centre's newest call; the list fills with the times (Unix ms) at which beeps began."""
    async with asyncio.timeout(PATIENCE_S):
        while not centre.voices:  # noqa: ASYNC110 — the call comes by the network
            await asyncio.sleep(0.02)
    ear = Ear((CALLER_HZ,))
    centre.voices[-1].hearing = ear
    return ear.began
