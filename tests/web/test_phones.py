"""/v1/calls/{ref}/phones and voices: who may have somebody called, and how often. What becomes of it: calls/test_phones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import (
    Denial,
    InvitePhone,
    LeaveVoice,
    MuteVoice,
    PhoneInvited,
    RemovePhone,
    SetPart,
    SetPhoneVideo,
)
from splitter.calls.logins.access import Scope
from splitter.calls.states import PhonePart, PhoneState
from splitter.calls.view import CarriedView, PhoneView
from splitter.web.access.bearer import Bearer, mint
from splitter.web.calls import phones
from tests.web.kit import CALL, SECRET, Gateway, Web

OWN = replace(CALL, extension="501", bound_by="cti")
WISH = {"number": "8002"}


def begun(parts: Gateway) -> None:
    parts.calls.add(OWN)
    parts.calls.answers[InvitePhone] = PhoneInvited("phone-1")


class TestAPhone:
    async def test_is_called_for_the_desk_that_has_the_call(self, parts: Gateway, outside: Web) -> None:
        begun(parts)
        async with outside.request("POST", "/v1/calls/4711/phones", "desk", json=WISH) as response:
            assert response.status == 201
            assert response.headers["Location"] == f"/v1/calls/{CALL.call_id}/phones/phone-1"
            assert await response.json() == {"call_id": CALL.call_id, "name": "phone-1"}
        [(call_id, ask)] = parts.calls.asked
        assert call_id == CALL.call_id and isinstance(ask, InvitePhone)
        assert (ask.number, ask.part) == ("8002", PhonePart.TALKS)

    async def test_is_no_business_of_another_desk(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(replace(OWN, extension="502"))
        for method, path, body in (
            ("POST", "phones", WISH),
            ("DELETE", "phones/phone-1", None),
            ("PUT", "voices/caller", {"muted": True}),
        ):
            refused = await outside.code(method, f"/v1/calls/4711/{path}", "desk", json=body)
            assert refused == (403, "not-your-call")
        assert not parts.calls.asked

    @pytest.mark.parametrize("number", ["", "1", "8002;x=y", "sip:8002@evil", "８００２", "1" * 40, "8002\r\nTo: x"])
    async def test_has_a_number_and_nothing_else(self, parts: Gateway, outside: Web, number: str) -> None:
        begun(parts)
        status, _ = await outside.code("POST", "/v1/calls/4711/phones", "desk", json={"number": number})
        assert status in (400, 422) and not parts.calls.asked

    async def test_listens_in_by_a_rule_alone(self, parts: Gateway, outside: Web) -> None:
        begun(parts)
        wish = {**WISH, "part": "listens"}
        assert await outside.code("POST", "/v1/calls/4711/phones", "desk", json=wish) == (403, "wrong-scope")
        status, _ = await outside.ask("POST", "/v1/calls/4711/phones", "controller", json=wish)
        assert status == 201

    async def test_of_a_supervisor_listens_whispers_and_takes_over_any_call(self, parts: Gateway, outside: Web) -> None:
        boss = mint(SECRET, Bearer("boss", frozenset({Scope.DESK, Scope.SUPERVISE}), "500"), 2e9)
        own = PhoneView("phone-1", "500", "boss", PhoneState.JOINED, part=PhonePart.LISTENS)
        begun(parts)
        parts.calls.add(replace(OWN, extension="502", phones=(own, replace(own, name="phone-2", number="600"))))
        call = "/v1/calls/4711"
        assert (await outside.ask("POST", f"{call}/phones", boss, json={"part": "listens"}))[0] == 201
        assert (await outside.ask("PUT", f"{call}/phones/phone-1", boss, json={"part": "whispers"}))[0] == 204
        assert (await outside.ask("DELETE", f"{call}/voices/centre", boss))[0] == 204
        assert (await outside.ask("DELETE", f"{call}/phones/phone-1", boss))[0] == 204
        invited, changed, left, removed = (ask for _, ask in parts.calls.asked)
        assert isinstance(invited, InvitePhone) and (invited.number, invited.part) == ("500", PhonePart.LISTENS)
        assert isinstance(changed, SetPart) and isinstance(left, LeaveVoice) and isinstance(removed, RemovePhone)
        wiretap = {"number": "13900001111", "part": "listens"}
        assert await outside.code("POST", f"{call}/phones", boss, json=wiretap) == (403, "wrong-scope")
        assert await outside.code("PUT", f"{call}/phones/phone-2", boss, json={"part": "talks"}) == (403, "wrong-scope")
        assert await outside.code("DELETE", f"{call}/phones/phone-2", boss) == (403, "not-your-call")
        assert await outside.code("POST", f"{call}/phones", boss, json=WISH) == (403, "not-your-call")
        assert await outside.code("PUT", f"{call}/phones/phone-1", "desk", json={"part": "talks"}) == (
            403,
            "wrong-scope",
        )

    async def test_is_called_with_video_asked_later_and_goes_back_to_voice(self, parts: Gateway, outside: Web) -> None:
        begun(parts)
        call, wish = "/v1/calls/4711/phones", {**WISH, "video": True}
        assert (await outside.ask("POST", call, "desk", json=wish))[0] == 201
        assert (await outside.ask("POST", f"{call}/phone-1/video", "desk"))[0] == 204
        assert (await outside.ask("DELETE", f"{call}/phone-1/video", "desk"))[0] == 204
        invited, asked, dropped = (ask for _, ask in parts.calls.asked)
        assert isinstance(invited, InvitePhone) and invited.video
        assert isinstance(asked, SetPhoneVideo) and (asked.name, asked.wanted) == ("phone-1", True)
        assert isinstance(dropped, SetPhoneVideo) and not dropped.wanted
        parts.calls.add(replace(OWN, extension="502"))
        assert await outside.code("POST", f"{call}/phone-1/video", "desk") == (403, "not-your-call")

    async def test_that_is_hidden_is_in_nothing_that_its_desk_reads(self, parts: Gateway, outside: Web) -> None:
        listens = PhoneView("phone-1", "500", "boss", PhoneState.JOINED, part=PhonePart.LISTENS, hidden=True)
        parts.calls.add(replace(OWN, phones=(listens,)))
        parts.calls.counted = (CarriedView("caller", "audio", 50), CarriedView("phone-1", "audio", 50))
        for who, names, counted in (("desk", [], ["caller"]), ("reader", ["phone-1"], ["caller", "phone-1"])):
            _, view = await outside.ask("GET", "/v1/calls/4711", who)
            assert [one["name"] for one in view["phones"]] == names
            _, quality = await outside.ask("GET", "/v1/calls/4711/quality", who)
            assert [one["name"] for one in quality["carried"]] == counted

    async def test_is_not_called_again_and_again(self, parts: Gateway, outside: Web) -> None:
        begun(parts)
        for _ in range(phones.MOST):
            status, _ = await outside.ask("POST", "/v1/calls/4711/phones", "desk", json=WISH)
            assert status == 201
        assert await outside.code("POST", "/v1/calls/4711/phones", "desk", json=WISH) == (429, "too-many")
        parts.clock.time += phones.FADE_S + 0.1
        status, _ = await outside.ask("POST", "/v1/calls/4711/phones", "desk", json=WISH)
        assert status == 201

    async def test_that_cannot_be_called_says_why(self, parts: Gateway, outside: Web) -> None:
        begun(parts)
        parts.calls.answers[InvitePhone] = Denial(403, "not-allowed", "no route")
        assert await outside.code("POST", "/v1/calls/4711/phones", "desk", json=WISH) == (403, "not-allowed")

    async def test_is_taken_out_and_a_voice_is_muted(self, parts: Gateway, outside: Web) -> None:
        begun(parts)
        assert (await outside.ask("DELETE", "/v1/calls/4711/phones/phone-1", "desk"))[0] == 204
        assert (await outside.ask("PUT", "/v1/calls/4711/voices/caller", "desk", json={"muted": True}))[0] == 204
        [(_, removed), (_, muted)] = parts.calls.asked
        assert isinstance(removed, RemovePhone) and removed.name == "phone-1"
        assert isinstance(muted, MuteVoice) and (muted.name, muted.muted) == ("caller", True)
