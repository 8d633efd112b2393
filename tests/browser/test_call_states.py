"""Every state of the page of web callers, in both languages, held upright and lying: nothing against WCAG AA in either
theme, and a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser import sdk
from tests.browser.desk import CALLED, Desk
from tests.browser.sights import LYING, UPRIGHT, Sights
from tests.browser.test_web_caller import ANYBODY, caller_page, until

RECORDING = """
[recording]
folder = "{folder}"
render = "none"
"""
NUMBER = f"#number={CALLED}"
PATH = "**/sdk/caller_path.js"
_HOOKS = """
globalThis.trouble = "";
const Usual = RTCPeerConnection;
globalThis.RTCPeerConnection = class extends Usual {
  constructor(...how) {
    super(...how);
    globalThis.made = this;
  }
};
const usual = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (wanted.video && globalThis.trouble) throw new DOMException("no", globalThis.trouble);
  return usual(wanted);
};
null;
"""
_CUT = """
Object.defineProperty(made, "connectionState", { value: "disconnected", configurable: true });
made.onconnectionstatechange();
"""
_MENDED = "delete made.connectionState; made.onconnectionstatechange();"


def _no_microphone(name: str) -> str:
    return f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('no', '{name}') }};"


def _finds(answer: str) -> str:
    """The module that looks for a path, with another answer."""
    return f"export const checkCallersPath = () => {answer};"


@dataclass(frozen=True)
class Stranger:
    """A browser without a call: `words` are those of its state. `goes`: its user presses a button.

    Attributes:
        script: runs before the page's.
        path: what takes the place of the module that looks for a path.
        refused: the gateway's code instead of a call.
    """

    words: dict[str, str]
    script: str = ""
    path: str = _finds("Promise.resolve({ works: true })")
    refused: str = ""
    goes: bool = False
    address: str = NUMBER


STRANGERS = {
    "no-number": Stranger({"en": "No number to call", "zh": "没有要呼叫的号码"}, address=""),
    "start": Stranger({"en": "calls get through", "zh": "可以呼叫"}),
    "checking": Stranger({"en": "Checking your network", "zh": "正在检查网络"}, path=_finds("new Promise(() => 0)")),
    "no-path": Stranger({"en": "blocks calls", "zh": "不允许通话"}, path=_finds("Promise.resolve({ works: false })")),
    "connecting": Stranger(
        {"en": "Connecting…", "zh": "正在连接…"},
        "navigator.mediaDevices.getUserMedia = () => new Promise(() => 0);",  # the browser asks its user
        goes=True,
    ),
    "denied": Stranger(
        {"en": "microphone is blocked", "zh": "麦克风被禁止"}, _no_microphone("NotAllowedError"), goes=True
    ),
    "no-microphone": Stranger(
        {"en": "No microphone", "zh": "没有找到麦克风"}, _no_microphone("NotFoundError"), goes=True
    ),
    "no-webrtc": Stranger(
        {"en": "This browser cannot call", "zh": "此浏览器不能通话"}, "delete globalThis.RTCPeerConnection;", goes=True
    ),
    "busy": Stranger({"en": "Too many calls", "zh": "目前呼叫过多"}, refused="too-many-calls", goes=True),
    "draining": Stranger({"en": "being serviced", "zh": "正在维护"}, refused="draining", goes=True),
}
"""By the state that its page comes to."""


async def _strangers(desk: Desk, sight: Sights, locale: str) -> None:
    """States without a call."""
    assert desk.browser is not None
    for name, stranger in STRANGERS.items():
        context = await desk.browser.new_context(locale=locale, permissions=["microphone"])
        await context.add_init_script(stranger.script)
        page = await context.new_page()
        await _route(page, stranger)
        await page.set_viewport_size({"width": UPRIGHT.width, "height": UPRIGHT.height})
        await page.goto(f"{desk.gateway.api}/call/{stranger.address}")
        if stranger.goes:
            await page.click("#voice")
        await expect(page.locator("#words")).to_contain_text(stranger.words[locale[:2]])
        await sight.look(page, name)
        await context.close()


async def _route(page: Page, stranger: Stranger) -> None:
    await page.route(PATH, lambda route: route.fulfill(body=stranger.path, content_type="text/javascript"))
    error = {"error": {"status": 503, "code": stranger.refused, "message": "no"}}
    if stranger.refused:
        await page.route("**/v1/web/calls", lambda route: route.fulfill(status=503, json=error))


async def _begun(desk: Desk, page: Page, sight: Sights) -> None:
    """Until the agent has picked up."""
    desk.centre.by_hand = True
    await page.click("#voice")
    await until(lambda: bool(desk.centre.calls), "the call at the centre")
    await sight.look(page, "calling")
    desk.centre.calls[-1].ring()
    await expect(page.locator("body")).to_have_attribute("data-state", "ringing")
    await sight.look(page, "ringing")
    desk.centre.calls[-1].accept()
    await expect(page.locator("body")).to_have_attribute("data-tone", "good")
    await sight.look(page, "connected")


async def _used(page: Page, agent: Page, sight: Sights) -> None:
    """What its user can do."""
    mute = await page.locator("#mute").text_content()
    await page.click("#mute")
    await expect(page.locator("#mute")).not_to_have_text(mute or "?")
    await page.click("#keypad")
    await expect(page.locator("#keys")).to_be_visible()
    await sight.look(page, "muted-keypad")
    await page.click("#keypad")
    await page.click("#mute")
    await agent.evaluate("call.chat.write('Please show us the meter')")
    await expect(page.locator("#talk")).to_contain_text("1")
    await sight.look(page, "unread")
    await page.click("#talk")
    await expect(page.locator("#chat-list li")).to_have_count(1)
    await sight.look(page, "chat")
    await page.click("#chat-close")


async def _filmed(page: Page, agent: Page, sight: Sights) -> None:
    """Its camera: asked for, not to be had, on."""
    state = page.locator("body")
    await agent.evaluate("call.raiseVideo()")
    await expect(state).to_have_attribute("data-state", "asked")
    await sight.look(page, "asked")
    for error in ("NotAllowedError", "NotFoundError", "NotReadableError"):
        await page.evaluate("(name) => (globalThis.trouble = name)", error)
        await page.click("#yes" if error == "NotAllowedError" else "#camera")
        await expect(state).to_have_attribute("data-tone", "warn")
        await sight.look(page, error)
    await page.evaluate("globalThis.trouble = ''")
    await page.click("#camera")
    await expect(state).to_have_attribute("data-tone", "good")
    await expect(page.locator("#own")).to_be_visible()
    await expect(page.locator("#remote")).not_to_have_js_property("videoWidth", 0)
    await sight.look(page, "video")


async def _interrupted(desk: Desk, page: Page, sight: Sights) -> None:
    """On hold, and without a path."""
    state = page.locator("body")
    spoken = desk.centre.calls[-1]
    spoken.party.held = True  # type: ignore[attr-defined]
    assert (await spoken.change()).accepted
    await expect(state).to_have_attribute("data-tone", "")
    await sight.look(page, "held")
    spoken.party.held = False  # type: ignore[attr-defined]
    assert (await spoken.change()).accepted
    await expect(state).to_have_attribute("data-tone", "good")
    await page.evaluate(_CUT)
    await expect(state).to_have_attribute("data-tone", "warn")
    await sight.look(page, "lost")
    await page.evaluate(_MENDED)
    await expect(state).to_have_attribute("data-tone", "good")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_states_are_for_everybody(make_desk: Callable[..., Desk], locale: str, tmp_path: Path) -> None:
    routes = RECORDING.replace("{folder}", str(tmp_path / "recordings"))
    async with make_desk(callers=ANYBODY, routes=routes) as desk:
        axe = {UPRIGHT} if locale == "zh-CN" else {UPRIGHT, LYING}
        sight = Sights("call", locale, (UPRIGHT, LYING), axe)
        await _strangers(desk, sight, locale)
        agent = await sdk.open_desk(await desk.context(), desk.gateway)
        page = await caller_page(desk, locale)
        await page.evaluate(_HOOKS)
        await _begun(desk, page, sight)
        await agent.wait_for_function("window.call && call.media.state === 'connected'")
        await _used(page, agent, sight)
        await _filmed(page, agent, sight)
        call = f"/v1/calls/{desk.centre.call_id()}/recording"
        assert (await desk.gateway.ask("POST", call, json={"action": "start"}))[0] < 300
        await expect(page.locator("#recorded")).to_be_visible()
        await sight.look(page, "recorded")
        assert (await desk.gateway.ask("POST", call, json={"action": "stop"}))[0] < 300
        await expect(page.locator("#recorded")).to_be_hidden()
        await _interrupted(desk, page, sight)
        await page.click("#leave")
        await expect(page.locator("body")).to_have_attribute("data-state", "ended")
        await expect(page.locator("#remote")).to_be_hidden()
        await sight.look(page, "ended")
        assert not sight.faults, "\n".join(sight.faults)
