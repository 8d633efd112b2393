"""Recordings: of a live call, and those that were made. Does I/O through aiohttp.

POST   /v1/calls/{ref}/recording      begin, pause, resume or end the recording of a call, or leave somebody out
POST   /v1/calls/{ref}/fork           have who listens get the call, or not
GET    /v1/recordings                 those that match
GET    /v1/recordings/{id}            one of them, with its files
GET    /v1/recordings/{id}/files/{n}   a file of it, or a range of that
PUT    /v1/recordings/{id}/hold       let nothing delete it, or let it be deleted again
DELETE /v1/recordings/{id}            delete its files
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from splitter.calls.asks import ForkCall, LeaveOut, RecordCall
from splitter.calls.logins.access import Scope
from splitter.calls.states import ForkWish, RecordingAction
from splitter.core.errors import UNREADABLE, LocalError
from splitter.media.record.index import LIMIT_MOST, RecordingPart, RecordingQuery, RecordingRow, search
from splitter.web.access.auth import bearer_of
from splitter.web.access.privacy import hidden_from
from splitter.web.calls.calls import flag, said_by
from splitter.web.calls.find import Finder
from splitter.web.calls.shapes import CallId
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import Elsewhere, LiveCalls, NodeAnswer
from splitter.web.recordings.folder import RecordingFolder, as_seen, own_alone
from splitter.web.recordings.shapes import ForkCallWish, HoldWish, RecordingList, RecordingWish

RECORDING_BODY = Body((JSON,), JSON_BYTES, RecordingWish)
FORK_BODY = Body((JSON,), JSON_BYTES, ForkCallWish)
HOLD_BODY = Body((JSON,), JSON_BYTES, HoldWish)
_ENDS = ("state", "outcome", "video", "consent")
_ASKED = frozenset({"number", "agent", "route", "call", "since", "until", "limit", *_ENDS})
_OF_ONE = ("exclude", "include")
MATROSKA = "video/x-matroska"


class RecordingRoutes:
    """Handlers of the seven above."""

    def __init__(self, calls: LiveCalls, finder: Finder, recorded: RecordingFolder, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self._calls = calls
        self._find = finder
        self._recorded = recorded

    async def record(self, request: web.Request) -> web.Response:
        wish, bearer = await read_json(request, RECORDING_BODY, RecordingWish), bearer_of(request)
        call = await self._find.to_own(request)
        if bool(wish.party) is not (wish.action in _OF_ONE):
            raise ApiError(400, "bad-body", 'party is for "exclude" and "include", which need it')
        if wish.party in hidden_from(bearer, call):
            raise ApiError(404, "no-such-party", f"there is no {wish.party[:40]!r} in this call")
        if wish.action in _OF_ONE:
            await self._calls.ask(call.call_id, LeaveOut(wish.party, said_by(bearer), wish.action == "exclude"))
            return json_response(CallId(call.call_id))
        action, may_end = RecordingAction(wish.action), bearer.may(Scope.CONTROL)
        by_hand = action in (RecordingAction.START, RecordingAction.STOP)
        if by_hand and not may_end and not self._recorded.made.settings.on_demand:
            raise ApiError(403, "wrong-scope", "desks do not begin or end recordings here: see [recording] on_demand")
        await self._calls.ask(call.call_id, RecordCall(action, said_by(bearer), may_end))
        return json_response(CallId(call.call_id))

    async def fork(self, request: web.Request) -> web.Response:
        wish, bearer = await read_json(request, FORK_BODY, ForkCallWish), bearer_of(request)
        call = await self._find.to_own(request)
        await self._calls.ask(call.call_id, ForkCall(ForkWish(wish.fork), said_by(bearer)))
        return json_response(CallId(call.call_id))

    async def listed(self, request: web.Request) -> web.Response:
        asked, bearer = request.query, bearer_of(request)
        if own_alone(bearer) and not bearer.extension:
            return json_response(RecordingList([]))
        agent = bearer.extension if own_alone(bearer) else asked.get("agent", "")
        query = RecordingQuery(
            asked.get("number", ""),
            agent,
            asked.get("route", ""),
            asked.get("call", ""),
            _number(request, "since", 0.0),
            _number(request, "until", 0.0),
            int(_number(request, "limit", 50.0, LIMIT_MOST)),
            *(asked.get(name, "") for name in _ENDS),
        )
        looked_for = {name: asked[name][:100] for name in sorted(_ASKED & asked.keys())}
        await self._recorded.enter(request, "searched", {"for": looked_for})
        try:
            rows = await asyncio.to_thread(search, self._recorded.folder, query)
        except LocalError as error:
            raise ApiError(503, "unavailable", str(error)) from None
        rows = [as_seen(bearer, row) for row in rows]
        if query.number:  # nor is a hidden one found by its number
            rows = [row for row in rows if query.number in (row.caller, row.called)]
        rows, missing = merged(rows, await self._elsewhere.ask_all(request), query.limit)
        return json_response(RecordingList(rows, missing))

    async def one(self, request: web.Request) -> web.Response:
        return json_response(await self._recorded.row(request))

    async def file(self, request: web.Request) -> web.StreamResponse:
        row = await self._recorded.row(request)
        part = _part(row, request.match_info["number"])
        name = f'attachment; filename="{row.id}.{part.number}.mkv"'
        kind, headers = "exported" if flag(request, "export") else "opened", {"Content-Type": MATROSKA}
        headers["Content-Disposition"] = name
        return await self._recorded.send(request, row, part.path, kind, headers, part.hash)

    async def hold(self, request: web.Request) -> web.Response:
        wish, row = await read_json(request, HOLD_BODY, HoldWish), await self._recorded.row(request)
        try:
            await self._recorded.made.hold(row.id, wish.held, said_by(bearer_of(request)), wish.reason)
        except LocalError as error:
            raise ApiError(503, "no-recorder", str(error)) from None
        return json_response(await self._recorded.row(request))

    async def delete(self, request: web.Request) -> web.Response:
        row, reason = await self._recorded.row(request), request.query.get("reason", "")[:200]
        if row.held:
            raise ApiError(409, "held", f"recording {row.id} is held: release it first")
        if row.state in ("recording", "paused"):
            raise ApiError(409, "recording-already", f"recording {row.id} is being made")
        try:
            await self._recorded.made.delete(row.id, said_by(bearer_of(request)), reason)
        except LocalError as error:
            raise ApiError(503, "no-recorder", str(error)) from None
        return web.Response(status=204)


def merged(
    own: list[RecordingRow], answers: Sequence[NodeAnswer], limit: int
) -> tuple[list[RecordingRow], tuple[str, ...]]:
    """Recordings of all nodes, the newest first, each with the node that keeps it; and the nodes that said nothing.

    A node that records nothing says so, and is not missing.
    """
    rows, missing = list(own), []
    for answer in answers:
        try:
            far = msgspec.json.decode(answer.body or b"", type=RecordingList)
        except UNREADABLE:
            if answer.silent or answer.body is not None:
                missing.append(answer.node)
            continue
        rows.extend(msgspec.structs.replace(row, node=answer.node) for row in far.recordings)
    rows.sort(key=lambda row: row.began, reverse=True)
    return rows[: max(1, limit)], tuple(missing)


def _part(row: RecordingRow, number: str) -> RecordingPart:
    found = next((part for part in row.parts if str(part.number) == number), None)
    if found is None:
        raise ApiError(404, "no-such-recording", f"recording {row.id} has no file {number[:20]}")
    return found


def _number(request: web.Request, name: str, otherwise: float, most: float = 1e12) -> float:
    text = request.query.get(name)
    if text is None:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise ApiError(400, "bad-query", f'{name} must be a number, not "{text[:40]}"')
    return value
