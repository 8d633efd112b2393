"""The agents' console, used as an agent does: by what stands on its buttons. Does I/O."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.desk import Desk
from tests.browser.eyes import Eye
from tests.browser.gateway import PASSWORD
from tests.patience import PATIENCE_S, patient

_WATCH = """selector => {
  const element = document.querySelector(selector);
  window.said = [element.textContent];
  new MutationObserver(() => said.push(element.textContent))
    .observe(element, { childList: true, characterData: true, subtree: true });
}"""


class Console:
    """One agent's console.

    Attributes:
        page: it is on.
        caller, own: what its two pictures show.
    """

    def __init__(self, desk: Desk, page: Page, caller: Eye, own: Eye) -> None:
        self.page = page
        self.caller, self.own = caller, own
        self._desk = desk

    @classmethod
    async def open(
        cls, desk: Desk, context: BrowserContext | None = None, user: str = "2001", online: str | None = "Online"
    ) -> Console:
        """Go there and sign in. `online`: what the page says then; None where it is in another language."""
        page = await (context or await desk.context()).new_page()
        console = cls(desk, page, await desk.eye(page, "#remote"), await desk.eye(page, "#preview"))
        await page.goto(f"{desk.gateway.api}/")
        await console.sign_in(user, PASSWORD)
        if online:
            await expect(page.locator("#link-text")).to_have_text(online)
        return console

    async def sign_in(self, user: str, password: str) -> None:
        """Fill in the form."""
        await self.page.fill("#user", user)
        await self.page.fill("#password", password)
        await self.page.click("#login-submit")

    async def do(self, action: str) -> None:
        """Press a button of the row of controls."""
        button = self.page.locator(f".controls [data-do={action}]")
        await expect(button).to_have_attribute("aria-disabled", "false")
        await button.click()

    async def says(self, headline: str, why: str = "", usual_s: float = 10.0) -> None:
        """Wait until it says so, in the line that tells what is happening."""
        await expect(self.page.locator("#headline")).to_have_text(headline, timeout=patient(usual_s) * 1000)
        if why:
            await expect(self.page.locator("#why")).to_contain_text(why)

    async def watch(self, selector: str) -> None:
        """Note whatever an element says from now on, be it for a moment."""
        await self.page.evaluate(_WATCH, selector)

    async def has_said(self, words: str) -> None:
        """Wait until the element that is watched has said so."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in await self.page.evaluate("said"):  # noqa: ASYNC110 — it is the page that changes
                await asyncio.sleep(0.1)

    async def show_picture(self, file: Path) -> None:
        """Upload a still and show it."""
        await self.do("picture")
        await self.page.set_input_files("#dialog-body input[type=file]", file)

    async def still(self) -> tuple[bytes, str]:
        """Take a screenshot; the file that would be downloaded, and its name."""
        before = await self.page.locator("#stills button").count()
        await self.do("snapshot")
        await expect(self.page.locator("#stills button")).to_have_count(before + 1)
        await self.page.locator("#stills button").first.click()
        async with self.page.expect_download() as download:
            await self.page.locator("#dialog[open] a[download]").click()
        loaded = await download.value
        data = (await loaded.path()).read_bytes()
        await self.page.keyboard.press("Escape")
        return data, loaded.suggested_filename

    async def looks(self, what: str) -> None:
        """Save what it looks like."""
        await self._desk.show(self.page, what)
