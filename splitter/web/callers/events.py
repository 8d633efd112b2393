"""The event socket of a web caller, GET /v1/web/calls/{call}/events. Does I/O through aiohttp.

The subprotocol is "splitter.caller.v1"; see `view_socket`. Each frame is the whole view of the call in JSON, the first
one at once, one more whenever it changes. After the frame with "state": "ended" it is closed.
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.view import WebCallView, WebState
from splitter.core.errors import PeerError
from splitter.web.callers.callers import own_line
from splitter.web.http.errors import ApiError
from splitter.web.http.view_socket import fresh_socket, show_views

PROTOCOL = "splitter.caller.v1"


class CallerEvents:
    """Serves event sockets of web callers."""

    def __init__(self, door: WebDoor | None) -> None:
        self._door = door

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket, from its opening to its end."""
        line = own_line(self._door, request)
        socket = fresh_socket(request, PROTOCOL)
        try:
            queue = line.watch()
        except PeerError as error:
            raise ApiError(429, "too-many", error.reason) from error
        try:
            await show_views(request, socket, queue, _shown)
        finally:
            line.unwatch(queue)
        return socket


def _shown(view: WebCallView) -> tuple[object, bool]:
    return view, view.state is WebState.ENDED
