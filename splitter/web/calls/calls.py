"""Calls: which there are, one of them, its end, whose it is, and its video. Does I/O through aiohttp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from splitter.calls.asks import Bind, DropVideo, RaiseVideo
from splitter.calls.logins.access import ApiSettings, Scope
from splitter.calls.view import CallView
from splitter.core.errors import UNREADABLE, SplitterError
from splitter.core.numbers import WantedNumber
from splitter.store.schema import NEWEST, EndedCalls
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.access.privacy import DeskSight, for_desk, seen
from splitter.web.calls.find import Finder, Found, decoded, kept
from splitter.web.calls.shapes import CallId, DeskWish, VideoWish
from splitter.web.events.unbound import is_unbound, may_see
from splitter.web.events.unbound import listed as unbound_calls
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import Archive, Elsewhere, LiveCalls, NodeAnswer

LIMIT_MOST = 1000
DESK_BODY = Body((JSON,), JSON_BYTES, DeskWish, needed=False)
VIDEO_BODY = Body((JSON,), JSON_BYTES, VideoWish, needed=False)

_TRUE = ("1", "true", "yes")


class CallRoutes:
    """Handlers of /v1/calls, /v1/unbound and /v1/search."""

    def __init__(
        self,
        calls: LiveCalls,
        archive: Archive,
        finder: Finder,
        elsewhere: Elsewhere,
        settings: Callable[[], ApiSettings] = ApiSettings,
    ) -> None:
        self._settings = settings
        self._calls = calls
        self._elsewhere = elsewhere
        self._archive = archive
        self._find = finder

    # ---- reading -------------------------------------------------------------------------------------------------

    async def listed(self, request: web.Request) -> web.Response:
        bearer, limit = bearer_of(request), limit_of(request)
        number, extension = request.query.get("number", ""), request.query.get("extension", "")
        if not flag(request, "ended"):
            views = sorted(self._living(), key=lambda view: view.started_at, reverse=True)
            shown = [view for one in views if (view := seen(one, bearer)) is not None]
            sought = WantedNumber(number)
            found = [view for view in shown if _matches(view, sought, extension)]
            return json_response({"calls": found[:limit]})
        await self._archive.flush()
        if bearer.may(Scope.READ, Scope.CONTROL):
            wanted = EndedCalls(number, extension, before=_before(request))
            rows = [kept(row.view) for row in await self._archive.ended(wanted, limit)]
            return json_response(_of_all(rows, await self._elsewhere.ask_all(request), limit))
        return json_response({"calls": await self._ended(request, bearer, number, extension)})

    async def unbound(self, request: web.Request) -> web.Response:
        bearer = bearer_of(request)
        if not may_see(bearer, self._settings().unbound_calls):
            metrics.api.REFUSED.labels("scope").inc()
            raise ApiError(403, "wrong-scope", "calls that nobody has are not shown here: see api.unbound_calls")
        return json_response(unbound_calls((view for view in self._living() if is_unbound(view)), bearer))

    async def one(self, request: web.Request) -> web.Response:
        return json_response((await self._find.to_read(request)).view)

    async def search(self, request: web.Request) -> web.Response:
        number, limit = request.query.get("number", ""), limit_of(request)
        if not number:
            raise ApiError(400, "bad-query", "say which number: /v1/search?number=…")
        living = self._living()
        wanted = WantedNumber(number)
        whole = [call for call in living if _is_of(call, wanted)]
        ends = [call for call in living if call.caller.endswith(number) or call.called.endswith(number)]
        newest = sorted(whole or ends, key=lambda call: call.started_at, reverse=True)[:limit]
        await self._archive.flush()
        known = {call.call_id for call in newest}
        try:
            found = [kept(view) for view in await self._archive.search(number, limit)]
        except SplitterError:
            if not newest:
                raise
            found = []  # the store is down; what lives can be shown even so
        others = await self._elsewhere.ask_all(request)
        more = _of_all([call for call in found if call.call_id not in known], others, limit)
        more["calls"] = [*newest, *(one for one in more["calls"] if _id_of(one) not in known)][:limit]
        return json_response(more)

    # ---- changing ------------------------------------------------------------------------------------------------

    async def hangup(self, request: web.Request) -> web.Response:
        call = await self._find.to_own(request)
        if not self._calls.hangup(call.call_id, f"hung up by {said_by(bearer_of(request))}"):
            raise ApiError(409, "call-ended", f"call {call.call_id} has ended already")
        return json_response(CallId(call.call_id), 202)

    async def bind(self, request: web.Request) -> web.Response:
        """CTI binds any call to any desk; a desk takes a call that it names, unless another one has it."""
        bearer = bearer_of(request)
        wish = await read_json(request, DESK_BODY, DeskWish)
        call = await self._find.to_take(request)
        extension = wish.extension or bearer.extension
        if not extension:
            raise ApiError(422, "no-extension", 'say whose call it is: {"extension": "8001"}')
        if bearer.may(Scope.CONTROL):
            return await self._bound(call, extension, "cti", bearer)
        if extension != bearer.extension:
            raise ApiError(403, "wrong-scope", f"{bearer.name} takes calls for {bearer.extension} alone")
        if call.extension not in ("", extension):
            self._find.missed(bearer)
            raise ApiError(409, "bound-already", "the call is another desk's already: ask to be let in")
        return await self._bound(call, extension, "client", bearer)

    async def unbind(self, request: web.Request) -> web.Response:
        bearer = bearer_of(request)
        call = await self._find.to_change(request)
        if not bearer.may(Scope.CONTROL) and call.extension != bearer.extension:
            raise ApiError(409, "not-bound", f"call {call.call_id} is not bound to {bearer.extension}")
        return await self._bound(call, "", "cti" if bearer.may(Scope.CONTROL) else "client", bearer)

    async def raise_video(self, request: web.Request) -> web.Response:
        wish = await read_json(request, VIDEO_BODY, VideoWish)
        call = await self._find.to_change(request)
        link = wish.language if wish.else_link else None
        await self._calls.ask(call.call_id, RaiseVideo(said_by(bearer_of(request)), link))
        return json_response(CallId(call.call_id), 202)

    async def drop_video(self, request: web.Request) -> web.Response:
        call = await self._find.to_own(request)
        await self._calls.ask(call.call_id, DropVideo(said_by(bearer_of(request))))
        return json_response(CallId(call.call_id), 202)

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _living(self) -> list[CallView]:
        """The calls that live, at whichever node."""
        return [*self._calls.list(), *self._elsewhere.calls()]

    async def _bound(self, call: CallView, extension: str, by: str, bearer: Bearer) -> web.Response:
        await self._calls.ask(call.call_id, Bind(extension, by))
        now = self._calls.get(call.call_id) or call
        return json_response(now if by == "cti" else for_desk(now, DeskSight.of(bearer)))

    async def _ended(self, request: web.Request, bearer: Bearer, number: str, extension: str) -> list[CallView]:
        """The calls that a desk may see, of the newest thousand."""
        newest = await self._archive.ended(EndedCalls(before=_before(request)), LIMIT_MOST)
        views = [decoded(row.view) for row in newest]
        shown = [view for one in views if one is not None and (view := seen(one, bearer)) is not None]
        wanted = WantedNumber(number)
        return [view for view in shown if _matches(view, wanted, extension)][: limit_of(request)]


class _Head(msgspec.Struct):
    call_id: str
    started_at: float = 0.0


class _Rows(msgspec.Struct):
    calls: list[msgspec.Raw]


def _of_all(own: list[Found], others: list[NodeAnswer], limit: int) -> dict[str, Any]:
    """Kept calls of all nodes, the newest first; `missing`: nodes that say nothing now that can be used."""
    rows = [one.view for one in own]
    heads = {_id_of(row): row for row in rows} if others else {}
    missing = []
    for answer in others:
        try:
            far = {_id_of(row): row for row in msgspec.json.decode(answer.body or b"", type=_Rows).calls}
        except UNREADABLE:  # another version, perhaps
            missing.append(answer.node)
        else:
            heads |= far
    if others:
        rows = sorted(heads.values(), key=_began, reverse=True)
    return {"calls": rows[:limit], **({"missing": missing} if missing else {})}


def _id_of(row: CallView | msgspec.Raw) -> str:
    return row.call_id if isinstance(row, CallView) else msgspec.json.decode(row, type=_Head).call_id


def _began(row: CallView | msgspec.Raw) -> float:
    return row.started_at if isinstance(row, CallView) else msgspec.json.decode(row, type=_Head).started_at


def said_by(bearer: Bearer) -> str:
    """The name of whoever acts, for the trace and for other desks."""
    own = bearer.extension
    return f"{bearer.name} ({own})" if own and own != bearer.name else bearer.name


def flag(request: web.Request, name: str) -> bool:
    """A query parameter that is either there or not."""
    return request.query.get(name, "").lower() in _TRUE


def limit_of(request: web.Request) -> int:
    """The number of calls that is wanted."""
    text = request.query.get("limit", "50")
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:6]) <= LIMIT_MOST:
        raise ApiError(400, "bad-query", f'limit must be a number from 1 to {LIMIT_MOST}, not "{text}"')
    return int(text)


def _matches(view: CallView, wanted: WantedNumber, extension: str) -> bool:
    return (not wanted.written or _is_of(view, wanted)) and (not extension or view.extension == extension)


def _is_of(view: CallView, wanted: WantedNumber) -> bool:
    """From or to this number, in any spelling."""
    return wanted.names(view.caller) or wanted.names(view.called)


def _before(request: web.Request) -> float:
    text = request.query.get("before")
    if text is None:
        return NEWEST
    try:
        return float(text)
    except ValueError:
        raise ApiError(400, "bad-query", f'before must be Unix seconds, not "{text}"') from None
