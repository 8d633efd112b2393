"""Who may call from a browser: by origin, token or captcha, and how often. Does I/O: it may ask a captcha service."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from aiohttp import web

from splitter.calls.browsers.customer import NOBODY, Customer
from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.limits import Crowded, around
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.core.net import source_of
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.web.access.bearer import TokenFault
from splitter.web.access.revocations import Revocations
from splitter.web.access.terms import Access
from splitter.web.callers.captcha import is_human
from splitter.web.callers.customer_tokens import SignedCustomers
from splitter.web.callers.shapes import WebCallWish
from splitter.web.http.errors import ApiError
from splitter.web.http.proxies import remote_of

CHECKS, CHECK_S = 6, 10.0
"""Checks of the path from one address in a row, and the seconds until one more."""
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
        self._access, self._clock = access, clock
        self._tokens = SignedCustomers(access, revoked, clock)
        self._returns = KeyedBuckets(RETURNS, RETURN_S)
        self._checks = KeyedBuckets(CHECKS, CHECK_S)
        self._quiet = Quiet()

    async def admit(self, request: web.Request, wish: WebCallWish) -> Customer:
        """Let a caller in, or raise ApiError with the reason. Returns: who it is; nobody for an anonymous one."""
        assert self._door is not None
        settings, source = self._door.settings, source_of(remote_of(request))
        token = _token_of(request)
        self._check_origin(request, bool(token))
        if self._door.draining:
            metrics.calls.WEB_CALLS.labels("draining").inc()
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
        return NOBODY

    def admit_check(self, request: web.Request) -> bool:
        """Let a browser see whether a call would find a way, or raise ApiError with the reason.

        Returns: whether it might call now. A captcha is good for one call, so that whoever needs one is let in here
        without it, and is told of no relays.
        """
        assert self._door is not None
        settings, source, now = self._door.settings, source_of(remote_of(request)), self._clock.now()
        token = _token_of(request)
        self._check_origin(request, bool(token))
        if not self._checks.permit(around(source), now):
            metrics.calls.WEB_CALLS.labels("rate").inc()
            after = {"Retry-After": str(math.ceil(self._checks.wait_s(around(source), now)))}
            raise ApiError(429, "too-many", "that was checked a moment ago", after)
        if token:
            self._customer(request, token)
        elif not settings.captcha_url and not settings.anonymous:
            raise self._refused(request, "anonymous", 401, "no-token", "only customers with a token may call")
        return bool(token) or not settings.captcha_url

    @contextmanager
    def place(self, source: str, customer: str) -> Iterator[None]:
        """A place for one more call of this address and customer; see `Browsers.place`.

        Raises:
            ApiError: there is none.
        """
        assert self._door is not None
        trunk = self._door.trunk
        try:
            most, name = (trunk.max_calls, trunk.name) if trunk is not None else (0, "")
            with self._door.browsers.place(source, customer, most, name):
                yield
        except Crowded as crowded:
            metrics.calls.WEB_CALLS.labels("full").inc()
            raise ApiError(429, "too-many-calls", str(crowded), {"Retry-After": "10"}) from None

    def spare(self, call_id: str) -> None:
        """Raise ApiError where a browser comes back all the time."""
        now = self._clock.now()
        if not self._returns.permit(call_id, now):
            metrics.calls.WEB_CALLS.labels("rate").inc()
            after = {"Retry-After": str(math.ceil(self._returns.wait_s(call_id, now)))}
            raise ApiError(429, "too-many", "too many offers of one call", after)

    def _customer(self, request: web.Request, token: str) -> Customer:
        try:
            return self._tokens.read(token)
        except TokenFault as fault:
            status, code, text = self._tokens.in_words(fault)
            raise self._refused(request, "token", status, code, text) from None

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
        if wait_s := self._door.browsers.must_wait_s(source, self._clock.now()):
            metrics.calls.WEB_CALLS.labels("rate").inc()
            after = {"Retry-After": str(math.ceil(wait_s))}
            raise ApiError(429, "too-many-calls", "too many calls from your address; wait", after)

    def _refused(self, request: web.Request, outcome: str, status: int, code: str, text: str) -> ApiError:
        metrics.calls.WEB_CALLS.labels(outcome).inc()
        source = remote_of(request)
        if (held := self._quiet.permit(f"{outcome} {source}", self._clock.now())) is not None:
            log.warning("web call refused", source=source, reason=text, similar=held)
        return ApiError(status, code, text)


def _token_of(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
