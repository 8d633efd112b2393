"""A WebSocket that shows one thing as it changes: each frame is all of it. Does I/O through aiohttp.

Subprotocols PROTOCOL and "bearer.TOKEN"; the first one is selected. What the browser sends is not looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import msgspec
from aiohttp import WSMsgType, web

from splitter.web.http.errors import ApiError

PING_S = 15.0
SEND_LIMIT_S = 10.0
LONGEST_MESSAGE = 4096
EXPIRED = 4001
_OVER = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)

T = TypeVar("T")


def fresh_socket(request: web.Request, protocol: str) -> web.WebSocketResponse:
    """A socket for this request. Raises ApiError where it asks for none."""
    socket = web.WebSocketResponse(protocols=(protocol,), heartbeat=PING_S, max_msg_size=LONGEST_MESSAGE)
    if not socket.can_prepare(request).ok:
        raise ApiError(426, "no-websocket", "this is a WebSocket: connect with wss://")
    return socket


async def show_views(
    request: web.Request,
    socket: web.WebSocketResponse,
    queue: asyncio.Queue[T],
    shown: Callable[[T], tuple[object, bool] | None],
) -> None:
    """Send what comes into the queue until one side ends it.

    Args:
        shown: what is sent of it, and whether that is the last; None where nothing may be shown any more.
    """
    await socket.prepare(request)  # a browser may be gone by now; there is nothing to close then
    try:
        reading = asyncio.create_task(_read(socket))
        writing = asyncio.create_task(_write(socket, queue, shown))
        await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
        for task in (reading, writing):
            task.cancel()
        await asyncio.wait({reading, writing})
    finally:
        with suppress(ConnectionError, TimeoutError):
            await socket.close()
        forget_fault(socket)


def forget_fault(socket: web.WebSocketResponse) -> None:
    """Have a socket that is over let go of the way to its fault, which leads back to it: a ring of objects else."""
    fault: BaseException | None = socket.exception()
    while fault is not None:
        before, fault.__context__ = fault.__context__, None
        fault.with_traceback(None)
        fault = before


async def _write(
    socket: web.WebSocketResponse, queue: asyncio.Queue[T], shown: Callable[[T], tuple[object, bool] | None]
) -> None:
    while True:
        found = shown(await queue.get())
        if found is None:
            with suppress(ConnectionError, TimeoutError):
                await socket.close(code=EXPIRED)
            return
        view, last = found
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await socket.send_str(msgspec.json.encode(view).decode())
        except (ConnectionError, TimeoutError):
            return  # nobody reads there
        if last:
            return


async def _read(socket: web.WebSocketResponse) -> None:
    """Notice when the browser goes."""
    with suppress(ConnectionError):
        while (await socket.receive()).type not in _OVER:
            pass
