"""Who may call from a browser: by origin, token or captcha, and how often. Does I/O: it may ask a captcha service."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

import structlog
from aiohttp import web

from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.view import WebState
from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.core.net import source_of
from splitter.telemetry.web_call_counts import WEB_CALLS
from splitter.transport.quiet import Quiet
from splitter.web.access import Access
from splitter.web.bearer import Bearer, Customer, TokenFault, read
from splitter.web.caller_shapes import WebCallWish
from splitter.web.captcha import is_human
from splitter.web.errors import ApiError
from splitter.web.proxies import remote_of
from splitter.web.revocations import Revocations

MOST_CONNECTING = 200
"""Browsers whose media are on their way, and nobody was called for them yet. Half of them may be of strangers: their
offers cost nothing, and must not keep those away who have a token."""
_WIDER = 4
"""So many times what an address may is for the /56 around it: a line has often one, a telephone a /64."""
OF_ONE_CUSTOMER = 2
"""Calls of one customer at a time: one may hang in a tab that was forgotten."""
RETURNS, RETURN_S = 10, 3.0
"""Offers of one call in a row, and the seconds until one more."""

log = structlog.get_logger(__name__)


class CallerAdmission:
    """The decision on a browser's wish to call.

    Args:
        door: None where browsers cannot call.
        access: our own pages' origins, and what tokens are signed with.
        revoked: tokens that are believed no longer.
    """

    def __init__(self, door: WebDoor | None, access: Access, revoked: Revocations, clock: Clock) -> None:
        self._door = door
        self._access, self._revoked, self._clock = access, revoked, clock
        self._begun: tuple[int, KeyedBuckets, KeyedBuckets] | None = None
        self._returns = KeyedBuckets(RETURNS, RETURN_S)
        self._beginning: list[tuple[str, str]] = []  # source and customer of those that have no line yet
        self._quiet = Quiet()

    async def admit(self, request: web.Request, wish: WebCallWish) -> Customer:
        """Let a caller in, or raise ApiError with the reason. Returns: who it is; nobody for an anonymous one."""
        assert self._door is not None
        settings, source = self._door.settings, source_of(remote_of(request))
        token = _token_of(request)
        self._check_origin(request, bool(token))
        if self._door.draining:
            WEB_CALLS.labels("draining").inc()
            raise ApiError(503, "draining", "no new calls are taken now", {"Retry-After": "10"})
        self._check_rate(source)
        if token:
            return self._customer(request, token)
        if settings.captcha_url:
            if not wish.captcha or not await is_human(
                settings.captcha_url, settings.captcha_secret, wish.captcha, remote_of(request)
            ):
                raise self._refused(request, "captcha", 403, "wrong-captcha", "answer the captcha first")
        elif not settings.anonymous:
            raise self._refused(request, "anonymous", 401, "no-token", "only customers with a token may call")
        return Customer()

    @contextmanager
    def place(self, source: str, customer: str) -> Iterator[None]:
        """A place for one more call of this address and customer, until its line is there and counts by itself.

        Raises:
            ApiError: there is none.
        """
        assert self._door is not None
        settings, trunk = self._door.settings, self._door.trunk
        coming = list(self._beginning)
        called: list[tuple[str, str]] = []
        for line in self._door.browsers.living():
            there = coming if line.view.state is WebState.CONNECTING else called
            there.append((source_of(line.source), line.customer))
        strangers = sum(not whose[1] for whose in coming)
        most = trunk.max_calls if trunk is not None else 0
        full = len(coming) >= MOST_CONNECTING or (most and len(called) >= most)
        full = full or (not customer and strangers >= MOST_CONNECTING // 2)
        if full or _has_enough(source, customer, [*coming, *called], settings.calls_per_address):
            WEB_CALLS.labels("full").inc()
            whose = "all web callers" if full else "you"
            raise ApiError(429, "too-many-calls", f"{whose} have as many calls as there may be", {"Retry-After": "10"})
        self._beginning.append((source, customer))
        try:
            yield
        finally:
            self._beginning.remove((source, customer))

    def spare(self, call_id: str) -> None:
        """Raise ApiError where a browser comes back all the time."""
        now = self._clock.now()
        if not self._returns.permit(call_id, now):
            WEB_CALLS.labels("rate").inc()
            after = {"Retry-After": str(math.ceil(self._returns.wait_s(call_id, now)))}
            raise ApiError(429, "too-many", "too many offers of one call", after)

    def _customer(self, request: web.Request, token: str) -> Customer:
        try:
            bearer = read(self._access.secret, token, self._clock.wall())
            if self._revoked.holds(bearer):
                raise TokenFault("revoked")
        except TokenFault as fault:
            code = "expired-token" if fault.kind == "expired" else "wrong-token"
            raise self._refused(request, "token", 401, code, str(fault)) from None
        if not _begins(bearer):
            raise self._refused(request, "token", 403, "wrong-scope", "this token is not for beginning a call")
        return bearer.customer

    def _check_origin(self, request: web.Request, has_token: bool) -> None:
        """Pages of strangers may not call; programs without an origin may with a token."""
        assert self._door is not None
        origin = request.headers.get("Origin", "").lower()
        known = (*self._door.settings.origins, *self._access.settings.web_origins)
        ours = origin.partition("://")[2] == request.host.lower()
        if origin in known or (origin and ours) or (not origin and has_token):
            return
        text = f"pages of {origin[:100] or 'nowhere'} may not call; see web_calls.origins"
        raise self._refused(request, "origin", 403, "wrong-origin", text)

    def _check_rate(self, source: str) -> None:
        assert self._door is not None
        rate, now = self._door.settings.calls_per_minute, self._clock.now()
        if self._begun is None or self._begun[0] != rate:
            wider = rate * _WIDER
            self._begun = rate, KeyedBuckets(rate, 60 / rate), KeyedBuckets(wider, 60 / wider)
        _, buckets, near = self._begun
        if not buckets.permit(source, now) or not near.permit(around(source), now):
            WEB_CALLS.labels("rate").inc()
            wait_s = max(buckets.wait_s(source, now), near.wait_s(around(source), now))
            after = {"Retry-After": str(max(1, math.ceil(wait_s)))}
            raise ApiError(429, "too-many-calls", "too many calls from your address; wait", after)

    def _refused(self, request: web.Request, outcome: str, status: int, code: str, text: str) -> ApiError:
        WEB_CALLS.labels(outcome).inc()
        source = remote_of(request)
        if (held := self._quiet.permit(f"{outcome} {source}", self._clock.now())) is not None:
            log.warning("web call refused", source=source, reason=text, similar=held)
        return ApiError(status, code, text)


def around(source: str) -> str:
    """The /56 around an IPv6 source; another one stands for itself alone."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    return str(IPv6Address(int(address) >> 72 << 72)) if isinstance(address, IPv6Address) else source


def _has_enough(source: str, customer: str, there: list[tuple[str, str]], most: int) -> bool:
    """True where an address, the network around it or a customer has as many calls as it may."""
    near = sum(around(one) == around(source) for one, _ in there)
    of_source = sum(one == source for one, _ in there)
    of_customer = sum(one == customer for _, one in there) if customer else 0
    return of_source >= most or near >= _WIDER * most or of_customer >= OF_ONE_CUSTOMER


def _begins(bearer: Bearer) -> bool:
    """True for a customer's token; that of a call is good for its call alone."""
    return Scope.CALLER in bearer.scopes and not bearer.call_id and bool(bearer.customer.id)


def _token_of(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
