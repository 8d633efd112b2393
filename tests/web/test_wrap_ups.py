"""What an agent notes of a call that is over: kept with its record, with the screenshots that are to stay."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from splitter.calls.logins.access import ApiSettings
from splitter.calls.view import CallView, Notice
from splitter.media.ports.rooms import Snapshot
from splitter.store.kept_screenshots import KeptScreenshots
from splitter.web.records.late_changes import LateChanges
from splitter.web.records.wrap_ups import NOTED_LATE_S
from tests.web.kit import CALL, Gateway, Web, ended, web

WRAP_UP = f"/v1/calls/{CALL.call_id}/wrap-up"
PNG = b"\x89PNG of a caller"


@asynccontextmanager
async def wrapping(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Web, list[Notice]]]:
    """A gateway that keeps screenshots, and what it tells."""
    told: list[Notice] = []
    saved: list[Any] = []
    late = LateChanges(lambda row: saved[0](row), publish=told.append)
    kept = KeptScreenshots(tmp_path / "kept", 1_000_000)
    settings = ApiSettings(dispositions=("solved", "call back"))
    async with web(tmp_path, settings, late_changes=late, kept_screenshots=kept) as (parts, outside):
        saved.append(parts.store.save_call)
        yield parts, outside, told


def over(parts: Gateway, ago_s: float = 5.0, **more: Any) -> CallView:
    """Keep a call of the desk 501 that has ended so long ago."""
    view = replace(ended(CALL, parts.clock.wall() - ago_s), **{"extension": "501", **more})
    parts.save(view)
    return view


class TestNote:
    async def test_is_kept_and_told_and_in_every_record(self, tmp_path: Path) -> None:
        async with wrapping(tmp_path) as (parts, outside, told):
            over(parts)
            note = '<b>Water</b> main,\n=SUM(A1) "5 m"'
            status, noted = await outside.ask("PUT", WRAP_UP, "desk", json={"note": note, "disposition": "solved"})
            assert status == 200 and (noted["note"], noted["by"]) == (note, "desk")
            assert told == [Notice(CALL.call_id, "wrapped-up", "desk has noted what came of it: solved")]
            assert (await outside.ask("GET", f"/v1/calls/{CALL.call_id}", "desk"))[1]["wrap_up"] == noted
            _, found = await outside.ask("GET", "/v1/records", "reader")
            row = found["records"][0]
            assert (row["note"], row["disposition"], row["noted_by"]) == (note, "solved", "desk")
            _, text = await outside.ask("GET", "/v1/records?format=csv", "reader")
            [line] = csv.DictReader(io.StringIO(text.decode()))
            assert (line["note"], line["disposition"]) == (note, "solved")

    async def test_of_a_formula_is_harmless_in_csv(self, tmp_path: Path) -> None:
        async with wrapping(tmp_path) as (parts, outside, _):
            over(parts)
            assert (await outside.ask("PUT", WRAP_UP, "desk", json={"note": "=HYPERLINK(1)"}))[0] == 200
            _, text = await outside.ask("GET", "/v1/records?format=csv", "reader")
            [line] = csv.DictReader(io.StringIO(text.decode()))
            assert line["note"] == "'=HYPERLINK(1)"

    async def test_is_replaced_by_the_next_one(self, tmp_path: Path) -> None:
        async with wrapping(tmp_path) as (parts, outside, told):
            over(parts)
            for note in ("first", "second"):
                assert (await outside.ask("PUT", WRAP_UP, "cti", json={"note": note}))[0] == 200
            view = (await outside.ask("GET", f"/v1/calls/{CALL.call_id}", "reader"))[1]
            assert view["wrap_up"]["note"] == "second" and len(told) == 2

    async def test_is_refused(self, tmp_path: Path) -> None:
        async with wrapping(tmp_path) as (parts, outside, told):
            body = {"json": {"note": "x"}}
            assert await outside.code("PUT", WRAP_UP, "desk", **body) == (404, "no-such-call")
            over(parts, extension="502", admitted=("501",))
            assert await outside.code("PUT", WRAP_UP, "desk", **body) == (403, "not-your-call")
            assert await outside.code("PUT", WRAP_UP, "reader", **body) == (403, "wrong-scope")
            over(parts, NOTED_LATE_S + 1)
            assert await outside.code("PUT", WRAP_UP, "desk", **body) == (409, "too-late")
            assert (await outside.ask("PUT", WRAP_UP, "cti", **body))[0] == 200
            wrong = {"json": {"disposition": "lost"}}
            assert await outside.code("PUT", WRAP_UP, "cti", **wrong) == (422, "no-such-disposition")
            for bad in ({"note": "x" * 4001}, {"screenshots": [0]}, {"screenshots": [1] * 21}, {"text": ""}):
                assert await outside.code("PUT", WRAP_UP, "cti", json=bad) == (400, "bad-body")
            parts.calls.add(CALL)
            assert await outside.code("PUT", WRAP_UP, "cti", **body) == (409, "not-ended")
            assert len(told) == 1


class TestScreenshots:
    async def test_stay_with_the_call_beyond_the_album(self, tmp_path: Path) -> None:
        async with wrapping(tmp_path) as (parts, outside, _):
            over(parts)
            for _ in range(3):
                await parts.ports.album.add(CALL.call_id, Snapshot(PNG, 480, 640, parts.clock.wall()))
            status, noted = await outside.ask("PUT", WRAP_UP, "desk", json={"screenshots": [3, 1, 9]})
            assert (status, noted["screenshots"]) == (200, [1, 3])
            _, noted = await outside.ask("PUT", WRAP_UP, "desk", json={"note": "later", "screenshots": [1]})
            assert noted["screenshots"] == [1, 3]
            parts.ports.album._forget(CALL.call_id)
            for number, status in ((1, 200), (2, 404), (3, 200), (9, 404)):
                found, body = await outside.ask("GET", f"/v1/calls/{CALL.call_id}/snapshots/{number}", "desk")
                assert found == status and (status != 200 or body == PNG)
            _, text = await outside.ask("GET", "/v1/records?format=csv", "reader")
            assert next(csv.DictReader(io.StringIO(text.decode())))["screenshots"] == "1; 3"
