"""Reads what a page shows in a <video>: each frame that was presented, and when. Does I/O.

eye = await Eye.open(page, "#caller")
await eye.until(lambda: eye.sight.rising(1) > 20, "the caller's picture moves")
await flawless(lambda: eye.rising(1), lambda seen: judge(seen, Wanted(1)))
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from playwright.async_api import Error, Page

from splitter.lab.picture import Plane
from splitter.lab.sight import Sight
from tests.browser.checks import Fault, Seen, delays_ms, in_words
from tests.patience import PATIENCE_S, patient

T = TypeVar("T")

SCRIPT = (Path(__file__).parent / "pictures.js").read_text()
_SIDE = 96
_LOOK_EVERY_S = 0.1


class Eye:
    """Watches one <video> of a page until it is closed.

    Attributes:
        seen: every frame, oldest first.
        sight: the same, summed up.
    """

    def __init__(self, page: Page, selector: str) -> None:
        self.seen: list[Seen] = []
        self.sight = Sight()
        self._page = page
        self._selector = selector
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, page: Page, selector: str) -> Eye:
        """Watch the element that `selector` finds, now or later."""
        eye = cls(page, selector)
        eye.begin()
        return eye

    def begin(self) -> None:
        """Watch from now on."""
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def delays_ms(self, sender: int) -> list[float]:
        """How old each picture of a sender was that draws the time in it."""
        return delays_ms([seen for seen in self.seen if seen.reading and seen.reading.sender == sender])

    def since(self, at_ms: float) -> list[Seen]:
        """Frames that were presented after that time (Unix milliseconds)."""
        return [seen for seen in self.seen if seen.at_ms >= at_ms]

    async def until(self, condition: Callable[[], bool], what: str, usual_s: float = 10.0) -> None:
        """Wait for what is to be seen; fails with what was seen instead."""
        limit_s = patient(usual_s)
        try:
            async with asyncio.timeout(limit_s):
                while not condition():  # noqa: ASYNC110 — what is waited for happens in another process
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"not within {limit_s:g} s: {what}; saw {self.sight.in_words()}") from None

    async def rising(self, sender: int, frames: int = 20, usual_s: float = 10.0) -> list[Seen]:
        """Wait for so many new frames of a sender; returns what was presented meanwhile, from the first of them on."""
        before, start = self.sight.rising(sender), len(self.seen)
        await self.until(
            lambda: self.sight.rising(sender) >= before + frames, f"{frames} frames of sender {sender}", usual_s
        )
        new = self.seen[start:]
        first = next(index for index, seen in enumerate(new) if seen.reading and seen.reading.sender == sender)
        return new[first:]

    async def _watch(self) -> None:
        while True:
            try:
                frames = await self._page.evaluate("selector => pictures.take(selector)", self._selector)
            except Error:  # the page is being left, or is gone
                frames = []
            for at_ms, width, height, text in frames:
                self._take(at_ms, width, height, _luma(text))
            await asyncio.sleep(_LOOK_EVERY_S)

    def _take(self, at_ms: float, width: int, height: int, luma: Plane) -> None:
        reading = self.sight.frame(luma, at_ms / 1000, int(at_ms))
        self.seen.append(Seen(at_ms, luma, reading, (width, height)))


async def flawless(look: Callable[[], Awaitable[T]], faults: Callable[[T], Sequence[Fault]]) -> T:
    """Look until there is no fault in what is seen; returns that.

    One that does not come of a busy machine is one at once. The others may not be there all the time; on a machine that is
    so busy for a minute, nothing may be ten times as late as elsewhere.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        seen = await look()
        if not (found := faults(seen)):
            return seen
        assert all(fault.is_of_time for fault in found), in_words(found)
        if time.monotonic() > end:
            assert all(fault.over < patient(1) for fault in found), in_words(found)
            return seen


class Log(Sight):
    """The sight of a party of the lab that keeps every frame as well."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []

    def frame(self, luma: Plane, now: float, clock_ms: int | None = None) -> object:  # type: ignore[override]
        reading = super().frame(luma, now, clock_ms)
        height, width = luma.shape
        self.seen.append(Seen(time.time() * 1000, luma, reading, (width, height)))
        return reading

    def since(self, at_ms: float) -> list[Seen]:
        """Frames that were decoded after that time (Unix milliseconds)."""
        return [seen for seen in self.seen if seen.at_ms >= at_ms]


def _luma(text: str) -> Plane:
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(_SIDE, _SIDE)
