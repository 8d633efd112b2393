"""Who may use which route: bearer tokens (RFC 6750), client certificates, scopes. Does I/O through aiohttp."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog
from aiohttp import web

from splitter.calls.logins.access import Token
from splitter.core.clock import Clock
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.web.access.bearer import CONSOLE, LONGEST_TOKEN, Bearer, TokenFault, configured_bearer, is_minted, read
from splitter.web.access.revocations import Revocations
from splitter.web.access.terms import Access
from splitter.web.http.errors import ApiError, Handler
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import Operation

log = structlog.get_logger(__name__)

BEARER: web.RequestKey[Bearer] = web.RequestKey("bearer", Bearer)
SUBPROTOCOL = "bearer."  # of a WebSocket: bearer.TOKEN
_CHALLENGE = 'Bearer realm="splitter"'


class Doorman(Protocol):
    """Knows who asks."""

    def bearer(self, request: web.Request, from_protocol: bool, cookie: str = "") -> Bearer | None:
        """The bearer behind a request; None for nobody that is known. Raises ApiError for those who pretend."""
        ...

    def name(self, request: web.Request) -> str:
        """The name of whoever asks; "" for nobody that is known. Nothing is counted or logged."""
        ...


class Trusting:
    """The authentication of the control socket: its mode says who may open it."""

    def bearer(self, request: web.Request, from_protocol: bool, cookie: str = "") -> Bearer | None:
        return CONSOLE

    def name(self, request: web.Request) -> str:
        return CONSOLE.name


class Strict:
    """The authentication of the listeners that others reach.

    Args:
        access: the tokens of the configuration, what minted ones are signed with, and other sites whose pages are as
            good as ours.
        revoked: whom to believe no longer.
    """

    def __init__(self, access: Access, clock: Clock, revoked: Revocations) -> None:
        self._access = access
        self._read = _Configured(access.tokens)
        self._clock = clock
        self._revoked = revoked
        self._quiet = Quiet()

    @property
    def _configured(self) -> _Configured:
        """The tokens of the configuration as it is now."""
        if self._read.tokens is not self._access.tokens:
            self._read = _Configured(self._access.tokens)
        return self._read

    def bearer(self, request: web.Request, from_protocol: bool, cookie: str = "") -> Bearer | None:
        token = _token_of(request, from_protocol)
        if token is None and cookie:
            token = request.cookies.get(cookie)
        if token is None:
            return self._certified(request)
        try:
            bearer = self._known(token)
            if self._revoked.holds(bearer):
                raise TokenFault("revoked")
            return bearer
        except TokenFault as fault:
            reason = fault.kind if fault.kind == "expired" else "wrong-token"
            metrics.api.REFUSED.labels(reason).inc()
            if (held := self._quiet.permit(f"{reason} {remote_of(request)}", self._clock.now())) is not None:
                log.warning("token refused", source=remote_of(request), reason=fault.kind, similar=held)
            code = "expired-token" if fault.kind == "expired" else "wrong-token"
            raise ApiError(401, code, f"{fault}", _challenge("invalid_token")) from None

    def name(self, request: web.Request) -> str:
        token, bearer = _token_of(request, from_protocol=True), None
        if token is None:
            bearer = self._configured.named(request)
        else:
            with suppress(TokenFault):
                bearer = self._known(token)
        return bearer.turn if bearer is not None and not self._revoked.holds(bearer) else ""

    def _known(self, token: str) -> Bearer:
        if is_minted(token):
            return read(self._access.secret, token, self._clock.wall())
        if len(token) > LONGEST_TOKEN:
            raise TokenFault("malformed")
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for known, bearer in self._configured.hashes:  # all of them, so that time tells nothing
            if hmac.compare_digest(digest, known):
                found = bearer
        if found is None:
            raise TokenFault("unknown")
        return found

    def _certified(self, request: web.Request) -> Bearer | None:
        """Whoever's client certificate names a token; the listener has verified it."""
        bearer = self._configured.named(request)
        if bearer is None:
            return None
        if self._revoked.holds(bearer):
            metrics.api.REFUSED.labels("wrong-token").inc()
            raise ApiError(401, "wrong-token", "the certificate is no longer believed", _challenge("invalid_token"))
        # A browser shows its certificate to requests that pages of other sites make, too.
        origin = request.headers.get("Origin", "").lower()
        known = self._access.settings.web_origins
        if origin and origin not in known and origin.partition("://")[2] != request.host.lower():
            metrics.api.REFUSED.labels("origin").inc()
            raise ApiError(403, "wrong-origin", f"pages of {origin[:100]} may not use the API; see api.web_origins")
        return bearer


class _Configured:
    """The tokens of one configuration, ready to be asked."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.hashes = [(bytes.fromhex(token.sha256), configured_bearer(token)) for token in tokens if token.sha256]
        self._names = {token.certificate: configured_bearer(token, True) for token in tokens if token.certificate}

    def named(self, request: web.Request) -> Bearer | None:
        """The bearer of the client certificate that came with the connection."""
        return next((self._names[name] for name in _named(request) if name in self._names), None)


Passing = Callable[[web.Request, Operation], Awaitable[web.StreamResponse | None]]
"""Lets another node answer a request; None for one that is answered here."""


def guarded(route: Operation, doorman: Doorman, elsewhere: Passing | None = None) -> Handler:
    """The route's handler behind its door.

    Args:
        elsewhere: asked first who is to answer.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        if not route.scopes:
            return await route.handler(request)
        bearer = doorman.bearer(request, route.from_protocol, route.cookie)
        if bearer is None:
            metrics.api.REFUSED.labels("no-token").inc()
            raise ApiError(401, "no-token", "say who asks: Authorization: Bearer TOKEN", _challenge())
        if not bearer.may(*route.scopes):
            metrics.api.REFUSED.labels("scope").inc()
            needed = " or ".join(sorted(route.scopes))
            text = f"{bearer.name} may not do this: it needs the scope {needed}"
            raise ApiError(403, "wrong-scope", text, _challenge("insufficient_scope"))
        request[BEARER] = bearer
        if elsewhere is not None and (answer := await elsewhere(request, route)) is not None:
            return answer
        return await route.handler(request)

    return handle


def bearer_of(request: web.Request) -> Bearer:
    """The bearer who asks; for handlers of routes that need scopes."""
    return request[BEARER]


def _token_of(request: web.Request, from_protocol: bool) -> str | None:
    """Never from the query (RFC 9700 §4.3.2): that stands in logs and histories."""
    if from_protocol:
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        for word in (part.strip() for part in offered):
            if word.startswith(SUBPROTOCOL):
                return word.removeprefix(SUBPROTOCOL)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _named(request: web.Request) -> list[str]:
    """The common names of the client certificate that came with the connection."""
    certificate: Any = request.get_extra_info("peercert")
    parts = certificate.get("subject", ()) if isinstance(certificate, dict) else ()
    return [value for part in parts for key, value in part if key == "commonName"]


def _challenge(error: str = "") -> dict[str, str]:
    """RFC 6750 §3: what goes with 401 and with 403."""
    return {"WWW-Authenticate": f'{_CHALLENGE}, error="{error}"' if error else _CHALLENGE}
