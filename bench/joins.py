"""From an agent's click to the first pictures: Chromium with the SDK, a real gateway, a simulated handset. Does I/O.

One call stays up, its phone sending; a page joins its pictures and leaves them again, many times over. Counted is
from the call of `join()` to the first frame of the caller that the page presents, and to the first frame of the page's
camera that the phone decodes. Frames are known by what is drawn in them: the slate, which comes first, is not counted.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bench.report import Report, judge
from splitter.lab.handset import Handset
from splitter.lab.sight import STILL
from tests.browser import camera, chromium, sdk
from tests.browser.checks import Seen
from tests.browser.desk import CALLER, Desk, sight_of
from tests.browser.eyes import Eye

JOINS, LIMIT_S, JOIN_LIMIT_S, PAUSE_S = 100, 110.0, 8.0, 0.1
BUDGET_MS = 500.0

_JOIN = """
async () => {
  const now = () => performance.timeOrigin + performance.now();
  const connected = new Promise(done => call.addEventListener("media", function look() {
    if (call.media.state !== "connected") return;
    call.removeEventListener("media", look);
    done(now());
  }));
  const clicked = now();
  await call.join();
  return [clicked, now(), await connected];
}
"""


@dataclass(frozen=True, slots=True)
class Join:
    """Milliseconds from the click: the gateway's answer, ICE and DTLS done, the first frame at either end."""

    answered: float
    connected: float
    at_desk: float
    at_phone: float


async def join(page: Page, eye: Eye, desk: Desk, handset: Handset) -> Join:
    """Join, wait for both pictures, leave, and wait until that is seen."""
    log = sight_of(handset)
    before_desk, before_phone = len(eye.seen), len(log.seen)
    clicked, answered, connected = await page.evaluate(_JOIN)

    def first(seen: list[Seen], sender: int) -> float | None:
        found = (one.at_ms for one in seen if one.at_ms > clicked and one.reading and one.reading.sender == sender)
        return next(found, None)

    def both() -> bool:
        return None not in (first(eye.seen[before_desk:], CALLER), first(log.seen[before_phone:], camera.SENDER))

    await desk.until(both, "pictures both ways", JOIN_LIMIT_S)
    at_desk, at_phone = first(eye.seen[before_desk:], CALLER), first(log.seen[before_phone:], camera.SENDER)
    assert at_desk is not None and at_phone is not None
    await page.evaluate("call.leave()")
    await desk.until(lambda: log.now_showing == STILL, "the slate on the phone", JOIN_LIMIT_S)
    return Join(answered - clicked, connected - clicked, at_desk - clicked, at_phone - clicked)


async def measure() -> tuple[list[Join], list[str]]:
    """Join again and again. Returns: how it went, and why it did not where it failed."""
    joins: list[Join] = []
    failed: list[str] = []
    film = camera.film(Path(tempfile.gettempdir()))
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright.chromium, film)
        async with Desk(browser, "joins") as desk:
            page = await sdk.open_desk(await desk.context(), desk.gateway)
            handset, _ = await desk.call()
            eye = await desk.eye(page, "#caller")
            await eye.rising(CALLER, 5)
            await desk.caller_sees(handset, camera.SENDER, 5)
            await page.evaluate("call.leave()")
            await desk.until(lambda: sight_of(handset).now_showing == STILL, "the slate on the phone")
            end = time.monotonic() + LIMIT_S
            while len(joins) + len(failed) < JOINS and time.monotonic() < end:
                await asyncio.sleep(PAUSE_S)
                try:
                    joins.append(await join(page, eye, desk, handset))
                except AssertionError as error:
                    failed.append(str(error))
                    await page.evaluate("call.leave()")
        await browser.close()
    return joins, failed


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(joins: list[Join], failed: list[str]) -> Report:
    """The table: each stage."""
    stages = {
        "the caller's first frame at the desk": [one.at_desk for one in joins],
        "the desk's first frame at the phone": [one.at_phone for one in joins],
        "of that: the gateway's answer": [one.answered for one in joins],
        "of that: ICE and DTLS done": [one.connected for one in joins],
    }
    rows = [
        [name, f"{statistics.median(ms):.0f}", f"{percentile(ms, 0.95):.0f}", f"{min(ms):.0f}", f"{max(ms):.0f}"]
        for name, ms in stages.items()
    ]
    median = statistics.median(stages["the caller's first frame at the desk"])
    return Report(
        name="joins",
        title="From the agent's click to the first picture",
        columns=["ms after the click", "median", "p95", "least", "most"],
        rows=rows,
        budget=f"first picture within {BUDGET_MS:g} ms, median",
        verdict=judge(median, BUDGET_MS),
        notes=[
            f"{len(joins)} joins, {len(failed)} failed; headless Chromium, 480×640 both ways, all on one machine",
            "the page opens its camera at each join and closes it when it leaves; the phone sends all the time and"
            " makes a key frame when it is asked",
            "the browser draws, codes and decodes in software, on the same cores as the gateway and the phone",
            *(f"failed: {reason}" for reason in failed[:5]),
        ],
        values={"joins": [[one.answered, one.connected, one.at_desk, one.at_phone] for one in joins], "failed": failed},
    )


def main() -> int:
    """Measure, print and write."""
    joins, failed = asyncio.run(measure())
    report(joins, failed).publish()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
