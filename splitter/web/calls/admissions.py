"""A desk asks to be let into another desk's call, and that one answers; see `calls.consent`. Does I/O through aiohttp.

POST   /v1/calls/{ref}/admissions              ask, for one's own desk
PUT    /v1/calls/{ref}/admissions/{extension}  admit, whether it has asked or not
DELETE /v1/calls/{ref}/admissions/{extension}  say no, take it back; who asked may take back the question
PUT    /v1/calls/{ref}/host                    make another desk in the call the host; or, a supervisor's own
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import Admit, AskIn, Denial, Dismiss, HandOver
from splitter.calls.logins.access import ENTERS, Scope
from splitter.web.access.auth import bearer_of
from splitter.web.calls.calls import said_by
from splitter.web.calls.find import Finder
from splitter.web.calls.shapes import CallId, HostWish
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import LiveCalls

HOST_BODY = Body((JSON,), JSON_BYTES, HostWish)

_LONGEST = 64


class AdmissionRoutes:
    """Handlers of the four above."""

    def __init__(self, calls: LiveCalls, finder: Finder) -> None:
        self._calls = calls
        self._find = finder

    async def ask(self, request: web.Request) -> web.Response:
        """Ask to be let in; each question costs a guess: it says that there is such a call, and asks a person."""
        bearer = bearer_of(request)
        if not bearer.extension:
            raise ApiError(422, "no-extension", "only a desk with an extension can be let in")
        call = await self._find.to_take(request)
        try:
            await self._calls.ask(call.call_id, AskIn(bearer.extension, bearer.may(*ENTERS)))
        except Denial as denial:
            if denial.code != "may-enter":
                self._find.missed(bearer)
            raise
        self._find.missed(bearer)
        return json_response(CallId(call.call_id), 202)

    async def admit(self, request: web.Request) -> web.Response:
        call, bearer = await self._find.to_own(request), bearer_of(request)
        await self._calls.ask(call.call_id, Admit(_extension(request), said_by(bearer)))
        return web.Response(status=204)

    async def hand_over(self, request: web.Request) -> web.Response:
        """Make another desk the host; a supervisor may make its own."""
        bearer, wish = bearer_of(request), await read_json(request, HOST_BODY, HostWish)
        takes = bearer.may(Scope.SUPERVISE) and bool(bearer.extension) and wish.extension == bearer.extension
        call = await (self._find.to_take(request) if takes else self._find.to_own(request))
        await self._calls.ask(call.call_id, HandOver(wish.extension, said_by(bearer), takes))
        return web.Response(status=204)

    async def dismiss(self, request: web.Request) -> web.Response:
        bearer, extension = bearer_of(request), _extension(request)
        if own := bool(bearer.extension) and extension == bearer.extension:
            call = await self._find.to_take(request)
        else:
            call = await self._find.to_own(request)
        await self._calls.ask(call.call_id, Dismiss(extension, said_by(bearer), own))
        return web.Response(status=204)


def _extension(request: web.Request) -> str:
    extension = request.match_info["extension"].strip()
    if not 0 < len(extension) <= _LONGEST or not extension.isprintable():
        raise ApiError(422, "bad-extension", "an extension is a few printable letters")
    return extension
