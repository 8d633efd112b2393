"""Logins, tokens for other programs, and who one is. Does I/O through aiohttp."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor

import structlog
from aiohttp import web

from splitter.calls.logins.access import GRANTED, Scope
from splitter.calls.logins.accounts import Account
from splitter.calls.logins.limits import LoginLimits
from splitter.calls.logins.totp import OneTimeCodes
from splitter.core.clock import Clock
from splitter.core.net import source_of
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.web.access import Access
from splitter.web.auth import bearer_of
from splitter.web.bearer import Bearer, id_of, login_mark, mint
from splitter.web.bodies import read_json
from splitter.web.errors import ApiError, json_response
from splitter.web.ports import Elsewhere
from splitter.web.proxies import remote_of
from splitter.web.relays import relays_for
from splitter.web.routes import JSON, JSON_BYTES, Body
from splitter.web.shapes import IceServer, LoggedIn, Login, Me, Minted, TokenWish

LOGIN_BODY = Body((JSON,), JSON_BYTES, Login)
TOKEN_BODY = Body((JSON,), JSON_BYTES, TokenWish)
_CHALLENGE = {"WWW-Authenticate": "Bearer"}

log = structlog.get_logger(__name__)


class LoginRoutes:
    """Handlers of /v1/login, /v1/tokens and /v1/me.

    Args:
        access: the passwords, how long a token holds at most, and what it is signed with.
        elsewhere: other gateways that would do as well.
    """

    def __init__(self, access: Access, clock: Clock, elsewhere: Elsewhere) -> None:
        self._access = access
        self._elsewhere = elsewhere
        self._clock = clock
        self._limits = LoginLimits()
        self._codes = OneTimeCodes()
        self._hashing = ThreadPoolExecutor(1, "hashing")  # starts with its first hash
        self._quiet = Quiet()

    async def login(self, request: web.Request) -> web.Response:
        wish = await read_json(request, LOGIN_BODY, Login)
        source, now = source_of(remote_of(request)), self._clock.now()
        wait_s = self._limits.wait_s(wish.user, source, now)
        if wait_s > 0:
            metrics.API_LOGINS.labels("limited").inc()
            after = {"Retry-After": str(math.ceil(wait_s))}
            raise ApiError(429, "too-many-logins", "too many logins failed; wait before the next one", after)
        account = await self._account_of(wish)
        if account is None:
            self._failed(wish.user, source, now)
            raise ApiError(401, "wrong-login", "no such user, or not its password", _CHALLENGE)
        if account.totp:
            self._check_code(account, wish.code, source, now)
        metrics.API_LOGINS.labels("granted").inc()
        self._limits.succeeded(wish.user, source)
        login = login_mark(self._access.secret, account)
        return json_response(self._let_in(account.user, account.scopes, account.extension, login, source))

    async def _account_of(self, wish: Login) -> Account | None:
        passwords = self._access.passwords
        if not passwords.slow:
            return passwords.account(wish.user, wish.password)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._hashing, passwords.account, wish.user, wish.password)

    def _check_code(self, account: Account, code: str, source: str, now: float) -> None:
        """Ask for the second factor of an account whose password was right."""
        if not code:
            raise ApiError(401, "code-needed", "the six digits of the authenticator app are needed as well", _CHALLENGE)
        if not self._codes.take(account.user, account.totp, code, self._clock.wall()):
            self._failed(account.user, source, now)
            raise ApiError(401, "wrong-code", "these six digits are wrong, too old, or used already", _CHALLENGE)

    def _let_in(self, user: str, scopes: frozenset[Scope], extension: str, login: str, source: str) -> LoggedIn:
        """A token for whoever has proved to be this user."""
        # A desk without an extension of its own is known to the centre by its user.
        desk = (extension or user) if Scope.DESK in scopes else ""
        bearer = Bearer(user, scopes, desk, login=login)
        expires_at = float(int(self._clock.wall() + self._access.settings.token_lifetime_s))
        token = mint(self._access.secret, bearer, expires_at, self._clock.wall())
        log.info("logged in", user=user, extension=desk, source=source, token=id_of(token))
        return LoggedIn(token, expires_at, user, desk, user)

    async def tokens(self, request: web.Request) -> web.Response:
        """Mint a token for a program that knows who its users are: it logs them in without their passwords."""
        wish = await read_json(request, TOKEN_BODY, TokenWish)
        if wrong := sorted(set(wish.scopes) - set(GRANTED) | set(wish.scopes) & {Scope.ADMIN}):
            raise ApiError(422, "wrong-scope", f"{wrong[0][:40]} is nothing that can be granted here")
        scopes = frozenset(Scope(scope) for scope in wish.scopes)
        if Scope.DESK in scopes and not wish.extension:
            raise ApiError(422, "no-extension", "a desk acts for an extension: say which")
        by = bearer_of(request).name
        bearer = Bearer(wish.name or wish.extension or by, scopes, wish.extension)
        expires_at = float(int(self._clock.wall() + min(wish.expires_in_s, self._access.settings.token_lifetime_s)))
        token = mint(self._access.secret, bearer, expires_at, self._clock.wall())
        told = {"name": bearer.name, "extension": bearer.extension, "scopes": sorted(scopes), "by": by}
        log.info("token made", **told, token=id_of(token))
        return json_response(Minted(token, expires_at), 201)

    async def me(self, request: web.Request) -> web.Response:
        elsewhere = self._elsewhere
        others = [node.api_url for node in elsewhere.nodes() if node.node != elsewhere.own and node.api_url]
        bearer = bearer_of(request)
        relays = relays_for(self._access.settings, bearer.name, bearer.expires_at, self._clock.wall())
        return json_response(me_of(bearer, others, relays))

    def _failed(self, user: str, source: str, now: float) -> None:
        metrics.API_LOGINS.labels("wrong").inc()
        self._limits.failed(user, source, now)
        if (held := self._quiet.permit(source, now)) is not None:
            log.warning("login failed", source=source, user=user[:40], similar=held)


def me_of(bearer: Bearer, gateways: list[str], relays: list[IceServer]) -> Me:
    """The bearer who asks, as it is told."""
    scopes: list[str] = sorted(bearer.scopes)
    return Me(bearer.name, bearer.extension, scopes, bearer.expires_at, bearer.call_id, gateways, relays)
