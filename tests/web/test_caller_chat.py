"""Messages of a browser that calls: its own call's alone, and only while somebody may read them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from splitter.calls.asks import MessagesRead, ReadMessages, Write, Written
from splitter.calls.browsers.customer import Customer
from splitter.calls.logins.access import Scope
from splitter.calls.talk.aside import ChatMessage, ChatSender
from splitter.web.access.bearer import Bearer, mint
from splitter.web.guests.chat import OF_ONE
from tests.web.callers_kit import Callers, callers
from tests.web.kit import CALL, Gateway, Web, web

MESSAGES = f"/v1/web/calls/{CALL.call_id}/messages"
HELLO: dict[str, Any] = {"json": {"text": " hello\nthere "}}
WAYS: tuple[tuple[str, dict[str, Any]], ...] = (("POST", HELLO), ("GET", {}))


def token(parts: Gateway, call_id: str = CALL.call_id, customer: str = "") -> str:
    bearer = Bearer("web caller", frozenset({Scope.CALLER}), call_id=call_id, customer=Customer(customer))
    return mint(parts.ports.access.secret, bearer, parts.clock.wall() + 60)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Callers, Gateway, Web]]:
    made = callers()
    async with web(folder, door=made.door) as (parts, outside):
        parts.calls.answers[Write] = Written(7)
        parts.calls.answers[ReadMessages] = MessagesRead((ChatMessage(7, 1.0, ChatSender.DESK, "501", "hi"),))
        await made.open(CALL.call_id)
        yield made, parts, outside


async def test_the_caller_writes_to_the_desk_and_reads_what_it_writes(tmp_path: Path) -> None:
    async with served(tmp_path) as (made, parts, outside):
        parts.calls.add(CALL)
        assert await outside.ask("POST", MESSAGES, token(parts), **HELLO) == (201, {"number": 7})
        [(call_id, ask)] = parts.calls.asked
        assert isinstance(ask, Write) and call_id == CALL.call_id
        assert (ask.sender, ask.party, ask.name, ask.text) == ("caller", "caller", "", "hello there")
        status, body = await outside.ask("GET", f"{MESSAGES}?after=6", token(parts))
        assert status == 200 and [one["text"] for one in body["messages"]] == ["hi"]
        assert parts.calls.asked[-1][1] == ReadMessages(6)
        made.door.browsers.on_call(replace(CALL, messages=7))
        assert made.door.browsers.line(CALL.call_id).view.messages == 7


async def test_nobody_else_does(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, parts, outside):
        parts.calls.add(CALL)
        of_another, customers = token(parts, "8zz2m0000000"), token(parts, "", "C-1")
        for method, more in WAYS:
            for stranger in (of_another, customers):
                assert await outside.code(method, MESSAGES, stranger, **more) == (403, "not-your-call")
            assert await outside.code(method, MESSAGES, "reader", **more) == (403, "wrong-scope")
            assert await outside.code(method, MESSAGES, **more) == (401, "no-token")
        ours = f"/v1/calls/{CALL.call_id}/messages"
        assert await outside.code("GET", ours, token(parts)) == (403, "wrong-scope"), "the desks' way is not its own"
        assert not parts.calls.asked


async def test_there_is_nobody_to_write_to_before_the_call_and_after_it(tmp_path: Path) -> None:
    async with served(tmp_path) as (made, parts, outside):
        parts.calls.views.pop(CALL.call_id, None)
        assert await outside.code("POST", MESSAGES, token(parts), **HELLO) == (409, "call-ended")
        parts.calls.add(CALL)
        assert (await outside.ask("POST", MESSAGES, token(parts), **HELLO))[0] == 201
        made.door.browsers.line(CALL.call_id).end("hung-up")
        for method, more in WAYS:
            assert await outside.code(method, MESSAGES, token(parts), **more) == (409, "call-ended")


async def test_it_is_no_flood(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, parts, outside):
        parts.calls.add(CALL)
        for _ in range(OF_ONE):
            await outside.ask("POST", MESSAGES, token(parts), **HELLO)
        assert await outside.code("POST", MESSAGES, token(parts), **HELLO) == (429, "too-many")
