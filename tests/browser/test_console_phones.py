"""A phone is added to the call at the console, by keyboard: what becomes of it is seen, it is muted and removed."""

from __future__ import annotations

from collections.abc import Callable

from playwright.async_api import expect

from tests.browser.console import Console
from tests.browser.desk import Desk

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
        await expect(row).to_have_attribute("data-state", "joined", timeout=30_000)
        await console.looks("phone")
        await row.locator("[data-key^='phone.mute']").press("Enter")
        await expect(row).to_contain_text("muted")
        await row.locator("[data-key^='phone.remove']").press("Enter")
        await expect(row).to_have_attribute("data-outcome", "removed")
        await console.looks("removed")
        await console.says("Video both ways")
