"""Logins, tokens for other programs, and who one is. Does I/O through aiohttp."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog
from aiohttp import web

from splitter.calls.logins.access import GRANTED, Scope
from splitter.calls.logins.accounts import Account
from splitter.calls.logins.limits import LoginLimits
from splitter.core.clock import Clock
from splitter.core.net import source_of
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer, id_of, login_mark, mint
from splitter.web.access.terms import Access
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.logins.granting import grant, must_wait
from splitter.web.logins.shapes import Login, Me, Minted, TokenWish
from splitter.web.ports import Elsewhere
from splitter.web.relays import relays_for
from splitter.web.shapes import IceServer

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
        self._hashing = ThreadPoolExecutor(1, "hashing")  # starts with its first hash
        self._turn = asyncio.Lock()  # of a hash
        self._quiet = Quiet()

    async def login(self, request: web.Request) -> web.Response:
        wish = await read_json(request, LOGIN_BODY, Login)
        source, now = source_of(remote_of(request)), self._clock.now()
        must_wait(self._limits, wish.user, source, now)
        self._must_take_passwords()
        account, now = await self._account_of(wish, source), self._clock.now()
        if account is None:
            self._failed(wish.user, source, now)
            raise ApiError(401, "wrong-login", "no such user, or not its password", _CHALLENGE)
        if account.totp:
            await self._check_code(account, wish.code, source, now)
        self._limits.succeeded(wish.user, source)
        wall, login = self._clock.wall(), login_mark(self._access.secret, account)
        granted = grant(self._access, wall, account.user, account.scopes, account.extension, login=login, source=source)
        return json_response(granted)

    def _must_take_passwords(self) -> None:
        openid = self._access.openid
        if openid.issuer and not openid.passwords:
            raise ApiError(403, "no-passwords", f"log in by {openid.name}: passwords are not taken here")

    async def _account_of(self, wish: Login, source: str) -> Account | None:
        """Judge a password; raises ApiError where too many have failed while this one waited for its turn."""
        if not self._access.passwords.slow:
            return self._access.passwords.account(wish.user, wish.password)
        async with self._turn:
            must_wait(self._limits, wish.user, source, self._clock.now())
            judge, loop = self._access.passwords.account, asyncio.get_running_loop()
            return await loop.run_in_executor(self._hashing, judge, wish.user, wish.password)

    async def _check_code(self, account: Account, code: str, source: str, now: float) -> None:
        """Ask for the second factor of an account whose password was right."""
        if not code:
            raise ApiError(401, "code-needed", "the six digits of the authenticator app are needed as well", _CHALLENGE)
        if not await self._access.codes.take(account.user, account.totp, code, self._clock.wall()):
            self._failed(account.user, source, now)
            raise ApiError(401, "wrong-code", "these six digits are wrong, too old, or used already", _CHALLENGE)

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
        return json_response(me_of(bearer, others, relays, list(self._access.settings.dispositions)))

    def _failed(self, user: str, source: str, now: float) -> None:
        metrics.api.LOGINS.labels("wrong").inc()
        self._limits.failed(user, source, now)
        if (held := self._quiet.permit(source, now)) is not None:
            log.warning("login failed", source=source, user=user[:40], similar=held)


def me_of(bearer: Bearer, gateways: list[str], relays: list[IceServer], dispositions: list[str]) -> Me:
    """The bearer who asks, as it is told."""
    scopes: list[str] = sorted(bearer.scopes)
    who = (bearer.name, bearer.extension, scopes, bearer.expires_at, bearer.call_id)
    return Me(*who, gateways, relays, [] if bearer.call_id else dispositions)
