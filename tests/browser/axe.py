"""axe-core in a page: what there is against WCAG 2.2 A and AA. Does I/O."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Page

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
"""Dark comes last: it is what the tests' other pictures have."""
_OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""What another theme may break; all else it leaves as it is, and need not be asked for twice."""


@cache
def script() -> str:
    """axe-core, where `make peers` has put it."""
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("SPLITTER_AXE") or cache_folder / "splitter" / "axe")
    path = folder / "node_modules" / "axe-core" / "axe.min.js"
    assert path.exists(), f"axe-core is not in {path}; run `make peers`"
    return path.read_text()


async def findings(page: Page) -> list[str]:
    """Each thing that axe has found, in dark and in light colours: its rule and where."""
    found = []
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        rules = {"type": "rule", "values": _OF_COLOURS} if theme != THEMES[-1] else {"type": "tag", "values": _TAGS}
        found += [f"{theme}: {one}" for one in await _findings(page, rules)]
    return found


async def _findings(page: Page, rules: dict[str, Any]) -> list[str]:
    if not await page.evaluate("typeof globalThis.axe === 'object'"):
        await page.evaluate(script())
    options: dict[str, Any] = {"runOnly": rules, "resultTypes": ["violations"]}
    found = await page.evaluate("async (options) => (await axe.run(document, options)).violations", options)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for one in found for node in one["nodes"]
    ]
