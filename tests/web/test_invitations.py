"""Invitations: the link, its message, who may use it, and those who guess."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.asks import Admitted, Denial, Join
from splitter.calls.logins.access import ApiSettings, Scope
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.states import PartyKind
from splitter.sdp.parse import parse
from splitter.sdp.video import Limits
from splitter.sms.message import SmsReceipt, SmsState, TryAgain
from splitter.sms.settings import HttpSmsSettings, SmsText
from splitter.store.cabinet import Cabinet
from splitter.web.access.bearer import read
from splitter.web.access.links import LENGTH, LETTERS, Links, plain_code
from splitter.web.guests.guesses import EACH, Guesses
from tests.patience import until
from tests.sms.kit import FakeCarrier
from tests.telemetry.kit import VirtualClock
from tests.web.kit import CALL, SECRET, Gateway, Web, ended, inviting_of, web
from tests.web.test_parties import ANSWER, OFFER, joined, party

PAGE = ApiSettings(guest_url="https://video.example/guest/")
MINE = replace(CALL, extension="501")
EVERY = "/v1/calls/4711/invitations"
DEVICE, OTHER = "a" * 32, "b" * 32


def say(**fields: Any) -> dict[str, Any]:
    return {"json": fields}


@asynccontextmanager
async def sending(
    tmp_path: Path,
    carrier: FakeCarrier | None = None,
    page: ApiSettings = PAGE,
    sms: dict[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[tuple[Gateway, Web, FakeCarrier]]:
    """A gateway whose messages a carrier of the test takes, with one call of the desk 501."""
    carrier = carrier or FakeCarrier()
    clock = VirtualClock()
    inviting = inviting_of(clock, page, carrier, **(sms or {}))
    async with web(tmp_path, page, inviting=inviting, clock=clock, **more) as (parts, outside):
        parts.calls.add(MINE)
        yield parts, outside, carrier


async def invited(outside: Web, **wish: Any) -> dict[str, Any]:
    status, body = await outside.ask("POST", EVERY, "desk", **say(**wish))
    assert status == 201, body
    return body  # type: ignore[no-any-return]


def code_of(body: dict[str, Any]) -> str:
    return str(body["link"]).rpartition("/")[2]


async def use(outside: Web, code: str, device: str = DEVICE) -> tuple[int, Any]:
    return await outside.ask("POST", "/v1/guests", **say(code=code, device=device))


class TestALink:
    async def test_is_short_and_lets_a_browser_into_one_call(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, carrier):
            body = await invited(outside, number="+8613900139000")
            assert (body["sent"], body["reason"], body["state"]) == (True, "", "queued")
            begin, _, code = body["link"].rpartition("/")
            assert begin == "https://video.example/g" and len(code) == LENGTH and set(code) <= set(LETTERS)
            status, login = await use(outside, code)
            assert status == 201 and login["call_id"] == CALL.call_id
            guest = read(SECRET, login["token"], parts.clock.wall())
            assert (guest.call_id, guest.scopes) == (CALL.call_id, frozenset({Scope.GUEST}))
            assert guest.expires_at == body["expires_at"] == int(parts.clock.wall()) + 3600
            assert (await outside.ask("GET", "/v1/me", login["token"]))[1]["call_id"] == CALL.call_id
            await until(lambda: carrier.sent)
            assert (carrier.sent[0].number, carrier.sent[0].by) == ("+8613900139000", "desk (501)")
            assert body["link"] in carrier.sent[0].text
            await invited(outside)
            await until(lambda: len(carrier.sent) == 2)
            assert carrier.sent[1].number == CALL.caller

    async def test_leads_to_the_page_and_looks_nothing_up(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            code = code_of(await invited(outside))
            for one in (code, code.upper(), "0" * 10):
                async with outside.request("GET", f"/g/{one}") as response:
                    assert response.status == 302 and response.headers["Cache-Control"] == "no-store"
                    assert response.headers["Location"] == f"https://video.example/guest/#{one.lower()}"
            assert (await outside.code("GET", "/g/no-such-thing!"))[0] == 404
            assert parts.ports.inviting.post.of_call(CALL.call_id)[0].state != "opened", "previews open nothing"

    @pytest.mark.parametrize("written", ["{}", " {} ", "{:.5}-{rest}"])
    async def test_may_be_written_as_people_hear_it(self, tmp_path: Path, written: str) -> None:
        async with sending(tmp_path) as (_, outside, _):
            code = code_of(await invited(outside))
            spoken = written.format(code, rest=code[5:]).upper().replace("0", "O").replace("1", "L")
            assert (await use(outside, spoken))[0] == 201

    async def test_has_a_picture_for_phones(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (_, outside, _):
            assert (await invited(outside))["qr"].startswith("<svg ")

    async def test_is_for_one_device(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            code = code_of(await invited(outside))
            first, second = (await use(outside, code))[1], (await use(outside, code, OTHER))[1]
            assert first["token"] and second["token"], "looking at it in another browser uses nothing up"
            assert await join(parts, outside, first["token"]) == 201
            assert await join(parts, outside, second["token"]) == 403
            assert (await outside.code("POST", "/v1/guests", **say(code=code, device=OTHER))) == (403, "other-device")
            again = (await use(outside, code))[1]
            assert await join(parts, outside, again["token"]) == 201, "the same device comes again"

    async def test_of_somebody_else_on_another_device_changes_nothing(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            code = code_of(await invited(outside))
            first, second = (await use(outside, code))[1], (await use(outside, code, OTHER))[1]
            assert await join(parts, outside, first["token"]) == 201
            parts.calls.views[CALL.call_id] = joined(MINE, party("guest-1", "", PartyKind.GUEST))
            path = f"/v1/calls/{CALL.call_id}/parties/guest-1"
            assert await outside.code("DELETE", path, second["token"]) == (403, "not-your-party")

    async def test_is_not_used_up_by_a_browser_that_cannot(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            code = code_of(await invited(outside))
            token, path = (await use(outside, code))[1]["token"], f"/v1/calls/{CALL.call_id}/parties"
            parts.calls.answers[Join] = Denial(406, "no-h264", "it has no H.264")
            headers = {"Content-Type": "application/sdp"}
            assert (await outside.ask("POST", path, token, data=OFFER, headers=headers))[0] == 406
            assert (await use(outside, code, OTHER))[0] == 201

    async def test_of_a_host_that_is_gone_lets_its_device_back_in(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (_, outside, _):
            token = (await use(outside, code_of(await invited(outside))))[1]["token"]
        async with sending(tmp_path) as (parts, outside, _):
            assert await join(parts, outside, token) == 201

    async def test_is_for_more_where_the_agent_allows_it(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            code = code_of(await invited(outside, devices=2))
            for device in (DEVICE, OTHER):
                assert await join(parts, outside, (await use(outside, code, device))[1]["token"]) == 201
            assert (await use(outside, code, "c" * 32))[0] == 403
            assert (await outside.code("POST", EVERY, "desk", **say(devices=6))) == (400, "bad-body")

    async def test_of_an_expert_says_so_and_goes_to_no_number_by_itself(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, carrier):
            body = await invited(outside, kind="expert", title="Dr Li")
            assert (body["sent"], body["reason"], carrier.sent) == (False, "no number was given", [])
            login = (await use(outside, code_of(body)))[1]
            assert login["kind"] == "expert"
            assert await join(parts, outside, login["token"]) == 201
            [(_, ask)] = [one for one in parts.calls.asked if isinstance(one[1], Join)]
            assert isinstance(ask, Join) and (ask.desk.kind, ask.desk.title) == ("expert", "Dr Li")
            _, listed = await outside.ask("GET", EVERY, "desk")
            assert (listed["invitations"][0]["kind"], listed["invitations"][0]["title"]) == ("expert", "Dr Li")
            assert (await outside.code("POST", EVERY, "desk", **say(title="x" * 41))) == (400, "bad-body")
            assert (await outside.code("POST", EVERY, "desk", **say(title="a\nb"))) == (400, "bad-body")

    async def test_ends_by_time(self, tmp_path: Path) -> None:
        async with sending(tmp_path, page=replace(PAGE, link_lifetime_s=120)) as (parts, outside, _):
            body = await invited(outside)
            parts.clock.time += 119
            assert (await use(outside, code_of(body)))[0] == 201
            parts.clock.time += 2
            assert await outside.code("POST", "/v1/guests", **say(code=code_of(body), device=DEVICE)) == (
                410,
                "link-over",
            )

    async def test_ends_with_its_call(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, carrier):
            carrier.answers = [TryAgain("503")]
            body = await invited(outside)
            await until(lambda: carrier.sent)
            parts.calls.views.clear()
            parts.ports.inviting.on_call(ended(MINE))
            assert await outside.code("POST", "/v1/guests", **say(code=code_of(body), device=DEVICE)) == (
                409,
                "call-ended",
            )
            assert parts.ports.inviting.post.get(body["id"]).reason == "the call is over"

    async def test_that_is_taken_back_lets_nobody_in_any_longer(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (_, outside, _):
            body = await invited(outside)
            token = (await use(outside, code_of(body)))[1]["token"]
            assert (await outside.ask("DELETE", f"{EVERY}/{body['id']}", "desk"))[0] == 204
            assert await outside.code("GET", "/v1/me", token) == (401, "wrong-token")
            assert (await use(outside, code_of(body)))[0] == 410
            listed = (await outside.ask("GET", EVERY, "desk"))[1]["invitations"]
            assert [one["holds"] for one in listed] == [False]

    async def test_outlasts_a_restart_as_a_hash(self, tmp_path: Path) -> None:
        clock = VirtualClock()
        cabinet = Cabinet(tmp_path / "links.db")
        links = Links(cabinet, clock)
        code = await links.make("m1", "call", clock.wall() + 60)
        assert await links.admit("m1", DEVICE)
        await cabinet.close()
        after = Links(Cabinet(tmp_path / "links.db"), clock)
        await after.start()
        link = after.find(code)
        assert link is not None and not after.fits(link, OTHER) and after.fits(link, DEVICE)
        files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert code.encode() not in files and DEVICE.encode() not in files
        clock.time += 61
        await after.make("m2", "call", clock.wall() + 60)
        assert len(after) == 1, "what is over is forgotten"


async def join(parts: Gateway, outside: Web, token: str) -> int:
    parts.calls.answers[Join] = Admitted("guest-1", parse(ANSWER), Limits(640, 480, 30, 960))
    headers = {"Content-Type": "application/sdp"}
    path = f"/v1/calls/{CALL.call_id}/parties"
    return int((await outside.ask("POST", path, token, data=OFFER, headers=headers))[0])


class TestGuessing:
    async def test_finds_nothing_and_is_stopped(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            code = code_of(await invited(outside))
            statuses: dict[int, int] = {}
            for number in range(201):  # the rest of them in virtual time, below
                guess = f"{number:010d}"
                status = (await use(outside, guess))[0]
                statuses[status] = statuses.get(status, 0) + 1
            assert statuses[404] == EACH and statuses[429] == 201 - EACH
            assert (await use(outside, code))[0] == 429, "the right one does not show among them"
            parts.clock.time += 3600
            assert (await use(outside, code))[0] == 410

    def test_ten_thousand_in_a_minute_from_150_addresses_are_told_and_close_no_door(self) -> None:
        guesses, tried = Guesses(), 0
        for number in range(10_000):
            now, source = number * 0.006, f"10.0.{number % 150}.1"
            if guesses.wait_s(source, now) == 0:
                guesses.miss(source, now)
                tried += 1
        assert 150 * EACH <= tried <= 150 * (EACH + 3)
        assert "guesses links" in guesses.alarm(60.0) and guesses.alarm(600.0) == ""
        assert guesses.wait_s("10.1.0.1", 60.0) == 0, "whoever has a link comes in meanwhile"

    async def test_codes_of_another_shape_are_wrong_codes(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (_, outside, _):
            for code in ("", "s1.e30.AAAA", "' OR 1=1 --", "0" * 9, "u" * 10):
                assert (await outside.code("POST", "/v1/guests", **say(code=code, device=DEVICE))) == (
                    404,
                    "no-such-link",
                )
            for body in ({}, {"code": "0" * 65, "device": DEVICE}, {"code": "0" * 10, "device": "x"}):
                assert (await outside.code("POST", "/v1/guests", json=body)) == (400, "bad-body")

    async def test_another_calls_code_leads_to_that_call_alone(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            parts.calls.add(replace(MINE, call_id="zzzz00000000", short_code="9999"))
            _, body = await outside.ask("POST", "/v1/calls/9999/invitations", "desk")
            token = (await use(outside, code_of(body)))[1]["token"]
            assert (await outside.ask("GET", "/v1/me", token))[1]["call_id"] == "zzzz00000000"
            assert await join(parts, outside, token) == 403
            wrong = f"/v1/calls/4711/invitations/{body['id']}"
            assert await outside.code("DELETE", wrong, "desk") == (404, "no-such-invitation")

    def test_letters_are_drawn_from_all(self) -> None:
        assert len(LETTERS) == 32 and plain_code("O0-iIlL 1") == "00" + "1" * 5


class TestMessages:
    async def test_reach_a_caller_whose_number_the_desk_may_not_see(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, carrier):
            parts.calls.add(replace(MINE, facts=CallerFacts(private=True)))
            body = await invited(outside)
            await until(lambda: carrier.sent)
            listed = (await outside.ask("GET", EVERY, "desk"))[1]
            assert carrier.sent[0].number == CALL.caller and CALL.caller not in json.dumps([body, listed])

    async def test_that_nobody_sends_say_so(self, tmp_path: Path) -> None:
        async with web(tmp_path, PAGE) as (parts, outside):
            parts.calls.add(MINE)
            _, body = await outside.ask("POST", EVERY, "desk")
            assert body["sent"] is False and "tell the caller the link" in body["reason"]

    async def test_are_sent_so_many_of_one_call(self, tmp_path: Path) -> None:
        """Each may cost the operator a message."""
        async with sending(tmp_path) as (parts, outside, _):
            codes = [(await outside.ask("POST", EVERY, "desk"))[0] for _ in range(12)]
            assert codes == [201] * 5 + [429] * 7
            parts.clock.time += 61.0
            assert (await outside.ask("POST", EVERY, "desk"))[0] == 201

    async def test_need_a_page(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        assert await outside.code("POST", EVERY, "desk") == (422, "no-guest-page")

    @pytest.mark.parametrize("number", ["", "12a4", "1" * 40, "+", "13800138000\r\nX: y", "<b>"])
    async def test_go_to_numbers_alone(self, tmp_path: Path, number: str) -> None:
        async with sending(tmp_path) as (_, outside, _):
            assert await outside.code("POST", EVERY, "desk", **say(number=number)) == (400, "bad-body")

    async def test_to_a_caller_without_a_number_are_a_link_to_be_read_aloud(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, carrier):
            parts.calls.add(replace(MINE, caller="anonymous"))
            body = await invited(outside)
            assert (body["sent"], body["state"], carrier.sent) == (False, "failed", []) and body["link"]
            assert (await use(outside, code_of(body)))[0] == 201

    async def test_are_written_for_the_number_and_in_the_language(self, tmp_path: Path) -> None:
        texts = (
            SmsText("Police: {link}", re.compile("110"), "en"),
            SmsText("报警视频：{link}", re.compile("110"), "zh"),
            SmsText("Others: {link}"),
        )
        async with sending(tmp_path, sms={"texts": texts}) as (parts, outside, carrier):
            await invited(outside, language="zh")
            await invited(outside)
            parts.calls.add(replace(MINE, called="12345"))
            await invited(outside, language="zh")
            await until(lambda: len(carrier.sent) == 3)
            assert [one.text.partition("https")[0] for one in carrier.sent] == ["报警视频：", "Police: ", "Others: "]

    async def test_tell_the_desk_where_they_stand(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            body = await invited(outside)
            post = parts.ports.inviting.post
            await until(lambda: post.get(body["id"]).state == "sent")
            parts.ports.inviting.receive("fake", SmsReceipt(f"s-{body['id']}", SmsState.DELIVERED))
            assert await states(outside) == ["delivered"]
            await use(outside, code_of(body))
            assert await states(outside) == ["opened"]

    async def test_are_followed_by_whoever_sends_them(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            body = await invited(outside)
            path = f"/v1/calls/{CALL.call_id}/invitations/{body['id']}/status"
            await until(lambda: parts.ports.inviting.post.get(body["id"]).state == "sent")
            assert (await outside.code("POST", path, "desk", **say(state="delivered"))) == (403, "wrong-scope")
            assert (await outside.ask("POST", path, "controller", **say(state="failed", reason="off")))[0] == 204
            assert await states(outside) == ["failed"]
            assert (await outside.ask("POST", path, "controller", **say(state="delivered")))[0] == 204
            assert await states(outside) == ["delivered"]
            assert await outside.code("POST", path, "controller", **say(state="read")) == (400, "bad-body")
            other = path.replace(body["id"], "nobody")
            assert await outside.code("POST", other, "controller", **say(state="sent")) == (404, "no-such-invitation")


async def states(outside: Web) -> list[str]:
    return [one["state"] for one in (await outside.ask("GET", EVERY, "desk"))[1]["invitations"]]


class TestReceipts:
    SERVICE = HttpSmsSettings(
        "fake",
        "https://sms.example",
        receipt_key="k" * 20,
        receipt_id="biz",
        receipt_code="ok",
        receipt_answer='{"code":0}',
    )

    async def test_come_in_by_the_services_own_path(self, tmp_path: Path) -> None:
        async with sending(tmp_path, services=(self.SERVICE,)) as (parts, outside, _):
            body = await invited(outside)
            await until(lambda: parts.ports.inviting.post.get(body["id"]).state == "sent")
            path = f"/v1/sms/fake/receipts/{'k' * 20}"
            receipt = [{"biz": f"s-{body['id']}", "ok": True}, {"biz": "stray", "ok": True}]
            for _ in range(2):
                assert await outside.ask("POST", path, json=receipt) == (200, {"code": 0})
            assert await states(outside) == ["delivered"]
            assert await outside.code("POST", path, data=b"{", headers={"Content-Type": "application/json"}) == (
                400,
                "bad-body",
            )

    async def test_need_the_key(self, tmp_path: Path) -> None:
        async with sending(tmp_path, services=(self.SERVICE, replace(self.SERVICE, name="closed", receipt_key=""))) as (
            _,
            outside,
            _,
        ):
            statuses = []
            for number in range(40):
                name = "closed" if number % 2 else "fake"
                statuses.append((await outside.ask("POST", f"/v1/sms/{name}/receipts/{number}", json={}))[0])
            assert statuses == [404] * 20 + [429] * 20
