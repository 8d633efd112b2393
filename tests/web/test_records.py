"""Records of ended calls over HTTP: filters, pages, forms."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.after.detail import detail_of
from splitter.store.schema import CallRow
from splitter.web.records.records import merged
from splitter.web.records.shapes import RecordList
from tests.web.kit import CALL, Gateway, Web, ended

ONE = ended(CALL)


def calls(count: int) -> list[Any]:
    """Ended calls, one every ten seconds; each third was busy, each fifth is of 8001."""
    return [
        replace(
            ONE,
            call_id=f"call-{number:04}",
            started_at=1000.0 + 10 * number,
            caller=f"1380013{number:04}",
            answered_at=None if number % 3 == 0 else 1003.0 + 10 * number,
            end_status=486 if number % 3 == 0 else 200,
            extension="8001" if number % 5 == 0 else "8002",
        )
        for number in range(count)
    ]


async def pages(outside: Web, query: str) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    before = ""
    for _ in range(100):
        status, body = await outside.ask("GET", f"/v1/records?{query}{before}", "reader")
        assert status == 200
        found += [record["call_id"] for record in body["records"]]
        if body["next"] is None:
            return found
        before = f"&before={body['next']!r}"
    raise AssertionError("it never ends")


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ("", lambda number: True),
            ("outcome=busy", lambda number: number % 3 == 0),
            ("outcome=answered&extension=8001", lambda number: number % 3 and number % 5 == 0),
            ("number=0007", lambda number: number == 7),
            ("number=13800130007", lambda number: number == 7),
            ("since=1050", lambda number: number >= 5),
            ("outcome=failed", lambda number: False),
        ],
    )
    @pytest.mark.parametrize("limit", [1, 7, 1000])
    async def test_are_kept_over_all_pages(
        self, query: str, wanted: Any, limit: int, parts: Gateway, outside: Web
    ) -> None:
        parts.save(*calls(31))
        found = await pages(outside, f"{query}&limit={limit}")
        assert found == [f"call-{number:04}" for number in reversed(range(31)) if wanted(number)]

    @pytest.mark.parametrize("query", ["outcome=odd", "since=tomorrow", "before=nan", "format=xml", "limit=0"])
    async def test_that_are_wrong_are_refused(self, query: str, outside: Web) -> None:
        assert await outside.code("GET", f"/v1/records?{query}", "reader") == (400, "bad-query")

    async def test_are_for_those_who_may_read_all_calls(self, outside: Web) -> None:
        assert await outside.code("GET", "/v1/records", "desk") == (403, "wrong-scope")


class TestRowsThatCannotBeRead:
    async def test_are_counted_and_passed_over(self, parts: Gateway, outside: Web) -> None:
        parts.save(*calls(2))
        for name, view in (("odd", b'{"call_id": "odd", "started_at": 5.0}'), ("none", b"\x00")):
            parts.store.save_call(CallRow(name, 5.0, 6.0, "1", "2", view))
        _, body = await outside.ask("GET", "/v1/records", "reader")
        assert (len(body["records"]), body["left_out"], body["next"]) == (2, 2, None)
        _, body = await outside.ask("GET", "/v1/records?extension=8002", "reader")
        assert len(body["records"]) == 1

    async def test_end_no_page(self, parts: Gateway, outside: Web) -> None:
        """More of them than a page has: what follows is there all the same."""
        parts.save(*calls(10))
        for number in range(10):
            at = 1000.0 + 10 * number + 5
            parts.store.save_call(CallRow(f"odd-{number}", at, at + 1, "1", "2", b"{}"))
        assert len(await pages(outside, "limit=4")) == 10


class TestForms:
    async def test_csv_is_a_line_each(self, parts: Gateway, outside: Web) -> None:
        parts.save(*calls(3))
        async with outside.request("GET", "/v1/records?format=csv&limit=2", "reader") as response:
            assert response.content_type == "text/csv" and response.headers["Splitter-Next"] == "1010.0"
            rows = list(csv.DictReader(io.StringIO(await response.text())))
        assert [row["call_id"] for row in rows] == ["call-0002", "call-0001"]

    async def test_json_lines_are_an_object_each(self, parts: Gateway, outside: Web) -> None:
        parts.save(*calls(3))
        async with outside.request("GET", "/v1/records?format=jsonl", "reader") as response:
            lines = (await response.text()).splitlines()
        assert [json.loads(line)["call_id"] for line in lines] == ["call-0002", "call-0001", "call-0000"]


class TestListsOfSeveralNodes:
    def listed(self, numbers: list[int], after: float | None = None) -> RecordList:
        rows = calls(31)
        return RecordList([detail_of(rows[number]) for number in numbers], after)

    def test_are_one_in_the_order_of_time(self) -> None:
        found = merged([self.listed([9, 5, 1]), self.listed([8, 6])], 10)
        assert [record.call_id[-1] for record in found.records] == list("98651") and found.next is None

    def test_reach_no_further_than_each_of_them(self) -> None:
        """What the first has before 1080 is not known: nothing older is told, or it would be out of order."""
        found = merged([self.listed([9, 8], 1080.0), self.listed([7, 3])], 10)
        assert [record.call_id[-1] for record in found.records] == ["9", "8"] and found.next == 1080.0

    def test_are_cut_at_the_limit(self) -> None:
        found = merged([self.listed([9, 5]), self.listed([8, 6])], 3)
        assert [record.call_id[-1] for record in found.records] == ["9", "8", "6"] and found.next == 1060.0
