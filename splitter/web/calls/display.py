"""What viewers of a call see: a party, a still, the slate. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import Show
from splitter.web.access.auth import bearer_of
from splitter.web.calls.calls import said_by
from splitter.web.calls.find import Finder
from splitter.web.calls.shapes import DisplayWish
from splitter.web.http.bodies import read_json
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import LiveCalls

DISPLAY_BODY = Body((JSON,), JSON_BYTES, DisplayWish)


class DisplayRoutes:
    """Handler of /v1/calls/{ref}/display."""

    def __init__(self, calls: LiveCalls, finder: Finder) -> None:
        self._calls = calls
        self._find = finder

    async def show(self, request: web.Request) -> web.Response:
        wish = await read_json(request, DISPLAY_BODY, DisplayWish)
        call = await self._find.to_change(request)
        await self._calls.ask(call.call_id, Show(wish.source, said_by(bearer_of(request)), wish.viewer, wish.of))
        return web.Response(status=204)
