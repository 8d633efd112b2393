"""The gateway is killed under a call with pictures both ways: they go on, and the desk works on as before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from playwright.async_api import BrowserContext, Page

from splitter.lab.sight import STILL
from tests.browser import sdk
from tests.browser.camera import SENDER
from tests.browser.desk import CALLER, Desk, saw_nothing_but, sight_of

DOWN_S = 1.0  # as long as a supervisor takes; the pictures do without it meanwhile
SAME = ("state", "showing", "extension", "parties", "video", "answered_at", "short_code")

_COUNTED = """
window.pcs = [];
const Browsers = RTCPeerConnection;
window.RTCPeerConnection = class extends Browsers {
  constructor(...with_) {
    super(...with_);
    pcs.push(this);
  }
};
window.counts = async () => {
  const found = [];
  for (const pc of pcs)
    for (const one of (await pc.getStats()).values())
      if (one.type === "inbound-rtp") found.push([one.packetsReceived, one.packetsLost, pc.connectionState]);
  return found;
};
"""


async def counting(context: BrowserContext) -> BrowserContext:
    """A browser whose pages can tell what their transports have counted: packets, lost ones, state."""
    await context.add_init_script(_COUNTED)
    return context


async def counts(page: Page) -> list[Any]:
    return list(await page.evaluate("counts()"))


async def test_killed_under_a_call_with_video(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        page = await sdk.open_desk(await counting(await desk.context()), desk.gateway)
        caller = await desk.eye(page, "#caller")
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, 15)
        await caller.rising(CALLER, 15)
        view, lost, [seen] = await desk.gateway.call(call_id), handset.video.counts.lost, await counts(page)
        online, media = (await sdk.told(page, "connection")).count("online"), await sdk.told(page, "media")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method) if "/parties" in request.url else None)
        await desk.gateway.kill()
        await asyncio.sleep(DOWN_S)
        await desk.gateway.start()
        await sdk.until_told(page, "connection", "online", 20.0, after=online)
        await desk.caller_sees(handset, SENDER, 30)
        await caller.rising(CALLER, 30)
        saw_nothing_but(sight_of(handset), SENDER)
        [after] = await counts(page)
        assert after[0] > seen[0] and after[1:] == [seen[1], "connected"], (
            "not a packet of the caller's video is missing"
        )
        assert handset.video.counts.lost == lost, "nor one of the agent's"
        assert not asked and await sdk.told(page, "media") == media, "the same transport, and nobody noticed anything"
        now = await desk.gateway.call(call_id)
        assert {key: now[key] for key in SAME} == {key: view[key] for key in SAME}
        await _controls_work(desk, page)
        await handset.hang_up()
        await sdk.until_told(page, "call", "ended")


async def _controls_work(desk: Desk, page: Page) -> None:
    """A screenshot, the slate instead of the camera, and the camera again."""
    size = await page.evaluate("(async () => (await call.snapshot()).blob.size)()")
    assert size > 1000, "a PNG of the caller's picture"
    [handset] = desk.handsets
    await page.evaluate("call.show('slate')")
    await desk.until(lambda: sight_of(handset).now_showing == STILL, "the caller sees the waiting picture")
    await page.evaluate("call.showCamera()")
    await desk.caller_sees(handset, SENDER, 10)
