"""The API where others reach it: TCP and TLS, bounded in connections and in patience. Does I/O."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from splitter.calls.logins.access import ApiSettings
from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.telemetry import metrics
from splitter.transport.tls import faults, validity_of
from splitter.transport.x509 import Validity

CONNECTIONS = 4000
PER_SOURCE = 1000  # a floor of desks may be one source, behind NAT or a proxy
HANDSHAKE_LIMIT_S = 5.0
IDLE_LIMIT_S = 30.0  # without a request, or with one whose headers do not arrive
_BACKLOG = 256
_NOT_SERVED = "the API is not served"
_FILES = {"ca": "client_ca"}

log = structlog.get_logger(__name__)


class _Connection(RequestHandler):
    """One connection; cut off at once where there are too many."""

    __slots__ = ("_counts", "_source")

    def __init__(self, manager: web.Server, loop: asyncio.AbstractEventLoop, counts: Counter[str]) -> None:
        super().__init__(manager, loop=loop, keepalive_timeout=IDLE_LIMIT_S, access_log=None)  # type: ignore[arg-type]
        self._counts = counts
        self._source = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._source = str(peer[0]) if peer else "-"
        self._counts[self._source] += 1
        if self._counts[self._source] > PER_SOURCE or self._counts.total() > CONNECTIONS:
            metrics.API_REFUSED.labels("connections").inc()
            assert isinstance(transport, asyncio.Transport)
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._counts[self._source] -= 1
        if self._counts[self._source] <= 0:
            del self._counts[self._source]
        super().connection_lost(exc)


class Listener:
    """The application on every address of [api].

    A certificate that was read again is for connections that begin later: new servers take over the listening sockets.
    """

    def __init__(self, app: web.Application, settings: ApiSettings) -> None:
        self._settings = settings
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._counts: Counter[str] = Counter()
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._context: ssl.SSLContext | None = None
        self._validity: Validity | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._alarms: list[str] = []

    async def start(self) -> None:
        """Open it. What cannot be opened is an alarm only: calls do without desks."""
        await self._runner.setup()
        for address in self._settings.listen:
            try:
                self._sockets.append(_bind(address))
            except OSError as error:
                self._alarm(f"the API cannot listen on {address}: {error.strerror or error}")
        try:
            self._load()
        except LocalError as error:
            self._alarm(f"{_NOT_SERVED}: {error}")
            return
        await self._open()

    async def stop(self) -> None:
        """Close it; whoever is connected has to go."""
        if self._reopening is not None:
            await asyncio.wait({self._reopening})
        for server in self._servers:
            server.close()
        for sock in self._sockets:
            sock.close()
        await self._runner.cleanup()

    def check(self) -> None:
        """Raises LocalError where the certificate cannot be read again."""
        tls = self._settings.tls
        if tls is not None and (wrong := faults(tls)):
            fault = wrong[0]
            raise LocalError(f"api.{_FILES.get(fault.key, fault.key)}: {fault.what}; {fault.remedy}")

    def reload(self) -> None:
        """Read the certificate again.

        Raises:
            LocalError: it cannot be used; nothing has changed.
        """
        if self._settings.tls is None or not self._sockets:
            return
        self._load()
        self._alarms = [alarm for alarm in self._alarms if not alarm.startswith(_NOT_SERVED)]
        self._reopening = asyncio.get_running_loop().create_task(self._open(), name="API reopens")

    def alarms(self, wall: float) -> list[str]:
        """What is wrong with it now."""
        warning = self._validity.warning(wall) if self._validity else ""
        return [*self._alarms, *([f"the certificate of the API {warning}"] if warning else [])]

    @property
    def validity(self) -> Validity | None:
        """From when until when our certificate holds; None without one."""
        return self._validity

    @property
    def addresses(self) -> list[Address]:
        """Where it listens."""
        return [Address(*sock.getsockname()[:2]) for sock in self._sockets if self._servers]

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        tls = self._settings.tls
        if tls is None:
            return
        self.check()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(tls.certificate, tls.key or None, password="")
        if tls.ca:
            context.load_verify_locations(tls.ca)
            context.verify_mode = ssl.CERT_OPTIONAL  # who shows none needs a token
        self._context, self._validity = context, validity_of(tls)

    async def _open(self) -> None:
        """Serve on every socket, with the certificate of now; who served before takes no more connections."""
        loop = asyncio.get_running_loop()
        limit_s = HANDSHAKE_LIMIT_S if self._context else None
        before, self._servers = self._servers, []
        for sock in self._sockets:
            server = await loop.create_server(
                self._accept, sock=sock.dup(), ssl=self._context, ssl_handshake_timeout=limit_s, backlog=_BACKLOG
            )
            self._servers.append(server)
        for server in before:
            server.close()

    def _accept(self) -> _Connection:
        assert self._runner.server is not None
        return _Connection(self._runner.server, asyncio.get_running_loop(), self._counts)

    def _alarm(self, text: str) -> None:
        self._alarms.append(text)
        log.error("the API is not served there; calls go on", reason=text)


def _bind(address: Address) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
