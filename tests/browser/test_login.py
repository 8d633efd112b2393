"""Signing in at the console by the company's own login: an identity provider that is not of this house."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.async_api import Page, expect

from tests.browser.desk import Desk

_TABLE = """
[openid]
issuer = "{issuer}"
client_id = "desk"
client_secret = "s3cret"
url = "{console}"
name = "Bank login"
agents = ["agents"]
passwords = false
"""
ANN = {"preferred_username": "ann", "groups": ["agents"], "extension": "2001"}


@pytest.fixture
def issuer() -> Iterator[str]:
    people = [User(sub="ann", claims=ANN), User(sub="bob", claims={"preferred_username": "bob"})]
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


async def through(page: Page, who: str) -> None:
    """Go to the provider, be somebody there, and come back."""
    await page.click("#login-openid")
    await page.get_by_role("button", name=who).click()


async def test_the_company_login(make_desk: Callable[..., Desk], issuer: str) -> None:
    async with make_desk() as desk:
        console = f"{desk.gateway.api}/console/"
        with desk.gateway.configuration.open("a") as file:
            file.write(_TABLE.format(issuer=issuer, console=console))
        assert (await desk.gateway.post("/v1/reload"))["changes"]
        page = await (await desk.context()).new_page()
        await page.goto(console)
        await expect(page.locator("#login-openid")).to_have_text("Bank login")
        await expect(page.locator("#password")).to_be_hidden()
        await desk.show(page, "login")
        await through(page, "bob")
        await expect(page.locator("#login-fault")).to_contain_text("none of its groups may use this desk")
        await desk.show(page, "no-role")
        await expect(page).not_to_have_url(re.compile("code="))  # nobody else reads it in the address
        await through(page, "ann")
        await expect(page.locator("#link-text")).to_have_text("Online")
        await expect(page.locator("#who")).to_have_text("Desk 2001")
        await expect(page).to_have_url(console)
        await page.reload()
        await expect(page.locator("#link-text")).to_have_text("Online")
