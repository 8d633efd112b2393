"""Streams of their own for those whom a party watches, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import Denial, Desk, Watched, WatchOthers
from splitter.calls.logins.access import Scope
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import PartyView
from splitter.sdp.parse import parse
from splitter.web.access.bearer import Bearer, mint
from tests.web.kit import CALL, SECRET, Gateway, Web
from tests.web.test_parties import ANSWER, OFFER, joined, party

OWN = f"/v1/calls/{CALL.call_id}/parties/desk-1/streams"
BOSS = PartyView("onlooker-1", PartyKind.ONLOOKER, "500", "c3", PartyState.CONNECTED)
EXPERT = PartyView("expert-1", PartyKind.EXPERT, "", "phone", PartyState.CONNECTED, True, "caller", "Dr Li")
VIEW = replace(joined(CALL, party("desk-1", "501"), party("desk-2", "502"), BOSS, EXPERT), extension="501")


def wish(*streams: tuple[str, str], offer: str = OFFER) -> dict[str, Any]:
    return {"json": {"offer": offer, "streams": [{"mid": mid, "source": source} for mid, source in streams]}}


def expert(parts: Gateway) -> str:
    bearer = Bearer("guest x", frozenset({Scope.GUEST}), call_id=CALL.call_id, guest="expert", title="Dr Li")
    return mint(SECRET, bearer, parts.clock.wall() + 60)


class TestWatching:
    async def test_is_an_offer_with_the_names_of_whom_its_lines_show(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(VIEW)
        parts.calls.answers[WatchOthers] = Watched(parse(ANSWER), (("1", "expert-1"),))
        status, body = await outside.ask("PUT", OWN, "desk", **wish(("1", "expert-1")))
        assert status == 200 and body["streams"] == [{"mid": "1", "source": "expert-1"}]
        assert parse(body["answer"].encode()) == parse(ANSWER)
        assert parts.calls.asked == [(CALL.call_id, WatchOthers("desk-1", parse(OFFER), (("1", "expert-1"),)))]

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (wish(offer="v=1"), (400, "bad-sdp")),
            (wish(offer=""), (400, "bad-body")),
            (wish(*(("1", "caller") for _ in range(17))), (400, "bad-body")),
            (wish(("m" * 33, "caller")), (400, "bad-body")),
            (wish(offer="x" * 200_000), (413, "too-large")),
        ],
    )
    async def test_of_what_is_none_is_refused(
        self, body: dict[str, Any], expected: tuple[int, str], parts: Gateway, outside: Web
    ) -> None:
        parts.calls.add(VIEW)
        assert await outside.code("PUT", OWN, "desk", **body) == expected
        assert not parts.calls.asked

    async def test_is_for_the_party_itself_alone(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(VIEW)
        others = OWN.replace("desk-1", "desk-2")
        assert await outside.code("PUT", others, "desk", **wish()) == (403, "not-your-party")
        assert await outside.code("GET", others, "desk") == (403, "not-your-party")
        assert await outside.code("PUT", OWN, "", **wish()) == (401, "no-token")

    async def test_that_the_call_denies_says_why(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(VIEW)
        parts.calls.answers[WatchOthers] = Denial(409, "ice-changed", "ICE is being restarted")
        assert await outside.code("PUT", OWN, "desk", **wish()) == (409, "ice-changed")


class TestWhoCanBeSeen:
    async def test_is_told_an_expert_without_numbers(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(VIEW)
        parts.calls.desks[CALL.call_id] = {"expert-1": Desk("phone", "", "expert")}
        status, body = await outside.ask("GET", OWN.replace("desk-1", "expert-1"), expert(parts))
        assert status == 200 and body["showing"] == "caller"
        assert body["sources"] == [
            {"name": "caller", "kind": "caller", "title": "", "sends": False},
            {"name": "desk-1", "kind": "host", "title": "", "sends": False},
            {"name": "desk-2", "kind": "desk", "title": "", "sends": False},
        ]
        assert "501" not in str(body)

    async def test_is_not_told_the_callers_own_browser(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(joined(CALL, party("guest-1", "", PartyKind.GUEST), EXPERT))
        parts.calls.desks[CALL.call_id] = {"guest-1": Desk("page", "", "guest")}
        token = mint(SECRET, Bearer("guest y", frozenset({Scope.GUEST}), call_id=CALL.call_id), 2e9)
        assert await outside.code("GET", OWN.replace("desk-1", "guest-1"), token) == (409, "one-stream")
