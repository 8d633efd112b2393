"""The connection of a fork: a WebSocket that is opened again for as long as its call lasts. Does I/O (asyncio).

Nothing here is waited for by packets: they are put into the queue, and this takes them out as fast as the receiver
reads.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket as sockets
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

import aiohttp
import structlog

from splitter.core.limits import Bucket
from splitter.core.pauses import doubled_s
from splitter.media.forward.fork import MediaFork
from splitter.media.forward.protocol import ForkState

_OPEN_LIMIT_S = 10.0
_HEARTBEAT_S = 20.0
_SAID_LIMIT_BYTES = 1 << 16  # of what a receiver says, which nobody reads
_SAID_AT_ONCE, _SAID_S = 10_000, 0.001  # messages: more would keep recorders waiting
_LAST_S = 5.0
_STUCK_S = 30.0  # in which a receiver that is there takes nothing at all
_HELD_BYTES = 1 << 16  # by the kernel: two seconds of both voices; it would hold minutes
_CERTIFICATES_S = 60.0
_FIRST_AGAIN_S, _LAST_AGAIN_S, _STEADY_S = 0.5, 30.0, 30.0

log = structlog.get_logger(__name__)


class ForkSender:
    """The connection of one fork, and its successors.

    Args:
        said: told how it is, in words, at each change.
        first_again_s: the first pause before another try.
    """

    def __init__(
        self,
        said: Callable[[ForkState, str], None],
        first_again_s: float = _FIRST_AGAIN_S,
    ) -> None:
        self._said, self._first_again_s = said, first_again_s
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last: asyncio.TimerHandle | None = None
        self._ended: str | None = None
        self._connected = self._pauses = False

    def wake(self) -> None:
        """Something waits."""
        self._wake.set()

    def begin(self, fork: MediaFork) -> asyncio.Task[None]:
        """Begin. Returns: what runs until the end."""
        self._task = asyncio.get_running_loop().create_task(self._run(fork), name=f"fork {fork.recording}")
        return self._task

    def end(self, reason: str) -> None:
        """End it: what waits is sent, if the receiver still takes it within seconds."""
        self._ended = reason
        self._wake.set()
        if self._task is not None and self._last is None:
            if self._pauses:
                self._task.cancel()
            else:
                self._last = asyncio.get_running_loop().call_later(_LAST_S, self._task.cancel)

    # ---- inside ----------------------------------------------------------------------------------------------------

    async def _run(self, fork: MediaFork) -> None:
        loop, tries, again = asyncio.get_running_loop(), 0, 0
        where = _where(fork.to.url)
        try:
            while True:
                began, reason = loop.time(), "it closed the connection"
                try:
                    reason = await self._connection(fork, where, again) or reason
                except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                    reason = _words(error)
                if self._ended is not None:
                    return
                tries = 0 if self._connected and loop.time() - began > _STEADY_S else tries + 1
                again += self._connected
                self._connected, fork.queue.is_open = False, False
                fork.queue.clear_media()
                self._said(ForkState.DOWN, f"{where}: {reason}")
                self._pauses = True
                await asyncio.sleep(doubled_s(self._first_again_s, _LAST_AGAIN_S, tries - 1, random.random()))
                self._pauses = False
        finally:
            if self._last is not None:
                self._last.cancel()

    async def _connection(self, fork: MediaFork, where: str, again: int) -> str:
        """One connection, to its end. Returns: why it ended, "" where the receiver says nothing of it."""
        turn = int(time.monotonic() / _CERTIFICATES_S)
        context = await asyncio.to_thread(_context, fork.to.ca, turn) if fork.to.url.startswith("wss:") else False
        headers = {"Authorization": f"Bearer {fork.to.token}"} if fork.to.token else {}
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_OPEN_LIMIT_S)
        async with aiohttp.ClientSession(timeout=limits, trust_env=False, middlewares=(_stay,)) as session:
            async with asyncio.timeout(_OPEN_LIMIT_S):
                socket = await session.ws_connect(
                    fork.to.url,
                    headers=headers,
                    ssl=context,
                    heartbeat=_HEARTBEAT_S,
                    max_msg_size=_SAID_LIMIT_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
            _limit_stuck(socket)
            self._connected, fork.queue.is_open = True, True
            self._said(ForkState.SENT, f"sent to {where}")
            sending = asyncio.create_task(self._send(fork, socket, again))
            reading = asyncio.create_task(_read(socket))
            try:
                await asyncio.wait((sending, reading), return_when=asyncio.FIRST_COMPLETED)
                return sending.result() if sending.done() else reading.result()
            finally:
                for task in (sending, reading):
                    task.cancel()
                await asyncio.gather(sending, reading, return_exceptions=True)
                with suppress(TimeoutError, OSError):
                    async with asyncio.timeout(1.0):
                        await socket.close()

    async def _send(self, fork: MediaFork, socket: aiohttp.ClientWebSocketResponse, again: int) -> str:
        queue = fork.queue
        await socket.send_str(json.dumps(fork.start(again), ensure_ascii=False))
        while True:
            self._wake.clear()
            while (item := queue.pop()) is not None:
                await (socket.send_str(item) if isinstance(item, str) else socket.send_bytes(item))
            if self._ended is not None:
                await socket.send_str(json.dumps(fork.stop(self._ended), ensure_ascii=False))
                return ""
            await self._wake.wait()


async def _read(socket: aiohttp.ClientWebSocketResponse) -> str:
    """Read on, for pings and the close; what is said is nobody's. Returns: why it ended."""
    loop = asyncio.get_running_loop()
    said = Bucket.full(_SAID_AT_ONCE, _SAID_S, loop.time())
    async for _ in socket:
        if not said.permit(loop.time()):
            return "it says too much"
    error = socket.exception()
    return _words(error) if error is not None else f"it closed the connection ({socket.close_code})"


async def _stay(request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Follow nobody elsewhere: voices could go in clear there, or to whom nobody named. Raises ClientError."""
    answer = await ask(request)
    if 300 <= answer.status < 400:
        answer.close()
        raise aiohttp.ClientResponseError(answer.request_info, (), status=answer.status)
    return answer


def _limit_stuck(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Have the kernel give up on who acknowledges and takes nothing, or what waits for it would keep a closed one."""
    one = socket.get_extra_info("socket")
    if one is not None:
        one.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, _HELD_BYTES)
        one.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, round(_STUCK_S * 1000))


@lru_cache(maxsize=4)
def _context(ca: str, turn: int) -> ssl.SSLContext:
    """Read who is to be believed, once in each `turn`: all calls may be tried again at one time."""
    return ssl.create_default_context(cafile=ca or None)


def _where(url: str) -> str:
    """The receiver in traces: paths and queries may hold keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _words(error: BaseException) -> str:
    match error:
        case aiohttp.ClientResponseError(status=101):
            return "what it answers is no WebSocket"
        case aiohttp.ClientResponseError():
            return f"it answers {error.status}"
        case TimeoutError():
            return "it does not answer"
        case aiohttp.InvalidURL():
            return "the URL leads nowhere"  # it may hold keys
        case _:
            return (str(error) or type(error).__name__)[:200]
