"""Requests to one rtpengine, and its replies, over UDP. Does I/O (asyncio).

Each request has a cookie that nobody can guess, and is repeated under it until a reply comes or its time is over:
rtpengine answers a cookie that it has seen with the reply that it gave before, and carries nothing out twice. The
socket is connected, so the kernel hands us datagrams of that address alone, and tells us where nobody listens.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, cast

import structlog

from splitter.core.errors import MediaTimeout, MediaUnavailable, PeerError
from splitter.core.net import Address
from splitter.media.ng.bencode import decode, encode
from splitter.media.ng.messages import Message, Reply
from splitter.telemetry import metrics

REPEAT_S = 0.15
"""After this a request is sent again, and after twice that once more, and so on."""
WAITING_LIMIT = 5000
"""Requests under way to one rtpengine."""

log = structlog.get_logger(__name__)


class DatagramPort(Protocol):
    """What the client needs of its socket; asyncio.DatagramTransport has it."""

    def sendto(self, data: bytes) -> None: ...
    def close(self) -> None: ...


Connect = Callable[[asyncio.DatagramProtocol, Address], Awaitable[DatagramPort]]
"""Opens the socket. Raises OSError."""


async def connect_udp(protocol: asyncio.DatagramProtocol, address: Address) -> DatagramPort:
    """A socket that is connected to one address."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: protocol, remote_addr=(address.host, address.port))
    return cast(DatagramPort, transport)  # which sends to where it is connected


class NgClient(asyncio.DatagramProtocol):
    """The way to one rtpengine.

    Args:
        prefix: of its cookies: a word that nobody can guess.
        on_refused: told when nobody listens at the address; a datagram that was sent earlier may be meant.
    """

    def __init__(self, address: Address, prefix: str, on_refused: Callable[[], None], connect: Connect) -> None:
        self._address, self._prefix = address, prefix
        self._on_refused, self._connect = on_refused, connect
        self._numbers = itertools.count(1)
        self._port: DatagramPort | None = None
        self._opening = asyncio.Lock()
        self._waiting: dict[bytes, asyncio.Future[Reply]] = {}
        self._probes: set[asyncio.Future[Reply]] = set()  # which give up where nobody listens

    async def ask(self, request: Message, limit_s: float, *, until_refused: bool = False) -> Reply:
        """Send a request and wait for its reply, which may be a refusal.

        Args:
            until_refused: give up as soon as nobody listens there; else it is sent again, and somebody may by then.
        Raises:
            MediaTimeout: no reply within `limit_s`; it may still be carried out.
            MediaUnavailable: the address cannot be reached, or what it says is no NG.
        """
        if len(self._waiting) >= WAITING_LIMIT and not until_refused:
            raise MediaUnavailable("too many requests under way to the rtpengine")
        cookie = f"{self._prefix}{next(self._numbers)}".encode()
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[cookie] = reply
        if until_refused:
            self._probes.add(reply)
        try:
            async with asyncio.timeout(limit_s):
                await self._repeat(cookie + b" " + encode(request), reply)
            return reply.result()
        except TimeoutError:
            raise MediaTimeout(f"{request['command']}: no answer in {limit_s:.3g} s") from None
        finally:
            del self._waiting[cookie]
            self._probes.discard(reply)
            if not reply.cancel():
                reply.exception()  # looked at, also where it came with the end of the time
            del reply  # its exception remembers this frame: the frame must not lead back to it

    async def _repeat(self, datagram: bytes, reply: asyncio.Future[Reply]) -> None:
        pause_s = REPEAT_S
        while not reply.done():
            (await self._open()).sendto(datagram)
            await asyncio.wait({reply}, timeout=pause_s)
            pause_s *= 2

    async def _open(self) -> DatagramPort:
        async with self._opening:
            if self._port is None:
                try:
                    self._port = await self._connect(self, self._address)
                except OSError as error:
                    raise MediaUnavailable(f"{self._address} cannot be reached: {error}") from error
            return self._port

    def abandon(self, reason: str) -> None:
        """End all requests that are under way."""
        _fail(self._waiting.values(), reason)

    def close(self) -> None:
        """Close the socket; it is opened anew with the next request."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    # ---- asyncio.DatagramProtocol --------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: object) -> None:
        cookie, _, body = data.partition(b" ")
        waiting = self._waiting.get(cookie)
        if waiting is None or waiting.done():
            return  # a reply that came twice, or too late
        try:
            reply: Any = decode(body)
            if not isinstance(reply, dict):
                raise PeerError("the reply is no dictionary")
        except PeerError as error:
            metrics.rtpengine.NG_MALFORMED.inc()
            log.warning("reply of an rtpengine not understood", address=str(self._address), reason=error.reason)
            waiting.set_exception(MediaUnavailable(f"the rtpengine is not understood: {error.reason}"))
        else:
            waiting.set_result(reply)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionRefusedError):
            _fail(self._probes, f"nobody listens at {self._address}")
            self._on_refused()

    def connection_lost(self, exc: Exception | None) -> None:
        self._port = None


def _fail(replies: Iterable[asyncio.Future[Reply]], reason: str) -> None:
    for reply in replies:
        if not reply.done():
            reply.set_exception(MediaUnavailable(reason))
