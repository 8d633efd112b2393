"""Whose call it is: who may enter it, act in it and end it; and who is asked. What the call says of it: test_consent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import Admit, Admitted, AskIn, Denial, Dismiss, HandOver, Join
from splitter.calls.logins.access import Scope
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import CallView, PartyView
from splitter.sdp.parse import parse
from splitter.sdp.video import Limits
from splitter.sdp.write import write
from splitter.web.access.bearer import Bearer, mint
from splitter.web.calls import find
from tests.calls.kit import browser_offer
from tests.web.kit import CALL, SECRET, Gateway, Web
from tests.web.test_parties import ANSWER

OTHERS = replace(CALL, extension="502", bound_by="centre p-asserted-identity")
OWN = replace(CALL, extension="501", bound_by="centre p-asserted-identity")
INSIDE = replace(
    OTHERS, admitted=("501",), parties=(PartyView("desk-2", PartyKind.WEBRTC, "501", "tab", PartyState.CONNECTED),)
)
OFFER: dict[str, Any] = {"data": write(browser_offer()), "headers": {"Content-Type": "application/sdp"}}
PATH = f"/v1/calls/{CALL.call_id}"
HOST = f"{PATH}/host"
NOT_ADMITTED = Denial(403, "not-admitted", "ask")


def supervisor() -> str:
    return mint(SECRET, Bearer("boss", frozenset({Scope.DESK, Scope.JOIN}), "500"), 2e9)


class TestAnotherDesksCall:
    @pytest.mark.parametrize(
        ("method", "path", "more"),
        [
            ("GET", "", {}),
            ("DELETE", "", {}),
            ("POST", "/snapshots", {}),
            ("POST", "/video", {}),
            ("DELETE", "/video", {}),
            ("PUT", "/display", {"json": {"source": "slate"}}),
            ("POST", "/invitations", {}),
            ("DELETE", "/parties/desk-1", {}),
            ("PUT", "/admissions/501", {}),
            ("DELETE", "/admissions/503", {}),
        ],
    )
    async def test_is_closed_to_a_desk_that_has_its_code(
        self, method: str, path: str, more: dict[str, Any], parts: Gateway, outside: Web
    ) -> None:
        parts.calls.add(OTHERS)
        for reference in (CALL.short_code, CALL.call_id, CALL.caller):
            refused = await outside.code(method, f"/v1/calls/{reference}{path}", "desk", **more)
            assert refused == (403, "not-your-call")
        assert not parts.calls.asked and not parts.calls.hung_up

    async def test_is_not_taken_either(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OTHERS)
        assert await outside.code("PUT", "/v1/calls/4711/desk", "desk") == (409, "bound-already")
        assert not parts.calls.asked

    async def test_tells_nothing_of_a_party_by_its_name(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OTHERS)
        body = {"data": b"x", "headers": {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}}
        refused = await outside.ask("PATCH", "/v1/calls/4711/parties/desk-1", "desk", **body)
        assert refused[0] == 403 and CALL.call_id not in str(refused[1])

    @pytest.mark.parametrize("way", ["join", "take", "ask", "read"])
    async def test_codes_are_not_guessed(self, way: str, parts: Gateway, outside: Web) -> None:
        """Whether there is such a call or not: each try counts, and the limit tells no hit from a miss."""
        asking = {
            "join": ("POST", "/parties", OFFER),
            "take": ("PUT", "/desk", {}),
            "ask": ("POST", "/admissions", {}),
            "read": ("GET", "", {}),
        }
        method, path, more = asking[way]

        parts.calls.add(OTHERS)
        parts.calls.answers[Join] = NOT_ADMITTED
        for number in range(find.GUESSES):
            code = "4711" if number % 2 else f"{number:04}"
            await outside.ask(method, f"/v1/calls/{code}{path}", "desk", **more)
        for code in ("4711", "0001"):
            assert (await outside.code(method, f"/v1/calls/{code}{path}", "desk", **more))[0] == 429

    async def test_guesses_do_not_cost_a_desk_its_own_call(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(replace(OWN, call_id="8mine", short_code="1234"))
        for number in range(find.GUESSES + 5):
            await outside.ask("GET", f"/v1/calls/{number:04}", "desk")
        assert (await outside.ask("GET", "/v1/calls/1234", "desk"))[0] == 200
        assert (await outside.ask("DELETE", "/v1/calls/1234", "desk"))[0] == 202


class TestOnesOwnCall:
    async def test_is_ended_by_its_desk(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OWN)
        assert (await outside.ask("DELETE", "/v1/calls/4711", "desk"))[0] == 202

    async def test_is_not_ended_by_who_was_let_in(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(INSIDE)
        assert await outside.code("DELETE", "/v1/calls/4711", "desk") == (403, "not-your-call")
        assert await outside.code("DELETE", "/v1/calls/4711/parties/desk-1", "desk") == (403, "not-your-party")
        assert await outside.code("PUT", "/v1/calls/4711/admissions/503", "desk") == (403, "not-your-call")
        assert await outside.code("POST", "/v1/calls/4711/invitations", "desk") == (403, "not-your-call")
        assert (await outside.ask("GET", "/v1/calls/4711", "desk"))[0] == 200
        assert (await outside.ask("DELETE", "/v1/calls/4711/parties/desk-2", "desk"))[0] == 204

    async def test_is_ended_by_who_may_control_calls(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OTHERS)
        assert (await outside.ask("DELETE", "/v1/calls/4711", "controller"))[0] == 202


class TestConsent:
    async def test_is_asked_for_and_given(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OTHERS)
        assert await outside.ask("POST", "/v1/calls/4711/admissions", "desk") == (202, {"call_id": CALL.call_id})
        owner = mint(SECRET, Bearer("8002", frozenset({Scope.DESK}), "502"), 2e9)
        path = f"/v1/calls/{CALL.call_id}/admissions/501"
        assert (await outside.ask("PUT", path, owner))[0] == 204
        assert (await outside.ask("PUT", path, "controller"))[0] == 204, "a program may admit as well"
        assert (await outside.ask("DELETE", path, owner))[0] == 204
        assert (await outside.ask("DELETE", path, "desk"))[0] == 204, "who asked may take that back"
        assert [ask for _, ask in parts.calls.asked] == [
            AskIn("501"),
            Admit("501", "8002 (502)"),
            Admit("501", "controller"),
            Dismiss("501", "8002 (502)"),
            Dismiss("501", "desk (501)", own=True),
        ]

    async def test_is_not_needed_by_rule(self, parts: Gateway, outside: Web) -> None:
        """[[account]] may = ["calls:join"]: a supervisor."""

        parts.calls.add(OTHERS)
        parts.calls.answers[Join] = Denial(409, "full", "so far it came")
        for token, by_rule in ((supervisor(), True), ("desk", False)):
            await outside.ask("POST", "/v1/calls/4711/parties", token, **OFFER)
            (ask,) = (ask for _, ask in parts.calls.asked)
            assert isinstance(ask, Join) and ask.by_rule is by_rule
            parts.calls.asked.clear()

    def test_who_was_let_in_sees_the_call(self) -> None:
        desk = Bearer("8001", frozenset({Scope.DESK}), "501")
        admitted = replace(OTHERS, admitted=("501",))
        assert desk.takes_part(admitted) and not desk.owns(admitted)
        assert not desk.takes_part(replace(OTHERS, asking=("501",)))
        assert not Bearer("x", frozenset({Scope.READ}), "501").takes_part(admitted)


class TestTheHost:
    async def test_is_made_by_the_host(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OWN)
        assert (await outside.ask("PUT", HOST, "desk", json={"extension": "502"}))[0] == 204
        assert parts.calls.asked == [(CALL.call_id, HandOver("502", "desk (501)"))]
        assert await outside.code("PUT", HOST, "desk", json={}) == (400, "bad-body")

    async def test_is_not_made_by_others(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(INSIDE)
        for extension in ("501", "502", "503"):
            assert await outside.code("PUT", HOST, "desk", json={"extension": extension}) == (403, "not-your-call")
        assert not parts.calls.asked


class TestASupervisor:
    """A login with the scope "calls:supervise" sees, and is not seen, until it takes the call over."""

    def boss(self) -> str:
        return mint(SECRET, Bearer("boss", frozenset({Scope.DESK, Scope.SUPERVISE}), "500"), 2e9)

    async def test_comes_in_as_an_onlooker(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OTHERS)
        parts.calls.answers[Join] = Admitted("onlooker-1", parse(ANSWER), Limits(640, 480, 30, 960))
        status, _ = await outside.ask("POST", f"{PATH}/parties?client=tab", self.boss(), **OFFER)
        assert status == 201
        [(_, ask)] = parts.calls.asked
        assert isinstance(ask, Join) and (ask.desk.kind, ask.desk.extension) == ("onlooker", "500")

    @pytest.mark.parametrize("call", [replace(OTHERS, extension=""), replace(OTHERS, extension="500")])
    async def test_is_a_desk_in_a_call_of_its_own(self, call: CallView, parts: Gateway, outside: Web) -> None:
        parts.calls.add(call)
        parts.calls.answers[Join] = Admitted("desk-1", parse(ANSWER), Limits(640, 480, 30, 960))
        assert (await outside.ask("POST", f"{PATH}/parties?client=tab", self.boss(), **OFFER))[0] == 201
        [(_, ask)] = parts.calls.asked
        assert isinstance(ask, Join) and ask.desk.kind == "desk"

    async def test_sees_and_changes_nothing_but_for_its_own_place(self, parts: Gateway, outside: Web) -> None:
        party = PartyView("onlooker-1", PartyKind.ONLOOKER, "500", "tab", PartyState.CONNECTED)
        parts.calls.add(replace(OTHERS, parties=(party,)))
        boss = self.boss()
        assert (await outside.ask("GET", PATH, boss))[0] == 200
        wish = {"json": {"source": "slate"}}
        assert await outside.code("PUT", f"{PATH}/display", boss, **wish) == (403, "not-your-call")
        assert await outside.code("POST", f"{PATH}/video", boss) == (403, "not-your-call")
        assert await outside.code("POST", f"{PATH}/snapshots", boss) == (403, "not-your-call")
        assert await outside.code("DELETE", PATH, boss) == (403, "not-your-call")
        assert not parts.calls.asked
        assert (await outside.ask("DELETE", f"{PATH}/parties/onlooker-1", boss))[0] == 204

    async def test_takes_a_call_over_for_itself_alone(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(OTHERS)
        assert (await outside.ask("PUT", HOST, self.boss(), json={"extension": "500"}))[0] == 204
        assert parts.calls.asked == [(CALL.call_id, HandOver("500", "boss (500)", takes=True))]
        assert (await outside.code("PUT", HOST, self.boss(), json={"extension": "501"}))[0] == 403
