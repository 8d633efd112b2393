"""The guest's page itself: what it says before it runs, in other programs' browsers, and which camera it takes."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.async_api import Page, Route, expect

from tests.browser.console import Console
from tests.browser.desk import Desk
from tests.browser.test_guest import invited
from tests.store.test_photos import PDF, jpeg

WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.40"
_NO_LINK = "/guest/#0000000000"


async def _opened(desk: Desk, path: str = _NO_LINK, script: str = "", **more: str) -> Page:
    assert desk.browser is not None
    context = await desk.browser.new_context(viewport={"width": 360, "height": 640}, **more)  # type: ignore[arg-type]
    if script:
        await context.add_init_script(script)
    page = await context.new_page()
    await page.goto(desk.gateway.api + path)
    return page


async def test_words_are_there_in_both_languages_where_nothing_else_comes(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        assert desk.browser is not None
        context = await desk.browser.new_context(viewport={"width": 360, "height": 640})
        silent = await desk.browser.new_context(java_script_enabled=False, viewport={"width": 640, "height": 360})
        page = await silent.new_page()
        await page.goto(desk.gateway.api + _NO_LINK)
        for words in ("Show what you see", "让对方看到现场", "Stay on the phone", "请不要挂断电话"):
            await expect(page.locator("#words")).to_contain_text(words)
        await desk.show(page, "no-scripts")

        async def broken(route: Route) -> None:
            await route.abort()

        await context.route("**/feed.js", broken)  # one module of many does not come
        page = await context.new_page()
        await page.goto(desk.gateway.api + _NO_LINK)
        await expect(page.locator("#stuck")).to_be_visible()
        await expect(page.locator("#stuck")).to_contain_text("电话仍在继续")
        await expect(page.locator("#copy")).to_be_visible()
        await desk.show(page, "stuck")
        await context.unroute("**/feed.js", broken)
        await page.click("#reload")
        await expect(page.locator("#title")).to_have_text("This link is no longer valid")
        await expect(page.locator("#stuck")).to_be_hidden()
        await silent.close()
        await context.close()

        page = await _opened(desk, script="delete globalThis.RTCPeerConnection", user_agent=WECHAT, locale="zh-CN")
        await expect(page.locator("#title")).to_have_text("此应用不支持视频")
        await expect(page.locator("#app")).to_contain_text("在浏览器中打开")
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.click("#copy")
        await expect(page.locator("#copied")).to_have_text("链接已复制。")
        assert await page.evaluate("navigator.clipboard.readText()") == page.url
        await desk.show(page, "in-app")
        await page.context.close()


_PHONE = """
const asked = globalThis.asked = [], lit = globalThis.lit = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  const facing = wish.video.facingMode?.ideal;
  asked.push(facing);
  const stream = await open({ video: { ...wish.video, facingMode: undefined } });
  const [track] = stream.getVideoTracks(), settings = track.getSettings.bind(track), apply = track.applyConstraints.bind(track);
  track.getSettings = () => ({ ...settings(), facingMode: facing });
  track.getCapabilities = () => ({ torch: facing === "environment" });
  track.applyConstraints = ({ advanced, facingMode, ...more }) => {
    lit.push(advanced?.[0]?.torch ?? false);
    return apply(more);
  };
  return stream;
};
navigator.mediaDevices.enumerateDevices = async () =>
  ["wide", "ultra-wide", "tele", "front"].map((label) => ({ kind: "videoinput", label, deviceId: label }));
"""


async def test_the_rear_camera_comes_first_and_the_toggle_knows_two(make_desk: Callable[..., Desk]) -> None:
    """Four lenses, and the button leads from the rear to the front and back."""
    async with make_desk() as desk:
        context = await desk.context()
        await context.add_init_script(_PHONE)
        agent, guest, handset, call_id = await invited(desk, context)
        await guest.click("#go")
        await expect(guest.locator("#status")).to_have_text("They can see your video")
        await expect(guest.locator("body")).to_have_attribute("data-large", "own")
        await guest.click("#torch")
        await expect(guest.locator("#torch")).to_have_attribute("aria-pressed", "true")
        assert (await guest.evaluate("lit"))[-1] is True
        await guest.click("#turn")
        await expect(guest.locator("#torch")).to_be_hidden()
        await expect(guest.locator("#own")).to_have_class("mirrored")
        await guest.click("#turn")
        await expect(guest.locator("#torch")).to_have_attribute("aria-pressed", "false")
        assert await guest.evaluate("asked") == ["environment", "user", "environment"]

        await guest.click("#swap")
        await expect(guest.locator("body")).to_have_attribute("data-large", "agent")
        await guest.set_viewport_size({"width": 640, "height": 360})
        await desk.show(guest, "landscape")
        await guest.click("#pause")
        await desk.view(call_id, lambda v: v["parties"][1]["camera"] == "paused", "the desk is told of the pause")
        await guest.click("#pause")
        await agent.evaluate("call.show('slate')")
        await expect(guest.locator("#sign")).to_be_hidden()  # the agent's camera is on
        await guest.context.set_offline(True)
        await expect(guest.locator("#status")).to_have_text(
            "Your device is offline. The video goes on when it is back."
        )
        await guest.context.set_offline(False)
        await expect(guest.locator("#status")).to_have_text("They can see your video")
        await desk.voice_goes_on(handset)


async def test_messages_and_the_location_reach_the_desk_and_nobody_else(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(routes='[guest_page]\nfiles = ["photo", "pdf"]\n') as desk:
        context = await desk.context()
        await context.grant_permissions(["geolocation"])
        await context.set_geolocation({"latitude": 39.9075, "longitude": 116.3913, "accuracy": 15})
        _, guest, handset, call_id = await invited(desk, context)
        agent = (await Console.open(desk)).page
        await guest.click("#go")
        await expect(guest.locator("#talk")).to_be_visible()
        await guest.click("#talk")
        await desk.show(guest, "chat-empty")
        await guest.fill("#chat-text", "<img src=x onerror=alert(1)> kingfisher")
        await guest.press("#chat-text", "Enter")
        await expect(agent.locator("#chat li")).to_contain_text("<img src=x onerror=alert(1)> kingfisher")
        assert await agent.locator("#chat img").count() == 0
        await agent.click("#chat-quick button >> nth=1")
        await expect(guest.locator("#chat-list li >> nth=1")).to_contain_text("Please switch the light on")
        await desk.show(guest, "chat")
        await guest.click("#chat-close")
        await agent.fill("#chat-text", "Where are you?")
        await agent.click("#chat-send")
        await expect(guest.locator("#talk")).to_have_text("Messages (1)")
        await guest.set_input_files(
            "#photo-file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg((2000, 1500))}
        )
        await expect(guest.locator("#note")).to_have_text("It was sent.")
        await expect(agent.locator("#stills img")).to_have_js_property("naturalWidth", 2000)
        await expect(guest.locator("#photo")).to_have_text("Send photo or PDF")
        await guest.set_input_files("#photo-file", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": PDF})
        await expect(agent.locator("#log li").first).to_contain_text("has sent a PDF; it was not checked")
        await agent.click("#stills button:has(.paper)")
        await expect(agent.locator("dialog[open]")).to_contain_text("was not checked for viruses")
        await desk.show(agent, "pdf")
        async with agent.expect_download() as sent:
            await agent.click("dialog[open] a[download]")
        assert (await (await sent.value).path()).read_bytes() == PDF
        await agent.keyboard.press("Escape")
        await guest.click("#locate")
        await expect(guest.locator("#note")).to_contain_text("The other side sees where you are.")
        await expect(agent.locator("#facts a")).to_have_attribute("href", re.compile(r"mlat=39\.9075&mlon=116\.3913"))
        await context.set_geolocation({"latitude": 39.9080, "longitude": 116.3913, "accuracy": 15})
        await expect(agent.locator("#facts a")).to_contain_text("39.90800")
        await desk.show(agent, "console")
        await desk.show(guest, "located")
        await guest.click("#locate")
        await expect(agent.locator("#facts a")).to_have_count(0)
        status, trace, _ = await desk.gateway.ask("GET", f"/v1/calls/{call_id}/trace")
        assert status == 200 and b"has written" in trace
        for secret in (b"kingfisher", b"39.9075", b"39.908"):
            assert secret not in trace and secret.decode() not in desk.gateway.log()
        await desk.voice_goes_on(handset)
