"""From a tap in a browser to being heard and seen: a web call, and a guest behind a link. Does I/O.

Two Chromiums, each with its page in front, a real gateway, and a voice centre of the lab whose agent's phone answers at
once. Web call: from the tap on "Call with video" until the agent's tone is in what the page plays, the caller's tone
arrives at the centre, and the desk presents the caller's first picture. Guest: from the tap on Start until the desk
presents the guest's first picture, and the guest's page the agent's. Pictures are known by what is drawn in them.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from bench.joins import percentile
from bench.report import Report
from tests.browser import camera, chromium, sdk, web_caller
from tests.browser.camera import SENDER
from tests.browser.centre import AGENT_HZ, CALLER_HZ
from tests.browser.desk import CALLED, Desk
from tests.browser.eyes import Eye

ROUNDS, GUESTS, LIMIT_S, EACH_S = 12, 5, 80.0, 15.0  # a device checks its path six times in a row, and no more
STEP_S, CHECK_S = 0.01, 1.5
CUT = (480, 480)
_SAID_S = 0.02  # a packet's worth of a tone: less is not counted

_HEAR = """
(hz) => {
  globalThis.heardAt = 0;
  const context = new AudioContext(), bins = new Float32Array(1024);
  const remote = document.getElementById("remote"), before = remote.srcObject;
  const look = () => {
    const [track] = remote.srcObject?.getAudioTracks() ?? [];
    if (!track || remote.srcObject === before) return setTimeout(look, 5);
    const ear = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
    context.createMediaStreamSource(new MediaStream([track])).connect(ear);
    const width = context.sampleRate / ear.fftSize;
    const hear = () => {
      ear.getFloatFrequencyData(bins);
      const most = Math.max(...bins);
      if (most > -60 && Math.abs(bins.indexOf(most) * width - hz) < 2 * width) {
        globalThis.heardAt = performance.timeOrigin + performance.now();
        return context.close();
      }
      setTimeout(hear, 5);
    };
    hear();
  };
  look();
}
"""
_TAP = """
(id) => {
  const now = performance.timeOrigin + performance.now();
  document.getElementById(id).click();
  return now;
}
"""


@dataclass
class Taps:
    """Milliseconds from each tap, by what came of it; and why it did not where it failed."""

    took: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def add(self, what: str, ms: float) -> None:
        """Add one."""
        self.took.setdefault(what, []).append(ms)


async def moment(true: Callable[[], bool], what: str) -> float:
    """When it became so, in Unix milliseconds; looked for every hundredth of a second."""
    end = time.monotonic() + EACH_S
    while not true():
        assert time.monotonic() < end, f"not in time: {what}"
        await asyncio.sleep(STEP_S)
    return time.time() * 1000


async def said(page: Page, expression: str, what: str) -> Any:
    """Wait until a page says something, and return it; its policy lets nobody wait inside."""
    end = time.monotonic() + EACH_S
    while not (found := await page.evaluate(expression)):
        assert time.monotonic() < end, f"not in time: {what}"
        await asyncio.sleep(STEP_S)
    return found


def first_after(eye: Eye, at_ms: float) -> float | None:
    """When the eye's page presented the first picture of a camera after that.

    The agent's camera is cut to a square on its way, in which nothing can be read: its shape tells it from the slate.
    """
    for one in eye.seen:
        if one.at_ms > at_ms and (one.size == CUT or (one.reading and one.reading.sender == SENDER)):
            return one.at_ms
    return None


async def web_call(desk: Desk, eye: Eye, page: Page, taps: Taps) -> None:
    """Call, be heard and seen, hang up."""
    before = len(desk.centre.voices)
    await page.evaluate(_HEAR, AGENT_HZ)
    tapped = await page.evaluate(_TAP, "video")

    def heard() -> bool:
        return len(desk.centre.voices) > before and desk.centre.voices[-1].hearing.seconds(CALLER_HZ) >= _SAID_S

    at_centre = await moment(heard, "the caller's tone at the centre")
    await moment(lambda: first_after(eye, tapped) is not None, "the caller's picture at the desk")
    taps.add("web call: the page plays the agent's voice", await said(page, "heardAt", "the agent's voice") - tapped)
    taps.add("web call: the centre hears the caller", at_centre - tapped)
    taps.add("web call: the desk shows the caller", (first_after(eye, tapped) or 0.0) - tapped)
    await page.evaluate(_TAP, "leave")
    await moment(lambda: desk.centre.calls[-1].state == "ended", "the end")


async def guest(link: str, eye: Eye, page: Page, taps: Taps) -> None:
    """Come in by a link to a call that is there, be seen and see, and leave."""
    await page.goto("about:blank")
    await page.goto(link)
    await page.wait_for_selector("#go:not([hidden])")
    await asyncio.sleep(CHECK_S)  # the page checks its path; that is no part of it
    own = await Eye.open(page, "#agent")
    try:
        tapped = await page.evaluate(_TAP, "go")
        await moment(lambda: first_after(eye, tapped) is not None, "the guest's picture at the desk")
        await moment(lambda: first_after(own, tapped) is not None, "the agent's picture on the guest's page")
        taps.add("guest: the desk shows the guest", (first_after(eye, tapped) or 0.0) - tapped)
        taps.add("guest: its page shows the agent", (first_after(own, tapped) or 0.0) - tapped)
    finally:
        await own.close()
    await page.evaluate(_TAP, "leave")
    await asyncio.sleep(CHECK_S)  # until the gateway has taken its leave, or the next one waits for that


async def measure() -> Taps:
    """Tap again and again."""
    taps, film = Taps(), camera.film(Path(tempfile.gettempdir()))
    async with async_playwright() as playwright:
        browsers = [await chromium.launch(playwright.chromium, film) for _ in range(2)]
        desk = Desk(browsers[0], "clicks", callers="anonymous = true\ncalls_per_minute = 200")
        desk.centre.ring_s, desk.centre.most = 0.0, ROUNDS + 2
        async with desk:
            agent = await sdk.open_desk(await desk.context(), desk.gateway)
            eye = await desk.eye(agent, "#caller")
            page = await web_caller.open_page(await desk.context(browser=browsers[1]), desk.gateway.api, CALLED)
            await repeat(lambda: web_call(desk, eye, page, taps), taps, ROUNDS)
        async with Desk(browsers[0], "clicks") as desk:
            agent = await sdk.open_desk(await desk.context(), desk.gateway)
            eye = await desk.eye(agent, "#caller")
            await desk.call(video=False)
            await agent.wait_for_function("window.call && call.media.state === 'connected'")
            page = await (await desk.context(browser=browsers[1])).new_page()
            await page.set_viewport_size({"width": 390, "height": 760})
            link = (await agent.evaluate("call.invite()"))["link"]  # a call has few; one device may come back by one
            await repeat(lambda: guest(link, eye, page, taps), taps, GUESTS)
        for browser in browsers:
            await browser.close()
    return taps


async def repeat(work: Callable[[], Awaitable[None]], taps: Taps, rounds: int) -> None:
    """So many times, or as often as there is time for; the first one warms up and does not count."""
    end, begun = time.monotonic() + LIMIT_S / 2, False
    for _ in range(rounds + 1):
        if time.monotonic() > end:
            return
        try:
            await work()
        except AssertionError as error:
            taps.failed.append(str(error))
            await asyncio.sleep(CHECK_S)
        if not begun:
            begun = True
            for what in [*taps.took]:
                if len(taps.took[what]) == 1:
                    del taps.took[what]


def report(taps: Taps) -> Report:
    """The table: each sign of life."""
    rows = [
        [what, f"{len(ms)}", f"{statistics.median(ms):.0f}", f"{percentile(ms, 0.95):.0f}", f"{max(ms):.0f}"]
        for what, ms in taps.took.items()
    ]
    return Report(
        "clicks",
        "From the tap to being heard and seen",
        ["ms after the tap", "taps", "median", "p95", "most"],
        rows,
        notes=[
            f"{len(taps.failed)} failed; headless Chromium, 480×640 both ways, all on one machine",
            "the agent's phone answers at once; the page opens microphone and camera at each tap",
            "sound is looked for every 5 ms in the page and every 10 ms at the centre, in pieces of 20 to 46 ms",
        ],
        values={"failed": taps.failed},
    )


if __name__ == "__main__":
    taps = asyncio.run(measure())
    report(taps).publish()
    sys.exit(1 if taps.failed else 0)
