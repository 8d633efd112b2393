"""What is read from a page is what the page shows: proved on a call of the page with itself, over H.264."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, Page

from tests.browser.camera import FRAMES, HEIGHT, SENDER, WIDTH
from tests.browser.checks import Fault, Wanted, first_seen, in_words, judge
from tests.browser.chromium import fresh
from tests.browser.eyes import Eye, flawless
from tests.patience import PATIENCE_S

_PAGE = """<!doctype html><title>Loop</title>
<video id="taken" autoplay muted playsinline></video><video id="sent" autoplay muted playsinline></video>
<canvas id="drawn" width="480" height="640"></canvas>"""

_CALL = """async source => {
  const stream = source === "camera"
    ? await navigator.mediaDevices.getUserMedia({ video: true })
    : (pictures.play(drawn, 5), drawn.captureStream());
  taken.srcObject = stream;
  const near = new RTCPeerConnection(), far = new RTCPeerConnection();
  near.onicecandidate = e => far.addIceCandidate(e.candidate);
  far.onicecandidate = e => near.addIceCandidate(e.candidate);
  far.ontrack = e => { sent.srcObject = new MediaStream([e.track]); };
  const line = near.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly" });
  line.setCodecPreferences(RTCRtpSender.getCapabilities("video").codecs.filter(c => c.mimeType === "video/H264"));
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
  window.line = line;
}"""


async def loop(stack: AsyncExitStack, browser: Browser, source: str) -> Page:
    """A page that shows the source and, beside it, what came of it through H.264 and RTP."""
    context = await stack.enter_async_context(await fresh(browser))
    page = await context.new_page()
    await page.route("http://localhost/", lambda route: route.fulfill(body=_PAGE, content_type="text/html"))
    await page.goto("http://localhost/")
    await page.evaluate(_CALL, source)
    return page


async def eye(stack: AsyncExitStack, page: Page, selector: str) -> Eye:
    eye = await Eye.open(page, selector)
    stack.push_async_callback(eye.close)
    return eye


async def test_the_camera_through_h264(stack: AsyncExitStack, browser: Browser) -> None:
    page = await loop(stack, browser, "camera")
    taken, sent = await eye(stack, page, "#taken"), await eye(stack, page, "#sent")
    await sent.rising(SENDER, 20)
    await flawless(
        lambda: sent.rising(SENDER, 40),
        lambda seen: judge(seen, Wanted(SENDER, direct=first_seen(taken.seen), film=FRAMES)),
    )
    assert taken.seen[-1].size == (WIDTH, HEIGHT)


async def test_pictures_that_the_page_draws(stack: AsyncExitStack, browser: Browser) -> None:
    page = await loop(stack, browser, "canvas")
    sent = await eye(stack, page, "#sent")
    await sent.rising(5, 10)
    seen = await flawless(lambda: sent.rising(5, 20), lambda seen: judge(seen, Wanted(5, torn_db=0)))
    assert seen[-1].size == (480, 640)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        ("line.sender.track.enabled = false", "black"),
        ("line.sender.replaceTrack(null)", "frozen"),
        ("pictures.play(drawn, 6)", "foreign"),
    ],
)
async def test_bad_video_is_seen(stack: AsyncExitStack, browser: Browser, spoil: str, kind: str) -> None:
    page = await loop(stack, browser, "canvas")
    sent = await eye(stack, page, "#sent")
    seen = await sent.rising(5, 10)
    at = seen[-1].at_ms
    await page.evaluate(f"() => {{ {spoil}; }}")
    until_s, found = time.monotonic() + PATIENCE_S, list[Fault]()
    while kind not in {fault.kind for fault in found} and time.monotonic() < until_s:
        await page.wait_for_timeout(250)
        found = judge(sent.seen, Wanted(5, torn_db=0), at, time.time() * 1000)
    assert kind in {fault.kind for fault in found}, in_words(found)
