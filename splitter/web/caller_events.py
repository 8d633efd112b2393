"""The event socket of a web caller, GET /v1/web/calls/{call}/events. Does I/O through aiohttp.

Subprotocols "splitter.caller.v1" and "bearer.TOKEN"; the first one is selected. Each frame is the whole view of the
call in JSON, the first one at once, one more whenever it changes. After the frame with "state": "ended" it is closed.
What the browser sends is not looked at.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
from aiohttp import WSMsgType, web

from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.view import WebCallView, WebState
from splitter.core.errors import PeerError
from splitter.web.callers import own_line
from splitter.web.errors import ApiError

PROTOCOL = "splitter.caller.v1"
PING_S = 15.0
SEND_LIMIT_S = 10.0
LONGEST_MESSAGE = 4096
_OVER = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class CallerEvents:
    """Serves event sockets of web callers."""

    def __init__(self, door: WebDoor | None) -> None:
        self._door = door

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket, from its opening to its end."""
        line = own_line(self._door, request)
        socket = web.WebSocketResponse(protocols=(PROTOCOL,), heartbeat=PING_S, max_msg_size=LONGEST_MESSAGE)
        if not socket.can_prepare(request).ok:
            raise ApiError(426, "no-websocket", "this is a WebSocket: connect with wss://")
        try:
            queue = line.watch()
        except PeerError as error:
            raise ApiError(429, "too-many", error.reason) from error
        try:
            await socket.prepare(request)
            reading = asyncio.create_task(_read(socket))
            writing = asyncio.create_task(_write(socket, queue))
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, writing):
                task.cancel()
            await asyncio.wait({reading, writing})
        finally:
            line.unwatch(queue)
            with suppress(ConnectionError, TimeoutError):
                await socket.close()
        return socket


async def _write(socket: web.WebSocketResponse, queue: asyncio.Queue[WebCallView]) -> None:
    while True:
        view = await queue.get()
        with suppress(ConnectionError):
            async with asyncio.timeout(SEND_LIMIT_S):
                await socket.send_str(msgspec.json.encode(view).decode())
        if view.state is WebState.ENDED:
            return


async def _read(socket: web.WebSocketResponse) -> None:
    """Notice when the browser goes."""
    with suppress(ConnectionError):
        while (await socket.receive()).type not in _OVER:
            pass
