"""Every state of the guest's page, in both languages, held upright and lying: nothing against WCAG AA in either
theme, and a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.desk import Desk
from tests.browser.sights import LYING, UPRIGHT, Sights
from tests.browser.test_guest import invited
from tests.browser.test_guest_page import WECHAT
from tests.patience import patient

PAGE = """
[guest_page]
name = "City Water"
name_zh = "市自来水公司"
text = "Your video helps us to find the leak. It is not recorded."
text_zh = "您的视频帮助我们查找漏水点，不会被录制。"
privacy_url = "https://water.example/privacy"
consent = "2026-05"

[recording]
folder = "{folder}"
render = "none"
"""
_CAMERA = """
globalThis.trouble = "";
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  if (globalThis.trouble) throw new DOMException("no", globalThis.trouble);
  return open(wish);
};
"""
_TRACK = "const [track] = document.getElementById('own').srcObject.getVideoTracks();"
_HAPPENS = {
    "muted": f"{_TRACK} Object.defineProperty(track, 'muted', {{ value: true }}); track.dispatchEvent(new Event('mute'))",
    "unplugged": f"{_TRACK} track.dispatchEvent(new Event('ended'))",
}
"""What happens to a camera, by what becomes of it."""
_NO_WEBRTC = "delete globalThis.RTCPeerConnection;"


@dataclass(frozen=True)
class Stranger:
    """A browser without a call. `script` runs before the page's; `missing` does not come; `goes`: Start is pressed."""

    script: str = ""
    agent: str | None = None
    missing: str = ""
    goes: bool = False


STRANGERS = {
    "expired": Stranger(),
    "no-webrtc": Stranger(_NO_WEBRTC),
    "no-h264": Stranger("RTCRtpReceiver.getCapabilities = () => ({ codecs: [{ mimeType: 'video/VP8' }] });"),
    "in-app": Stranger(_NO_WEBRTC, agent=WECHAT),
    "old": Stranger("delete HTMLScriptElement.prototype.noModule;", missing="**/guest/guest.js"),
    "stuck": Stranger(missing="**/guest/guest.js"),
    "busy": Stranger(missing="**/v1/guests", goes=True),
}
"""By the state that its page comes to."""


async def _strangers(desk: Desk, sight: Sights, locale: str) -> None:
    """States without a call."""
    assert desk.browser is not None
    for name, stranger in STRANGERS.items():
        context = await desk.browser.new_context(locale=locale, user_agent=stranger.agent)
        await context.add_init_script(stranger.script)
        page = await context.new_page()
        if stranger.missing:
            await page.route(stranger.missing, lambda route: route.abort())
        await page.goto(f"{desk.gateway.api}/guest/#0000000000")
        if stranger.goes:
            await page.click("#go")
        await expect(page.locator("body")).to_have_attribute("data-state", name, timeout=patient(12) * 1000)
        await sight.look(page, name)
        await context.close()


async def _troubles(guest: Page, sight: Sights) -> None:
    """A camera that cannot be had, for one reason after the other."""
    for error in ("NotAllowedError", "NotFoundError", "NotReadableError", "TypeError"):
        await guest.evaluate("(name) => (globalThis.trouble = name)", error)
        await guest.click("#pause")
        await expect(guest.locator("#pause")).to_have_attribute("aria-pressed", "true")
        if error == "NotAllowedError":
            await sight.look(guest, "paused")
        await guest.click("#pause")
        await expect(guest.locator("#words")).to_be_visible()
        await sight.look(guest, error)
    await guest.evaluate("globalThis.trouble = ''")
    await guest.click("#go")
    await expect(guest.locator("body")).to_have_attribute("data-tone", "good")
    for name, happens in _HAPPENS.items():
        await guest.evaluate(happens)
        await expect(guest.locator("#words")).to_be_visible()
        await sight.look(guest, name)
        await guest.click("#go")
        await expect(guest.locator("body")).to_have_attribute("data-tone", "good")


async def _elsewhere(desk: Desk, sight: Sights, locale: str, link: str) -> None:
    """The same link on another device."""
    page = await (await desk.context(locale)).new_page()
    await page.goto(link)
    await expect(page.locator("body")).to_have_attribute("data-state", "used")
    await sight.look(page, "used")
    await page.context.close()


async def _record(desk: Desk, call_id: str, action: str) -> None:
    status, answer, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/recording", json={"action": action})
    assert status < 300, answer


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_states_are_for_everybody(make_desk: Callable[..., Desk], locale: str, tmp_path: Path) -> None:
    async with make_desk(routes=PAGE.replace("{folder}", str(tmp_path / "recordings"))) as desk:
        sight = Sights("guest", locale, (UPRIGHT, LYING), axe={UPRIGHT} if locale == "zh-CN" else {UPRIGHT, LYING})
        await _strangers(desk, sight, locale)
        context = await desk.context(locale)
        await context.add_init_script(_CAMERA)
        agent, guest, handset, call_id = await invited(desk, context)
        state = guest.locator("body")
        await expect(guest.locator("#operator")).to_be_visible()
        await guest.click("#go")
        await expect(guest.locator("#agree-first")).to_be_visible()
        await expect(state).to_have_attribute("data-state", "start")
        await sight.look(guest, "start")
        await guest.check("#agreed")
        await guest.click("#go")
        await expect(state).to_have_attribute("data-tone", "good")
        await sight.look(guest, "live")
        await expect(guest.locator("#recorded")).to_be_hidden()
        await _record(desk, call_id, "start")
        await expect(guest.locator("#recorded")).to_be_visible()
        await sight.look(guest, "recorded")
        await _record(desk, call_id, "stop")
        await expect(guest.locator("#recorded")).to_be_hidden()
        await guest.click("#talk")
        await agent.evaluate("call.chat.write('Please go closer')")
        await expect(guest.locator("#chat-list li")).to_have_count(1)
        await sight.look(guest, "chat")
        await guest.click("#chat-close")
        await _troubles(guest, sight)
        await _elsewhere(desk, sight, locale, guest.url)
        view: dict[str, Any] = await desk.gateway.call(call_id)
        assert [(one["party"], one["version"]) for one in view["consents"]] == [("guest-1", "2026-05")]
        await agent.evaluate("call.remove('guest-1')")
        await expect(state).to_have_attribute("data-state", "removed")
        await sight.look(guest, "removed")
        await guest.click("#go")
        await expect(state).to_have_attribute("data-tone", "good")
        await guest.click("#leave")
        await expect(guest.locator("#rating")).to_be_visible()
        await sight.look(guest, "left")
        await handset.hang_up()
        await expect(state).to_have_attribute("data-state", "over")
        await sight.look(guest, "over")
        await guest.click("#stars button >> nth=3")
        await expect(guest.locator("#stars")).to_be_hidden()
        await sight.look(guest, "rated")
        await desk.view(call_id, lambda view: view["rating"] == 4, "the rating is kept")
        assert not sight.faults, "\n".join(sight.faults)
