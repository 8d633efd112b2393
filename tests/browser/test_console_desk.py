"""What the console tells beside the pictures: quality, calls before, other calls; and a camera that is switched off."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from splitter.lab.sight import STILL
from tests.browser.camera import SENDER
from tests.browser.console import Console
from tests.browser.desk import CALLER, Desk, sight_of

_BLOCKED = """
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor() { throw new DOMException("by policy", "NotSupportedError"); }
};
"""


class TestALink:
    @pytest.mark.parametrize(("locale", "opened"), [("en-US", "The link was opened."), ("zh-CN", "链接已被打开。")])
    async def test_is_shown_followed_and_taken_back(
        self, make_desk: Callable[..., Desk], locale: str, opened: str
    ) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk, await desk.context(locale), online=None)
            await desk.call(video=False)
            await console.do("invite")
            await console.page.click("#dialog-body button[type=submit]")
            link = console.page.locator("#dialog-body .link-row input")
            await expect(link).to_have_value(re.compile("/g/[0-9a-z]{10}$"))
            address = await link.input_value()
            await console.page.wait_for_function("document.querySelector('.qr')?.naturalWidth > 0")
            await desk.show(console.page, f"link-{locale}")
            guest = await (await desk.context()).new_page()
            await guest.goto(address)
            await expect(console.page.locator("#dialog-body [role=status]").first).to_have_text(opened)
            await console.page.click("#dialog-body .actions button")
            await expect(console.page.locator("#dialog-body .actions [role=status]")).to_be_visible()
            await desk.show(console.page, f"revoked-{locale}")
            await guest.goto(address)
            await expect(guest.locator("#title")).to_have_text("This link is no longer valid")


class TestCameraIsSwitchedOff:
    async def test_the_caller_sees_the_slate_at_once(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, call_id = await desk.call()
            await console.says("Video both ways")
            await desk.caller_sees(handset, SENDER, 10)
            log = sight_of(handset)
            await console.do("camera")
            await desk.until(lambda: log.now_showing == STILL, "the slate instead of a frozen picture")
            await console.says("You see the caller; your camera is off", "The caller sees the waiting picture")
            await console.caller.rising(CALLER, 5)
            await console.do("camera")
            await console.says("Video both ways")
            await desk.caller_sees(handset, SENDER, 10)
            assert not log.black
            await desk.view(call_id, lambda view: view["showing"] == "desk-1", "the desk is shown")

    async def test_a_browser_that_goes_on_sending_shows_nothing_old(self, make_desk: Callable[..., Desk]) -> None:
        """Firefox repeats its last picture after replaceTrack(null); here one that even ignores `active`."""
        async with make_desk() as desk:
            context = await desk.context()
            await context.add_init_script(_GOES_ON_SENDING)
            console = await Console.open(desk, context)
            handset, call_id = await desk.call()
            await console.says("Video both ways")
            await desk.caller_sees(handset, SENDER, 10)
            log = sight_of(handset)
            await console.do("camera")
            await desk.until(lambda: log.now_showing == STILL, "the slate")
            assert await console.page.evaluate("switchedOff.length") >= 1, "encodings are switched off beside the track"
            covered = len(log.seen)
            await asyncio.sleep(1.5)
            assert all(one.reading is None for one in log.seen[covered:]) and log.now_showing == STILL
            view = await desk.gateway.call(call_id)
            assert view["showing"] == "slate" and view["parties"][0]["sends"], "it does go on sending"
            await console.do("camera")
            await console.says("Video both ways")
            await desk.caller_sees(handset, SENDER, 10)
            await desk.view(call_id, lambda view: view["showing"] == "desk-1", "the desk is shown")

    async def test_a_picture_that_was_chosen_stays(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, call_id = await desk.call()
            await desk.caller_sees(handset, SENDER, 10)
            _, made, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/snapshots?of=caller")
            await console.page.evaluate(_WATCH_DISPLAY)
            await console.do("picture")
            await console.page.set_input_files(
                "#dialog-body input[type=file]", {"name": "map.png", "mimeType": "image/png", "buffer": made}
            )
            await console.says("The caller sees an image")
            await console.do("camera")
            await console.says("The caller sees an image")
            await desk.view(call_id, lambda view: not view["parties"][0]["sends"], "the camera is off")
            assert (await desk.gateway.call(call_id))["showing"].startswith("picture:")
            assert len(await console.page.evaluate("displayed")) == 1, "nothing but the picture was asked for"


class TestHold:
    async def test_is_told_until_it_is_over(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, _ = await desk.call()
            await console.says("Video both ways")
            assert (await handset.hold()).accepted
            await console.says("The caller has put you on hold", "The caller does not hear you")
            await console.looks("hold")
            assert (await handset.resume()).accepted
            await console.says("Video both ways")
            await expect(console.page.locator("#log")).to_contain_text("The call was resumed")


class TestBrowserWithoutWebRtc:
    """An app's own view, a lockdown mode: RTCPeerConnection is not there."""

    @pytest.mark.parametrize("how", ["delete globalThis.RTCPeerConnection", _BLOCKED], ids=["none", "blocked"])
    async def test_says_that_it_cannot_and_which_can(self, make_desk: Callable[..., Desk], how: str) -> None:
        async with make_desk() as desk:
            context = await desk.context()
            await context.add_init_script(how)
            page = await context.new_page()
            await page.goto(f"{desk.gateway.api}/")
            if how != _BLOCKED:
                await expect(page.locator("#login-browser")).to_contain_text("Use Chrome, Edge, Safari or Firefox")
                await desk.show(page, "login")
            console = await Console.open(desk, context)
            handset, call_id = await desk.call()
            await console.says("No video on this desk", "Use Chrome, Edge, Safari or Firefox")
            await expect(page.locator("#now-action")).to_be_hidden()
            await console.looks("no-webrtc")
            await asyncio.sleep(1.5)
            await console.says("No video on this desk")
            assert not (await desk.gateway.call(call_id))["parties"], "it does not try for ever"
            await desk.voice_goes_on(handset)


class TestQuality:
    async def test_is_measured_before_it_is_told(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            await console.page.evaluate(_WATCH_QUALITY)
            await desk.call()
            await console.says("Video both ways")
            received = console.page.locator("#quality [data-direction=received] .level")
            await expect(received).to_have_text("Good")
            said = await console.page.evaluate("levels")
            assert "none" not in said[said.index("unknown") : said.index("good")], said

    async def test_does_not_waver(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            page = (await Console.open(desk)).page
            steady = [15, 13, 15, 16, 14, 15, 13, 15]
            assert await judged(page, [{"fps": fps} for fps in steady]) == ["good"] * 8
            assert await judged(page, [{"fps": 9}] * 8) == ["good"] * 8, "a phone that takes few pictures in the dark"
            one_bad = [{"fps": 15}, {"fps": 15, "lost": 5}, *[{"fps": 15}] * 3]
            assert await judged(page, one_bad) == ["good"] * 5
            lossy = [{"fps": 15}, *[{"fps": 15, "lost": 20}] * 3, *[{"fps": 15}] * 4]
            assert await judged(page, lossy) == ["good", "good", "poor", "poor", "poor", "poor", "good", "good"]

    async def test_knows_what_is_usual(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            page = (await Console.open(desk)).page
            slower = [*[{"fps": 30}] * 4, *[{"fps": 12}] * 3]
            assert await judged(page, slower) == [*["good"] * 5, "fair", "fair"]
            frozen = [*[{"fps": 15}] * 3, *[{"fps": 15, "frozen": 1}] * 3]
            assert (await judged(page, frozen))[-1] == "fair"
            still = [{"fps": 10, "source": 10}, *[{"fps": 1, "source": 1}] * 4]
            assert await judged(page, still, "sent") == ["good"] * 5, "a shared window in which nothing moves"


class TestCalls:
    async def test_before_and_beside(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            page = console.page
            await expect(page.locator("#recent")).to_be_hidden()
            first, _ = await desk.call()
            await console.says("Video both ways")
            await console.watch("#toast")
            second, _ = await desk.call(number="13800000002", video=False)
            await console.has_said("Another call: 13800000002")
            await page.locator("#tabs button").nth(1).click()
            await expect(page.locator("#toast")).to_be_hidden()
            await first.hang_up()
            await second.hang_up()
            await console.says("The call has ended")
            for _ in range(2):
                await page.click("#summary-done")
            items = page.locator("#recent-list li")
            await expect(items).to_have_count(2)
            await expect(items.nth(0)).to_contain_text(re.compile(r"13800000002Voice\d+:"))
            await expect(items.nth(1)).to_contain_text(re.compile(r"13800000001Video\d+:"))
            await console.looks("before")

    async def test_the_voice_of_one_that_is_over_does_not_go_on(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, _ = await desk.call()
            await console.says("Video both ways")
            await handset.hang_up()
            await console.says("The call has ended")
            await desk.gateway.stop()
            await expect(console.page.locator("#banner-text")).to_have_text("No connection to the gateway.")
            await desk.gateway.start()


async def test_both_languages_are_complete(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        page = (await Console.open(desk)).page
        script = "import('/console/texts.js').then(({TEXTS}) => [TEXTS.en, TEXTS.zh].map(Object.keys))"
        english, chinese = await page.evaluate(script)
        assert english and set(english) == set(chinese)


async def judged(page: Page, readings: list[dict[str, Any]], way: str = "received") -> list[str]:
    """The levels that are made of readings, one each two seconds; `lost` packets of a hundred, `frozen` seconds."""
    levels: list[str] = await page.evaluate(_JUDGE, [readings, way])
    return levels


_JUDGE = """async ([readings, way]) => {
  const { Meter } = await import("/sdk/splitter.js");
  const meter = new Meter();
  const all = { timestamp: 0, frames: 0, bytes: 0, lost: 0, packets: 0, frozen: 0 };
  const read = source => meter.read(new Map([
    ["in", { type: "inbound-rtp", kind: "video", timestamp: all.timestamp, bytesReceived: all.bytes,
      framesDecoded: all.frames, packetsLost: all.lost, packetsReceived: all.packets, totalFreezesDuration: all.frozen }],
    ["out", { type: "outbound-rtp", kind: "video", timestamp: all.timestamp, bytesSent: all.bytes,
      framesEncoded: all.frames }],
    ["source", { type: "media-source", kind: "video", framesPerSecond: source }],
  ]), { received: true, sent: true })[way].level;
  read(0);
  return readings.map(({ fps, lost = 0, frozen = 0, source = fps }) => {
    all.timestamp += 2000;
    all.frames += fps * 2;
    all.bytes += 40000;
    all.lost += lost;
    all.packets += 100 - lost;
    all.frozen += frozen;
    return read(source);
  });
}"""

_WATCH_QUALITY = """() => {
  window.levels = [];
  const look = () => {
    const level = document.querySelector("#quality [data-direction=received]")?.dataset.level;
    if (level && level !== levels.at(-1)) levels.push(level);
  };
  new MutationObserver(look).observe(document.querySelector("#quality"), { childList: true });
}"""

_WATCH_DISPLAY = """() => {
  window.displayed = [];
  const ask = window.fetch;
  window.fetch = (url, options) => {
    if (String(url).endsWith("/display")) displayed.push(options.body);
    return ask(url, options);
  };
}"""

_GOES_ON_SENDING = """
const canvas = document.createElement("canvas");
const brush = canvas.getContext("2d");
setInterval(() => { brush.fillStyle = `hsl(${Date.now() % 360} 80% 50%)`; brush.fillRect(0, 0, 300, 150); }, 60);
const old = canvas.captureStream(15).getVideoTracks()[0];
window.switchedOff = [];
const { replaceTrack, setParameters } = RTCRtpSender.prototype;
RTCRtpSender.prototype.replaceTrack = function (track) { return replaceTrack.call(this, track ?? old); };
RTCRtpSender.prototype.setParameters = function (parameters) {
  for (const one of parameters.encodings) {
    if (!one.active) switchedOff.push(true);
    one.active = true;
  }
  return setParameters.call(this, parameters);
};
"""
