"""The API over calls and their traces, version 1. Does I/O through aiohttp.

    GET    /v1/status
    GET    /v1/calls              live calls; ended=1: those that ended instead; limit=, before= (started_at) for paging
    GET    /v1/calls/{ref}        one call
    DELETE /v1/calls/{ref}        hang up; 202
    GET    /v1/calls/{ref}/trace  an event per line (NDJSON); raw=1: with the bytes (base64); follow=1: until the end
    GET    /v1/seats              SIP seats that are registered
    GET    /v1/trunks             the neighbours: state, calls, limits, latency, each server
    GET    /v1/search             number=: calls from or to it, live and ended, the newest first; limit=

Bans and certificates: see `splitter.web.security`. {ref} is a call id, its beginning, or the short
code. Live calls go before ended ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

import msgspec
from aiohttp import web

from splitter.calls.view import CallView
from splitter.core.errors import SplitterError
from splitter.telemetry.summary import Summariser
from splitter.telemetry.trace import TraceEvent
from splitter.web.errors import ApiError, border, json_response
from splitter.web.ports import Ports
from splitter.web.security import add_routes

LIMIT_MOST = 1000
LEAST_PREFIX = 3
HEARTBEAT_S = 10.0  # an empty line, so that a follower who left is noticed
LAST_MESSAGES_S = 1.0  # after the end of a call its BYE is still to be answered
_TRUE = ("1", "true", "yes")

_EVENTS_PER_WRITE = 20


def build(ports: Ports) -> web.Application:
    """The application, ready to be served."""
    api = _Api(ports)
    app = web.Application(middlewares=[border])
    app.router.add_get("/v1/status", api.status)
    app.router.add_get("/v1/calls", api.calls)
    app.router.add_get("/v1/calls/{ref}", api.call)
    app.router.add_delete("/v1/calls/{ref}", api.hangup)
    app.router.add_get("/v1/calls/{ref}/trace", api.trace)
    app.router.add_get("/v1/search", api.search)
    app.router.add_get("/v1/seats", api.seats)
    app.router.add_get("/v1/trunks", api.trunks)
    add_routes(app, ports.security)
    return app


class _Id(msgspec.Struct):
    call_id: str


class _Found(NamedTuple):
    call_id: str
    view: CallView | msgspec.Raw


class _Api:
    def __init__(self, ports: Ports) -> None:
        self._calls = ports.calls
        self._archive = ports.archive
        self._live = ports.live
        self._status = ports.status
        self._seats = ports.seats
        self._trunks = ports.trunks

    async def status(self, request: web.Request) -> web.Response:
        return json_response(self._status())

    async def seats(self, request: web.Request) -> web.Response:
        views = sorted(self._seats(), key=lambda seat: (seat.trunk, seat.user, seat.registered_at))
        return json_response({"seats": views})

    async def trunks(self, request: web.Request) -> web.Response:
        return json_response({"trunks": self._trunks()})

    async def calls(self, request: web.Request) -> web.Response:
        if not _flag(request, "ended"):
            views = sorted(self._calls.list(), key=lambda view: view.started_at, reverse=True)
            return json_response({"calls": views[: _limit(request)]})
        await self._archive.flush()
        return json_response({"calls": _raw(await self._archive.calls(_limit(request), _before(request)))})

    async def call(self, request: web.Request) -> web.Response:
        return json_response((await self._find(request.match_info["ref"])).view)

    async def hangup(self, request: web.Request) -> web.Response:
        call = await self._find(request.match_info["ref"])
        if not self._calls.hangup(call.call_id, "hung up by the operator"):
            raise ApiError(409, "call-ended", f"call {call.call_id} has ended already")
        return json_response({"call_id": call.call_id}, 202)

    async def search(self, request: web.Request) -> web.Response:
        number, limit = request.query.get("number", ""), _limit(request)
        if not number:
            raise ApiError(400, "bad-query", "say which number: /v1/search?number=…")
        live = [call for call in self._calls.list() if call.caller.endswith(number) or call.called.endswith(number)]
        exact = [call for call in live if number in (call.caller, call.called)]
        newest = sorted(exact or live, key=lambda call: call.started_at, reverse=True)[:limit]
        await self._archive.flush()
        known = {call.call_id for call in newest}
        try:
            found = [_kept(view) for view in await self._archive.search(number, limit)]
        except SplitterError:
            if not newest:
                raise
            found = []  # the store is down; what lives can be shown even so
        kept = [call.view for call in found if call.call_id not in known]
        return json_response({"calls": [*newest, *kept][:limit]})

    async def trace(self, request: web.Request) -> web.StreamResponse:
        call_id = (await self._find(request.match_info["ref"])).call_id
        raw, follow = _flag(request, "raw"), _flag(request, "follow")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        summariser = Summariser()
        async with aclosing(self._follow(call_id) if follow else self._stored(call_id)) as batches:
            # Read before the headers are sent: a store that is down is an error, not an empty trace.
            batch: list[TraceEvent] = await anext(batches, [])
            await response.prepare(request)
            await _write(response, batch, None if raw else summariser)
            async for batch in batches:
                await _write(response, batch, None if raw else summariser)
        await response.write_eof()
        return response

    # ---- inner ---------------------------------------------------------------------------------------------------

    async def _stored(self, call_id: str) -> AsyncGenerator[list[TraceEvent], None]:
        await self._archive.flush()
        events = await self._archive.trace(call_id)
        if events:
            yield events

    async def _follow(self, call_id: str) -> AsyncGenerator[list[TraceEvent], None]:
        """What was, then what happens, until the call is over; an empty list now and then when nothing does."""
        with self._live.subscribe(call_id) as subscription:  # first, so that nothing falls between the two
            await self._archive.flush()
            stored: list[TraceEvent] = []
            try:
                stored = await self._archive.trace(call_id)
            except SplitterError as error:  # what comes can be shown even so
                note = f"what happened before is missing: {error}"
                stored = [TraceEvent(call_id, 0.0, "", "note", "", "", note)]
            yield stored
            known = max((event.seq for event in stored), default=0)
            while True:
                ended = subscription.ended
                event = await subscription.next(LAST_MESSAGES_S if ended else HEARTBEAT_S)
                if event is not None:
                    if event.seq > known:
                        yield [event]
                elif ended:
                    return
                elif not subscription.ended:
                    yield []

    async def _find(self, reference: str) -> _Found:
        """The call that a reference names; refused where there is none, or several."""
        live = self._calls.get(reference)
        if live is not None:
            return _Found(live.call_id, live)
        found = [call for call in self._calls.list() if call.short_code == reference]
        if not found and len(reference) >= LEAST_PREFIX:
            found = [call for call in self._calls.list() if call.call_id.startswith(reference)]
        matches = [_Found(call.call_id, call) for call in found]
        if not matches and len(reference) >= LEAST_PREFIX:
            await self._archive.flush()
            matches = [_kept(view) for view in await self._archive.find(reference)]
        if not matches:
            raise ApiError(404, "no-such-call", f"there is no call {reference}")
        if len(matches) > 1:
            names = ", ".join(call.call_id for call in matches[:5])
            raise ApiError(409, "several-calls", f"{reference} begins the id of several calls: {names}")
        return matches[0]


def _kept(data: bytes) -> _Found:
    """A kept view: only its id is read, so that rows of older versions can still be shown."""
    return _Found(msgspec.json.decode(data, type=_Id).call_id, msgspec.Raw(data))


def _raw(views: list[bytes]) -> list[msgspec.Raw]:
    """Views as they were kept: JSON inside JSON, not decoded."""
    return [msgspec.Raw(view) for view in views]


async def _write(response: web.StreamResponse, events: list[TraceEvent], summariser: Summariser | None) -> None:
    """Events as lines, in pieces, so that a long trace does not hold up the event loop; none: an empty line."""
    if not events:
        await response.write(b"\n")
    for start in range(0, len(events), _EVENTS_PER_WRITE):
        part = events[start : start + _EVENTS_PER_WRITE]
        shown = part if summariser is None else [summariser.describe(event) for event in part]
        await response.write(b"".join(msgspec.json.encode(event) + b"\n" for event in shown))
        await asyncio.sleep(0)


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() in _TRUE


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", "50")
    if not text.isdecimal() or not 1 <= int(text[:6]) <= LIMIT_MOST:
        raise ApiError(400, "bad-query", f'limit must be a number from 1 to {LIMIT_MOST}, not "{text}"')
    return int(text)


def _before(request: web.Request) -> float | None:
    text = request.query.get("before")
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise ApiError(400, "bad-query", f'before must be Unix seconds, not "{text}"') from None
