"""Browsers call in: voice into the centre, video to the agent's desk, and everything that may happen on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect

from tests.browser import sdk, web_caller
from tests.browser.camera import FRAMES, SENDER
from tests.browser.centre import AGENT_HZ, CALLER_HZ
from tests.browser.checks import Wanted, judge
from tests.browser.console import Console
from tests.browser.desk import CALLED, Desk
from tests.browser.eyes import Eye, flawless
from tests.patience import patient

ANYBODY = "anonymous = true\nreturn_limit_s = 60"


async def caller_page(desk: Desk, locale: str = "en-US", more: str = "") -> Page:
    """The page of web callers on a phone, before anybody has called; its microphone hears a tone."""
    return await web_caller.open_page(await desk.context(locale), desk.gateway.api, CALLED, more)


async def until(true: Callable[[], bool], what: str, usual_s: float = 10.0) -> None:
    end = time.monotonic() + patient(usual_s)
    while not true():
        assert time.monotonic() < end, f"not in time: {what}"
        await asyncio.sleep(0.05)


async def heard_at_the_centre(desk: Desk, after_s: float = 0.3) -> None:
    """The caller's tone is heard from now on."""
    hearing = desk.centre.voices[-1].hearing
    before = hearing.seconds(CALLER_HZ)
    await until(lambda: hearing.seconds(CALLER_HZ) > before + after_s, "the caller's tone at the centre")


async def seen_at_the_desk(desk: Desk, agent: Page) -> Eye:
    """The caller's pictures come whole and in order to the agent's page; what looks at them there."""
    await agent.wait_for_function("window.call && call.media.state === 'connected'")
    eye = await desk.eye(agent, "#caller")
    await agent.bring_to_front()
    wanted = Wanted(SENDER, film=FRAMES, late_ms=0, torn_db=0)
    await flawless(lambda: eye.rising(SENDER, 30), lambda seen: judge(seen, wanted))
    return eye


async def test_the_agent_hears_and_sees_a_caller_who_has_no_phone(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(callers=ANYBODY) as desk:
        agent = await sdk.open_desk(await desk.context(), desk.gateway)
        page = await caller_page(desk)
        await expect(page.locator("#title")).to_have_text("Call us from here")
        await desk.show(page, "start")
        await page.click("#video")
        await expect(page.locator("#status")).to_have_text("You are connected")
        await heard_at_the_centre(desk)
        assert await page.evaluate(web_caller.HEARD, AGENT_HZ), "the agent is heard in the browser"
        await seen_at_the_desk(desk, agent)
        view = await desk.gateway.call(desk.centre.call_id())
        assert view["legs"][0]["trunk"] == "web" and view["video"]["state"] == "on"
        await page.bring_to_front()
        for side in ("videoWidth", "videoHeight"):  # the agent's upright film, cut for a lying picture
            await expect(page.locator("#remote")).to_have_js_property(side, 480)
        await desk.show(page, "connected")

        await page.click("#keypad")
        await page.click("#keys >> text=5")
        await until(lambda: 5 in desk.centre.voices[-1].counts.events, "the digit at the centre")
        await desk.show(page, "keypad")

        await page.click("#leave")
        await expect(page.locator("#title")).to_have_text("The call is over")
        await until(lambda: desk.centre.calls[-1].state == "ended", "the centre hears of the end")
        await desk.show(page, "over")


async def test_voice_is_raised_to_video_when_the_caller_says_yes(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(callers=ANYBODY) as desk:
        agent = await sdk.open_desk(await desk.context(), desk.gateway)
        page = await caller_page(desk, "zh-CN")
        await page.click("#voice")
        await expect(page.locator("#status")).to_have_text("通话中")
        await agent.wait_for_function("window.call && call.media.state === 'connected'")
        await agent.evaluate("call.raiseVideo()")
        await expect(page.locator("#title")).to_have_text("坐席可以看您的视频吗？")
        await desk.show(page, "asked")
        await page.click("#talk")  # nor is the question out of reach for who reads messages
        await page.click("#yes")
        await desk.view(desk.centre.call_id(), lambda v: v["video"]["state"] == "on", "video is on")
        eye = await desk.eye(agent, "#caller")
        await agent.bring_to_front()
        await eye.rising(SENDER, 20)
        await heard_at_the_centre(desk)
        await desk.centre.calls[-1].hang_up()
        await expect(page.locator("#title")).to_have_text("通话已结束")


async def test_caller_and_agent_write_to_each_other(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(callers=ANYBODY) as desk:
        agent = (await Console.open(desk)).page
        page = await caller_page(desk)
        await page.click("#voice")
        await page.click("#talk")
        await page.fill("#chat-text", "<b>4711</b>")
        await page.press("#chat-text", "Enter")
        await expect(agent.locator("#chat li")).to_contain_text("Caller<b>4711</b>")
        await agent.fill("#chat-text", "Thank you")
        await agent.click("#chat-send")
        await expect(page.locator("#chat-list li >> nth=1")).to_have_text("AgentThank you")
        await desk.show(page, "chat")
        await page.click("#chat-close")
        await agent.click("#chat-quick button >> nth=1")
        await expect(page.locator("#talk")).to_have_text("Messages (1)")
        await page.reload()
        await expect(page.locator("#talk")).to_have_text("Messages (2)")  # its own is no news
        await page.click("#talk")
        await expect(page.locator("#chat-list li")).to_have_count(3)
        await page.click("#chat-close")
        await page.click("#leave")
        await expect(page.locator("#talk")).to_be_hidden()
        await page.click("#voice")
        await page.click("#talk")
        await expect(page.locator("#chat-list li")).to_have_count(0)
        await page.click("#chat-close")
        await page.click("#leave")


async def test_a_reload_comes_back_into_the_call_and_a_closed_tab_ends_it(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(callers=ANYBODY) as desk:
        agent = await sdk.open_desk(await desk.context(), desk.gateway)
        page = await caller_page(desk)
        await page.click("#video")
        await expect(page.locator("#status")).to_have_text("You are connected")
        await heard_at_the_centre(desk)
        await page.reload()
        await expect(page.locator("#status")).to_have_text("You are connected")
        await heard_at_the_centre(desk)
        await agent.wait_for_function("window.call && call.media.state === 'connected'")
        eye = await desk.eye(agent, "#caller")
        await agent.bring_to_front()
        await eye.rising(SENDER, 20)
        await page.bring_to_front()
        await page.click("#leave")
        await ends_with_its_page(desk, page, lambda: page.click("#voice"))


async def ends_with_its_page(desk: Desk, page: Page, calls: Callable[[], Awaitable[object]]) -> None:
    """A new call, of a browser that may be gone for a moment alone."""
    desk.gateway.configure(("return_limit_s = 60", "return_limit_s = 4"))
    assert (await desk.gateway.post("/v1/reload"))["changes"]
    before = len(desk.centre.calls)
    await calls()
    await until(lambda: len(desk.centre.calls) > before, "it comes to the centre")
    await heard_at_the_centre(desk)
    await page.context.close()
    await until(lambda: desk.centre.calls[-1].state == "ended", "the call of a closed page ends by itself", 20)


async def test_the_call_outlives_the_gateway_and_its_media_worker(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(callers=ANYBODY) as desk:
        page = await caller_page(desk)
        await page.click("#voice")
        await expect(page.locator("#status")).to_have_text("You are connected")
        await heard_at_the_centre(desk)
        await desk.gateway.kill()
        await desk.gateway.start()
        await heard_at_the_centre(desk, 1.0)
        await expect(page.locator("#status")).to_have_text("You are connected")
        await desk.gateway.kill(workers=True)
        await desk.gateway.start()
        await heard_at_the_centre(desk, 1.0)
        await page.click("#leave")
        await until(lambda: desk.centre.calls[-1].state == "ended", "the centre hears of the end", 20)
