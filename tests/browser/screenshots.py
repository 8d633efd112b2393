"""The pictures of the documentation: `python -m tests.browser.screenshots` makes them anew, of real calls in Chromium.

The test cards that are seen in them are the faces of the laboratory: nobody's picture is in the documentation. Does I/O.
"""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser import camera, chromium
from tests.browser.console import Console
from tests.browser.desk import CALLER, Desk

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
_COLOURS = 128


async def save(page: Page, name: str, width: int) -> None:
    """Keep what a page looks like: a PNG of few colours, as wide as it is shown."""
    image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    image = image.resize((width, image.height * width // image.width), Image.Resampling.LANCZOS)
    image.quantize(_COLOURS).save(PICTURES / f"{name}.png", optimize=True)


async def console(desk: Desk) -> None:
    """An agent without a call, and in one; then the same in Chinese."""
    page = await Console.open(desk)
    await save(page.page, "console-idle", 900)
    _, call_id = await desk.call()
    await page.says("Video both ways")
    await page.caller.rising(CALLER, 30)
    await save(page.page, "console-call", 900)
    await page.page.context.close()
    chinese = await Console.open(desk, await desk.context("zh-CN"), online=None)
    await chinese.caller.rising(CALLER, 30)
    await save(chinese.page, "console-call-zh", 900)
    await chinese.page.context.close()
    await desk.gateway.ask("DELETE", f"/v1/calls/{call_id}")


async def guest(desk: Desk, context: BrowserContext, name: str) -> None:
    """A caller's browser behind a link: before the camera is on, and then."""
    _, call_id = await desk.call(video=False, number="13800000002")
    _, invitation, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/invitations")
    page = await context.new_page()
    await page.goto(invitation["link"])
    await expect(page.locator("#go")).to_be_visible()
    await save(page, f"{name}-start", 270)
    await page.click("#go")
    await expect(page.locator("#status")).to_be_visible()
    await page.wait_for_timeout(3000)  # for people: nothing is judged by it
    await save(page, f"{name}-live", 270)


async def main(browser: Browser) -> None:
    """All of them, one after the other."""
    async with Desk(browser, "screenshots") as desk:
        await console(desk)
        for locale, name in (("en-US", "guest"), ("zh-CN", "guest-zh")):
            phone = await browser.new_context(
                viewport={"width": 360, "height": 640}, locale=locale, permissions=["camera"]
            )
            await guest(desk, phone, name)


async def _run() -> None:
    with TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            browser = await chromium.launch(playwright.chromium, camera.film(Path(folder)))
            await main(browser)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(_run())
