"""An agent's day at the console, and what the caller sees of it."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.async_api import Playwright, expect

from splitter.lab.consent import Consent, Reaction
from splitter.lab.handset import Handset
from splitter.lab.picture import Plane, luma_of_rgb, read, same_still
from splitter.lab.seat import SeatSettings
from splitter.lab.sight import STILL
from splitter.lab.video import VideoSettings
from tests.browser import chromium
from tests.browser.camera import SENDER
from tests.browser.checks import Wanted, drawn, judge, psnr, skewed
from tests.browser.console import Console
from tests.browser.desk import CALLER, SHAPE, Desk, phone_sees, saw_nothing_but, sight_of
from tests.browser.eyes import flawless
from tests.browser.voice import Beeps, listen
from tests.patience import PATIENCE_S, patient

SHARED, SECOND = 9, 8


async def both_ways(desk: Desk, console: Console, handset: Handset, frames: int = 30) -> None:
    """Each sees the other, without any fault."""
    await console.caller.rising(CALLER, 5)
    await desk.caller_sees(handset, SENDER, 5)
    await flawless(lambda: console.caller.rising(CALLER, frames), lambda seen: judge(seen, Wanted(CALLER)))
    await phone_sees(desk, console.own, handset, frames)


class TestCall:
    async def test_from_the_first_ring_to_the_last(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            await console.looks("waiting")
            handset = await desk.handset()
            beeps = Beeps()
            handset.audio.tone = beeps
            desk.centre.by_hand = True
            call = handset.dial("12345", desk.gateway.access)
            await desk.until(lambda: bool(desk.centre.calls), "the centre is called")
            desk.centre.calls[-1].ring()
            await console.says("Your phone is ringing")
            await console.looks("ringing")
            desk.centre.calls[-1].accept()
            heard = await listen(desk.centre)
            assert (await call.answered()).accepted
            await console.says("Video both ways", "The caller sees your camera")
            await both_ways(desk, console, handset, 45)
            await console.looks("video")
            view = await desk.gateway.call(desk.centre.call_id())
            assert (view["extension"], view["showing"]) == ("2001", "desk-1")

            async def look() -> tuple[list[float], list[float]]:
                console.caller.seen.clear(), heard.clear()
                await console.caller.rising(CALLER, 30)
                await desk.until(lambda: len(heard) > 2, "three beeps are heard")
                return console.caller.delays_ms(CALLER), beeps.delays_ms(heard)

            await flawless(look, lambda delays: skewed(*delays))
            await desk.voice_goes_on(handset)
            await handset.hang_up()
            await expect(console.page.locator("#summary-why")).to_have_text("The caller hung up.")
            await console.looks("ended")
            saw_nothing_but(sight_of(handset), SENDER)

    async def test_a_wrong_password(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            page = await (await desk.context("zh-CN")).new_page()
            await page.goto(f"{desk.gateway.api}/console/")
            await page.fill("#user", "2001")
            await page.fill("#password", "guessed")
            await page.click("#login-submit")
            await expect(page.locator("#login-fault")).to_have_text("用户名或密码错误。")
            await desk.show(page, "wrong-password")

    async def test_hung_up_at_the_desk(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, _ = await desk.call()
            await console.says("Video both ways")
            await console.do("hangup")
            await console.looks("hang-up")
            assert handset.call.state == "confirmed", "it asks first"
            await console.page.click("[data-confirm=hangup]")
            await handset.call.ended()
            await console.says("The call has ended")


class TestWhatTheCallerSees:
    async def test_an_image_instead_of_the_camera_and_back(
        self, make_desk: Callable[..., Desk], tmp_path: Path
    ) -> None:
        file, still = poster(tmp_path)
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, call_id = await desk.call()
            await both_ways(desk, console, handset, 5)
            log = sight_of(handset)
            await console.show_picture(file)
            await desk.until(lambda: log.still is not None and same_still(log.still, still), "the picture on the phone")
            await console.says("The caller sees an image")
            assert (await desk.gateway.call(call_id))["showing"].startswith("picture:")
            await console.caller.rising(CALLER, 5)
            await console.looks("image")
            await console.do("picture")
            await desk.caller_sees(handset, SENDER, 10)
            await console.says("Video both ways")
            saw_nothing_but(log, SENDER)

    async def test_a_tab_and_back(self, make_desk: Callable[..., Desk], playwright: Playwright) -> None:
        async with await chromium.of_this_machine(playwright.chromium) as browser, make_desk() as desk:
            context = await desk.context(browser=browser)
            await context.add_init_script(_DRAWN_CAMERA)
            shared = await context.new_page()
            await shared.route("http://localhost/", lambda route: route.fulfill(body=_SHARED, content_type="text/html"))
            await shared.goto("http://localhost/")
            console = await Console.open(desk, context)
            handset, _ = await desk.call()
            await desk.caller_sees(handset, SENDER, 10)
            await console.do("share")
            await console.says("The caller sees your screen")
            await desk.caller_sees(handset, SHARED, 5)
            # Our page draws by a timer and the browser captures it when it has the time: late is later here.
            wanted = Wanted(SHARED, torn_db=0, late_ms=1000)
            await flawless(lambda: desk.caller_sees(handset, SHARED, 15), lambda seen: judge(seen, wanted))
            await console.looks("sharing")
            await console.do("share")
            await desk.caller_sees(handset, SENDER, 10)
            await console.says("Video both ways")
            assert not sight_of(handset).black

    async def test_a_second_desk(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, call_id = await desk.call()
            await both_ways(desk, console, handset, 5)
            seat = await desk.seat(SeatSettings("2002", VideoSettings(SECOND, SHAPE)))
            joining = seat.join(call_id, desk.gateway.desk)  # it rings until it is let in
            parties = console.page.locator("#parties")
            await parties.locator("[data-asking='2002'] .primary").click()
            outcome = await joining.answered(patient(5))
            assert outcome.accepted, f"{outcome.status} {outcome.reason}"
            await desk.until(lambda: seat.video.sight.rising(CALLER) > 10, "the second desk sees the caller")
            await expect(parties.locator("[data-party=seat-1] [data-key^='party.show']")).to_be_visible()
            await desk.caller_sees(handset, SENDER, 10)  # the second one looks on
            assert not sight_of(handset).rising(SECOND)
            await console.looks("second")
            await parties.locator("[data-party=seat-1] [data-key^='party.show']").click()
            await console.says("The caller sees Desk 2002")
            await desk.caller_sees(handset, SECOND, 10)
            await parties.locator("[data-party=seat-1] [data-key^='party.remove']").click()
            await console.page.click("[data-confirm=remove]")
            await seat.call.ended()
            await desk.caller_sees(handset, SENDER, 10)
            await console.says("Video both ways")
            await desk.voice_goes_on(handset)
            assert not sight_of(handset).black

    async def test_a_colleague_is_removed(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, call_id = await desk.call()
            await both_ways(desk, console, handset, 5)
            colleague = await Console.open(desk, user="2002")
            view = await desk.gateway.call(call_id)
            await desk.gateway.ask("PUT", f"/v1/calls/{call_id}/desk", json={"extension": "2002"})
            await console.says("The call is another desk's now")
            await colleague.says("Video both ways")
            await console.looks("gone")
            assert view["extension"] == "2001"
            await both_ways(desk, colleague, handset, 10)
            status, _, _ = await desk.gateway.ask("DELETE", f"/v1/calls/{call_id}/parties/desk-2")
            assert status == 204
            await colleague.says("You were removed from the video")
            await colleague.looks("removed")
            await desk.voice_goes_on(handset)


class TestScreenshot:
    async def test_is_what_was_on_the_wire(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, call_id = await desk.call()
            await both_ways(desk, console, handset, 5)
            for way in ("console", "api"):
                asked = time.time()
                if way == "console":
                    png, name = await console.still()
                    assert name.startswith("13800000001-") and name.endswith(".png")
                else:
                    status, png, headers = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/snapshots?of=caller")
                    assert status == 201 and headers["Content-Type"] == "image/png"
                    assert abs(float(headers["Splitter-Taken-At"]) - time.time()) < patient(2)
                    assert (await desk.gateway.ask("GET", headers["Location"]))[1] == png, "it is kept"
                luma = luma_of_rgb(np.asarray(Image.open(io.BytesIO(png)).convert("RGB")))
                reading = read(luma)
                assert reading and (reading.sender, reading.rotation) == (CALLER, 0)
                assert luma.shape == (SHAPE.height, SHAPE.width)
                assert abs(int(asked * 1000) % (1 << 32) - reading.clock_ms) < patient(3) * 1000, "of that moment"
                assert psnr(luma, drawn(reading, (SHAPE.width, SHAPE.height))) > 25
            await console.looks("stills")

    async def test_of_a_phone_that_lies_on_its_side(self, make_desk: Callable[..., Desk]) -> None:
        """The phone says how it is held (TS 26.114 §7.4.5): Chromium turns the picture, and so do our screenshots."""
        async with make_desk() as desk:
            console = await Console.open(desk)
            _, call_id = await desk.call(orientation=1)
            seen = (await console.caller.rising(CALLER, 10))[-1]
            assert seen.reading and seen.reading.rotation in (90, 270)
            assert seen.size == (SHAPE.height, SHAPE.width)
            _, png, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/snapshots")
            luma = luma_of_rgb(np.asarray(Image.open(io.BytesIO(png)).convert("RGB")))
            reading = read(luma)
            assert reading and reading.rotation == seen.reading.rotation
            assert luma.shape == (SHAPE.width, SHAPE.height)


class TestWrapUp:
    async def test_a_note_and_screenshots_stay_with_the_call(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            desk.gateway.configure(("guest_url =", 'dispositions = ["Solved", "Call back"]\nguest_url ='))
            assert (await desk.gateway.post("/v1/reload"))["changes"]
            console = await Console.open(desk)
            page = console.page
            handset, call_id = await desk.call()
            await both_ways(desk, console, handset, 5)
            for _ in range(2):
                await console.still()
            await handset.hang_up()
            await page.fill("#wrap-note", "<b>Burst</b> main in the cellar")
            await page.select_option("#wrap-choice", "Call back")
            await page.locator("#wrap-stills input").nth(1).uncheck()
            await console.looks("wrap-up")
            await page.click("#language")  # what was written stays
            await page.click("#language")
            await expect(page.locator("#wrap-note")).to_have_value("<b>Burst</b> main in the cellar")
            await page.click("#summary-done")
            noted = page.locator("#recent-list .noted")
            await expect(noted).to_have_text("Call back")
            await expect(noted).to_have_attribute("title", "<b>Burst</b> main in the cellar")
            row = await noted_record(desk, call_id)
            told = (row["note"], row["disposition"], row["noted_by"], row["screenshots"])
            assert told == ("<b>Burst</b> main in the cellar", "Call back", "2001", [1])
            await desk.gateway.stop()
            await desk.gateway.start()
            _, found, _ = await desk.gateway.ask("GET", "/v1/records")
            assert found["records"][0]["note"] == row["note"], "it outlives the process"
            assert list(desk.gateway.directory.glob(f"kept-screenshots/{call_id}.1.*.png"))


class TestAskingForVideo:
    async def test_accepted_and_dropped(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, _ = await desk.call(video=False)
            handset.consent = Consent(Reaction.IGNORE)
            await console.says("Voice only")
            await console.looks("voice")
            await console.do("ask")
            await console.says("The caller is being asked for video")
            await console.looks("asking")
            handset.call.decide(Reaction.ACCEPT)
            await console.says("Video both ways")
            await both_ways(desk, console, handset, 10)
            await desk.voice_goes_on(handset)
            await console.page.keyboard.press("u")
            await console.page.keyboard.press("u")  # what is pressed by mistake, and twice, turns nothing off
            await console.page.click("[data-confirm=drop]")
            await console.says("Voice only", "Video was turned off here")
            await desk.voice_goes_on(handset)

    async def test_refused(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, call_id = await desk.call(video=False)
            handset.consent = Consent(Reaction.REFUSE, 0.5)
            await console.says("Voice only")
            await console.do("ask")
            await console.says("The caller refused video", "You may ask again, or send a link")
            await console.looks("refused")
            await expect(console.page.locator("#call")).not_to_contain_text(
                "port 0"
            )  # the gateway's words are no agent's
            assert (await desk.gateway.call(call_id))["video"]["outcome"] == "refused"
            await desk.voice_goes_on(handset)


class TestGatewayChanges:
    async def test_are_told_before_they_come_and_calls_go_on(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            banner = console.page.locator("#banner-text")
            handset, _ = await desk.call()
            await both_ways(desk, console, handset, 5)
            await desk.gateway.post("/v1/drain")
            await expect(banner).to_have_text("The gateway takes no new calls for now. Your calls go on.")
            await expect(console.page.locator("#banner-retry")).to_be_hidden()
            await console.looks("draining")
            await console.watch("#banner-text")
            await desk.gateway.post("/v1/restart")
            await console.has_said("The gateway restarts. Your calls go on.")  # it is over soon
            await expect(console.page.locator("#link-text")).to_have_text("Online", timeout=patient(15) * 1000)
            await expect(console.page.locator("#banner")).to_be_hidden()
            await desk.voice_goes_on(handset)
            await handset.hang_up()

    async def test_an_account_that_is_taken_out_is_signed_out(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console, other = await Console.open(desk), await Console.open(desk, user="2002")
            desk.gateway.configure(('user = "2001"', 'user = "2009"'))
            assert (await desk.gateway.post("/v1/reload"))["changes"]
            await expect(console.page.locator("body")).to_have_attribute("data-view", "login")
            await expect(other.page.locator("#link-text")).to_have_text("Online")


class TestGatewayRestarts:
    async def test_under_a_call(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, _ = await desk.call()
            await both_ways(desk, console, handset, 5)
            await desk.gateway.stop()
            await expect(console.page.locator("#banner-text")).to_contain_text("No connection to the gateway")
            await console.looks("no-gateway")
            await desk.gateway.start()
            await expect(console.page.locator("#link-text")).to_have_text("Online")
            await expect(console.page.locator("#banner")).to_be_hidden()
            handset, _ = await desk.call(number="13800000002")
            await both_ways(desk, console, handset, 15)


class TestCamera:
    async def test_missing(self, make_desk: Callable[..., Desk], playwright: Playwright) -> None:
        async with await chromium.launch(playwright.chromium, None) as browser, make_desk() as desk:
            console = await Console.open(desk, await desk.context(browser=browser))
            handset, _ = await desk.call()
            await console.says("You see the caller; the caller does not see you", "No camera found")
            await sees_caller_alone(desk, console, handset)
            await console.looks("no-camera")

    async def test_not_allowed(self, make_desk: Callable[..., Desk], playwright: Playwright) -> None:
        async with await chromium.strict(playwright.chromium) as browser, make_desk() as desk:
            console = await Console.open(desk, await desk.context(browser=browser))
            handset, _ = await desk.call()
            await console.says("You see the caller; the caller does not see you", "The browser may not use the camera")
            await sees_caller_alone(desk, console, handset)
            await console.looks("not-allowed")

    async def test_in_use_by_another_program(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            context = await desk.context()
            await context.add_init_script(_IN_USE)
            console = await Console.open(desk, context)
            handset, _ = await desk.call()
            await console.says("You see the caller; the caller does not see you", "Another program uses the camera")
            await sees_caller_alone(desk, console, handset)
            await console.looks("in-use")

    async def test_unplugged_and_plugged_in_again(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            console = await Console.open(desk)
            handset, _ = await desk.call()
            await both_ways(desk, console, handset, 5)
            await console.page.evaluate(_UNPLUG)
            await console.says("You see the caller; the caller does not see you", "The camera was unplugged")
            await desk.until(lambda: sight_of(handset).now_showing == STILL, "the slate instead of a frozen picture")
            await console.caller.rising(CALLER, 5)
            await console.looks("unplugged")
            await console.page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
            await console.says("Video both ways")
            await desk.caller_sees(handset, SENDER, 10)
            assert not sight_of(handset).black


async def test_a_browser_without_h264(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        context = await desk.context()
        await context.add_init_script(_NO_H264)
        console = await Console.open(desk, context)
        handset, _ = await desk.call()
        await console.says("No video on this desk", "This browser has no H.264 video")
        await console.looks("no-h264")
        await desk.voice_goes_on(handset)


async def noted_record(desk: Desk, call_id: str) -> dict[str, Any]:
    """The record of a call once it has its note: records are written a moment later."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, found, _ = await desk.gateway.ask("GET", "/v1/records")
            for row in found["records"]:
                if row["call_id"] == call_id and row["note"]:
                    return dict(row)
            await asyncio.sleep(0.1)


async def sees_caller_alone(desk: Desk, console: Console, handset: Handset) -> None:
    """The call goes on receive-only; the caller sees the slate."""
    await console.caller.rising(CALLER, 5)
    await desk.must_see(console.caller, Wanted(CALLER), 1.0)
    assert {scene.what for scene in sight_of(handset).scenes} == {STILL}
    await desk.voice_goes_on(handset)


def poster(folder: Path) -> tuple[Path, Plane]:
    """A still, and the luma that a phone should show of it."""
    down, right = np.mgrid[0:640, 0:480]
    pixels = np.stack([down * 255 // 640, right * 255 // 480, (down // 80 + right // 80) % 2 * 120], axis=2)
    image = Image.fromarray(pixels.astype(np.uint8), "RGB")
    image.save(folder / "poster.png")
    return folder / "poster.png", luma_of_rgb(np.asarray(image))


_SHARED = f"""<!doctype html><title>{chromium.SHARED_TITLE}</title>
<style>html, body {{ margin: 0; overflow: hidden; }}</style>
<canvas id="drawn" width="1366" height="768"></canvas><script>pictures.play(drawn, {SHARED});</script>"""

_DRAWN_CAMERA = f"""
navigator.mediaDevices.getUserMedia = async () => {{
  const canvas = Object.assign(document.createElement("canvas"), {{ width: 480, height: 640 }});
  pictures.play(canvas, {SENDER});
  return canvas.captureStream();
}};
"""

_IN_USE = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('busy', 'NotReadableError'));"

_UNPLUG = """() => {
  const [track] = document.querySelector("#preview").srcObject.getVideoTracks();
  track.stop();
  track.dispatchEvent(new Event("ended"));
}"""

_NO_H264 = """
for (const side of [RTCRtpSender, RTCRtpReceiver]) {
  const all = side.getCapabilities.bind(side);
  side.getCapabilities = kind => {
    const found = all(kind);
    return { ...found, codecs: found.codecs.filter(codec => codec.mimeType !== "video/H264") };
  };
}
"""
