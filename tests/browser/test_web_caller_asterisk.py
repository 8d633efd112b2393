"""A browser calls a real centre: IVR, queue, agent, hold and both ends, with the agent's desk in another browser."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.browser import web_caller
from tests.browser.camera import SENDER
from tests.browser.centre import AGENT_HZ, CALLER_HZ
from tests.browser.centre import Centre as Phones
from tests.browser.chromium import fresh
from tests.browser.test_asterisk import centre
from tests.interop.asterisk import MUSIC_TONE
from tests.interop.process import eventually
from tests.patience import patient, until

CALLED, KEY = "12347", "5"
_WEB = f"""
[trunk.web]
role = "web"
network = "web"

[[route]]
called = "{CALLED}"
from = "web"
to = ["pbx"]

[web_calls]
trunk = "web"
anonymous = true
"""
_IVR = f"""
[from-splitter](+)
; Music before anybody answers, and one key that leads on.
exten => {CALLED},1,Set(__SPLITTER_CALL=${{PJSIP_HEADER(read,X-Splitter-Call)}})
 same => n,Progress()
 same => n,Goto(ivr,s,1)

[ivr]
exten => s,1,WaitExten(60,m)
exten => {KEY},1,Goto(from-splitter,12346,1)
"""


async def hears(page: Page, tone_hz: float) -> None:
    """The page plays it from now on."""
    assert await page.evaluate(web_caller.HEARD, tone_hz), f"{tone_hz:g} Hz is heard in the browser"


async def through_the_ivr(page: Page, agent: Phones, calls: int) -> None:
    """The caller hears the centre's music though nobody has answered, presses the key, and comes to an agent."""
    body = page.locator("body")
    await expect(body).to_have_attribute("data-state", "ringing", timeout=patient(10) * 1000)
    await hears(page, MUSIC_TONE)
    await expect(body).to_have_attribute("data-state", "ringing")
    assert len(agent.calls) == calls
    if await page.locator("#keys").is_hidden():
        await page.click("#keypad")
    await page.click(f"#keys >> text={KEY}")
    await until(lambda: len(agent.calls) > calls)
    await expect(page.locator("#status")).to_have_text("You are connected", timeout=patient(10) * 1000)
    await hears(page, AGENT_HZ)
    hearing = agent.voices[-1].hearing
    before = hearing.seconds(CALLER_HZ)
    await until(lambda: hearing.seconds(CALLER_HZ) > before + 0.3)


async def test_a_browser_goes_through_ivr_and_queue_to_an_agent_who_sees_it(browser: Browser, tmp_path: Path) -> None:
    async with centre(browser, tmp_path, _WEB, dial_plan=_IVR) as here:
        here.asterisk.command("queue remove member Local/8001@agents/n from support")
        agent = Phones(here.scene.desk.colleague, "8002", 5060)
        await agent.start()
        here.stack.push_async_callback(agent.stop)
        desk, eye = await here.page("8002")
        context = await here.stack.enter_async_context(await fresh(browser, "en-US"))
        page = await web_caller.open_page(context, f"http://{here.scene.desk.access}:8443", CALLED)

        await page.click("#video")
        await through_the_ivr(page, agent, 0)
        await desk.bring_to_front()
        await eye.rising(SENDER, 20)
        [call] = here.gateway.calls()
        assert (call["extension"], call["showing"], call["legs"][0]["trunk"]) == ("8002", "desk-1", "web")

        # On hold the centre's music is heard, and then the agent again.
        spoken = agent.calls[-1]
        for held, heard in ((True, MUSIC_TONE), (False, AGENT_HZ)):
            spoken.party.held = held  # type: ignore[attr-defined]
            assert (await spoken.change()).accepted
            await hears(page, heard)

        await spoken.hang_up()
        await expect(page.locator("#title")).to_have_text("The call is over", timeout=patient(10) * 1000)

        await page.bring_to_front()
        await page.click("#voice")
        await through_the_ivr(page, agent, 1)
        await page.click("#leave")
        await agent.calls[-1].ended(patient(10))
        eventually(lambda: here.asterisk.channels() == 0, "Asterisk holds no channel", 5, here.asterisk.log)
