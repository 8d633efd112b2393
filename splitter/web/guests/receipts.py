"""Receipts of SMS services that come by HTTP, as each service writes them. Does I/O through aiohttp.

A service shows the key in the path of its own; nobody else knows where to send them.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from aiohttp import web

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.limits import KeyedBuckets
from splitter.core.net import source_of
from splitter.sms.answers import MOST_BYTES, receipts
from splitter.sms.settings import HttpSmsSettings
from splitter.telemetry import metrics
from splitter.web.guests.inviting import Inviting
from splitter.web.http.bodies import read_body
from splitter.web.http.errors import ApiError
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import JSON, Body

FORM = "application/x-www-form-urlencoded"
RECEIPT_BODY = Body((JSON, FORM, "text/json"), MOST_BYTES)
_WRONG, _FADE_S = 20, 10.0


class ReceiptRoutes:
    """Handler of /v1/sms/{carrier}/receipts/{key}."""

    def __init__(self, services: Iterable[HttpSmsSettings], inviting: Inviting, clock: Clock) -> None:
        self._services = {one.name: one for one in services if one.receipt_key}
        self._inviting = inviting
        self._clock = clock
        self._wrong = KeyedBuckets(_WRONG, _FADE_S)

    async def take(self, request: web.Request) -> web.Response:
        """Take the receipts in."""
        service = self._known(request)
        body = await read_body(request, RECEIPT_BODY)
        try:
            found = receipts(service, request.content_type, body)
        except PeerError as error:
            raise ApiError(400, "bad-body", error.reason) from error
        for receipt in found:
            self._inviting.receive(service.name, receipt)
        if not service.receipt_answer:
            return web.Response(status=204)
        kind = JSON if service.receipt_answer.startswith("{") else "text/plain"
        return web.Response(text=service.receipt_answer, content_type=kind)

    def _known(self, request: web.Request) -> HttpSmsSettings:
        source, now = source_of(remote_of(request)), self._clock.now()
        if self._wrong.wait_s(source, now) > 0:
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "too many wrong keys; wait", {"Retry-After": str(int(_FADE_S))})
        service = self._services.get(request.match_info["carrier"])
        key = request.match_info["key"].encode()
        if service is None or not hmac.compare_digest(service.receipt_key.encode(), key):
            self._wrong.spend(source, now)
            metrics.api.REFUSED.labels("wrong-token").inc()
            raise ApiError(404, "no-such-carrier", "no receipts are taken here")
        return service
