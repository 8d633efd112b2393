"""The sample of a CRM's page (sipconf/crm), run as its documentation says, in Chromium."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
from playwright.async_api import expect

from splitter.lab.places import free_ports
from tests.browser.camera import SENDER
from tests.browser.desk import CALLER, Desk
from tests.browser.gateway import CRM_TOKEN
from tests.patience import patient

SAMPLE = Path(__file__).parents[2] / "sipconf" / "crm" / "crm.py"


async def _until_it_answers(url: str) -> None:
    async with asyncio.timeout(patient(10)), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


async def test_the_sample_shows_the_caller_and_opens_the_customer_once(make_desk: Callable[..., Desk]) -> None:
    [port] = free_ports("127.0.0.1", 1)
    site = f"http://127.0.0.1:{port}"
    async with make_desk() as desk:
        desk.gateway.configure(('web_origins = ["http://localhost"]', f'web_origins = ["{site}"]'))
        await desk.gateway.post("/v1/reload")
        environment = {**os.environ, "SPLITTER": desk.gateway.api, "CRM_TOKEN": CRM_TOKEN}
        crm = await asyncio.create_subprocess_exec(sys.executable, str(SAMPLE), str(port), env=environment)
        try:
            await _until_it_answers(site)
            page = await (await desk.context()).new_page()
            eye = await desk.eye(page, "#caller")
            await page.goto(f"{site}/?agent=2001")
            await expect(page.locator("#said")).to_have_text("Waiting for calls to 2001", timeout=patient(10) * 1000)
            handset, _ = await desk.call()
            await eye.rising(CALLER, 10)
            await desk.caller_sees(handset, SENDER, 10)
            await page.click("#still")
            await expect(page.locator("#said")).to_contain_text("bytes")
            await expect(page.locator("#customer")).to_have_text("13800000001")
            await expect(page.locator("#opened li")).to_have_text(["13800000001"])
            await handset.hang_up()
            await expect(page.locator("#customer")).to_have_text("Nobody calls")
            await expect(page.locator("#opened li")).to_have_count(1)
        finally:
            crm.terminate()
            await crm.wait()
