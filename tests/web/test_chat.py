"""Messages and the caller's location over HTTP: who may, what is refused, and how often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import Denial, Locate, MessagesRead, ReadMessages, Write, Written
from splitter.calls.talk.aside import ChatMessage, ChatSender
from splitter.web.guests import chat
from splitter.web.guests.chat import OF_ONE
from splitter.web.http.bodies import read_json
from tests.web.kit import CALL, Gateway, Web
from tests.web.test_guest_calls import DESK, MINE, begin, token

MESSAGES = f"/v1/calls/{CALL.call_id}/messages"
PLACE = f"/v1/calls/{CALL.call_id}/guest/location"
HERE = {"latitude": 39.9, "longitude": 116.4, "accuracy_m": 20}


def ready(parts: Gateway) -> None:
    begin(parts, DESK, MINE)
    parts.calls.answers[Write] = Written(7)
    parts.calls.answers[ReadMessages] = MessagesRead((ChatMessage(7, 1.0, ChatSender.GUEST, "", "<b>hi</b>"),))


class TestWriting:
    async def test_is_for_the_guest_and_the_desk(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        assert await outside.ask("POST", MESSAGES, token(parts), json={"text": " hi "}) == (201, {"number": 7})
        assert (await outside.ask("POST", MESSAGES, "desk", json={"text": "yes"}))[0] == 201
        asked = [(ask.sender, ask.party, ask.name, ask.text) for _, ask in parts.calls.asked if isinstance(ask, Write)]
        assert asked == [("guest", "guest-1", "", "hi"), ("desk", "", "501", "yes")]

    async def test_is_not_for_others(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        for method in ("POST", "GET"):
            more: dict[str, Any] = {"json": {"text": "hi"}} if method == "POST" else {}
            other = token(parts, call_id="8zz2m0000000")
            assert await outside.code(method, MESSAGES, other, **more) == (403, "not-your-call")
            assert await outside.code(method, MESSAGES, "reader", **more) == (403, "wrong-scope")
            assert await outside.code(method, MESSAGES, **more) == (401, "no-token")
        parts.calls.add(replace(CALL, extension="777"))
        assert (await outside.code("POST", MESSAGES, "desk", json={"text": "hi"}))[1] == "not-your-call"
        assert not parts.calls.asked

    async def test_is_for_the_device_that_is_in_the_call(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        links = parts.ports.inviting.links
        await links.make("m1", CALL.call_id, parts.clock.wall() + 60)
        mine = token(parts, link="m1", device="a" * 32)
        assert await outside.code("POST", MESSAGES, mine, json={"text": "hi"}) == (403, "other-device")
        assert await links.admit("m1", "a" * 32)
        assert (await outside.ask("POST", MESSAGES, mine, json={"text": "hi"}))[0] == 201

    async def test_is_not_for_a_guest_who_was_removed(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        del parts.calls.desks[CALL.call_id]["guest-1"]
        assert await outside.code("POST", MESSAGES, token(parts), json={"text": "hi"}) == (403, "not-in-call")
        assert await outside.code("GET", MESSAGES, token(parts)) == (403, "not-in-call")
        assert await outside.code("PUT", PLACE, token(parts), json=HERE) == (403, "not-in-call")
        assert not parts.calls.asked

    async def test_is_not_for_a_guest_who_is_removed_while_their_words_arrive(
        self, parts: Gateway, outside: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ready(parts)

        async def slowly(*body: Any) -> Any:
            wish = await read_json(*body)
            del parts.calls.desks[CALL.call_id]["guest-1"]
            return wish

        monkeypatch.setattr(chat, "read_json", slowly)
        assert await outside.code("POST", MESSAGES, token(parts), json={"text": "hi"}) == (403, "not-in-call")
        assert not parts.calls.asked

    @pytest.mark.parametrize("text", ["", "   ", "x" * 1001, 7, None, "y" * 20_000])
    async def test_takes_text_of_some_length(self, text: object, parts: Gateway, outside: Web) -> None:
        ready(parts)
        assert (await outside.code("POST", MESSAGES, token(parts), json={"text": text}))[0] in (400, 413)
        assert not parts.calls.asked

    async def test_makes_what_acts_harmless(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        await outside.ask("POST", MESSAGES, token(parts), json={"text": "a\u202egnp.exe\nb"})
        [(_, ask)] = parts.calls.asked
        assert isinstance(ask, Write) and ask.text == "a\\u202egnp.exe b"

    async def test_is_no_flood(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        for _ in range(OF_ONE):
            await outside.ask("POST", MESSAGES, token(parts), json={"text": "hi"})
        assert await outside.code("POST", MESSAGES, token(parts), json={"text": "hi"}) == (429, "too-many")
        assert (await outside.ask("POST", MESSAGES, "desk", json={"text": "please wait"}))[0] == 201
        parts.clock.time += 1.1
        assert (await outside.ask("POST", MESSAGES, token(parts), json={"text": "hi"}))[0] == 201


class TestReading:
    async def test_begins_behind_a_number(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        status, body = await outside.ask("GET", f"{MESSAGES}?after=6", token(parts))
        assert (status, body["messages"][0]["text"]) == (200, "<b>hi</b>")
        assert parts.calls.asked == [(CALL.call_id, ReadMessages(6))]
        for wrong in ("x", "-1", "9" * 12, "²"):
            assert await outside.code("GET", f"{MESSAGES}?after={wrong}", token(parts)) == (400, "bad-query")


class TestTheLocation:
    async def test_is_told_and_taken_back(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        assert (await outside.ask("PUT", PLACE, token(parts), json=HERE))[0] == 204
        assert (await outside.ask("DELETE", PLACE, token(parts)))[0] == 204
        first, last = (ask for _, ask in parts.calls.asked if isinstance(ask, Locate))
        assert first.location is not None and (first.location.latitude, first.location.accuracy_m) == (39.9, 20.0)
        assert last.location is None

    @pytest.mark.parametrize(
        "wrong", [{"latitude": 91}, {"longitude": -181}, {"accuracy_m": -1}, {"latitude": "39"}, {"accuracy_m": 1e9}]
    )
    async def test_is_a_place_on_earth(self, wrong: dict[str, object], parts: Gateway, outside: Web) -> None:
        ready(parts)
        assert await outside.code("PUT", PLACE, token(parts), json=HERE | wrong) == (400, "bad-body")
        assert not parts.calls.asked

    async def test_is_the_callers_own(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        expert = token(parts, guest="expert")
        assert await outside.code("PUT", PLACE, expert, json=HERE) == (403, "not-the-caller")
        assert await outside.code("PUT", PLACE, "desk", json=HERE) == (403, "wrong-scope")

    async def test_of_a_call_that_is_over_is_nobodys(self, parts: Gateway, outside: Web) -> None:
        ready(parts)
        parts.calls.answers[Locate] = Denial(409, "call-ended", "over")
        assert await outside.code("PUT", PLACE, token(parts), json=HERE) == (409, "call-ended")
