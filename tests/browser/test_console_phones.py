"""A phone is added to the call at the console, by keyboard: what becomes of it is seen, it is muted and removed."""

from __future__ import annotations

from collections.abc import Callable

from playwright.async_api import expect

from tests.browser.console import Console
from tests.browser.desk import CALLER, Desk
from tests.browser.gateway import PASSWORD

ROUTES = """
[[route]]
from = "seat"
called = '8[0-9]{3}'
to = ["centre"]
"""


async def test_a_phone_is_added_muted_and_removed(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(routes=ROUTES) as desk:
        console = await Console.open(desk)
        await desk.call()
        await console.says("Video both ways")
        page, row = console.page, console.page.locator("#voices [data-phone]")
        await page.keyboard.press("p")
        await page.keyboard.type("900123")
        await page.keyboard.press("Enter")
        await expect(page.locator("#dialog-body .fault")).to_have_text("This number may not be called from here.")
        await page.fill("#phone-number", "8002")
        await page.keyboard.press("Enter")
        await expect(row).to_have_attribute("data-state", "joined")
        await console.looks("phone")
        await row.locator("[data-key^='phone.mute']").press("Enter")
        await expect(row).to_contain_text("muted")
        await row.locator("[data-key^='phone.remove']").press("Enter")
        await expect(row).to_have_attribute("data-outcome", "removed")
        await console.looks("removed")
        await console.says("Video both ways")


SUPERVISOR = f"""
{ROUTES}
[[route]]
from = "seat"
called = '2[0-9]{{3}}'
to = ["centre"]

[[account]]
user = "2009"
password = "{PASSWORD}"
extension = "2009"
may = ["calls:read", "calls:supervise"]
"""


async def test_a_supervisor_looks_on_listens_whispers_and_takes_over(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(routes=SUPERVISOR) as desk:
        agent = await Console.open(desk)
        handset, call_id = await desk.call()
        await agent.says("Video both ways")
        boss = await Console.open(desk, user="2009")
        await boss.page.locator("#others-list button").press("Enter")
        item = boss.page.locator("#parties .supervising")
        await expect(item).to_contain_text("You may look on in this call.")
        await boss.looks("may-look-on")
        await item.locator("[data-key=look]").press("Enter")
        await expect(item).to_contain_text("You look on. Nobody sees you.")
        await boss.caller.rising(CALLER, 10, 30.0)
        await expect(agent.page.locator("#parties [data-party=onlooker-1]")).to_contain_text("looks on")
        for step, words in (
            ("listen", "You listen. Nobody hears you."),
            ("whisper", "You whisper: the agent alone hears you."),
            ("silent", "You listen. Nobody hears you."),
            ("talk", "You talk with all."),
        ):
            await item.locator(f"[data-key={step}]").press("Enter")
            await expect(item).to_contain_text(words)
            await boss.looks(step)
        await agent.looks("supervised")
        await item.locator("[data-key=hang-up]").press("Enter")
        await expect(item.locator("[data-key=listen]")).to_be_visible()
        await boss.page.click("#language")
        await expect(item).to_contain_text("您正在旁观，没有人看到您。")
        await boss.looks("chinese")
        await boss.page.click("#language")
        await item.locator("[data-key=take-over]").press("Enter")
        await expect(item).to_have_count(0)
        await desk.view(call_id, lambda view: view["extension"] == "2009", "the supervisor is the host")
        await desk.voice_goes_on(handset)
