"""Records of ended calls: a row for each, of all nodes, by number, desk, time and outcome. Does I/O through aiohttp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from aiohttp import web

from splitter.calls.detail import OUTCOMES, CallDetail, detail_of, outcome_of, to_csv
from splitter.store.schema import NEWEST, EndedCalls
from splitter.web.calls import limit_of
from splitter.web.errors import ApiError, json_response
from splitter.web.find import decoded
from splitter.web.ports import Archive, Elsewhere, NodeAnswer
from splitter.web.shapes import RecordList

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
        found = merged([await self._own(wanted, outcome, limit), *_far(others)], limit)
        found.missing = tuple(answer.node for answer in others if answer.body is None)
        if form == "json":
            return json_response(found)
        headers = {"Splitter-Next": "" if found.next is None else repr(found.next)}
        headers["Splitter-Missing"] = ", ".join(found.missing)
        if form == "csv":
            return web.Response(text=to_csv(found.records), content_type=CSV, charset="utf-8", headers=headers)
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in found.records)
        return web.Response(body=lines, content_type=JSON_LINES, headers=headers)

    async def _own(self, wanted: EndedCalls, outcome: str, limit: int) -> RecordList:
        """Those that were kept here."""
        records: list[CallDetail] = []
        left_out = 0
        for _ in range(_PAGES):
            rows = await self._archive.ended(wanted, _PAGE if outcome else limit + 1 - len(records))
            if not rows:
                return RecordList(records, None, left_out)
            for row in rows:
                wanted = replace(wanted, before=row.started_at)
                if (view := decoded(row.view)) is None:
                    left_out += 1
                elif not outcome or outcome_of(view) == outcome:
                    if len(records) == limit:
                        return RecordList(records, records[-1].started_at, left_out)
                    records.append(detail_of(view))
            if not outcome and len(records) <= limit and len(rows) < limit:
                return RecordList(records, None, left_out)
        return RecordList(records, wanted.before, left_out)


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


def _far(answers: Sequence[NodeAnswer]) -> list[RecordList]:
    return [msgspec.json.decode(one.body, type=RecordList) for one in answers if one.body is not None]


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
