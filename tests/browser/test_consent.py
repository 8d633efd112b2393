"""Two agents' consoles: one asks to join the other's call, and that one lets it in or does not."""

from __future__ import annotations

from collections.abc import Callable

from playwright.async_api import expect

from tests.browser.console import Console
from tests.browser.desk import CALLER, Desk
from tests.browser.gateway import PASSWORD

READS_ALL = f"""
[[account]]
user = "2009"
password = "{PASSWORD}"
extension = "2009"
may = ["calls:read"]
"""


async def asked(desk: Desk, code: str) -> tuple[Console, Console]:
    """The console that has the call, and another one that has asked to join it."""
    owner = await Console.open(desk)
    other = await Console.open(desk, user="2002")
    page = other.page
    await page.fill("#take", code)
    await page.click("#take-form button[type=submit]")
    await expect(page.locator("#take-fault")).to_have_text("Another desk has this call already.")
    await page.click("#take-ask")
    await expect(page.locator("#take-fault")).to_contain_text("Asked.")
    return owner, other


class TestACallThatNobodyHas:
    async def test_is_shown_to_idle_desks_until_one_takes_it(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk(routes=READS_ALL) as desk:
            first, second = await Console.open(desk), await Console.open(desk, user="2009")
            desk.centre.extension = "acd"  # which is nobody's
            _, call_id = await desk.call()
            for console in (first, second):
                row = console.page.locator("#others-list li")
                await expect(row).to_contain_text("13800000001")
                await expect(row).to_contain_text("No desk, answered 0:0")
            await second.page.locator("#others-list button").click()
            await second.says("Video both ways")
            await second.caller.rising(CALLER, 10)
            await expect(first.page.locator("#others")).to_be_hidden()
            assert (await desk.gateway.call(call_id))["extension"] == "2009"


class TestAskingToJoin:
    async def test_is_answered_in_the_console_of_the_call(self, make_desk: Callable[..., Desk]) -> None:
        async with make_desk() as desk:
            _, call_id = await desk.call()
            view = await desk.gateway.call(call_id)
            owner, other = await asked(desk, view["short_code"])
            await owner.says("Video both ways")
            asking = owner.page.locator("#parties [data-asking='2002']")
            await expect(asking).to_contain_text("Desk 2002 asks to join")
            await owner.looks("asked")
            await other.looks("asking")
            await asking.get_by_text("No", exact=True).click()
            await expect(other.page.locator("#take-fault")).to_have_text("The desk that has the call said no.")
            await expect(asking).to_have_count(0)

            await other.page.fill("#take", view["short_code"])
            await other.page.click("#take-form button[type=submit]")
            await other.page.click("#take-ask")
            await asking.get_by_text("Let in").click()
            await expect(other.page.locator("body")).to_have_attribute("data-view", "call")
            await other.caller.rising(CALLER, 10)
            assert (await desk.gateway.call(call_id))["admitted"] == ["2002"]

            hang_up = other.page.locator(".controls [data-do=hangup]")
            await expect(hang_up).to_have_attribute("aria-disabled", "true")
            await expect(hang_up).to_have_attribute("title", "Only the desk that has this call may do that.")
            await expect(other.page.locator("#parties [data-party]")).to_have_count(2)
            await expect(other.page.locator("#parties button[data-key^='party.remove']")).to_have_count(1)
            await other.looks("inside")
            await owner.page.locator("#parties [data-party=desk-2] button[data-key^='party.remove']").click()
            await owner.page.click("#dialog [data-confirm=remove]")
            await expect(other.page.locator("#headline")).to_have_text("The call is another desk's now")
