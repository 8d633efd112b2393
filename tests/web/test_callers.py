"""Browsers call in by HTTP: who may, how often, and what becomes of those who may not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType
from aiohttp import web as aiohttp_web
from aiohttp.test_utils import TestServer

from splitter.calls.browsers import door
from splitter.calls.browsers import limits as caller_limits
from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.line import CameBack, CameraSaid, HungUp
from splitter.calls.browsers.view import WebState
from splitter.calls.logins.access import ApiSettings
from splitter.media.ports.events import TransportChanged
from splitter.sdp.write import write
from splitter.telemetry import metrics
from splitter.web.access.revocations import Revocations
from splitter.web.callers.admission import CallerAdmission
from splitter.web.http.errors import ApiError
from tests.calls.browsers.kit import Caller, connected, offer, over
from tests.counted import value
from tests.patience import until
from tests.telemetry.kit import VirtualClock
from tests.web.callers_kit import NUMBER, OFFER, SHOP, Callers, callers, wish
from tests.web.kit import Gateway, Web, access, web
from tests.world import World

CALLS = "/v1/web/calls"


@asynccontextmanager
async def served(folder: Path, **settings: Any) -> AsyncIterator[tuple[Callers, Gateway, Web]]:
    made = callers(**settings)
    async with web(folder, door=made.door) as (parts, outside):
        yield made, parts, outside


async def customer(outside: Web, **more: Any) -> str:
    status, body = await outside.ask("POST", "/v1/web/tokens", "maker", json={"customer": "C-1", **more})
    assert status == 201, body
    return str(body["token"])


def admission_of(door: WebDoor) -> CallerAdmission:
    clock = VirtualClock()
    return CallerAdmission(door, access(), Revocations(None, access().tokens, clock), clock)


class TestACall:
    async def test_begins_once_the_browser_is_there(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, _, outside):
            token = await customer(outside, name="Mrs. Wang", language="zh")
            made.adapters.connects = False
            status, body = await outside.ask("POST", CALLS, token, **wish(camera=True))
            assert status == 201 and body["call"]["answer"].startswith("v=0") and not made.begun
            [adapter] = made.adapters.open.values()
            adapter.emit(TransportChanged(body["call"]["call_id"], "browser", "connected", ""))
            await until(lambda: bool(made.begun))
            event, call_id = made.begun[0]
            assert call_id == body["call"]["call_id"]
            assert (event.request.from_.user, event.request.from_.display) == ("C-1", "Mrs. Wang")

    async def test_is_told_of_relays_that_strangers_do_not_hear_of(self, tmp_path: Path) -> None:
        made, relays = callers(anonymous=True), ApiSettings(turn_servers=("turn:t.example",), turn_secret="north")
        async with web(tmp_path, relays, door=made.door) as (parts, outside):
            status, body = await outside.ask("POST", CALLS, "", **wish())
            assert status == 201
            [relay] = body["ice_servers"]
            until_s, _, name = relay["username"].partition(":")
            assert relay["urls"] == ["turn:t.example"] and name == body["call"]["call_id"]
            assert 0 < int(until_s) - parts.clock.wall() < 13 * 3600
            status, refused = await outside.ask("POST", CALLS, "", **wish(number="999"))
            assert status >= 400 and "turn:" not in str(refused)

    @pytest.mark.parametrize("more", [{"language": "zh\n"}, {"number": f"{NUMBER}\n"}])
    async def test_names_nothing_with_a_line_end(self, more: dict[str, str], tmp_path: Path) -> None:
        async with served(tmp_path, anonymous=True) as (_, __, outside):
            assert (await outside.ask("POST", CALLS, "", **wish(**more)))[0] == 400
            for made_out in (more, {"customer": "C-1\n"}):
                status, _ = await outside.ask("POST", "/v1/web/tokens", "maker", json={"customer": "C-1", **made_out})
                assert status == 400

    async def test_is_nobodys_without_a_token_whatever_its_page_says(self, tmp_path: Path) -> None:
        async with served(tmp_path, anonymous=True) as (made, _, outside):
            assert (await outside.ask("POST", CALLS, "", **wish(name="Mrs. Wang")))[0] == 400
            assert (await outside.ask("POST", CALLS, "", **wish()))[0] == 201
            await until(lambda: bool(made.begun))
            caller = made.begun[0][0].request.from_
            assert (caller.user, caller.display) == ("anonymous", "")

    async def test_has_a_token_that_is_good_for_it_alone(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, _, outside):
            _, body = await outside.ask("POST", CALLS, await customer(outside), **wish())
            own, other = body["token"], "other"
            await made.open(other)
            assert (await outside.ask("GET", f"{CALLS}/{body['call']['call_id']}", own))[0] == 200
            assert await outside.code("GET", f"{CALLS}/{other}", own) == (403, "not-your-call")
            assert await outside.code("DELETE", f"{CALLS}/{other}", own) == (403, "not-your-call")
            assert await outside.code("POST", CALLS, own, **wish()) == (403, "wrong-scope")
            assert await outside.code("GET", "/v1/calls", own) == (403, "wrong-scope")

    async def test_is_told_as_it_changes(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, _, outside):
            _, body = await outside.ask("POST", CALLS, await customer(outside), **wish())
            call_id, token = body["call"]["call_id"], body["token"]
            url = f"{outside.base}{CALLS}/{call_id}/events".replace("http", "ws")
            async with outside.session.ws_connect(url, protocols=("splitter.caller.v1", f"bearer.{token}")) as socket:
                assert (await socket.receive_json())["call_id"] == call_id
                line = made.door.browsers.line(call_id)
                line.show(state=WebState.RINGING)
                assert (await socket.receive_json())["state"] == "ringing"
                line.end("busy")
                last = await socket.receive_json()
                assert (last["state"], last["reason"]) == ("ended", "busy")
                assert (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)

    async def test_takes_what_the_browser_says(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, _, outside):
            await made.open("4711")
            assert (await outside.ask("PUT", f"{CALLS}/4711/camera", "cti", json={"on": True}))[0] == 200
            again = {"sdp": write(offer(fingerprint="00")).decode()}
            status, body = await outside.ask("PUT", f"{CALLS}/4711/offer", "cti", json=again)
            assert status == 200 and body["answer"]
            assert (await outside.ask("DELETE", f"{CALLS}/4711", "cti"))[0] == 204
            assert [type(one) for one in made.leg.said] == [CameraSaid, CameBack, HungUp]


class TestAdmission:
    async def test_of_strangers_sites_is_refused(self, tmp_path: Path) -> None:
        async with served(tmp_path, anonymous=True) as (made, _, outside):
            token, asked = await customer(outside), wish()
            asked["headers"]["Origin"] = "https://evil.example"
            before = value(metrics.calls.WEB_CALLS, "origin")
            assert await outside.code("POST", CALLS, token, **asked) == (403, "wrong-origin")
            del asked["headers"]["Origin"]
            assert await outside.code("POST", CALLS, **asked) == (403, "wrong-origin")
            assert value(metrics.calls.WEB_CALLS, "origin") == before + 2
            assert not made.adapters.open
            assert (await outside.ask("POST", CALLS, token, **asked))[0] == 201, "a program with a token"

    async def test_is_told_to_browsers_by_cors(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (_, _, outside):
            asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
            for path, there in (
                (CALLS, True),
                ("/sdk/caller.js", True),
                ("/v1/login", False),
                ("/v1/web/tokens", False),
            ):
                async with outside.request("OPTIONS", path, headers=asked) as response:
                    assert ("Access-Control-Allow-Origin" in response.headers) is there, path

    async def test_wants_a_token_that_holds(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, parts, outside):
            assert await outside.code("POST", CALLS, **wish()) == (401, "no-token")
            assert await outside.code("POST", CALLS, "s1.e30.AAAA", **wish()) == (401, "wrong-token")
            assert await outside.code("POST", CALLS, "reader", **wish()) == (401, "wrong-token")
            old = await customer(outside, expires_in_s=10)
            parts.clock.time += 11
            assert await outside.code("POST", CALLS, old, **wish()) == (401, "expired-token")
            assert not made.adapters.open and not made.begun

    async def test_by_a_token_for_one_number_is_for_that_alone(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (_, _, outside):
            token = await customer(outside, number="999")
            assert await outside.code("POST", CALLS, token, **wish()) == (404, "no-such-number")
            assert await outside.code("POST", CALLS, await customer(outside), **wish(number="110")) == (
                404,
                "no-such-number",
            )

    async def test_of_anybody_by_a_captcha(self, tmp_path: Path) -> None:
        asked: list[dict[str, str]] = []

        async def verify(request: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
            form = {name: str(value) for name, value in (await request.post()).items()}
            asked.append(form)
            answer = aiohttp_web.StreamResponse()
            await answer.prepare(request)
            for piece in (b'{"success":', b"true}" if form["response"] == "good" else b"false}"):
                await answer.write(piece)
                for _ in range(50):  # the first piece is read before the second one is there
                    await asyncio.sleep(0)
            return answer

        app = aiohttp_web.Application()
        app.router.add_post("/verify", verify)
        async with TestServer(app) as service:
            url = str(service.make_url("/verify"))
            async with served(tmp_path, captcha_url=url, captcha_secret="s") as (_, _, outside):
                assert await outside.code("POST", CALLS, **wish()) == (403, "wrong-captcha")
                assert not asked, "nothing was said"
                assert await outside.code("POST", CALLS, **wish(captcha="bad")) == (403, "wrong-captcha")
                assert (await outside.ask("POST", CALLS, **wish(captcha="good")))[0] == 201
                assert asked[-1] == {"secret": "s", "response": "good", "remoteip": "127.0.0.1"}
        async with served(tmp_path / "down", captcha_url=url) as (_, _, outside):
            assert await outside.code("POST", CALLS, **wish(captcha="good")) == (403, "wrong-captcha")

    async def test_ends_where_an_address_has_enough(self, tmp_path: Path) -> None:
        async with served(tmp_path, anonymous=True, calls_per_address=2, calls_per_minute=100) as (made, _, outside):
            made.adapters.connects = False
            for _ in range(2):
                assert (await outside.ask("POST", CALLS, **wish()))[0] == 201
            before = value(metrics.calls.WEB_CALLS, "full")
            assert await outside.code("POST", CALLS, **wish()) == (429, "too-many-calls")
            assert value(metrics.calls.WEB_CALLS, "full") == before + 1
            assert len(made.adapters.open) == 2
            made.door.browsers.line(next(iter(made.adapters.open.values())).handle.call_id).end("hung-up")
            assert (await outside.ask("POST", CALLS, **wish()))[0] == 201

    async def test_of_five_hundred_open_offers_is_bounded_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(door, "CONNECT_LIMIT_S", 600.0)  # the machine may be slow
        monkeypatch.setattr(caller_limits, "MOST_CONNECTING", 40)
        async with served(tmp_path, anonymous=True, calls_per_address=1000, calls_per_minute=1000) as (
            made,
            _,
            outside,
        ):
            made.adapters.connects = False
            answers = [(await outside.ask("POST", CALLS, **wish()))[0] for _ in range(500)]
            assert answers.count(201) == 20 and answers.count(429) == 480
            assert len(made.adapters.open) == 20 and not made.begun
            many = await asyncio.gather(*(outside.ask("POST", CALLS, **wish()) for _ in range(20)))
            assert {status for status, _ in many} == {429}
            for line in [made.door.browsers.line(one.handle.call_id) for one in list(made.adapters.open.values())]:
                line.end("no-path")
            await until(lambda: not made.adapters.open)

    async def test_of_customers_is_not_ended_by_strangers_offers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(door, "CONNECT_LIMIT_S", 600.0)  # the machine may be slow
        monkeypatch.setattr(caller_limits, "MOST_CONNECTING", 6)
        limits = {"calls_per_address": 1000, "calls_per_minute": 1000, "max_calls": 2}
        async with served(tmp_path, anonymous=True, **limits) as (made, _, outside):
            made.adapters.connects = False
            strangers = [(await outside.ask("POST", CALLS, **wish()))[0] for _ in range(5)]
            assert strangers == [201] * 3 + [429] * 2
            tokens = [await customer(outside, customer=f"C-{number}") for number in range(4)]
            paying = [(await outside.ask("POST", CALLS, token, **wish()))[0] for token in tokens]
            assert paying == [201] * 3 + [429]

    async def test_ends_where_the_trunk_has_enough(self, tmp_path: Path) -> None:
        limits = {"calls_per_address": 1000, "calls_per_minute": 1000, "max_calls": 2}
        async with served(tmp_path, anonymous=True, **limits) as (made, _, outside):
            for _ in range(2):
                _, body = await outside.ask("POST", CALLS, **wish())
                made.door.browsers.line(body["call"]["call_id"]).show(state=WebState.CALLING)
            assert await outside.code("POST", CALLS, await customer(outside), **wish()) == (429, "too-many-calls")

    def test_counts_the_network_around_an_address(self) -> None:
        admission = admission_of(callers(calls_per_address=2).door)
        with ExitStack() as there:
            for number in range(8):
                there.enter_context(admission.place(f"2001:db8:0:10{number % 4:02x}::", ""))
            for full in ("2001:db8:0:1000::", "2001:db8:0:10ff::"):
                with pytest.raises(ApiError), admission.place(full, ""):
                    pass
            for free in ("2001:db8:0:1100::", "192.0.2.1"):
                with admission.place(free, ""):
                    pass

    def test_counts_calls_that_a_former_process_began(self) -> None:
        with World() as world:
            caller = connected(world)[0]
            world.restart()
            world.run(1.0)
            world.browsers.adopt(replace(world.browsers.settings, calls_per_address=1))
            admission = admission_of(WebDoor(world.calls, world.browsers))
            with pytest.raises(ApiError), admission.place("203.0.113.9", ""):
                pass
            world.browsers.adopt(replace(world.browsers.settings, calls_per_address=10))
            with (
                admission.place("203.0.113.9", "C-4711"),
                pytest.raises(ApiError),  # a customer has two
                admission.place("192.0.2.1", "C-4711"),
            ):
                pass
            again = Caller(world, world.browsers.line(caller.call_id), caller.door)
            again.say(HungUp())
            over(world, again)
            world.browsers.adopt(replace(world.browsers.settings, calls_per_address=1))
            with admission.place("203.0.113.9", "C-4711"):
                pass

    async def test_ends_while_no_new_calls_are_taken(self, tmp_path: Path) -> None:
        async with served(tmp_path, anonymous=True) as (made, _, outside):
            made.calls.draining = True
            async with outside.request("POST", CALLS, **wish()) as response:
                assert response.status == 503 and int(response.headers["Retry-After"]) > 0
                assert (await response.json())["error"]["code"] == "draining"
            assert not made.adapters.open
            made.calls.draining = False
            assert (await outside.ask("POST", CALLS, **wish()))[0] == 201

    async def test_of_many_at_once_is_bounded(self, tmp_path: Path) -> None:
        async with served(tmp_path, anonymous=True, calls_per_address=3, calls_per_minute=1000) as (made, _, outside):
            made.adapters.connects = False
            answers = await asyncio.gather(*(outside.ask("POST", CALLS, **wish()) for _ in range(30)))
            assert sorted(status for status, _ in answers) == [201] * 3 + [429] * 27
            assert len(made.adapters.open) == 3

    async def test_of_a_source_that_asks_all_the_time_waits(self, tmp_path: Path) -> None:
        async with served(tmp_path, anonymous=True, calls_per_minute=3, calls_per_address=100) as (_, parts, outside):
            for _ in range(3):
                assert (await outside.ask("POST", CALLS, **wish()))[0] == 201
            async with outside.request("POST", CALLS, **wish()) as response:
                assert response.status == 429 and int(response.headers["Retry-After"]) > 0
            parts.clock.time += 21
            assert (await outside.ask("POST", CALLS, **wish()))[0] == 201


class TestOffers:
    @pytest.mark.parametrize(
        ("sdp", "status", "code"),
        [
            ("x" * 10, 400, "bad-sdp"),
            (OFFER.replace("PCM", "ABC").replace(" 0 8 ", " "), 422, "bad-offer"),
            (OFFER.replace("m=audio", "m=text"), 422, "bad-offer"),
            (OFFER.replace("a=setup:actpass", "a=setup:none"), 422, "bad-offer"),
            (OFFER.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), 422, "bad-offer"),
        ],
    )
    async def test_that_cannot_be_taken_leave_nothing(self, sdp: str, status: int, code: str, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, _, outside):
            assert await outside.code("POST", CALLS, await customer(outside), **wish(sdp=sdp)) == (status, code)
            await until(lambda: not made.adapters.open)
            assert not made.begun

    async def test_that_are_too_long_are_not_read(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, _, outside):
            token = await customer(outside)
            assert await outside.code("POST", CALLS, token, **wish(sdp=OFFER + "a=x" * 30_000)) == (400, "bad-body")
            huge = wish() | {"data": json.dumps({"number": NUMBER, "sdp": "x" * 300_000})}
            assert await outside.code("POST", CALLS, token, **huge) == (413, "too-large")
            assert not made.adapters.open

    async def test_of_one_call_all_the_time_wait(self, tmp_path: Path) -> None:
        async with served(tmp_path) as (made, _, outside):
            await made.open("4711")
            answers = [
                (await outside.ask("PUT", f"{CALLS}/4711/offer", "cti", json={"sdp": OFFER}))[0] for _ in range(12)
            ]
            assert answers.count(429) == 2

    async def test_without_web_calls_lead_nowhere(self, tmp_path: Path) -> None:
        async with web(tmp_path) as (_, outside):
            assert await outside.code("POST", CALLS, **wish()) == (404, "no-web-calls")
            assert await outside.code("POST", "/v1/web/tokens", "maker", json={"customer": "C"}) == (
                404,
                "no-web-calls",
            )
