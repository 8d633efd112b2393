"""A phone without video: the agent invites the caller's own browser, whose picture takes the phone's place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from playwright.async_api import BrowserContext, Page, Playwright, expect

from tests.browser import chromium, sdk
from tests.browser.camera import FRAMES, SENDER
from tests.browser.checks import Wanted, judge
from tests.browser.desk import Desk
from tests.browser.eyes import flawless
from tests.patience import patient


async def invited(desk: Desk, context: BrowserContext) -> tuple[Page, Page, Any, str]:
    """The agent's page in a voice call, and the guest's page, which has just been opened."""
    agent = await sdk.open_desk(await desk.context(), desk.gateway)
    handset, call_id = await desk.call(video=False)
    await agent.wait_for_function("window.call && call.media.state === 'connected'")
    invitation = await agent.evaluate("call.invite()")
    assert invitation["sent"] is False and invitation["reason"], "nobody is there to send it"
    guest = await context.new_page()
    await guest.set_viewport_size({"width": 390, "height": 760})  # a phone, held upright
    await guest.goto(invitation["link"])
    return agent, guest, handset, call_id


def states(view: dict[str, Any]) -> list[tuple[str, str]]:
    """Who is, and was, in the room."""
    return [(party["name"], party["state"]) for party in view["parties"]]


async def test_the_guest_is_seen_and_sees_while_the_voice_stays_on_the_phone(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        agent, guest, handset, call_id = await invited(desk, await desk.context())
        await expect(guest.locator("#title")).to_have_text("Show what you see")
        await desk.show(guest, "start")
        link = guest.url
        caller = await desk.eye(agent, "#caller")
        await guest.click("#go")
        await expect(guest.locator("#status")).to_have_text("They can see your video")
        # The agent's upright film, cut for a lying picture; the slate is upright.
        for side in ("videoWidth", "videoHeight"):
            await expect(guest.locator("#agent")).to_have_js_property(side, 480)
        await agent.bring_to_front()  # pages in the background are not drawn
        await caller.rising(SENDER, 10)
        wanted = Wanted(SENDER, film=FRAMES, late_ms=0, torn_db=0)
        await flawless(lambda: caller.rising(SENDER, 30), lambda seen: judge(seen, wanted))
        await desk.voice_goes_on(handset)
        view = await desk.gateway.call(call_id)
        assert states(view) == [("desk-1", "connected"), ("guest-1", "connected")]
        assert not await guest.evaluate("document.getElementById('agent').srcObject.getAudioTracks().length")
        await desk.show(guest, "live")

        stranger = await (await desk.context()).new_page()
        await stranger.goto(link)
        await expect(stranger.locator("#title")).to_have_text("This link is used on another device")

        await guest.click("#leave")
        await expect(guest.locator("#title")).to_have_text("Your video is off")
        await desk.view(call_id, lambda v: ("guest-1", "left") in states(v), "the guest has left")
        await guest.click("#go")
        await agent.bring_to_front()
        await caller.rising(SENDER, 10)
        await agent.evaluate("call.remove('guest-2')")
        await expect(guest.locator("#title")).to_have_text("The other side has ended your video")
        await desk.voice_goes_on(handset)


async def test_the_page_says_when_the_call_is_over_and_that_a_link_is_used_up(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        _, guest, handset, _ = await invited(desk, await desk.context("zh-CN"))
        await expect(guest.locator("#title")).to_have_text("让对方看到现场")
        await guest.click("#go")
        await expect(guest.locator("#status")).to_have_text("对方可以看到您的视频")
        await desk.show(guest, "chinese")
        await handset.hang_up()
        await expect(guest.locator("#title")).to_have_text("通话已结束")
        stranger = await (await desk.context()).new_page()
        await stranger.goto(guest.url.partition("#")[0] + "#s1.e30.AAAA")
        await expect(stranger.locator("#title")).to_have_text("This link is no longer valid")


async def test_a_browser_without_webrtc_is_told_which_can(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        context = await desk.context()
        await context.add_init_script("delete globalThis.RTCPeerConnection")
        page = await context.new_page()
        await page.set_viewport_size({"width": 390, "height": 760})
        await page.goto(f"{desk.gateway.api}/guest/#s1.e30.AAAA")
        await expect(page.locator("#title")).to_have_text("This browser cannot do video")
        await expect(page.locator("#text")).to_contain_text("open it in Safari or Chrome")
        await expect(page.locator("#go")).to_be_hidden()
        await desk.show(page, "no-webrtc")


async def test_a_camera_that_is_blocked_is_not_said_to_be_seen(
    make_desk: Callable[..., Desk], playwright: Playwright
) -> None:
    async with await chromium.strict(playwright.chromium) as browser, make_desk() as desk:
        _, guest, handset, call_id = await invited(desk, await desk.context(browser=browser))
        await guest.click("#go")
        await expect(guest.locator("#title")).to_have_text("The camera is blocked")
        await desk.view(call_id, lambda v: ("guest-1", "connected") in states(v), "the guest sees all the same")
        await expect(guest.locator("#status")).to_have_text("They cannot see your video")
        await desk.show(guest, "blocked")
        await desk.voice_goes_on(handset)


async def encodings(page: Page, active: bool) -> None:
    """Wait until they are switched so; the page's policy forbids what `wait_for_function` does."""
    async with asyncio.timeout(patient(10)):
        while await page.evaluate("active()") is not active:  # noqa: ASYNC110 — it happens in the page
            await asyncio.sleep(0.05)


async def test_pause_switches_the_encodings_off(make_desk: Callable[..., Desk]) -> None:
    """Else Firefox goes on sending the last picture."""
    async with make_desk() as desk:
        context = await desk.context()
        await context.add_init_script(_KEEPS_CONNECTIONS)
        _, guest, handset, call_id = await invited(desk, context)
        await guest.click("#go")
        await expect(guest.locator("#status")).to_have_text("They can see your video")
        await encodings(guest, True)
        await guest.click("#pause")
        await encodings(guest, False)
        await desk.view(call_id, lambda v: not v["parties"][1]["sends"], "the guest sends nothing")
        await expect(guest.locator("#status")).to_have_text("Your video is paused: they do not see it")
        for _ in range(3):  # quickly: what was wanted last counts
            await guest.click("#pause")
        await encodings(guest, True)
        await desk.view(call_id, lambda v: v["parties"][1]["sends"], "the guest sends again")
        await desk.voice_goes_on(handset)


_KEEPS_CONNECTIONS = """
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...more) { super(...more); globalThis.newest = this; }
};
globalThis.active = () => newest.getSenders()[0].getParameters().encodings[0]?.active;
"""
