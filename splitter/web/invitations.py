"""Invites the caller's own browser: a link that lets it into this one call. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.telemetry import metrics
from splitter.web.access import Access
from splitter.web.auth import bearer_of
from splitter.web.bearer import Bearer, mint
from splitter.web.bodies import read_json
from splitter.web.calls import said_by
from splitter.web.errors import ApiError, json_response
from splitter.web.find import Finder
from splitter.web.ports import Invited, Inviter
from splitter.web.routes import JSON, JSON_BYTES, Body
from splitter.web.shapes import Invitation, InvitationWish

INVITATION_BODY = Body((JSON,), JSON_BYTES, InvitationWish, needed=False)
LIFETIME_S = 3600.0
MOST, FADE_S = 5, 60.0  # of one call: each may cost a message


class InvitationRoutes:
    """Handler of /v1/calls/{ref}/invitations.

    Args:
        access: where links point to, if there is such a page, and what they are signed with.
        inviter: told of each link, so that somebody sends it.
    """

    def __init__(self, finder: Finder, access: Access, inviter: Inviter, clock: Clock) -> None:
        self._find = finder
        self._access = access
        self._inviter = inviter
        self._clock = clock
        self._sent = KeyedBuckets(MOST, FADE_S)

    async def invite(self, request: web.Request) -> web.Response:
        wish = await read_json(request, INVITATION_BODY, InvitationWish)
        call = await self._find.to_own(request)
        page = self._access.settings.guest_url
        if not page:
            raise ApiError(422, "no-guest-page", "callers cannot be invited: api.guest_url is not set")
        if not self._sent.permit(call.call_id, self._clock.now()):
            metrics.API_REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "this call's links were sent often enough", {"Retry-After": "60"})
        expires_at = float(int(self._clock.wall() + LIFETIME_S))
        guest = Bearer("guest", frozenset({Scope.GUEST}), call_id=call.call_id)
        # Behind "#": browsers keep it to themselves, so that it stands in no log of a server.
        link = f"{page}#{mint(self._access.secret, guest, expires_at, self._clock.wall())}"
        number = wish.number or call.number
        reason = self._inviter(Invited(call.call_id, number, link, expires_at, said_by(bearer_of(request))))
        return json_response(Invitation(link, expires_at, not reason, reason), 201)
