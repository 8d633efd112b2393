"""POST /v1/calls: a call outwards for a desk, whose phone rings first. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import PlacedCall
from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.calls.calls import said_by
from splitter.web.calls.shapes import CallId, CallWish
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import LiveCalls

CALL_BODY = Body((JSON,), JSON_BYTES, CallWish)
MOST, FADE_S = 5, 12.0  # of one desk: each rings twice, and may cost money


class PlacingRoutes:
    """Handler of POST /v1/calls."""

    def __init__(self, calls: LiveCalls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._made = KeyedBuckets(MOST, FADE_S)

    async def place(self, request: web.Request) -> web.Response:
        """CTI lets any desk call, a desk itself alone."""
        wish, bearer = await read_json(request, CALL_BODY, CallWish), bearer_of(request)
        extension = wish.extension or bearer.extension
        if not extension:
            raise ApiError(422, "no-extension", 'say whose phone is to ring: {"extension": "8001"}')
        if not bearer.may(Scope.CONTROL) and extension != bearer.extension:
            raise ApiError(403, "wrong-scope", f"{bearer.name} calls for {bearer.extension} alone")
        if not bearer.may(Scope.CONTROL) and not self._made.permit(bearer.turn, self._clock.now()):
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "this desk has called often enough", {"Retry-After": "12"})
        call_id = self._calls.place(PlacedCall(extension, wish.number, said_by(bearer), wish.video))
        response = json_response(CallId(call_id), 201)
        response.headers["Location"] = f"/v1/calls/{call_id}"
        return response
