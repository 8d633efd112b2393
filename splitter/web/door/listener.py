"""The API where others reach it: TCP and TLS, bounded in connections and in patience. Does I/O."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from splitter.calls.logins.access import ApiSettings
from splitter.core.errors import LocalError
from splitter.core.net import Address, source_of
from splitter.telemetry import metrics
from splitter.transport.acceptor import Acceptor, reset
from splitter.transport.tasks import Tasks
from splitter.transport.tls import faults, validity_of
from splitter.transport.x509 import Validity
from splitter.web.door.precedence import Precedence
from splitter.web.door.turnstile import Busy
from splitter.web.http.protection import protected
from splitter.web.http.proxies import Proxies

CONNECTIONS = 4000
PER_SOURCE = 1000  # a floor of desks may be one source, behind NAT or a proxy
HANDSHAKE_LIMIT_S = 5.0
IDLE_LIMIT_S = 30.0  # without a request, or with one whose headers do not arrive
_BATCH, _BREATH_S = 16, 0.02  # accepted at a time, and the pause then: a flood of connections is not all of our work
LINGER_S = 2.0  # for the rest of a body that we do not want, so that our answer is seen

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_FILES = {"ca": "client_ca"}  # where a key of TlsSettings has another name in [api]

log = structlog.get_logger(__name__)


class HttpListener:
    """An application on every address of [api], or on others.

    Each connection gets the certificate of its moment; one that is read again is for those that come later.

    Args:
        make_app: makes the application, once it is opened.
        precedence: lets connections in one after the other.
        what: is served here, in the words of an alarm.
        proxies: before it.
    """

    def __init__(
        self,
        make_app: Callable[[], web.Application],
        settings: ApiSettings,
        precedence: Precedence,
        what: str = "the API",
        proxies: Proxies | None = None,
    ) -> None:
        self._settings = settings
        self._precedence = precedence
        self._not_served = f"{what} is not served"
        self._make_app = make_app
        self._runner: web.AppRunner | None = None
        self._proxies = proxies or Proxies()
        self._places = _Places()
        self._acceptors: dict[Address, Acceptor] = {}
        self._greeting = Tasks()
        self._identity: HttpIdentity | None = None
        self._alarms: list[str] = []

    async def start(self) -> None:
        """Open it. What cannot be opened is an alarm only: calls do without desks."""
        self._runner = web.AppRunner(self._make_app(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            self._identity = identity_of(self._settings)
            self._open()
        except LocalError as error:
            self._alarm(f"{self._not_served}: {error}")

    async def stop(self) -> None:
        """Close it; whoever is connected has to go."""
        for acceptor in self._acceptors.values():
            acceptor.close()
        await self._greeting.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def adopt(self, settings: ApiSettings, identity: HttpIdentity | None) -> None:
        """Show this certificate from the next connection on, and open what could not be opened before.

        Args:
            settings: with the addresses that it was made with.
            identity: what `identity_of` has read for them.
        """
        self._settings, self._identity = settings, identity
        if self._server is not None:
            self._open()

    def alarms(self, wall: float) -> list[str]:
        """The alarms of this listener."""
        warning = self.validity.warning(wall) if self.validity else ""
        return [*self._alarms, *([f"the certificate of the API {warning}"] if warning else [])]

    @property
    def _server(self) -> web.Server | None:
        return self._runner.server if self._runner is not None else None

    @property
    def validity(self) -> Validity | None:
        """The times between which our certificate holds; None without one."""
        return self._identity.validity if self._identity else None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate that we show, in hexadecimal; empty without one."""
        return self._identity.fingerprint if self._identity else ""

    @property
    def urls(self) -> list[str]:
        """The URLs at which others reach it, such as "https://10.0.0.5:8443"."""
        return [f"{'https' if self._settings.tls else 'http'}://{at}" for at in self.addresses]

    @property
    def addresses(self) -> list[Address]:
        """The addresses that it listens on."""
        return [acceptor.address for acceptor in self._acceptors.values()]

    @property
    def connections(self) -> int:
        """The number of connections, those that are still shaking hands included."""
        return self._places.taken.total()

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Listen wherever nobody does yet."""
        self._alarms.clear()
        for address in self._settings.listen:
            if address in self._acceptors:
                continue
            try:
                acceptor = Acceptor(address, self._arrived, _BATCH, _BREATH_S, self._settings.freebind)
            except OSError as error:
                self._alarm(f"{self._not_served} on {address}: {error.strerror or error}")
                continue
            acceptor.start()
            self._acceptors[address] = acceptor

    def _arrived(self, sock: socket.socket, peer: Address) -> None:
        source = "" if self._proxies.holds(peer.host) else source_of(peer.host)
        if not self._places.take(source):
            metrics.api.REFUSED.labels("connections").inc()
            reset(sock)
            return
        self._greeting.start(self._greet(sock, source), f"API connection from {peer}")

    async def _greet(self, sock: socket.socket, source: str) -> None:
        """The TLS handshake, and the connection is aiohttp's."""
        loop, server = asyncio.get_running_loop(), self._server
        assert server is not None
        context = self._identity.context if self._identity else None
        limit_s = HANDSHAKE_LIMIT_S if context else None
        try:
            await self._precedence.connect(source, secure=context is not None)
            await loop.connect_accepted_socket(
                lambda: _HttpConnection(server, loop, self._places, source),
                sock,
                ssl=context,
                ssl_handshake_timeout=limit_s,
            )
        except BaseException as error:
            self._places.leave(source)
            sock.close()
            if isinstance(error, Busy):
                metrics.api.REFUSED.labels("busy").inc()
            elif not isinstance(error, OSError):  # no TLS, too slow or gone again is one
                raise

    def _alarm(self, text: str) -> None:
        self._alarms.append(text)
        log.error(f"{self._not_served}; calls go on", reason=text)


class HttpIdentity(NamedTuple):
    """What a listener shows to those who connect."""

    context: ssl.SSLContext
    validity: Validity
    fingerprint: str


def identity_of(settings: ApiSettings) -> HttpIdentity | None:
    """Read the certificate of [api]; None where it has none.

    Raises:
        LocalError: it cannot be used, with the reason.
    """
    tls = settings.tls
    if tls is None:
        return None
    if wrong := faults(tls):
        fault = wrong[0]
        raise LocalError(f"api.{_FILES.get(fault.key, fault.key)}: {fault.what}; {fault.remedy}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(tls.certificate, tls.key or None, password="")
    if tls.ca:
        context.load_verify_locations(tls.ca)
        context.verify_mode = ssl.CERT_OPTIONAL  # who shows none needs a token
    return HttpIdentity(context, validity_of(tls), _fingerprint(tls.certificate))


def _fingerprint(path: str) -> str:
    with suppress(OSError, ValueError):  # what is no PEM is known by now
        first = _PEM.search(Path(path).read_text())
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[0])).hexdigest() if first else ""
    return ""


class _Places:
    """Bounds of connections for all, and for one source; "" is for proxies, each of which is many."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self._all = 0

    def take(self, source: str) -> bool:
        if self._all >= CONNECTIONS or (source and self.taken[source] >= PER_SOURCE):
            return False
        self.taken[source] += 1
        self._all += 1
        return True

    def leave(self, source: str) -> None:
        self._all -= 1
        self.taken[source] -= 1
        if self.taken[source] <= 0:
            del self.taken[source]


class _HttpConnection(RequestHandler):
    """One connection; gives its place back at its end."""

    __slots__ = ("_places", "_source")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, places: _Places, source: str) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=IDLE_LIMIT_S,
            lingering_time=LINGER_S,
            auto_decompress=False,  # little becomes much; see `bodies`
            access_log=None,  # type: ignore[arg-type]
        )
        self._places = places
        self._source = source

    def log_exception(self, *args: Any, exc_info: object = None, **more: Any) -> None:
        """What is no HTTP is counted, and quoted nowhere: anybody can send it, and a broken header may hold a token."""
        if isinstance(exc_info, HttpProcessingError):
            metrics.api.REFUSED.labels("no-http").inc()
            log.debug("no HTTP", source=self._source, reason=type(exc_info).__name__)
        else:
            super().log_exception(*args, exc_info=exc_info, **more)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What is no HTTP, or failed outside of every handler."""
        response = super().handle_error(request, status, exc, message)
        if exc is not None:
            exc.with_traceback(None)  # it leads back here: no ring of objects for each request that is no HTTP
        return protected(response, request.secure) if isinstance(response, web.Response) else response

    def connection_lost(self, exc: BaseException | None) -> None:
        self._places.leave(self._source)
        super().connection_lost(exc)
        self._data_received_cb = None  # that of a WebSocket leads back here: no ring of objects for each of them
