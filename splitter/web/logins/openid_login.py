"""Logins by the operator's identity provider: a browser goes there and comes back to the console with a code.

    console ── POST /v1/login/openid/begin ──▶ where to go, and a cookie that tells this browser from others
    browser ── logs in there ──▶ comes back to the console with code and state
    console ── POST /v1/login/openid {code, state} ──▶ a token, as of any login

What must be known at the end stands in that cookie, sealed: any gateway of a cluster can finish what another began.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.calls.logins.limits import LoginLimits
from splitter.core.clock import Clock
from splitter.core.net import source_of
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.web.access.sealed import seal, unseal
from splitter.web.access.terms import Access
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.logins.granting import grant, must_wait
from splitter.web.logins.openid import OpenIdFault, OpenIdProvider, claim
from splitter.web.logins.shapes import LoggedIn, LoginWays, OpenIdAddress, OpenIdCode

OPENID_BODY = Body((JSON,), JSON_BYTES, OpenIdCode)
PATH = "/v1/login/openid"
LIFETIME_S = 600
_COOKIE, _VERSION = "splitter-openid", "o1"
_MOST_GROUPS = 1000
_USER, _EXTENSION = re.compile(r"[\w.@ +-]{1,64}"), re.compile(r"[A-Za-z0-9_.+*#-]{1,32}")

log = structlog.get_logger(__name__)


class _Begun(msgspec.Struct):
    """What a browser that is on its way keeps for us."""

    state: str
    nonce: str
    verifier: str
    until: float


class OpenIdRoutes:
    """Handlers of /v1/login/openid, and of what ways there are to log in."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._limits = LoginLimits()
        self._quiet = Quiet()
        self._provider: OpenIdProvider | None = None

    async def ways(self, request: web.Request) -> web.Response:
        """Say how one may log in here."""
        openid = self._access.openid
        return json_response(LoginWays(openid.passwords or not openid.issuer, openid.name if openid.issuer else ""))

    async def begin(self, request: web.Request) -> web.Response:
        """Say where the browser is to go, and give it the cookie that it comes back with."""
        provider = self._of_now()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        begun = _Begun(state, nonce, verifier, self._clock.wall() + LIFETIME_S)
        try:
            address = await provider.address(state, nonce, verifier)
        except OpenIdFault as fault:
            raise self._away(fault) from fault
        response = json_response(OpenIdAddress(address))
        kept = seal(self._access.secret, _VERSION, msgspec.json.encode(begun))
        secure = provider.settings.url.startswith("https")
        response.set_cookie(
            _COOKIE, kept, max_age=LIFETIME_S, path=PATH, secure=secure, httponly=True, samesite="Strict"
        )
        return response

    async def finish(self, request: web.Request) -> web.Response:
        """Let in whom the provider has sent back."""
        wish = await read_json(request, OPENID_BODY, OpenIdCode)
        source, now = source_of(remote_of(request)), self._clock.now()
        must_wait(self._limits, "openid", source, now)
        provider, begun = self._of_now(), self._begun(request.cookies.get(_COOKIE, ""), wish.state)
        try:
            claims = await provider.person(wish.code, begun.nonce, begun.verifier)
        except OpenIdFault as fault:
            if fault.away:
                raise self._away(fault) from fault
            self._limits.failed("openid", source, now)
            metrics.api.LOGINS.labels("wrong").inc()
            log.warning("login failed", source=source, reason=str(fault))
            raise ApiError(401, "wrong-login", str(fault), {"WWW-Authenticate": "Bearer"}) from fault
        response = json_response(self._let_in(provider, claims, source))
        response.del_cookie(_COOKIE, path=PATH)
        return response

    def _let_in(self, provider: OpenIdProvider, claims: Mapping[str, Any], source: str) -> LoggedIn:
        settings = provider.settings
        user = str(claim(claims, settings.user_claim) or "")
        said = claim(claims, settings.groups_claim) or ()
        groups = [str(one) for one in (said if isinstance(said, list) else [said])[:_MOST_GROUPS]]
        scopes, extension = settings.scopes_of(groups), str(claim(claims, settings.extension_claim) or "")
        if not _USER.fullmatch(user):
            raise self._refused(source, user, f"the provider does not say who this is in {settings.user_claim}")
        if extension and not _EXTENSION.fullmatch(extension):
            raise self._refused(source, user, f"{settings.extension_claim} is no extension")
        if not scopes:
            raise self._refused(source, user, f"{user} is in no group that may do something here")
        if Scope.DESK in scopes and not (extension or _EXTENSION.fullmatch(user)):
            raise self._refused(source, user, f"{user} has no {settings.extension_claim}, and is none itself")
        return grant(self._access, self._clock.wall(), user, scopes, extension, source=source)

    def _refused(self, source: str, user: str, words: str) -> ApiError:
        metrics.api.LOGINS.labels("wrong").inc()
        log.warning("login refused", source=source, user=user[:40], reason=words)
        return ApiError(403, "no-role", words)

    def _begun(self, cookie: str, state: str) -> _Begun:
        """What this browser began; raises ApiError where it was another one, or too long ago."""
        try:
            begun = msgspec.json.decode(unseal(self._access.secret, _VERSION, cookie), type=_Begun)
        except ValueError:
            begun = None
        if (
            begun is None
            or self._clock.wall() >= begun.until
            or not secrets.compare_digest(begun.state.encode(), state.encode())
        ):
            raise ApiError(409, "login-not-begun", "this login was not begun in this browser, or too long ago")
        return begun

    def _of_now(self) -> OpenIdProvider:
        """The provider of the settings as they are; raises ApiError where there is none."""
        settings = self._access.openid
        if not settings.issuer:
            raise ApiError(404, "no-openid", "there is no identity provider here")
        if self._provider is None or self._provider.settings is not settings:
            self._provider = OpenIdProvider(settings, self._clock)
        return self._provider

    def _away(self, fault: OpenIdFault) -> ApiError:
        if (held := self._quiet.permit("provider", self._clock.now())) is not None:
            log.error("the identity provider cannot be used", reason=str(fault), similar=held)
        return ApiError(503, "no-provider", str(fault), {"Retry-After": "5"})
