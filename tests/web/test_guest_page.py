"""What is the operator's own of the guests' page: name, logo, consent, and the rating at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from splitter.calls.asks import Denial, Join, Rate
from splitter.calls.guest_page import GuestPageSettings
from splitter.calls.logins.access import ApiSettings, Scope
from splitter.calls.view import CallView, Notice
from splitter.core.net import Address
from splitter.web.access.bearer import Bearer, mint
from splitter.web.guests.ratings import RATED_LATE_S
from splitter.web.pages import Pages
from splitter.web.records.late_changes import LateChanges
from tests.web.kit import CALL, SECRET, Gateway, Web, access, ended, web
from tests.web.test_invitations import DEVICE, code_of, invited, sending, use
from tests.web.test_parties import OFFER, admit

RATING = f"/v1/calls/{CALL.call_id}/guest/rating"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def token(parts: Gateway, **more: Any) -> str:
    bearer = Bearer("guest m1", frozenset({Scope.GUEST}), call_id=CALL.call_id, **more)
    return mint(SECRET, bearer, parts.clock.wall() + 7200)


def set_page(parts: Gateway, **page: Any) -> None:
    parts.ports.access.page = GuestPageSettings(**page)


class TestTheOperator:
    async def test_is_told_with_the_login(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            set_page(parts, name="City Water", text="For repairs.", privacy_url="https://water.example/p", consent="v2")
            status, login = await use(outside, code_of(await invited(outside)))
            assert status == 201 and login["page"] == {
                "name": "City Water",
                "name_zh": "City Water",
                "text": "For repairs.",
                "text_zh": "For repairs.",
                "privacy_url": "https://water.example/p",
                "logo": "",
                "consent": "v2",
                "rating": True,
                "files": ["photo"],
            }

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (PNG, "image/png"),
            (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml; charset=utf-8"),
            (b"<html><script>alert(1)</script>", None),
            (b"GIF89a", None),
            (b"\x89PNG\r\n\x1a\n" + bytes(100_000), None),
        ],
    )
    async def test_has_a_logo_that_is_an_image(self, tmp_path: Path, data: bytes, kind: str | None) -> None:
        (tmp_path / "logo").write_bytes(data)
        made = access(ApiSettings(listen=(Address("127.0.0.1", 0),)))
        made.page = GuestPageSettings(logo=str(tmp_path / "logo"))
        async with web(tmp_path, access=made) as (_, outside), outside.request("GET", "/guest/logo") as response:
            assert response.status == (200 if kind else 404)
            if kind:
                assert response.headers["Content-Type"] == kind.partition(";")[0]
                assert "sandbox" in response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"

    def test_without_a_file_has_none(self, tmp_path: Path) -> None:
        made = access()
        made.page = GuestPageSettings(logo=str(tmp_path / "nowhere"))
        assert Pages(made).files


class TestConsent:
    async def test_is_needed_where_there_is_a_text_and_told_to_the_call(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            _, login = await use(outside, code_of(await invited(outside)))
            set_page(parts, consent="2026-05")
            admit(parts, "guest-1")
            path, more = (
                f"/v1/calls/{CALL.call_id}/parties",
                {"data": OFFER, "headers": {"Content-Type": "application/sdp"}},
            )
            for said in ("", "?consent=2025-01", "?consent="):
                assert await outside.code("POST", path + said, login["token"], **more) == (403, "no-consent")
            assert not parts.calls.asked
            assert (await outside.ask("POST", f"{path}?consent=2026-05", login["token"], **more))[0] == 201
            [(_, ask)] = parts.calls.asked
            assert isinstance(ask, Join) and (ask.consent, ask.at) == ("2026-05", parts.clock.wall())

    async def test_is_nothing_that_a_guest_makes_up(self, tmp_path: Path) -> None:
        async with sending(tmp_path) as (parts, outside, _):
            _, login = await use(outside, code_of(await invited(outside)), DEVICE)
            admit(parts, "guest-1")
            path, more = (
                f"/v1/calls/{CALL.call_id}/parties?consent=mine",
                {"data": OFFER, "headers": {"Content-Type": "application/sdp"}},
            )
            assert (await outside.ask("POST", path, login["token"], **more))[0] == 201
            [(_, ask)] = parts.calls.asked
            assert isinstance(ask, Join) and ask.consent == ""


@asynccontextmanager
async def rating(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Web, list[object]]]:
    """A gateway, and what becomes known of late ratings."""
    known: list[object] = []
    note = lambda call_id, leg, kind, text: known.append((call_id, text))  # noqa: E731
    late = LateChanges(known.append, note, known.append)
    async with web(tmp_path, late_changes=late) as (parts, outside):
        yield parts, outside, known


class TestRating:
    async def test_of_a_live_call_is_told_to_it(self, tmp_path: Path) -> None:
        async with rating(tmp_path) as (parts, outside, known):
            parts.calls.add(CALL)
            assert (await outside.ask("PUT", RATING, token(parts), json={"stars": 4}))[0] == 204
            assert parts.calls.asked == [(CALL.call_id, Rate(4))] and not known

    async def test_of_a_call_that_has_ended_is_kept_with_it_once(self, tmp_path: Path) -> None:
        async with rating(tmp_path) as (parts, outside, known):
            over = ended(CALL, parts.clock.wall() - 5)
            parts.save(over)
            assert (await outside.ask("PUT", RATING, token(parts), json={"stars": 2}))[0] == 204
            row, note, notice = known
            kept = msgspec.json.decode(row.view, type=CallView)  # type: ignore[attr-defined]
            assert kept == replace(over, rating=2)
            assert note == (CALL.call_id, "the caller has rated the call with 2 of 5")
            assert notice == Notice(CALL.call_id, "rated", "the caller has rated the call with 2 of 5")
            parts.save(kept)
            assert await outside.code("PUT", RATING, token(parts), json={"stars": 5}) == (409, "call-ended")

    async def test_is_kept_where_the_call_ends_meanwhile(self, tmp_path: Path) -> None:
        async with rating(tmp_path) as (parts, outside, known):
            parts.calls.add(CALL)
            parts.save(ended(CALL, parts.clock.wall()))
            parts.calls.answers[Rate] = Denial(409, "call-ended", "over")
            assert (await outside.ask("PUT", RATING, token(parts), json={"stars": 2}))[0] == 204
            assert len(known) == 3

    async def test_is_not_for_others_nor_for_ever(self, tmp_path: Path) -> None:
        async with rating(tmp_path) as (parts, outside, known):
            parts.save(ended(CALL, parts.clock.wall() - RATED_LATE_S - 1))
            four = {"json": {"stars": 4}}
            assert await outside.code("PUT", RATING, token(parts), **four) == (409, "call-ended")
            assert await outside.code("PUT", RATING, token(parts, guest="expert"), **four) == (403, "not-the-caller")
            other = RATING.replace(CALL.call_id, "8zz2m0000000")
            assert await outside.code("PUT", other, token(parts), **four) == (403, "not-your-call")
            assert await outside.code("PUT", RATING, "desk", **four) == (403, "wrong-scope")
            set_page(parts, rating=False)
            assert await outside.code("PUT", RATING, token(parts), **four) == (403, "not-asked")
            assert not known

    @pytest.mark.parametrize("stars", [0, 6, 4.5, "4", None, -1])
    async def test_is_one_to_five(self, tmp_path: Path, stars: object) -> None:
        async with rating(tmp_path) as (parts, outside, _):
            parts.calls.add(CALL)
            assert await outside.code("PUT", RATING, token(parts), json={"stars": stars}) == (400, "bad-body")
