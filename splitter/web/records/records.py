"""Records of ended calls: a row for each, of all nodes, by number, desk, time and outcome. Does I/O through aiohttp."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from aiohttp import web

from splitter.calls.after.detail import OUTCOMES, CallDetail, detail_of, outcome_of, to_csv
from splitter.core.errors import UNREADABLE
from splitter.store.schema import NEWEST, EndedCalls, KeptView
from splitter.web.calls.calls import limit_of
from splitter.web.calls.find import decoded
from splitter.web.http.errors import ApiError, json_response
from splitter.web.ports import Archive, Elsewhere, NodeAnswer
from splitter.web.records.shapes import RecordList

CSV, JSON_LINES = "text/csv", "application/x-ndjson"
_PAGE = 500  # rows that are read at a time, where some of them may be of another outcome
_PAGES = 20  # for one answer


class RecordRoutes:
    """Handler of /v1/records."""

    def __init__(self, archive: Archive, elsewhere: Elsewhere) -> None:
        self._archive = archive
        self._elsewhere = elsewhere

    async def listed(self, request: web.Request) -> web.Response:
        wanted, outcome, limit = _wanted(request), _outcome(request), limit_of(request)
        form = request.query.get("format", "json")
        if form not in ("json", "csv", "jsonl"):
            raise ApiError(400, "bad-query", f'format is json, csv or jsonl, not "{form[:20]}"')
        others = await self._elsewhere.ask_all(_as_json(request))
        await self._archive.flush()
        far, missing = _far(others)
        found = merged([await self._own(wanted, outcome, limit), *far], limit)
        found.missing = missing
        if form == "json":
            return json_response(found)
        headers = {"Splitter-Next": "" if found.next is None else repr(found.next)}
        headers["Splitter-Missing"] = ", ".join(found.missing)
        if form == "csv":
            text = await asyncio.to_thread(to_csv, found.records)
            return web.Response(text=text, content_type=CSV, charset="utf-8", headers=headers)
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in found.records)
        return web.Response(body=lines, content_type=JSON_LINES, headers=headers)

    async def _own(self, wanted: EndedCalls, outcome: str, limit: int) -> RecordList:
        """Records that were kept here. They are read beside the loop: a thousand of them would be felt by calls."""
        records: list[CallDetail] = []
        left_out = 0
        for _ in range(_PAGES):
            size = _PAGE if outcome else limit + 1 - len(records)
            rows = await self._archive.ended(wanted, size)
            found, unread = await asyncio.to_thread(_sifted, rows, outcome)
            records += found
            left_out += unread
            if len(records) > limit:
                return RecordList(records[:limit], records[limit - 1].started_at, left_out)
            if len(rows) < size:
                return RecordList(records, None, left_out)
            wanted = replace(wanted, before=rows[-1].started_at)
        return RecordList(records, wanted.before, left_out)


def _sifted(rows: Sequence[KeptView], outcome: str) -> tuple[list[CallDetail], int]:
    """The records of those with this outcome, and how many could not be read."""
    views = [decoded(row.view) for row in rows]
    found = [detail_of(view) for view in views if view is not None and outcome in ("", outcome_of(view))]
    return found, sum(view is None for view in views)


def merged(lists: Sequence[RecordList], limit: int) -> RecordList:
    """One list of several, the newest first: as far as all of them reach, and no further than `limit`."""
    horizon = max((one.next for one in lists if one.next is not None), default=-math.inf)
    records = sorted(
        (record for one in lists for record in one.records if record.started_at >= horizon),
        key=lambda record: record.started_at,
        reverse=True,
    )
    after: float | None = None if horizon == -math.inf else horizon
    if len(records) > limit:
        records = records[:limit]
        after = records[-1].started_at
    return RecordList(records, after, sum(one.left_out for one in lists))


def _far(answers: Sequence[NodeAnswer]) -> tuple[list[RecordList], tuple[str, ...]]:
    """Records of other nodes, and who of them said nothing that can be used: another version, perhaps."""
    lists: list[RecordList] = []
    missing: list[str] = []
    for answer in answers:
        try:
            lists.append(msgspec.json.decode(answer.body or b"", type=RecordList))
        except UNREADABLE:
            missing.append(answer.node)
    return lists, tuple(missing)


def _wanted(request: web.Request) -> EndedCalls:
    query = request.query
    since, before = _time(request, "since", 0.0), _time(request, "before", NEWEST)
    return EndedCalls(query.get("number", ""), query.get("extension", ""), since, before)


def _time(request: web.Request, name: str, otherwise: float) -> float:
    text = request.query.get(name, "")
    try:
        at = float(text) if text else otherwise
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise ApiError(400, "bad-query", f'{name} must be Unix seconds, not "{text[:40]}"')
    return at


def _outcome(request: web.Request) -> str:
    outcome = request.query.get("outcome", "")
    if outcome and outcome not in OUTCOMES:
        raise ApiError(400, "bad-query", f'outcome is {", ".join(OUTCOMES)}, not "{outcome[:20]}"')
    return outcome


def _as_json(request: web.Request) -> web.Request:
    """The request as it is put to other nodes."""
    if "format" not in request.query:
        return request
    query = [(name, value) for name, value in request.query.items() if name != "format"]
    return request.clone(rel_url=request.rel_url.with_query(query))
