from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from splitter.calls.view import CarriedView
from splitter.store import schema
from splitter.web.calls import traces
from tests.patience import until
from tests.web.kit import CALL, Gateway, cannot_open, ended, gateway


class Client:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        async with self._session.request(method, f"http://splitter{path}") as response:
            body = await response.text()
            kind = response.content_type
            return response.status, json.loads(body) if kind == "application/json" else lines_of(body)

    async def good(self, path: str) -> Any:
        status, body = await self.ask(path)
        assert status == 200, body
        return body

    def stream(self, path: str) -> Any:
        return self._session.get(f"http://splitter{path}")


def lines_of(body: str) -> list[Any]:
    return [json.loads(line) for line in body.splitlines() if line]


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway that is reached on its control socket alone."""
    async with gateway(tmp_path) as parts:
        yield parts


@pytest.fixture
async def client(parts: Gateway) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(parts.socket)) as session:
        yield Client(session)


def ids(body: Any) -> list[str]:
    return [call["call_id"] for call in body["calls"]]


class TestCalls:
    async def test_live_calls_newest_first(self, parts: Gateway, client: Client) -> None:
        assert await client.good("/v1/calls") == {"calls": []}
        parts.calls.add(CALL, replace(CALL, call_id="8", started_at=2000.0))
        body = await client.good("/v1/calls")
        assert ids(body) == ["8", CALL.call_id]
        assert body["calls"][1]["legs"][0]["video"] == "H264 42c01f mode 1 sendrecv"
        assert ids(await client.good("/v1/calls?limit=1")) == ["8"]

    async def test_ended_calls_come_from_the_store_in_pages(self, parts: Gateway, client: Client) -> None:
        parts.save(*(ended(replace(CALL, call_id=f"c{number}", started_at=float(number))) for number in range(5)))
        assert ids(await client.good("/v1/calls?ended=1&limit=2")) == ["c4", "c3"]
        assert ids(await client.good("/v1/calls?ended=1&limit=2&before=3")) == ["c2", "c1"]

    async def test_a_call_by_id_prefix_and_short_code(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        for reference in (CALL.call_id, "7kq", "4711"):
            assert (await client.good(f"/v1/calls/{reference}"))["call_id"] == CALL.call_id

    async def test_an_ended_call_is_found_as_well_but_after_the_live_ones(self, parts: Gateway, client: Client) -> None:
        parts.save(ended(CALL))
        assert (await client.good("/v1/calls/4711"))["end_reason"] == "the caller hung up"
        parts.calls.add(replace(CALL, call_id="8new"))
        assert (await client.good("/v1/calls/4711"))["call_id"] == "8new"

    async def test_a_row_of_an_older_version_can_still_be_shown(self, parts: Gateway, client: Client) -> None:
        from splitter.store.schema import CallRow

        parts.store.save_call(CallRow("old1", 1.0, 2.0, "138", "110", b'{"call_id":"old1","other":1}'))
        assert await client.good("/v1/calls/old1") == {"call_id": "old1", "other": 1}

    async def test_a_prefix_of_several_is_refused_and_names_them(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL, replace(CALL, call_id="7kq9", short_code="4712"))
        status, body = await client.ask("/v1/calls/7kq")
        assert (status, body["error"]["code"]) == (409, "several-calls")
        assert "7kq9" in body["error"]["message"]

    async def test_too_short_a_prefix_is_nobody(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        assert (await client.ask("/v1/calls/7k"))[0] == 404


class TestHangup:
    async def test_asks_the_registry_once(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        assert await client.ask("/v1/calls/4711", "DELETE") == (202, {"call_id": CALL.call_id})
        assert parts.calls.hung_up == [(CALL.call_id, "hung up by the operator")]

    async def test_a_call_that_ended_cannot_be_hung_up(self, parts: Gateway, client: Client) -> None:
        parts.save(ended(CALL))
        status, body = await client.ask(f"/v1/calls/{CALL.call_id}", "DELETE")
        assert (status, body["error"]["code"]) == (409, "call-ended")


class TestSearch:
    async def test_live_and_ended_without_telling_one_twice(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        parts.save(CALL, ended(replace(CALL, call_id="before", started_at=500.0)))
        assert ids(await client.good("/v1/search?number=13800138000")) == [CALL.call_id, "before"]
        assert ids(await client.good("/v1/search?number=8000&limit=1")) == [CALL.call_id]
        assert ids(await client.good("/v1/search?number=999")) == []

    async def test_a_whole_number_goes_before_the_end_of_another(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL, replace(CALL, call_id="exact", caller="8000", started_at=1.0))
        assert ids(await client.good("/v1/search?number=8000")) == ["exact"]


class TestWhy:
    async def test_a_live_call_is_judged_by_what_its_media_carry_now(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        parts.begin()
        parts.calls.counted = (CarriedView("caller", "audio", 7, 9), CarriedView("centre", "audio", 9, 7))
        found = await client.good(f"/v1/calls/{CALL.call_id}/why")
        words = "voice went both ways: 7 packets from the caller and 9 packets from the centre"
        assert found["voice"] == {"fine": True, "words": words, "proof": []}
        assert found["video"]["fine"] is False and found["video"]["words"]

    async def test_an_ended_call_by_what_they_had_carried(self, parts: Gateway, client: Client) -> None:
        carried = (CarriedView("caller", "audio", 0, 9), CarriedView("centre", "audio", 9, 0))
        parts.save(ended(replace(CALL, carried=carried)))
        found = await client.good(f"/v1/calls/{CALL.call_id}/why")
        assert found["voice"]["words"] == "no voice came from the caller, and 9 packets from the centre"


class TestTrace:
    async def test_is_one_event_per_line_in_words(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        parts.begin()
        invite, state = await client.good(f"/v1/calls/{CALL.call_id}/trace")
        assert invite["text"] == "INVITE 110; offer: audio AMR-WB/107 PCMA/8 dtmf/101 → 10.0.0.1:31018"
        assert (invite["leg"], invite["direction"], invite["data"], invite["seq"]) == ("caller", "in", "", 1)
        assert (state["kind"], state["text"]) == ("state", "routing to pbx")

    async def test_raw_has_the_bytes(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        parts.begin()
        invite, _ = await client.good(f"/v1/calls/{CALL.call_id}/trace?raw=1")
        assert base64.b64decode(invite["data"]).startswith(b"INVITE sip:110@10.0.0.9 SIP/2.0\r\n")
        assert invite["text"] == "INVITE"

    async def test_following_shows_what_was_and_what_comes_and_ends_with_the_call(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, client: Client
    ) -> None:
        monkeypatch.setattr(traces, "LAST_MESSAGES_S", 0.05)
        parts.calls.add(CALL)
        parts.begin()
        async with client.stream(f"/v1/calls/{CALL.call_id}/trace?follow=1") as response:
            seen = [json.loads(await response.content.readline()) for _ in range(2)]
            parts.recorder.event(CALL.call_id, "caller", "media", "first packet")
            seen.append(json.loads(await response.content.readline()))
            parts.end()
            seen += [json.loads(line) async for line in response.content if line.strip()]
        assert [event["text"].split(";")[0] for event in seen] == [
            "INVITE 110",
            "routing to pbx",
            "first packet",
            "BYE",
        ]
        assert [event["seq"] for event in seen] == [1, 2, 3, 4], "each once"
        assert parts.recorder.followers(CALL.call_id) == 0

    async def test_what_happens_while_the_past_is_read_is_told_once(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, client: Client
    ) -> None:
        monkeypatch.setattr(traces, "LAST_MESSAGES_S", 0.01)
        parts.calls.add(CALL)
        parts.begin()
        flush = parts.store.flush

        async def flush_and_more(limit_s: float = 1.0) -> bool:
            parts.recorder.event(CALL.call_id, "", "note", "in between")
            parts.recorder.unbind(CALL.call_id)
            return await flush(limit_s)

        monkeypatch.setattr(parts.store, "flush", flush_and_more)
        events = await client.good(f"/v1/calls/{CALL.call_id}/trace?follow=1")
        assert [event["seq"] for event in events] == [1, 2, 3]

    async def test_a_follower_who_leaves_is_forgotten(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, client: Client
    ) -> None:
        monkeypatch.setattr(traces, "HEARTBEAT_S", 0.01)
        parts.calls.add(CALL)
        parts.begin()
        async with client.stream(f"/v1/calls/{CALL.call_id}/trace?follow=1") as response:
            await response.content.readline()
            assert parts.recorder.followers(CALL.call_id) == 1
            response.close()
        await until(lambda: parts.recorder.followers(CALL.call_id) == 0)

    async def test_following_goes_on_when_the_store_cannot_be_read(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, client: Client
    ) -> None:
        monkeypatch.setattr(traces, "LAST_MESSAGES_S", 0.01)
        parts.calls.add(CALL)
        parts.begin()
        monkeypatch.setattr(schema, "open_for_reading", cannot_open)
        async with client.stream(f"/v1/calls/{CALL.call_id}/trace?follow=1") as response:
            first = json.loads(await response.content.readline())
            parts.end()
            last = [json.loads(line) async for line in response.content if line.strip()][-1]
        assert "what happened before is missing" in first["text"]
        assert last["text"] == "BYE"

    async def test_a_long_trace_comes_whole(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        parts.begin()
        for number in range(500):
            parts.recorder.event(CALL.call_id, "", "note", str(number))
        events = await client.good(f"/v1/calls/{CALL.call_id}/trace")
        assert [event["seq"] for event in events] == list(range(1, 503))

    async def test_a_call_without_events_has_an_empty_trace(self, parts: Gateway, client: Client) -> None:
        parts.calls.add(CALL)
        assert await client.good(f"/v1/calls/{CALL.call_id}/trace") == []


class TestStatus:
    async def test_tells_how_it_is_doing(self, parts: Gateway, client: Client) -> None:
        body = await client.good("/v1/status")
        assert (body["state"], body["calls"], body["workers"]) == ("running", 0, [2, 2])


class TestErrorsHaveOneShape:
    @pytest.mark.parametrize(
        ("path", "method", "status", "code"),
        [
            ("/v1/calls/none", "GET", 404, "no-such-call"),
            ("/v1/calls/none/trace", "GET", 404, "no-such-call"),
            ("/v1/calls/none", "DELETE", 404, "no-such-call"),
            ("/v1/nothing", "GET", 404, "not-found"),
            ("/v1/calls", "PUT", 405, "method-not-allowed"),
            ("/v1/calls?limit=0", "GET", 400, "bad-query"),
            ("/v1/calls?limit=many", "GET", 400, "bad-query"),
            ("/v1/calls?limit=99999999999999", "GET", 400, "bad-query"),
            ("/v1/calls?ended=1&before=x", "GET", 400, "bad-query"),
            ("/v1/search", "GET", 400, "bad-query"),
        ],
    )
    async def test_of_a_wrong_request(
        self, path: str, method: str, status: int, code: str, parts: Gateway, client: Client
    ) -> None:
        answered, body = await client.ask(path, method)
        assert (answered, body["error"]["status"], body["error"]["code"]) == (status, status, code)
        assert body["error"]["message"]

    async def test_of_a_store_that_is_down(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, client: Client
    ) -> None:
        parts.calls.add(CALL)
        monkeypatch.setattr(schema, "open_for_reading", cannot_open)
        for path in ("/v1/calls?ended=1", f"/v1/calls/{CALL.call_id}/trace"):
            status, body = await client.ask(path)
            assert (status, body["error"]["code"]) == (503, "unavailable")
        for path in ("/v1/calls", "/v1/search?number=110"):
            assert ids(await client.good(path)) == [CALL.call_id], "live calls need no store"

    async def test_of_a_bug(self, parts: Gateway, client: Client) -> None:
        parts.calls.list = lambda: 1 // 0  # type: ignore[method-assign,assignment,return-value]
        with capture_logs() as logs:
            status, body = await client.ask("/v1/calls")
        assert (status, body["error"]["code"]) == (500, "internal")
        assert logs[0]["event"] == "API request failed"
