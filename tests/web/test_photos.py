"""Photos over HTTP: the caller's own browser sends them, its desk downloads them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.asks import Denial, TellPhoto
from splitter.calls.guest_page import GuestPageSettings
from splitter.core.uploads import PDF_LIMIT_BYTES, UploadKind
from splitter.store.photos import UPLOAD_LIMIT_BYTES, Photos
from tests.store.test_photos import PDF, jpeg
from tests.telemetry.kit import VirtualClock
from tests.web.kit import CALL, Gateway, Web, web
from tests.web.test_guest_calls import DESK, MINE, begin, live, token

PHOTOS = f"/v1/calls/{CALL.call_id}/photos"


def photo(data: bytes = b"", kind: str = "image/jpeg") -> dict[str, Any]:
    return {"data": data or jpeg(), "headers": {"Content-Type": kind}}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Web]]:
    async with web(tmp_path, photos=Photos(tmp_path / "photos", VirtualClock())) as served:
        begin(served[0], DESK, MINE)
        yield served


class TestSending:
    async def test_reaches_the_desk_as_a_file(self, parts: Gateway, outside: Web) -> None:
        status, body = await outside.ask("POST", PHOTOS, token(parts), **photo())
        assert (status, body["number"], body["width"], body["height"]) == (201, 1, 64, 48)
        assert parts.calls.asked == [(CALL.call_id, TellPhoto("guest-1", 1, 64, 48))]
        async with outside.request("GET", f"{PHOTOS}/1", "desk") as response:
            assert (response.status, response.content_type) == (200, "image/jpeg")
            assert response.headers["Content-Disposition"].startswith("attachment;")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in response.headers["Content-Security-Policy"]
            assert (await response.read()).startswith(b"\xff\xd8\xff")
        assert (await outside.ask("GET", PHOTOS, "desk"))[1]["photos"][0]["number"] == 1
        for wrong in ("2", "x", "0", "9" * 30, "²"):
            assert await outside.code("GET", f"{PHOTOS}/{wrong}", "desk") == (404, "no-such-photo")

    async def test_is_numbered_behind_those_that_another_node_has_kept(self, parts: Gateway, outside: Web) -> None:
        parts.calls.add(replace(live(DESK, MINE), photos=3))
        assert (await outside.ask("POST", PHOTOS, token(parts), **photo()))[1]["number"] == 4
        assert (await outside.ask("GET", PHOTOS, "desk"))[1]["photos"][0]["number"] == 4

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            (photo(b"<html><script>", "text/html"), (415, "wrong-type")),
            (photo(b"<svg onload='alert(1)'/>"), (415, "no-picture")),
            (photo(b"%PDF-1.7 /JavaScript", "image/png"), (415, "no-picture")),
            (photo(b"x" * (UPLOAD_LIMIT_BYTES + 1)), (413, "too-large")),
        ],
    )
    async def test_of_what_is_none_is_refused(
        self, parts: Gateway, outside: Web, more: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        assert await outside.code("POST", PHOTOS, token(parts), **more) == expected
        assert not parts.calls.asked and not (await outside.ask("GET", PHOTOS, "desk"))[1]["photos"]

    async def test_is_for_the_caller_in_this_call_alone(self, parts: Gateway, outside: Web) -> None:
        assert await outside.code("POST", PHOTOS, token(parts, guest="expert"), **photo()) == (403, "not-the-caller")
        other = token(parts, call_id="8zz2m0000000")
        assert await outside.code("POST", PHOTOS, other, **photo()) == (403, "not-your-call")
        assert await outside.code("POST", PHOTOS, "desk", **photo()) == (403, "wrong-scope")
        assert await outside.code("GET", f"{PHOTOS}/1", token(parts)) == (403, "wrong-scope")
        del parts.calls.desks[CALL.call_id]["guest-1"]
        assert await outside.code("POST", PHOTOS, token(parts), **photo()) == (403, "not-in-call")

    async def test_has_an_end(self, parts: Gateway, outside: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.store.photos.MOST_OF_CALL", 1)
        assert (await outside.ask("POST", PHOTOS, token(parts), **photo()))[0] == 201
        assert await outside.code("POST", PHOTOS, token(parts), **photo()) == (507, "no-room")

    @pytest.mark.parametrize(("status", "code", "left"), [(409, "call-ended", []), (504, "timeout", [1])])
    async def test_into_a_call_that_ends_meanwhile_goes_with_it_and_stays_in_one_that_is_slow(
        self,
        parts: Gateway,
        outside: Web,
        monkeypatch: pytest.MonkeyPatch,
        status: int,
        code: str,
        left: list[int],
    ) -> None:
        monkeypatch.setattr("splitter.store.photos.KEPT_S", 0.0)
        parts.calls.answers[TellPhoto] = Denial(status, code, "so it is")
        assert await outside.code("POST", PHOTOS, token(parts), **photo()) == (status, code)
        shown = (await outside.ask("GET", PHOTOS, "desk"))[1]["photos"]
        assert [one["number"] for one in shown] == left


class TestAPdf:
    async def test_is_refused_where_it_is_not_switched_on(self, parts: Gateway, outside: Web) -> None:
        assert await outside.code("POST", PHOTOS, token(parts), **photo(PDF, "application/pdf")) == (415, "wrong-type")
        assert not parts.calls.asked

    async def test_is_given_to_the_desk_as_a_download_and_never_shown(self, parts: Gateway, outside: Web) -> None:
        parts.ports.access.page = GuestPageSettings(files=(UploadKind.PHOTO, UploadKind.PDF))
        status, body = await outside.ask("POST", PHOTOS, token(parts), **photo(PDF, "application/pdf"))
        assert (status, body["kind"], body["size_bytes"]) == (201, "pdf", len(PDF))
        assert parts.calls.asked == [(CALL.call_id, TellPhoto("guest-1", 1, 0, 0, UploadKind.PDF))]
        async with outside.request("GET", f"{PHOTOS}/1", "desk") as response:
            assert (response.status, response.content_type) == (200, "application/pdf")
            assert re.fullmatch(r'attachment; filename="[\w-]+\.pdf"', response.headers["Content-Disposition"])
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
            assert await response.read() == PDF
        assert (await outside.ask("POST", PHOTOS, token(parts), **photo()))[1]["kind"] == "photo"

    @pytest.mark.parametrize(
        ("data", "kind", "expected"),
        [
            (jpeg(), "application/pdf", (415, "no-pdf")),
            (b"<script>alert(1)</script>%%EOF", "application/pdf", (415, "no-pdf")),
            (PDF[:40], "application/pdf", (415, "no-pdf")),
            (PDF.ljust(PDF_LIMIT_BYTES) + b"%%EOF", "application/pdf", (413, "too-large")),
            (PDF, "image/png", (415, "no-picture")),
        ],
    )
    async def test_of_another_kind_or_size_is_refused(
        self, parts: Gateway, outside: Web, data: bytes, kind: str, expected: tuple[int, str]
    ) -> None:
        parts.ports.access.page = GuestPageSettings(files=(UploadKind.PHOTO, UploadKind.PDF))
        assert await outside.code("POST", PHOTOS, token(parts), **photo(data, kind)) == expected
        assert not parts.calls.asked and not (await outside.ask("GET", PHOTOS, "desk"))[1]["photos"]

    async def test_may_be_all_that_is_taken_or_nothing_is(self, parts: Gateway, outside: Web) -> None:
        parts.ports.access.page = GuestPageSettings(files=(UploadKind.PDF,))
        assert await outside.code("POST", PHOTOS, token(parts), **photo()) == (415, "wrong-type")
        parts.ports.access.page = GuestPageSettings(files=())
        for one in (photo(), photo(PDF, "application/pdf")):
            assert await outside.code("POST", PHOTOS, token(parts), **one) == (403, "not-taken")


async def test_a_gateway_without_a_place_for_them_keeps_none(tmp_path: Path) -> None:
    async with web(tmp_path) as (parts, outside):
        begin(parts, DESK, MINE)
        assert await outside.code("POST", PHOTOS, token(parts), **photo()) == (503, "unavailable")
