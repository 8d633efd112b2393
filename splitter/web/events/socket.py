"""The event socket, GET /v1/events (RFC 6455). Does I/O through aiohttp.

Subprotocols "splitter.v1" and "bearer.TOKEN"; the first one is selected. Query: client= the listener's own id, which
makes a desk with the scope `desk` online; after= to resume, see docs/events.md. Each frame is JSON:

    {"type":"hello","after":C,"resumed":…,"me":{…}}            resumed false: forget everything, what lives follows
    {"type":"ready","after":C}                                 what was missed, or what lives, is complete; resume there
    {"type":"call","stream":S,"seq":N,"at":…,"call":{…}}       "gone":true: it is no longer this desk's
    {"type":"notice","stream":S,"seq":N,"at":…,"notice":{…}}
    {"type":"desk","stream":S,"seq":N,"at":…,"desk":{…}}
    {"type":"gateway","gateway":{"state":"draining",…}}  no new calls are taken; "running": they are again
    {"type":"unbound","unbound":{…}}                           for desks: the calls that nobody has, all of them
    {"type":"ping","after":C}                                  nothing happened up to C; resume from there

Closed with 1001: the gateway ends; 1012: it is restarted; 4001: the token holds no longer, log in again; 4008: too
slow, come back and resume; 4009: the same client opened another socket, do not come back; 1008: it sends too much. What
the listener sends is not looked at. Who opens sockets all the time gets 429 with Retry-After.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import WSMsgType, web

from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.limits import Bucket, KeyedBuckets
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.events.audience import ENDING, EXPIRED, FLOODING, LEFT, REPLACED, RESTARTING, SLOW, EventListener
from splitter.web.events.happenings import frame, wide
from splitter.web.events.hub import Hub
from splitter.web.events.streams import read_cursor
from splitter.web.http.errors import ApiError
from splitter.web.http.view_socket import forget_fault

PROTOCOL = "splitter.v1"
PING_S = 15.0
SEND_LIMIT_S = 10.0  # a frame that does not leave within that: nobody reads there
CLOSE_LIMIT_S = 2.0
LONGEST_MESSAGE = 4096  # of a listener, which has nothing to say
MOST_LISTENERS = 5000
MOST_OF_ONE = 50  # of one login
OPENINGS, OPENING_FADE_S = 100, 1.0  # of one login: each costs what was missed, or all that lives
SAID, SAID_FADE_S = 50, 1.0  # frames of a listener: pings and pongs, mostly
LONGEST_CLIENT = 64

_REASONS = {
    ENDING: "ending",
    RESTARTING: "restarting",
    EXPIRED: "expired",
    SLOW: "slow",
    REPLACED: "replaced",
    FLOODING: "flooding",
}
_OVER = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)

log = structlog.get_logger(__name__)


class Presence(Protocol):
    """The receiver of which desks are there; `calls.desks.Desks` is one."""

    def attach(self, key: tuple[str, ...], extension: str, client: str, kind: str, wall: float) -> None: ...

    def detach(self, key: tuple[str, ...]) -> None: ...


class Events:
    """The handler of event sockets.

    Args:
        hub: what happens.
        desks: told which clients are there.
        clock: wall time, for tokens that end.
    """

    def __init__(self, hub: Hub, desks: Presence, clock: Clock) -> None:
        self._hub = hub
        self._desks = desks
        self._clock = clock
        self._clients: dict[tuple[str, ...], EventListener] = {}
        self._of: Counter[str] = Counter()
        self._openings = KeyedBuckets(OPENINGS, OPENING_FADE_S)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket, from its opening to its end."""
        bearer = bearer_of(request)
        after, client = _after(request), _client(request)
        self._let_open(bearer)
        if len(self._hub) >= MOST_LISTENERS or self._of[bearer.name] >= MOST_OF_ONE:
            raise ApiError(503, "too-many-listeners", f"{bearer.name} has too many event sockets open, or all have")
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,), heartbeat=PING_S, max_msg_size=LONGEST_MESSAGE, timeout=CLOSE_LIMIT_S, autoping=False
        )
        if not socket.can_prepare(request).ok:
            raise ApiError(426, "no-websocket", "this is a WebSocket: connect with wss://")
        self._of[bearer.name] += 1
        try:
            await socket.prepare(request)
            session = _Session(
                socket, request.transport, self._hub, self._hub.attach(bearer, after, _narrow(request, bearer))
            )
            try:
                with self._present(bearer, client, session.listener):
                    await session.run(self._clock)
            finally:
                await session.end()  # the desk is offline by now, however long that takes
        finally:
            self._of[bearer.name] -= 1
            if not self._of[bearer.name]:
                del self._of[bearer.name]
        return socket

    def _let_open(self, bearer: Bearer) -> None:
        """Raises ApiError where one login opens sockets all the time."""
        who, now = (bearer.name, bearer.extension, bearer.call_id), self._clock.now()
        if (wait_s := self._openings.wait_s(who, now)) > 0:
            metrics.api.REFUSED.labels("rate").inc()
            after = {"Retry-After": str(math.ceil(wait_s))}
            raise ApiError(429, "too-many", "event sockets are opened too often; wait", after)
        self._openings.spend(who, now)

    @contextmanager
    def _present(self, bearer: Bearer, client: str, listener: EventListener) -> Iterator[None]:
        """The desk is online meanwhile, if this is one."""
        if not (client and bearer.extension and Scope.DESK in bearer.scopes) or bearer.call_id:
            yield
            return
        desk = (bearer.extension, bearer.name, client)
        if former := self._clients.get(desk):
            former.close(REPLACED)
        self._clients[desk] = listener
        self._desks.attach(desk, bearer.extension, client, "webrtc", self._clock.wall())
        try:
            yield
        finally:
            if self._clients.get(desk) is listener:
                del self._clients[desk]
                self._desks.detach(desk)


@dataclass(frozen=True, slots=True)
class _Session:
    """One open socket."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    hub: Hub
    listener: EventListener

    async def run(self, clock: Clock) -> None:
        """Until one side ends it."""
        reading = asyncio.create_task(self._read(clock), name=f"event socket of {self.listener.bearer.name}")
        try:
            await self._write(clock)
        finally:
            self.hub.detach(self.listener)
            reading.cancel()
            await asyncio.wait({reading})

    async def _write(self, clock: Clock) -> None:
        listener, expires_at = self.listener, self.listener.bearer.expires_at
        while not listener.closing:
            left_s = PING_S if expires_at is None else min(PING_S, expires_at - clock.wall())
            if left_s <= 0:
                listener.close(EXPIRED)
                break
            text = await listener.next(left_s)
            if listener.closing or (text is None and (left_s < PING_S or not listener.idle)):
                continue
            try:
                async with asyncio.timeout(SEND_LIMIT_S):
                    await self.socket.send_str(text or frame("ping", self.hub.seq, after=self.hub.cursor))
            except TimeoutError:
                listener.close(SLOW)
            except ConnectionError:
                listener.close(LEFT)

    async def _read(self, clock: Clock) -> None:
        """Notice when the other side goes; what it says is nothing to us, but must not be too much."""
        said = Bucket.full(SAID, SAID_FADE_S, clock.now())
        try:
            while (message := await self.socket.receive()).type not in _OVER:
                if not said.permit(clock.now()):
                    self.listener.close(FLOODING)
                    return
                if message.type is WSMsgType.PING:
                    await self.socket.pong(message.data)
        except ConnectionError:
            pass  # it is gone
        finally:
            self.listener.close(LEFT)

    async def end(self) -> None:
        """Say why, and let go of the connection: the other side may not be reading."""
        code = self.listener.closing or ENDING
        reason = _REASONS.get(code, "")
        if reason:
            metrics.api.EVENT_LISTENERS_CLOSED.labels(reason).inc()
            log.info("event socket closed", who=self.listener.bearer.name, reason=reason)
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self.socket.close(code=code, message=reason.encode())
        if self.transport is not None:
            self.transport.abort()
        forget_fault(self.socket)


def _after(request: web.Request) -> dict[str, int] | None:
    """The number of each stream that was heard last: as a cursor, or as the number of the one that `epoch` names."""
    text = request.query.get("after", "")
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return {request.query.get("epoch", ""): int(text)}
    if (cursor := read_cursor(text)) is None:
        raise ApiError(400, "bad-query", f'after must be what a frame of the socket said, not "{text[:40]}"')
    return cursor


def _narrow(request: web.Request, bearer: Bearer) -> bool:
    """True for another node, which asks for what happens at this one alone."""
    return request.query.get("own", "") == "1" and wide(bearer)


def _client(request: web.Request) -> str:
    client = request.query.get("client", "")
    if len(client) > LONGEST_CLIENT or not client.isprintable():
        raise ApiError(400, "bad-query", f"client must be at most {LONGEST_CLIENT} printable characters")
    return client
