"""What is shown and what is taken: display, pictures, snapshots; and invitations."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from splitter.calls.asks import Answer, Ask, Denial, Show, TakeSnapshot
from splitter.media.ports.rooms import Snapshot
from tests.web.kit import CALL, Gateway, Web, ended

MINE = replace(CALL, extension="501")
THEIRS = replace(CALL, call_id="8zz2m0000000", short_code="4712", extension="502")
SHOTS = f"/v1/calls/{CALL.call_id}/snapshots"


def say(**fields: Any) -> dict[str, Any]:
    return {"data": json.dumps(fields), "headers": {"Content-Type": "application/json"}}


def image(form: str = "PNG", size: tuple[int, int] = (64, 48), colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, form)
    return file.getvalue()


def upload(data: bytes, kind: str = "image/png") -> dict[str, Any]:
    return {"data": data, "headers": {"Content-Type": kind}}


class TestDisplay:
    async def test_is_chosen_by_who_has_the_call(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        path = "/v1/calls/4711/display"
        assert (await outside.ask("PUT", path, "desk", **say(source="picture:1")))[0] == 204
        assert (await outside.ask("PUT", path, "controller", **say(source="", viewer="seat-1")))[0] == 204
        wanted = [Show("picture:1", "desk (501)", "caller"), Show("", "controller", "seat-1")]
        assert [ask for _, ask in parts.calls.asked] == wanted

    @pytest.mark.parametrize("body", [{}, {"source": None}, {"source": "s" * 65}, {"source": "", "viewer": ""}])
    async def test_of_nothing_is_refused(self, body: dict[str, Any], parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        assert await outside.code("PUT", "/v1/calls/4711/display", "desk", **say(**body)) == (400, "bad-body")


class TestSnapshots:
    async def test_are_taken_and_shown_again(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        parts.calls.answers[TakeSnapshot] = Snapshot(image(), 64, 48, 1234.5)
        async with outside.request("POST", "/v1/calls/4711/snapshots?of=seat-1", "desk") as response:
            assert response.status == 201 and response.content_type == "image/png"
            assert response.headers["Splitter-Taken-At"] == "1234.500"
            assert response.headers["Location"] == f"{SHOTS}/1"
            assert await response.read() == image()
        assert parts.calls.asked == [(CALL.call_id, TakeSnapshot("seat-1"))]
        assert await outside.ask("GET", f"{SHOTS}/1", "desk") == (200, image())
        assert (await outside.ask("GET", f"{SHOTS}/1", "reader"))[0] == 200
        for number in ("2", "0", "-1", "x", "1" * 30, "\N{SUPERSCRIPT TWO}"):
            assert await outside.code("GET", f"{SHOTS}/{number}", "desk") == (404, "no-such-snapshot")

    async def test_stay_for_who_had_the_call_after_its_end(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE, THEIRS)
        parts.calls.answers[TakeSnapshot] = Snapshot(image(), 64, 48, 1.0)
        await outside.ask("POST", SHOTS, "desk")
        parts.calls.views.clear()
        parts.save(ended(MINE), ended(THEIRS))
        parts.ports.album.ended(MINE.call_id)
        assert (await outside.ask("GET", f"{SHOTS}/1", "desk"))[0] == 200
        other = f"/v1/calls/{THEIRS.call_id}/snapshots/1"
        assert await outside.code("GET", other, "desk") == (404, "no-such-call")

    async def test_are_taken_so_many_at_a_time(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        go, begun = asyncio.Event(), asyncio.Semaphore(0)

        async def slow(call_id: str, ask: Ask) -> Answer:
            begun.release()
            await go.wait()
            return Snapshot(image(), 64, 48, 1.0)

        parts.calls.ask = slow  # type: ignore[method-assign]
        first = [asyncio.create_task(outside.ask("POST", SHOTS, "desk")) for _ in range(2)]
        for _ in first:
            await begun.acquire()
        assert await outside.code("POST", SHOTS, "desk") == (429, "too-many")
        third = asyncio.create_task(outside.ask("POST", SHOTS, "controller"))
        await begun.acquire()
        go.set()
        assert [status for status, _ in await asyncio.gather(*first, third)] == [201] * 3
        assert (await outside.ask("POST", SHOTS, "desk"))[0] == 201

    async def test_of_nobody_say_so(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE)
        parts.calls.answers[TakeSnapshot] = Denial(409, "no-picture", "the caller sends none")
        assert await outside.code("POST", SHOTS, "desk") == (409, "no-picture")


class TestPictures:
    async def test_are_put_up_listed_shown_and_taken_down(self, outside: Web) -> None:
        status, added = await outside.ask("POST", "/v1/pictures?name=please+hold", "painter", **upload(image()))
        assert status == 201
        assert added == {"id": added["id"], "name": "please hold", "width": 64, "height": 48, "call_id": ""}
        assert (await outside.ask("GET", "/v1/pictures", "desk"))[1] == {"pictures": [added]}
        status, data = await outside.ask("GET", f"/v1/pictures/{added['id']}", "desk")
        assert status == 200 and Image.open(io.BytesIO(data)).size == (64, 48)
        path = f"/v1/pictures/{added['id']}"
        assert await outside.code("DELETE", path, "desk") == (403, "wrong-scope"), "it is for every call"
        assert (await outside.ask("DELETE", path, "painter"))[0] == 204
        assert await outside.code("DELETE", path, "painter") == (404, "no-such-picture")
        assert await outside.code("GET", path, "painter") == (404, "no-such-picture")

    async def test_of_one_call_are_for_who_has_it(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(MINE, THEIRS)
        _, mine = await outside.ask("POST", "/v1/pictures?call=4711", "desk", **upload(image()))
        assert mine["call_id"] == MINE.call_id
        _, theirs = await outside.ask(
            "POST", "/v1/pictures?call=4712", "painter", **upload(image("JPEG"), "image/jpeg")
        )
        assert await outside.code("POST", "/v1/pictures?call=4712", "desk", **upload(image())) == (
            403,
            "not-your-call",
        )
        assert await outside.code("GET", "/v1/pictures?call=4712", "desk") == (403, "not-your-call")
        assert await outside.code("GET", f"/v1/pictures/{theirs['id']}", "desk") == (404, "no-such-picture")
        assert (await outside.ask("GET", "/v1/pictures?call=4711", "desk"))[1] == {"pictures": [mine]}
        assert (await outside.ask("GET", "/v1/pictures", "desk"))[1] == {"pictures": []}
        assert (await outside.ask("DELETE", f"/v1/pictures/{mine['id']}", "desk"))[0] == 204

    @pytest.mark.parametrize(
        ("data", "kind", "refusal"),
        [
            (b"", "image/png", (400, "no-body")),
            (b"<svg/>", "image/svg+xml", (415, "wrong-type")),
            (b"\x89PNG\r\n\x1a\nno more", "image/png", (415, "no-picture")),
            (b"<script>alert(1)</script>", "image/png", (415, "no-picture")),
            (b"\x00" * 8_000_001, "image/png", (413, "too-large")),
        ],
    )
    async def test_that_are_none_are_refused(
        self, data: bytes, kind: str, refusal: tuple[int, str], outside: Web
    ) -> None:
        assert await outside.code("POST", "/v1/pictures", "painter", **upload(data, kind)) == refusal
        assert (await outside.ask("GET", "/v1/pictures", "painter"))[1] == {"pictures": []}

    async def test_are_nothing_that_a_path_could_reach(self, outside: Web) -> None:
        for name in ("..%2f..%2fcalls.db", "%2e%2e", "calls.db", "a%00b", "x" * 2000):
            assert (await outside.code("GET", f"/v1/pictures/{name}", "painter"))[0] == 404
