"""Weight of our two pages, and when their first words are there at 400 kbit/s, beside two well-known pages. Does I/O.

Ours are loaded by Chromium from a real gateway, over a line of 400 kbit/s that takes 200 ms there and back, which is
the browser's own emulation: the guest's page behind a link, and the page of web callers. Counted are the bytes that
came, compressed, without and with the heads of the answers, the first words (first contentful paint), and the moment
when the page's large button can be pressed.

`python -m bench.pages URL` loads the join page of a LiveKit Meet as well, which was built and started beside it. What
is not loaded stands there with the weight that was published, and how long that takes on the line.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, async_playwright

from bench.report import Report, judge
from tests.browser import camera, chromium
from tests.browser.desk import CALLED, Desk

ROUNDS, LINE_KBPS, ROUND_TRIP_MS = 5, 400, 200
WORDS_BUDGET_MS, WEIGHT_BUDGET_KB = 1000.0, 60.0
_PRESSED = """
(selector) => {
  const button = document.querySelector(selector);
  const hears = (key) => selector.startsWith("#") || key.startsWith("__reactProps");
  return button?.checkVisibility() && ["", ...Object.keys(button)].some(hears);
}
"""
"""The button is there, and somebody hears it: ours are shown by the script that hears them, others React takes over."""
LIMIT_MS, SETTLE_S = 60_000, 1.0


@dataclass(frozen=True, slots=True)
class Other:
    """Another page: what its scripts weigh as they are sent, and whence that is known."""

    name: str
    sent_kb: float
    source: str

    @property
    def seconds(self) -> float:
        """How long its scripts alone take on the line."""
        return self.sent_kb * 8 / LINE_KBPS


MEET = "LiveKit Meet, its join page"
OTHERS = (
    Other(MEET, 343, "first load of /rooms/[roomName], as `next build` of its source (6da2b8e) tells it"),
    Other(
        "Jitsi Meet, app.bundle.min.js alone",
        700,
        "as its maintainers saw it sent in 2019, of 2.7 MB (github.com/jitsi/jitsi-meet/issues/3579); "
        "in 2026 it has 3.3 MB (…/pull/17262)",
    ),
)


@dataclass
class Loaded:
    """One load of a page. Bytes with and without the heads of answers; milliseconds from the beginning."""

    bytes: int = 0
    body_bytes: int = 0
    requests: int = 0
    words_ms: float = 0.0
    ready_ms: float = 0.0


async def load(context: BrowserContext, url: str, button: str) -> Loaded:
    """Load a page once, over the line, by a browser that has nothing of it. `button`: the large one."""
    page, found = await context.new_page(), Loaded()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    line = {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": LINE_KBPS * 125}
    await session.send("Network.emulateNetworkConditions", {**line, "uploadThroughput": LINE_KBPS * 125})

    def came(event: dict[str, Any]) -> None:
        found.body_bytes += int(event["encodedDataLength"])

    def finished(event: dict[str, Any]) -> None:
        found.bytes += int(event["encodedDataLength"])
        found.requests += 1

    session.on("Network.dataReceived", came)
    session.on("Network.loadingFinished", finished)
    await page.goto(url, wait_until="commit", timeout=LIMIT_MS)
    await page.wait_for_function(_PRESSED, arg=button, timeout=LIMIT_MS)
    found.ready_ms = await page.evaluate("performance.now()")
    await page.wait_for_load_state("load", timeout=LIMIT_MS)
    await asyncio.sleep(SETTLE_S)  # what is asked for after that: checks, and what is fetched ahead
    found.words_ms = await page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity"
    )
    await page.close()
    return found


async def measure(meet: str) -> dict[str, list[Loaded]]:
    """Load both pages again and again, in turns, and that of LiveKit Meet, if there is one."""
    film = camera.film(Path(tempfile.gettempdir()))
    loads: dict[str, list[Loaded]] = {}
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright.chromium, film)
        async with Desk(browser, "pages", callers="anonymous = true") as desk:
            _, call_id = await desk.call(video=False)

            async def link() -> str:
                _, invitation, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/invitations", json={})
                return str(invitation["link"])

            async def number() -> str:
                return f"{desk.gateway.api}/call/#number={CALLED}"

            async def theirs() -> str:
                return meet

            pages: dict[str, tuple[Callable[[], Awaitable[str]], str]] = {
                "the guest's page": (link, "#go"),
                "the page of web callers": (number, "#video"),
            }
            if meet:
                pages[f"{MEET}, built"] = theirs, ".lk-join-button"
            for _ in range(ROUNDS):
                for name, (address, button) in pages.items():
                    context = await desk.context()
                    loads.setdefault(name, []).append(await load(context, await address(), button))
                    await context.close()
        await browser.close()
    return loads


def report(loads: dict[str, list[Loaded]]) -> Report:
    """The table: ours as they were loaded, the others by their weight."""
    rows, worst_words, worst_kb = [], 0.0, 0.0
    for name, runs in loads.items():
        kb = statistics.median(one.body_bytes for one in runs) / 1000
        whole = statistics.median(one.bytes for one in runs) / 1000
        words = statistics.median(one.words_ms for one in runs)
        ready = statistics.median(one.ready_ms for one in runs)
        requests = statistics.median(one.requests for one in runs)
        rows.append(
            [name, f"{kb:.0f}", f"{whole:.0f}", f"{requests:.0f}", f"{words / 1000:.1f}", f"{ready / 1000:.1f}"]
        )
        if not name.startswith(MEET):
            worst_words, worst_kb = max(worst_words, words), max(worst_kb, kb)
    others = [one for one in OTHERS if f"{one.name}, built" not in loads]
    rows += [[one.name, f"{one.sent_kb:.0f}", "–", "–", "–", f"> {one.seconds:.0f}"] for one in others]
    in_time, weight = judge(worst_words, WORDS_BUDGET_MS), judge(worst_kb, WEIGHT_BUDGET_KB)
    return Report(
        "pages",
        f"What a page weighs, and when it is there at {LINE_KBPS} kbit/s",
        ["page", "kB", "with heads", "requests", "first words, s", "can be pressed, s"],
        rows,
        budget=f"first words within {WORDS_BUDGET_MS / 1000:.0f} s; at most {WEIGHT_BUDGET_KB:.0f} kB, compressed",
        verdict=in_time if in_time == weight else f"words {in_time}, weight {weight}",
        notes=[
            f"{ROUNDS} loads each, medians; headless Chromium, {ROUND_TRIP_MS} ms there and back, nothing in its cache",
            "marked with >: the time that these bytes alone take on the line",
            *(f"{one.name}: {one.source}" for one in others),
        ],
    )


if __name__ == "__main__":
    report(asyncio.run(measure(sys.argv[1] if len(sys.argv) > 1 else ""))).publish()
