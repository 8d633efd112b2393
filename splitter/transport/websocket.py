"""One SIP connection over WebSocket, opened by a client such as a browser (RFC 7118). Does I/O, through aiohttp.

aiohttp speaks HTTP and cuts frames; it stands behind this protocol, which sees the bytes first and so knows about
handshakes and messages that trickle. One frame holds one message, as text or binary (RFC 7118 §4.2).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.forwarded import Subnet, asked_by
from splitter.core.net import Address, Flow
from splitter.transport.settings import TransportSettings
from splitter.transport.stream import WRITE_LIMIT_BYTES, StreamConnection, StreamOwner
from splitter.transport.tasks import Tasks

_SUBPROTOCOL = "sip"
_CLOSING_S = 1.0
_GOING_AWAY = 1001  # RFC 6455 §7.4.1
_HEADERS, _HEADER_BYTES = 64, 4096
_SILENT = logging.Logger("splitter.transport.websocket", logging.CRITICAL + 1)
"""What scanners send is counted by the gate; aiohttp would write a traceback for each."""
_NOTHING = asyncio.Protocol()


class WebServer:
    """The HTTP server of all WebSocket connections; it opens no socket of its own. Needs a running event loop."""

    def __init__(self) -> None:
        self._streams: dict[asyncio.Protocol, WebSocket] = {}
        self._server = web.Server(
            self._serve,
            access_log=None,
            logger=_SILENT,
            max_headers=_HEADERS,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            lingering_time=0,
        )

    def protocol(self, stream: WebSocket) -> asyncio.Protocol:
        """The protocol that speaks HTTP on this connection."""
        protocol = self._server()
        self._streams[protocol] = stream
        return protocol

    def forget(self, protocol: asyncio.Protocol) -> None:
        """Forget the connection: it is gone."""
        self._streams.pop(protocol, None)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        stream = self._streams.get(request.protocol)
        if stream is None:
            raise web.HTTPServiceUnavailable
        return await stream.serve(request)


@dataclass(frozen=True, slots=True)
class Doorway:
    """The rule of who may connect to one network.

    Attributes:
        origins: pages of other sites whose scripts may connect. Clients that are no browsers name none, and may.
        proxies: those whose word on who connects is believed.
        hand_on: whether a connection that the first has opened may stay as one of the second.
    """

    origins: tuple[str, ...]
    proxies: tuple[Subnet, ...]
    hand_on: Callable[[Flow, Flow], bool]


class WebSocket(StreamConnection):
    """One WebSocket connection.

    Args:
        doorway: of its network.
        server: speaks HTTP for it.
        tasks: where its writing runs.
    """

    def __init__(
        self,
        owner: StreamOwner,
        flow: Flow,
        clock: Clock,
        settings: TransportSettings,
        doorway: Doorway,
        server: WebServer,
        tasks: Tasks,
    ) -> None:
        super().__init__(owner, flow, clock, inbound=True)
        self.answers_pings = True  # RFC 6455 §5.5.2 leaves no choice
        self._settings = settings
        self._doorway = doorway
        self._tasks = tasks
        self._server = server
        self._http = server.protocol(self)
        self._socket: web.WebSocketResponse | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writing = False

    @property
    def usable(self) -> bool:
        return super().usable and self._socket is not None and not self._socket.closed

    # ---- for asyncio: aiohttp does the work ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        limit_s = self._settings.handshake_limit_s
        self._deadline = asyncio.get_running_loop().call_later(limit_s, self._too_slow)
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._heard()
        if self.begun_at is None:
            self.begun_at = self.heard_at
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        self._http.eof_received()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._http.connection_lost(exc)
        self._server.forget(self._http)
        self._http, self._socket = _NOTHING, None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    # ---- HTTP ----

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """The one request of this connection (RFC 7118 §5.1)."""
        socket = web.WebSocketResponse(
            timeout=_CLOSING_S,
            autoping=False,
            protocols=(_SUBPROTOCOL,),
            compress=False,
            max_msg_size=self._settings.message_limit_bytes + 1,
        )
        if not self._is_told(request):
            return self._final(403, "this address may not connect")
        refusal = self._refusal(request, socket)
        if refusal is not None:
            self._owner.abused(self, "not-sip", f"HTTP without a WebSocket of SIP: {refusal.reason}")
            return refusal
        if (refusal := self._foreign(request)) is not None:
            # It costs no points: the page is a stranger's, but the address that of whoever looks at it.
            self.excused = True
            self._owner.abused(self, "foreign-page", f"a page of {request.headers.get('Origin', '')[:100]!r}")
            return refusal
        await socket.prepare(request)
        assert self._deadline is not None
        self._deadline.cancel()
        self.begun_at = None
        self._socket = socket
        self._owner.opened(self)
        while await self._read(socket):
            pass
        return socket

    def _is_told(self, request: web.BaseRequest) -> bool:
        """Learn from a proxy who connects. Returns: False for whoever may not."""
        peer = self.flow.remote
        host = asked_by(peer.host, request.headers.getall("X-Forwarded-For", ()), self._doorway.proxies)
        if host == peer.host:
            return True
        self.flow = self.flow._replace(remote=Address(host, peer.port))
        if not self._doorway.hand_on(self.accepted, self.flow):
            self.excused = True
            return False
        self.counted = self.flow
        return True

    def _refusal(self, request: web.BaseRequest, socket: web.WebSocketResponse) -> web.Response | None:
        if not socket.can_prepare(request):
            headers = {"Upgrade": "websocket", "Sec-WebSocket-Protocol": _SUBPROTOCOL}
            return self._final(426, "WebSocket is spoken here", headers)
        offered = request.headers.get("Sec-WebSocket-Protocol", "").lower().split(",")
        if _SUBPROTOCOL not in (name.strip() for name in offered):
            return self._final(400, 'the sub-protocol must be "sip"')
        return None

    def _foreign(self, request: web.BaseRequest) -> web.Response | None:
        """RFC 6455 §10.2: any page may open a WebSocket from within its visitor's network; ours and those named do."""
        origin = request.headers.get("Origin")
        if (
            origin is None
            or origin.lower() in self._doorway.origins
            or _is_own(origin, request.host, self.flow.transport == "wss")
        ):
            return None
        return self._final(403, "pages of this origin may not connect")

    @staticmethod
    def _final(status: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
        response = web.Response(status=status, reason=reason, text=reason + "\n", headers=headers)
        response.force_close()
        return response

    def _too_slow(self) -> None:
        self._owner.abused(self, "slow", "the WebSocket handshake took too long")
        self.abort("no WebSocket handshake in time")

    # ---- messages ----

    async def _read(self, socket: web.WebSocketResponse) -> bool:
        """One frame; False at the end of the connection."""
        message = await socket.receive()
        self.begun_at = None
        match message.type:
            case WSMsgType.TEXT:
                self._take(message.data.encode())
            case WSMsgType.BINARY:
                self._take(message.data)
            case WSMsgType.PING:
                await socket.pong(message.data)
            case WSMsgType.PONG:
                pass  # hearing it was enough
            case WSMsgType.ERROR:
                self._owner.unframeable(self, PeerError(f"no WebSocket frame: {message.data}"))
                return False
            case _:
                return False
        return True

    def _take(self, data: bytes) -> None:
        if not data.strip(b"\r\n"):
            if len(data) == 4:  # RFC 5626 §3.5.1, over WebSocket too
                self._write(b"\r\n")
        elif len(data) > self._settings.message_limit_bytes:
            self._owner.unframeable(self, PeerError(f"a message of {len(data)} bytes", 513))
            self.close()
        else:
            self._received(data)

    def _write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > WRITE_LIMIT_BYTES:
            self._owner.abused(self, "slow", "it does not read")
            self.abort("the peer does not read")
        elif not self._writing:
            self._writing = True
            self._tasks.start(self._flush(), f"websocket {self.flow.remote}")

    async def _flush(self) -> None:
        """Send what waits, in order; aiohttp holds us up while the peer does not read."""
        assert self._socket is not None
        try:
            while self._waiting and not self._socket.closed:
                data = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                await self._socket.send_frame(data, _kind(data))
        except ConnectionError:
            pass  # connection_lost tells
        finally:
            self._writing = False

    def _ping(self) -> None:
        if self._socket is not None:
            self._tasks.start(self._send_ping(self._socket), f"websocket ping {self.flow.remote}")

    async def _send_ping(self, socket: web.WebSocketResponse) -> None:
        try:
            await socket.ping()
        except ConnectionError:
            pass

    def _close(self) -> None:
        if self._socket is None or self._transport is None:
            self.abort("")
        else:
            self._tasks.start(self._say_goodbye(self._socket), f"websocket close {self.flow.remote}")

    async def _say_goodbye(self, socket: web.WebSocketResponse) -> None:
        try:
            await socket.close(code=_GOING_AWAY)
        finally:
            if self._transport is not None:
                self._transport.close()


def _kind(data: bytes) -> WSMsgType:
    """Text where it can be: that is what clients in browsers like best."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return WSMsgType.BINARY
    return WSMsgType.TEXT


def _is_own(origin: str, server: str, proved: bool) -> bool:
    """A page of ours: it came from the host that it connects to now, from whichever port.

    By a name that counts over TLS alone, where a certificate proves it: over plain WebSocket the name of a stranger
    may lead here (DNS rebinding).

    Args:
        server: Host of the request. proved: by a certificate of ours.
    """
    page, host = _host_of(origin), _host_of(f"//{server}")
    if page == "localhost" and _is_address(host):
        return ip_address(host).is_loopback
    if not page or page != host:
        return False
    return proved or page == "localhost" or _is_address(page)


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
