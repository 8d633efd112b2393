"""Pages looked at in each of their states: by axe, by whether they fit, and by people. Does I/O.

`make sights` takes a picture of each, in every size and both themes, and puts them where SPLITTER_SIGHTS says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Page

from tests.browser.axe import THEMES, findings


class Size(NamedTuple):
    """What a window measures, in CSS pixels."""

    name: str
    width: int
    height: int


UPRIGHT, LYING = Size("upright", 360, 640), Size("lying", 640, 360)
DESK, LARGE = Size("1366", 1366, 768), Size("1920", 1920, 1080)
ZOOM_150, ZOOM_200 = Size("zoom-150", 911, 512), Size("zoom-200", 683, 384)
"""A window of 1366 by 768 whose page is zoomed."""

_FOLDER = os.environ.get("SPLITTER_SIGHTS", "")


class Sights:
    """Looks at a page in each of its states, and keeps what is wrong.

    Args:
        sizes: that people look at; the first one is its own.
        axe: the sizes in which axe is asked, and in which each run sees whether it fits.
    """

    def __init__(self, page: str, locale: str, sizes: Sequence[Size], axe: Collection[Size] | None = None) -> None:
        self._name = f"{page}-{locale[:2]}"
        self._sizes = sizes
        self._axe = sizes[:1] if axe is None else axe
        self._looked = 0
        self.faults: list[str] = []

    async def look(self, page: Page, state: str) -> None:
        """Look at it as it is; a page that scrolls to the side is no page."""
        self._looked += 1
        for size in self._sizes if _FOLDER else [*self._axe]:
            await page.set_viewport_size({"width": size.width, "height": size.height})
            await self._keep(page, f"{size.name}-{self._looked:02}-{state}")
            if size in self._axe:
                self.faults += [f"{state}, {size.name}: {one}" for one in await findings(page)]
            wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
            self.faults += [f"{state}, {size.name}: it is wider than the window"] * wide
            await page.evaluate(
                "for (const part of document.querySelectorAll('main, .call, .side')) part.scrollTop = 0"
            )
        await page.set_viewport_size({"width": self._sizes[0].width, "height": self._sizes[0].height})

    async def _keep(self, page: Page, what: str) -> None:
        for theme in THEMES if _FOLDER else ():
            await page.emulate_media(color_scheme=theme)
            name = re.sub(r"[^\w-]+", "-", f"{self._name}-{what}-{theme}")
            await page.screenshot(path=Path(_FOLDER) / f"{name}.png", animations="disabled")
