"""A desk made with the SDK alone: calls come, the pictures join by themselves, and what is lost comes back."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Playwright

from splitter.lab.picture import draw
from splitter.lab.sight import STILL
from tests.browser import sdk
from tests.browser.camera import HEIGHT, SENDER, WIDTH, jpeg
from tests.browser.checks import Wanted, judge
from tests.browser.chromium import at_home, kill
from tests.browser.desk import CALLER, Desk, phone_sees, saw_nothing_but, sight_of
from tests.browser.eyes import flawless

OWN = 5
_UPSIDE_DOWN = """async (track) => {
  const video = document.createElement("video"), canvas = document.createElement("canvas");
  Object.assign(video, { muted: true, srcObject: new MediaStream([track]) });
  await video.play();
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext("2d");
  context.translate(canvas.width, canvas.height);
  context.rotate(Math.PI);
  setInterval(() => context.drawImage(video, 0, 0), 40);
  return canvas.captureStream(25).getVideoTracks()[0];
}"""
_OWN_TRACK = """async (pictures) => {
  const images = await Promise.all(pictures.map(async (data) => {
    const image = new Image();
    image.src = data;
    await image.decode();
    return image;
  }));
  const canvas = Object.assign(document.createElement("canvas"), { width: images[0].width, height: images[0].height });
  const context = canvas.getContext("2d");
  let at = 0;
  setInterval(() => context.drawImage(images[at++ % images.length], 0, 0), 66);
  window.given = canvas.captureStream(15).getVideoTracks()[0];
  await splitter.desk.setSource(window.given);
}"""


def _pictures() -> list[str]:
    """Four seconds of a sender of the page's own, as data: URLs."""
    frames = (jpeg(draw(OWN, at, at * 66, WIDTH, HEIGHT)) for at in range(60))
    return [f"data:image/jpeg;base64,{base64.b64encode(frame).decode()}" for frame in frames]


async def test_a_call_comes_and_joins_by_itself(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        page = await sdk.open_desk(await desk.context(), desk.gateway)
        own, caller = await desk.eye(page, "#own"), await desk.eye(page, "#caller")
        handset, call_id = await desk.call()
        await caller.rising(CALLER, 10)
        await desk.caller_sees(handset, SENDER, 10)
        await flawless(lambda: caller.rising(CALLER, 30), lambda seen: judge(seen, Wanted(CALLER)))
        await phone_sees(desk, own, handset, 30)
        view = await desk.gateway.call(call_id)
        assert view["extension"] == "2001" and view["showing"] == "desk-1"
        assert [party["kind"] for party in view["parties"]] == ["webrtc"]
        await desk.voice_goes_on(handset)
        await handset.hang_up()
        await sdk.until_told(page, "call", "ended")


async def test_a_page_gives_a_track_of_its_own_and_changes_what_the_camera_shows(
    make_desk: Callable[..., Desk],
) -> None:
    async with make_desk() as desk:
        page = await sdk.open_desk(await desk.context(), desk.gateway)
        handset, _ = await desk.call()
        log = sight_of(handset)

        async def is_seen(sender: int, turned: int = 0) -> None:
            """So on the phone's screen, and no longer otherwise."""

            def all_seen() -> bool:
                last = [one.reading for one in log.seen[-5:]]
                return all(one and (one.sender, one.rotation) == (sender, turned) for one in last)

            await desk.until(all_seen, f"sender {sender}, turned by {turned}", 15.0)
            await desk.caller_sees(handset, sender, 10)

        await is_seen(SENDER)
        await page.evaluate(f"splitter.desk.setProcessor({_UPSIDE_DOWN})")
        await is_seen(SENDER, 180)

        await page.evaluate(_OWN_TRACK, _pictures())
        await is_seen(OWN)
        assert await page.evaluate("[splitter.desk.camera.state, splitter.desk.track === window.given]") == [
            "off",
            True,
        ]
        await (await desk.eye(page, "#own")).rising(OWN, 5)
        await page.evaluate("splitter.desk.setSource(null)")
        await is_seen(SENDER, 180)
        assert await page.evaluate("window.given.readyState") == "live", "it is the page's own"

        # What a processor was to hide is never sent without it.
        await page.evaluate("splitter.desk.setProcessor(() => { throw new Error('no') })")
        await desk.until(lambda: log.now_showing == STILL, "the slate", 15.0)
        assert await page.evaluate("[splitter.desk.camera.state, splitter.desk.camera.trouble]") == [
            "trouble",
            "failed",
        ]
        upright = len(log.seen)
        await page.evaluate("splitter.desk.setProcessor(null).then(() => splitter.desk.setCamera(true))")
        await is_seen(SENDER)
        between = [one.reading.rotation for one in log.seen[upright:] if one.reading]
        assert set(between) == {0}


async def test_the_browser_is_killed_and_comes_back(
    make_desk: Callable[..., Desk], playwright: Playwright, film: Path, tmp_path: Path
) -> None:
    async with make_desk() as desk:
        first = await at_home(playwright.chromium, film, tmp_path)
        page = await sdk.open_desk(first, desk.gateway)
        client = await page.evaluate("splitter.client")
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, 10)
        await desk.until(lambda: remembers(tmp_path, client), "the client's id is on the disk", 15.0)
        kill(tmp_path)
        log = sight_of(handset)
        await desk.until(lambda: log.now_showing == STILL, "the slate", 15.0)
        view = await desk.view(call_id, lambda v: v["parties"][0]["state"] == "interrupted", "it may come back")
        assert view["parties"][0]["name"] == "desk-1"
        await desk.voice_goes_on(handset)
        async with await at_home(playwright.chromium, film, tmp_path) as again:
            page = await sdk.open_desk(again, desk.gateway)
            assert await page.evaluate("splitter.client") == client
            await desk.caller_sees(handset, SENDER, 10)
            there = [("desk-1", "connected")]
            await desk.view(call_id, lambda v: [(p["name"], p["state"]) for p in v["parties"]] == there, "it is back")
        saw_nothing_but(log, SENDER)


def remembers(home: Path, client: str) -> bool:
    """True once the browser has written that to its disk, which it puts off for seconds."""
    stored = (home / "Default" / "Local Storage" / "leveldb").glob("*.log")
    return any(text in file.read_bytes() for file in stored for text in (client.encode(), client.encode("utf-16-le")))
