"""Requests of a guest's page beside its video. Does I/O through aiohttp.

GET /v1/calls/{ref}/guest                       its call, as far as it concerns the guest
GET /v1/calls/{ref}/guest/events                the same as a WebSocket: a frame whenever that changes
PUT /v1/calls/{ref}/parties/{party}/camera      a browser says how its own camera is
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import TellCamera
from splitter.calls.states import CallState
from splitter.calls.view import CallView
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.links import Links
from splitter.web.access.revocations import Revocations
from splitter.web.calls.find import Finder
from splitter.web.calls.parties import PartyRoutes
from splitter.web.guests.feed import FullFeed, GuestFeed
from splitter.web.guests.shapes import CameraTold
from splitter.web.guests.view import for_guest
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, Body
from splitter.web.http.view_socket import fresh_socket, show_views
from splitter.web.ports import LiveCalls

PROTOCOL = "splitter.guest.v1"
CAMERA_TOLD_BODY = Body((JSON,), 256, CameraTold)
TOLD, TOLD_FADE_S = 20, 0.5  # of one party: each goes to every desk


class GuestCallRoutes:
    """Handlers of the above.

    Args:
        feed: tells of changes.
        links: say which device may use which link.
        revoked: whom to believe no longer.
    """

    def __init__(
        self,
        calls: LiveCalls,
        finder: Finder,
        parties: PartyRoutes,
        feed: GuestFeed,
        links: Links,
        revoked: Revocations,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._find = finder
        self._parties = parties
        self._feed = feed
        self._links = links
        self._revoked = revoked
        self._clock = clock
        self._told = KeyedBuckets(TOLD, TOLD_FADE_S)

    async def show(self, request: web.Request) -> web.Response:
        """Say how the call stands."""
        view, bearer = await self._own(request), bearer_of(request)
        return json_response(for_guest(view, self._calls.desks_of(view.call_id), bearer))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket, from its opening to its end."""
        view, bearer = await self._own(request), bearer_of(request)
        socket = fresh_socket(request, PROTOCOL)
        try:
            queue = self._feed.watch(view)
        except FullFeed:
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "too many pages look at this call", {"Retry-After": "5"}) from None

        def shown(view: CallView) -> tuple[object, bool] | None:
            expired = bearer.expires_at is not None and bearer.expires_at <= self._clock.wall()
            if expired or self._revoked.holds(bearer):
                return None
            desks = self._calls.desks_of(view.call_id)
            return for_guest(view, desks, bearer), view.state == CallState.ENDED

        try:
            await show_views(request, socket, queue, shown)
        finally:
            self._feed.unwatch(view.call_id, queue)
        return socket

    async def camera(self, request: web.Request) -> web.Response:
        """Let the desks know why no pictures come."""
        told = await read_json(request, CAMERA_TOLD_BODY, CameraTold)
        call, party = await self._parties.of_request(request)
        if not self._told.permit((call.call_id, party), self._clock.now()):
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "the camera changes too often", {"Retry-After": "1"})
        await self._calls.ask(call.call_id, TellCamera(party, told.state))
        return web.Response(status=204)

    async def _own(self, request: web.Request) -> CallView:
        """The call of the path, where this device has been let into it, or may be. Raises ApiError."""
        bearer, view = bearer_of(request), await self._find.to_take(request)
        link = self._links.get(bearer.link)
        if link is not None and not self._links.fits(link, bearer.device):
            raise ApiError(403, "other-device", "this link is used on another device")
        return view
