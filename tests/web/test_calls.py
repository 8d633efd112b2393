"""What desks may do with calls, theirs and others', and what of them they are shown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from splitter.calls.asks import Bind, Denial, DropVideo, RaiseVideo
from splitter.calls.logins.access import Scope
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import PartyView, StrangerView
from splitter.core.errors import MediaUnavailable
from splitter.web.access.bearer import Bearer, mint
from splitter.web.calls import traces
from splitter.web.calls.find import GUESS_FADE_S, GUESSES
from tests.patience import PATIENCE_S
from tests.web.kit import CALL, SECRET, Gateway, Web, ended

MINE = replace(CALL, extension="501", bound_by="centre")
THEIRS = replace(CALL, call_id="8zz2m0000000", short_code="4712", extension="502", caller="13900139000")
NOBODYS = replace(CALL, call_id="9yy2m0000000", short_code="4713", caller="13700137000")
SECRETS = CallerFacts(
    access_network="3GPP-E-UTRAN;cell=1", latitude=39.9, charging_id="icid", location_uri="https://l/1"
)


def ids(body: Any) -> list[str]:
    return [call["call_id"] for call in body["calls"]]


def say(**fields: Any) -> dict[str, Any]:
    return {"data": json.dumps(fields), "headers": {"Content-Type": "application/json"}}


class TestReading:
    async def test_a_desk_sees_its_own_calls_alone(self, parts: Gateway, outside: Web) -> None:
        joined = replace(NOBODYS, parties=(PartyView("seat-1", PartyKind.WEBRTC, "501", state=PartyState.CONNECTED),))
        parts.calls.add(MINE, THEIRS, joined)
        _, body = await outside.ask("GET", "/v1/calls", "desk")
        assert set(ids(body)) == {MINE.call_id, NOBODYS.call_id}
        _, body = await outside.ask("GET", "/v1/calls", "reader")
        assert len(ids(body)) == 3
        assert (await outside.ask("GET", "/v1/calls/4711", "desk"))[0] == 200
        assert await outside.code("GET", "/v1/calls/4712", "desk") == (403, "not-your-call")

    async def test_a_desk_sees_its_ended_calls_and_no_others(self, parts: Gateway, outside: Web) -> None:
        parts.save(ended(MINE), ended(THEIRS))
        assert ids((await outside.ask("GET", "/v1/calls?ended=1", "desk"))[1]) == [MINE.call_id]
        assert (await outside.ask("GET", f"/v1/calls/{MINE.call_id}", "desk"))[1]["state"] == "ended"
        assert await outside.code("GET", f"/v1/calls/{THEIRS.call_id}", "desk") == (404, "no-such-call")

    async def test_a_row_of_an_older_version_is_nobodys(self, parts: Gateway, outside: Web) -> None:
        from splitter.store.schema import CallRow

        parts.store.save_call(CallRow("old1", 1.0, 2.0, "138", "110", b'{"call_id":"old1","extension":"501"}'))
        assert await outside.code("GET", "/v1/calls/old1", "desk") == (404, "no-such-call")
        assert ids((await outside.ask("GET", "/v1/calls?ended=1", "desk"))[1]) == []
        assert (await outside.ask("GET", "/v1/calls/old1", "reader"))[0] == 200

    async def test_filters_by_number_and_extension(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE, THEIRS, NOBODYS)
        for query, found in [
            ("number=13900139000", [THEIRS.call_id]),
            ("number=110&extension=501", [MINE.call_id]),
            ("extension=503", []),
        ]:
            assert ids((await outside.ask("GET", f"/v1/calls?{query}", "reader"))[1]) == found
        parts.save(ended(MINE), ended(THEIRS))
        assert ids((await outside.ask("GET", "/v1/calls?ended=1&extension=502", "reader"))[1]) == [THEIRS.call_id]

    async def test_desks_are_not_shown_what_the_network_told_in_confidence(self, parts: Gateway, outside: Web) -> None:
        """RFC 3325 §7, RFC 7315 §4.4: agents' browsers are outside of the trust domain."""

        stranger = StrangerView("caller", "audio", "203.0.113.9:5000", "10.0.0.1:4000", 101)
        parts.calls.add(replace(MINE, facts=replace(SECRETS, private=True), strangers=(stranger,)))
        _, shown = await outside.ask("GET", "/v1/calls/4711", "desk")
        assert shown["caller"] == "" and shown["facts"]["latitude"] == 39.9
        assert {shown["facts"][name] for name in ("access_network", "charging_id", "location_uri")} == {""}
        [heard] = shown["strangers"]
        assert (heard["leg"], heard["packets"], heard["source"], heard["named"]) == ("caller", 101, "", "")
        assert {leg["peer"] for leg in shown["legs"]} | {leg["sip_call_id"] for leg in shown["legs"]} == {""}
        _, whole = await outside.ask("GET", "/v1/calls/4711", "reader")
        assert whole["caller"] == CALL.caller and whole["facts"]["charging_id"] == "icid"
        assert whole["legs"][0]["peer"] and whole["strangers"][0]["source"] == stranger.source

    async def test_a_caller_who_does_not_hide_is_named_to_desks(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        assert (await outside.ask("GET", "/v1/calls/4711", "desk"))[1]["caller"] == CALL.caller

    async def test_a_hidden_number_does_not_find_the_call_for_a_desk(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(replace(MINE, facts=CallerFacts(private=True)))
        path = f"/v1/calls/{CALL.caller}"
        assert await outside.code("GET", path, "desk") == (404, "no-such-call")
        assert (await outside.ask("GET", path, "reader"))[0] == 200

    async def test_a_number_names_a_call_where_it_is_one_calls_alone(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(CALL)
        path = f"/v1/calls/{CALL.caller}"
        assert (await outside.ask("GET", path, "reader"))[1]["call_id"] == CALL.call_id
        parts.calls.add(replace(THEIRS, caller=CALL.caller))
        assert await outside.code("GET", path, "reader") == (409, "several-calls")

    @pytest.mark.parametrize("typed", ["+86 137-0013-7000", "0086 13700137000", "013700137000", "00137000"])
    async def test_a_call_of_nobody_is_taken_by_any_spelling_of_the_number(
        self, typed: str, parts: Gateway, outside: Web
    ) -> None:
        parts.calls.add(MINE, THEIRS, NOBODYS)
        assert (await outside.ask("PUT", f"/v1/calls/{quote(typed)}/desk", "desk"))[0] == 200
        assert parts.calls.asked == [(NOBODYS.call_id, Bind("501", "client"))]

    async def test_a_call_of_nobody_is_shown_to_desks_that_read_all(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(THEIRS, NOBODYS)
        token = mint(SECRET, Bearer("anna", frozenset({Scope.DESK, Scope.READ}), "501"), parts.clock.wall() + 60)
        _, body = await outside.ask("GET", "/v1/calls", token)
        assert [call["short_code"] for call in body["calls"] if not call["extension"]] == [NOBODYS.short_code]
        assert (await outside.ask("PUT", f"/v1/calls/{NOBODYS.call_id}/desk", token))[0] == 200
        assert parts.calls.asked == [(NOBODYS.call_id, Bind("501", "client"))]

    async def test_any_spelling_opens_no_call_that_is_not_ones_own(self, parts: Gateway, outside: Web) -> None:
        hidden = replace(NOBODYS, facts=CallerFacts(private=True))
        parts.calls.add(THEIRS, hidden)
        assert await outside.code("GET", "/v1/calls/+8613900139000", "desk") == (403, "not-your-call")
        assert await outside.code("PUT", "/v1/calls/+8613900139000/desk", "desk") == (409, "bound-already")
        assert await outside.code("PUT", "/v1/calls/+8613700137000/desk", "desk") == (404, "no-such-call")
        assert await outside.code("PUT", "/v1/calls/0139000/desk", "desk") == (409, "bound-already")
        parts.calls.add(replace(NOBODYS, call_id="9yz2m0000000", caller="+8613900139000"))
        assert await outside.code("PUT", "/v1/calls/13900139000/desk", "desk") == (409, "several-calls")
        assert not parts.calls.asked

    async def test_lists_and_searches_know_all_spellings(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE, THEIRS)
        for path in ("/v1/calls", "/v1/search"):
            _, body = await outside.ask("GET", f"{path}?number=%2B8613900139000", "reader")
            assert ids(body) == [THEIRS.call_id]

    async def test_a_beginning_names_no_call_to_a_desk(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(NOBODYS)
        assert await outside.code("PUT", "/v1/calls/9yy/desk", "desk") == (404, "no-such-call")
        assert not parts.calls.asked


class TestGuessing:
    """Codes have four digits: a desk could try them all, and join what it finds."""

    @pytest.mark.parametrize("path", ["/v1/calls/4712", "/v1/calls/13900139000", "/v1/calls/13900139000/desk"])
    async def test_finds_no_ids(self, path: str, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE, THEIRS)
        parts.save(ended(NOBODYS))
        method = "DELETE" if path.endswith("desk") else "GET"
        _, body = await outside.ask(method, path, "desk")
        assert THEIRS.call_id not in json.dumps(body)
        parts.calls.add(replace(NOBODYS, caller=THEIRS.caller))
        _, body = await outside.ask(method, path, "desk")
        assert THEIRS.call_id not in json.dumps(body) and NOBODYS.call_id not in json.dumps(body)

    async def test_of_ended_calls_finds_ones_own_alone(self, parts: Gateway, outside: Web) -> None:
        parts.save(ended(MINE), ended(THEIRS))
        assert await outside.code("PUT", "/v1/calls/4711/desk", "desk") == (409, "call-ended")
        assert await outside.code("PUT", "/v1/calls/4712/desk", "desk") == (404, "no-such-call")
        assert await outside.code("PUT", f"/v1/calls/{THEIRS.call_id}/desk", "desk") == (404, "no-such-call")

    async def test_too_often_has_to_wait(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE, THEIRS)
        codes = [(await outside.ask("PUT", f"/v1/calls/{number}/desk", "desk"))[0] for number in range(1000, 1030)]
        assert codes == [404] * GUESSES + [429] * (30 - GUESSES)
        async with outside.request("GET", "/v1/calls/4712", "desk") as response:
            assert response.status == 429 and int(response.headers["Retry-After"]) <= GUESS_FADE_S
        assert (await outside.ask("GET", "/v1/calls", "desk"))[0] == 200, "its own calls are listed even so"
        assert (await outside.ask("GET", "/v1/calls/4711", "desk"))[0] == 200, "and can be named"
        assert (await outside.ask("GET", "/v1/calls/4711", "reader"))[0] == 200, "others do not wait for it"
        parts.clock.time += GUESS_FADE_S + 1
        assert (await outside.ask("GET", "/v1/calls/4712", "desk"))[0] == 403

    async def test_counts_numbers_of_several_calls_too(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(THEIRS, replace(NOBODYS, caller="+86" + THEIRS.caller))
        path = f"/v1/calls/{THEIRS.caller}"
        codes = [(await outside.ask("GET", path, "desk"))[0] for _ in range(GUESSES + 1)]
        assert codes == [409] * GUESSES + [429]

    async def test_by_who_may_see_all_is_none(self, outside: Web) -> None:
        codes = {(await outside.ask("GET", f"/v1/calls/{number}", "reader"))[0] for number in range(1000, 1030)}
        assert codes == {404}


class TestFollowing:
    async def test_a_trace_ends_with_the_token(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, outside: Web
    ) -> None:
        monkeypatch.setattr(traces, "HEARTBEAT_S", 0.01)
        parts.calls.add(CALL)
        parts.begin()
        token = mint(SECRET, Bearer("watcher", frozenset({Scope.READ})), parts.clock.wall() + 60)
        async with outside.request("GET", f"/v1/calls/{CALL.call_id}/trace?follow=1", token) as response:
            await response.content.readline()
            parts.clock.time += 61.0
            async with asyncio.timeout(PATIENCE_S):
                while await response.content.readline():
                    pass


class TestHangingUp:
    @pytest.mark.parametrize(("token", "by"), [("desk", "desk (501)"), ("controller", "controller")])
    async def test_says_who_did_it(self, token: str, by: str, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        assert await outside.ask("DELETE", "/v1/calls/4711", token) == (202, {"call_id": CALL.call_id})
        assert parts.calls.hung_up == [(CALL.call_id, f"hung up by {by}")]

    async def test_of_another_desks_call_is_refused(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(THEIRS, NOBODYS)
        for reference in ("4712", "4713", THEIRS.caller):
            assert await outside.code("DELETE", f"/v1/calls/{reference}", "desk") == (403, "not-your-call")
        assert not parts.calls.hung_up


class TestBinding:
    @pytest.mark.parametrize("reference", [NOBODYS.call_id, NOBODYS.short_code, NOBODYS.caller])
    async def test_a_desk_takes_a_call_that_it_names(self, reference: str, parts: Gateway, outside: Web) -> None:
        parts.calls.add(NOBODYS)
        status, body = await outside.ask("PUT", f"/v1/calls/{reference}/desk", "desk")
        assert (status, body["call_id"]) == (200, NOBODYS.call_id)
        assert parts.calls.asked == [(NOBODYS.call_id, Bind("501", "client"))]

    async def test_cti_gives_any_call_to_any_desk(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(THEIRS)
        assert (await outside.ask("PUT", "/v1/calls/4712/desk", "controller", **say(extension="777")))[0] == 200
        assert (await outside.ask("DELETE", "/v1/calls/4712/desk", "controller"))[0] == 200
        assert [ask for _, ask in parts.calls.asked] == [Bind("777", "cti"), Bind("", "cti")]
        assert await outside.code("PUT", "/v1/calls/4712/desk", "controller") == (422, "no-extension")

    @pytest.mark.parametrize(
        ("method", "reference", "body", "refusal"),
        [
            ("PUT", "4712", {}, (409, "bound-already")),
            ("PUT", "4713", {"extension": "502"}, (403, "wrong-scope")),
            ("DELETE", "4712", {}, (403, "not-your-call")),
            ("DELETE", "4713", {}, (403, "not-your-call")),
            ("PUT", "4713", {"extension": "5" * 65}, (400, "bad-body")),
            ("PUT", "4713", {"extensions": "502"}, (400, "bad-body")),
            ("PUT", "4799", {}, (404, "no-such-call")),
        ],
    )
    async def test_a_desk_takes_nothing_from_another(
        self, method: str, reference: str, body: dict[str, Any], refusal: tuple[int, str], parts: Gateway, outside: Web
    ) -> None:
        parts.calls.add(THEIRS, NOBODYS)
        more = say(**body) if body else {}
        assert await outside.code(method, f"/v1/calls/{reference}/desk", "desk", **more) == refusal
        assert not parts.calls.asked

    async def test_a_desk_that_only_joined_does_not_unbind(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(
            replace(THEIRS, parties=(PartyView("seat-2", PartyKind.WEBRTC, "501", state=PartyState.CONNECTED),))
        )
        assert await outside.code("DELETE", "/v1/calls/4712/desk", "desk") == (409, "not-bound")


class TestVideo:
    async def test_is_asked_for_and_else_a_link_is_sent(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        path = "/v1/calls/4711/video"
        for wish in ({"else_link": True}, {"else_link": True, "language": "zh"}, {"language": "zh"}):
            assert (await outside.ask("POST", path, "desk", json=wish))[0] == 202
        assert await outside.code("POST", path, "desk", json={"else_link": True, "language": "de"}) == (400, "bad-body")
        asked = [ask for _, ask in parts.calls.asked]
        assert asked == [RaiseVideo("desk (501)", link) for link in ("", "zh", None)]

    async def test_is_asked_for_and_dropped(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        assert (await outside.ask("POST", "/v1/calls/4711/video", "desk"))[0] == 202
        assert (await outside.ask("DELETE", "/v1/calls/4711/video", "controller"))[0] == 202
        assert [ask for _, ask in parts.calls.asked] == [RaiseVideo("desk (501)"), DropVideo("controller")]

    @pytest.mark.parametrize(
        ("failure", "refusal"),
        [
            (Denial(409, "asking", "the caller is being asked already"), (409, "asking")),
            (Denial(422, "unsupported", "the handset has no video"), (422, "unsupported")),
            (Denial(504, "timeout", "the call did not answer"), (504, "timeout")),
            (MediaUnavailable("no workers"), (503, "unavailable")),
            (ZeroDivisionError(), (500, "internal")),
        ],
    )
    async def test_that_cannot_be_is_refused_in_the_calls_own_words(
        self, failure: Exception, refusal: tuple[int, str], parts: Gateway, outside: Web
    ) -> None:
        parts.calls.add(MINE)
        parts.calls.answers[RaiseVideo] = failure
        status, body = await outside.ask("POST", "/v1/calls/4711/video", "desk")
        assert (status, body["error"]["code"]) == refusal
        if isinstance(failure, Denial):
            assert body["error"]["message"] == str(failure)

    @pytest.mark.parametrize("path", ["video", "display", "snapshots", "invitations"])
    async def test_of_another_desks_call_is_its_own_affair(self, path: str, parts: Gateway, outside: Web) -> None:
        parts.calls.add(THEIRS)
        method = "PUT" if path == "display" else "POST"
        more = say(source="slate") if path == "display" else {}
        assert await outside.code(method, f"/v1/calls/4712/{path}", "desk", **more) == (403, "not-your-call")
        assert not parts.calls.asked

    async def test_of_a_call_that_has_ended_is_no_more(self, parts: Gateway, outside: Web) -> None:
        parts.save(ended(MINE))
        assert await outside.code("POST", f"/v1/calls/{CALL.call_id}/video", "desk") == (409, "call-ended")
