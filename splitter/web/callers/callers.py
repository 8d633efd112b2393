"""Browsers call in: /v1/web/calls. Does I/O through aiohttp.

POST   /v1/web/calls                 an offer becomes a call, with a token of its own
GET    /v1/web/calls/{call}          how it stands
GET    /v1/web/calls/{call}/events   the same as a WebSocket: a frame whenever that changes
PUT    /v1/web/calls/{call}/offer    another offer: ICE restart, or another transport
PUT    /v1/web/calls/{call}/camera   pictures on or off; also the answer to the agent's question
DELETE /v1/web/calls/{call}          hang up
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import structlog
from aiohttp import web

from splitter.calls.browsers.customer import Customer
from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.invite import WebCaller
from splitter.calls.browsers.line import BrowserLine, CameraSaid, HungUp
from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.errors import MediaUnavailable, PeerError
from splitter.core.net import source_of
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer, id_of, mint
from splitter.web.access.terms import Access
from splitter.web.callers.admission import CallerAdmission
from splitter.web.callers.shapes import CameraWish, CustomerWish, WebCall, WebCallWish, WebOffer
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import JSON, SDP_BYTES, Body
from splitter.web.logins.shapes import Minted
from splitter.web.relays import relays_for

_JSON_BYTES = 2 * SDP_BYTES  # an offer in JSON has its line ends escaped
CALL_BODY = Body((JSON,), _JSON_BYTES, WebCallWish)
WEB_OFFER_BODY = Body((JSON,), _JSON_BYTES, WebOffer)
CAMERA_BODY = Body((JSON,), 1024, CameraWish)
CUSTOMER_BODY = Body((JSON,), 4096, CustomerWish)
CALL_TOKEN_S = 12 * 3600
"""So long may a page come back into its call: as long as any call lasts."""

log = structlog.get_logger(__name__)

T = TypeVar("T")


class CallerRoutes:
    """Handlers of /v1/web.

    Args:
        door: None where browsers cannot call.
        access: what tokens are signed with.
        admission: says who may call.
    """

    def __init__(self, door: WebDoor | None, access: Access, clock: Clock, admission: CallerAdmission) -> None:
        self._door = door
        self._access = access
        self._clock = clock
        self._admission = admission

    async def tokens(self, request: web.Request) -> web.Response:
        """Make a token with which a customer may call; for your own server, which knows who that is."""
        wish = await read_json(request, CUSTOMER_BODY, CustomerWish)
        settings = self._opened.settings
        customer = Customer(wish.customer, wish.name, wish.language, wish.number)
        bearer = Bearer(f"customer {wish.customer}", frozenset({Scope.CALLER}), customer=customer)
        expires_at = float(int(self._clock.wall() + (wish.expires_in_s or settings.token_lifetime_s)))
        token = mint(self._access.secret, bearer, expires_at, self._clock.wall())
        log.info("token made", name=bearer.name, by=bearer_of(request).name, token=id_of(token))
        return json_response(Minted(token, expires_at), 201)

    async def call(self, request: web.Request) -> web.Response:
        """Begin a call."""
        door = self._opened
        wish = await read_json(request, CALL_BODY, WebCallWish)
        customer = await self._admission.admit(request, wish)
        if not door.leads_somewhere(wish.number) or customer.number not in ("", wish.number):
            metrics.calls.WEB_CALLS.labels("number").inc()
            raise ApiError(404, "no-such-number", f"browsers cannot call {wish.number}")
        source = remote_of(request)
        caller = WebCaller(
            wish.number,
            customer.id,
            customer.name,
            customer.language or wish.language,
            source,
        )
        with self._admission.place(source_of(source), customer.id):
            line = await _taken(door.begin(caller, parse_offer(wish.sdp), wish.camera, wish.client))
        metrics.calls.WEB_CALLS.labels("begun").inc()
        call_id = line.view.call_id
        bearer = Bearer("web caller", frozenset({Scope.CALLER}), call_id=call_id)
        wall = self._clock.wall()
        token = mint(self._access.secret, bearer, wall + CALL_TOKEN_S, wall)
        relays = relays_for(self._access.settings, call_id, wall + CALL_TOKEN_S, wall)
        response = json_response(WebCall(token, line.view, relays), 201)
        response.headers["Location"] = f"/v1/web/calls/{call_id}"
        return response

    async def show(self, request: web.Request) -> web.Response:
        """Say how the call stands."""
        return json_response(self._own(request).view)

    async def offer(self, request: web.Request) -> web.Response:
        """Take another offer of its browser."""
        line = self._own(request)
        wish = await read_json(request, WEB_OFFER_BODY, WebOffer)
        self._admission.spare(line.view.call_id)
        await _taken(self._opened.take_back(line, parse_offer(wish.sdp), wish.client))
        metrics.calls.WEB_CALLS.labels("returned").inc()
        return json_response(line.view)

    async def camera(self, request: web.Request) -> web.Response:
        """Let the agent see pictures, or not."""
        line = self._own(request)
        wish = await read_json(request, CAMERA_BODY, CameraWish)
        line.say(CameraSaid(wish.on))
        return json_response(line.view)

    async def hang_up(self, request: web.Request) -> web.Response:
        """End the call."""
        line = self._own(request)
        if not line.say(HungUp()):
            line.end("hung-up")
        return web.Response(status=204)

    @property
    def _opened(self) -> WebDoor:
        if self._door is None or self._door.trunk is None:
            raise ApiError(404, "no-web-calls", "browsers cannot call here; see [web_calls]")
        return self._door

    def _own(self, request: web.Request) -> BrowserLine:
        return own_line(self._door, request)


def own_line(door: WebDoor | None, request: web.Request) -> BrowserLine:
    """The browser's line of the call that a request names. Raises ApiError where it is another one's, or is over."""
    call_id, bearer = request.match_info["call"], bearer_of(request)
    line = door.browsers.get(call_id) if door is not None else None
    if bearer.call_id != call_id and not bearer.may(Scope.CONTROL):
        raise ApiError(403, "not-your-call", "this token is for another call")
    if line is None:
        raise ApiError(404, "no-such-call", "there is no such call any more")
    return line


def parse_offer(text: str) -> Session:
    """The offer of a browser; raises ApiError."""
    try:
        return parse(text.encode("utf-8", "surrogateescape"))
    except PeerError as error:
        metrics.calls.WEB_CALLS.labels("offer").inc()
        raise ApiError(400, "bad-sdp", error.reason) from error


async def _taken(work: Awaitable[T]) -> T:
    try:
        return await work
    except PeerError as error:
        metrics.calls.WEB_CALLS.labels("offer").inc()
        status, code = {404: (404, "no-web-calls"), 409: (409, "call-ended")}.get(error.status, (422, "bad-offer"))
        raise ApiError(status, code, error.reason) from error
    except MediaUnavailable as error:
        metrics.calls.WEB_CALLS.labels("no-media").inc()
        raise ApiError(503, "no-media", str(error), {"Retry-After": f"{error.retry_after_s:g}"}) from error
