"""/v1/web/path-checks: a browser sees whether a call from it would find a way, before it has a call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.browsers.path_checks import PathChecks
from splitter.calls.logins.access import ApiSettings
from splitter.core.ids import IdSource
from splitter.sdp.write import write
from splitter.web.callers import admission as callers_admission
from tests.web.callers_kit import SHOP, Callers, callers
from tests.web.kit import Web, web
from tests.web.test_callers import customer
from tests.web.test_path_checks import offer
from tests.world.adapters import FakeAdapters

CHECKS = "/v1/web/path-checks"
RELAY = ApiSettings(turn_servers=("turn:t.example",), turn_secret="north")


def asked(origin: str = SHOP, sdp: str = "", **more: Any) -> dict[str, Any]:
    data = json.dumps({"sdp": sdp or write(offer()).decode(), **more})
    return {"data": data, "headers": {"Origin": origin, "Content-Type": "application/json"}}


@asynccontextmanager
async def served(folder: Path, api: ApiSettings | None = None, **settings: Any) -> AsyncIterator[tuple[Callers, Web]]:
    made = callers(**settings)
    checks = PathChecks(made.adapters, "web", IdSource())
    async with web(folder, api or ApiSettings(), door=made.door, caller_paths=checks) as (_, outside):
        yield made, outside


async def test_comes_in_where_calls_do_and_calls_nobody(tmp_path: Path) -> None:
    async with served(tmp_path, anonymous=True) as (made, outside):
        status, body = await outside.ask("POST", CHECKS, "", **asked())
        assert status == 201 and "a=candidate:" in body["answer"] and body["ice_servers"] == []
        assert len(made.adapters.open) == 1
        assert (await outside.ask("DELETE", f"{CHECKS}/nothing", ""))[0] == 204
        assert len(made.adapters.open) == 1
        assert (await outside.ask("DELETE", f"{CHECKS}/{body['check']}", ""))[0] == 204
        assert not made.adapters.open and not made.begun


async def test_is_made_where_the_calls_of_browsers_come_in(tmp_path: Path) -> None:
    made, networks = callers(anonymous=True), []
    adapters = FakeAdapters(lambda network: networks.append(network) or "127.0.0.1")
    checks = PathChecks(adapters, "desks", IdSource())
    async with web(tmp_path, door=made.door, caller_paths=checks) as (_, outside):
        assert (await outside.ask("POST", CHECKS, "", **asked()))[0] == 201
    assert networks == ["access"]  # that of the trunk


async def test_sends_nothing_to_where_a_stranger_says_it_is(tmp_path: Path) -> None:
    async with served(tmp_path, anonymous=True) as (made, outside):
        where = "a=candidate:1 1 udp 2130706431 10.0.0.5 22 typ host\r\n"
        status, _ = await outside.ask("POST", CHECKS, "", **asked(sdp=write(offer()).decode() + where))
        (opened,) = made.adapters.open.values()
        assert status == 201 and opened.setting.secure is not None and opened.setting.secure.candidates == ()


async def test_of_two_browsers_behind_one_address_go_side_by_side(tmp_path: Path) -> None:
    async with served(tmp_path, anonymous=True) as (made, outside):
        for _ in range(2):
            assert (await outside.ask("POST", CHECKS, "", **asked()))[0] == 201
        assert len(made.adapters.open) == 2


async def test_are_for_pages_that_may_call(tmp_path: Path) -> None:
    async with served(tmp_path) as (made, outside):
        assert await outside.code("POST", CHECKS, "", **asked()) == (401, "no-token")
        assert await outside.code("POST", CHECKS, "x.y", **asked()) == (401, "wrong-token")
        assert await outside.code("POST", CHECKS, "", **asked("https://evil.example")) == (403, "wrong-origin")
        token = await customer(outside)
        assert (await outside.ask("POST", CHECKS, token, **asked()))[0] == 201
        assert await outside.code("POST", CHECKS, token, **asked(sdp="v=0")) == (422, "bad-offer")
        assert len(made.adapters.open) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"anonymous": True}, True), ({"captcha_url": "https://c.example", "captcha_secret": "s"}, False)],
)
async def test_tell_of_relays_whoever_might_call_now(tmp_path: Path, settings: dict[str, Any], told: bool) -> None:
    """A captcha is good for one call: whoever checks has not solved it yet."""
    async with served(tmp_path, RELAY, **settings) as (_, outside):
        status, body = await outside.ask("POST", CHECKS, "", **asked())
        assert status == 201 and bool(body["ice_servers"]) is told
        token = await customer(outside)
        assert (await outside.ask("POST", CHECKS, token, **asked()))[1]["ice_servers"]


async def test_are_few_of_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers_admission, "CHECKS", 1)
    async with served(tmp_path, anonymous=True) as (made, outside):
        assert (await outside.ask("POST", CHECKS, "", **asked()))[0] == 201
        assert await outside.code("POST", CHECKS, "", **asked()) == (429, "too-many")
        assert len(made.adapters.open) == 1


async def test_where_browsers_cannot_call_there_are_none(tmp_path: Path) -> None:
    async with web(tmp_path) as (_, outside):
        assert await outside.code("POST", CHECKS, "", **asked()) == (404, "no-web-calls")
