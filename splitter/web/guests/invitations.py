"""Invites the caller's own browser: links that let it into this one call. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.sms.message import Sms, SmsState
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.links import ShortLink
from splitter.web.access.revocations import Revocations
from splitter.web.access.terms import Access
from splitter.web.calls.calls import said_by
from splitter.web.calls.find import Finder
from splitter.web.guests.guests import guest_name
from splitter.web.guests.inviting import Invitee, Inviting
from splitter.web.guests.qr import qr_svg
from splitter.web.guests.shapes import Invitation, InvitationList, InvitationStatus, InvitationView, InvitationWish
from splitter.web.guests.sharing import LinkSharing
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body

INVITATION_BODY = Body((JSON,), JSON_BYTES, InvitationWish, needed=False)
STATUS_BODY = Body((JSON,), JSON_BYTES, InvitationStatus)


class InvitationRoutes:
    """Handlers of /v1/calls/{ref}/invitations.

    Args:
        access: where links lead to, if there is such a page.
        sharing: tells other nodes.
    """

    def __init__(
        self,
        finder: Finder,
        access: Access,
        inviting: Inviting,
        revoked: Revocations,
        sharing: LinkSharing,
    ) -> None:
        self._find = finder
        self._access = access
        self._inviting = inviting
        self._revoked = revoked
        self._sharing = sharing

    async def invite(self, request: web.Request) -> web.Response:
        wish = await read_json(request, INVITATION_BODY, InvitationWish)
        call = await self._find.to_own(request)
        page = self._access.settings.guest_url
        if not page:
            raise ApiError(422, "no-guest-page", "callers cannot be invited: api.guest_url is not set")
        if not self._inviting.may_invite(call.call_id):
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "this call's links were sent often enough", {"Retry-After": "60"})
        number = wish.number or ("" if wish.kind == "expert" else call.number)
        by = said_by(bearer_of(request))
        whom = Invitee(number, wish.language, wish.devices, by, wish.kind, wish.title.strip())
        made = await self._inviting.invite(call, whom)
        self._sharing.share(made.link)
        sent = made.sms.state is SmsState.QUEUED and not made.reason
        return json_response(
            Invitation(
                made.link.id, made.url, made.link.expires_at, sent, made.reason, made.sms.state, qr_svg(made.url)
            ),
            201,
        )

    async def listed(self, request: web.Request) -> web.Response:
        call = await self._find.to_own(request)
        links = self._inviting.links.of_call(call.call_id)
        return json_response(InvitationList([self._view(link, self._inviting.post.get(link.id)) for link in links]))

    async def revoke(self, request: web.Request) -> web.Response:
        """Take a link back: it lets nobody in any longer, and whoever it has let in has to leave."""
        call, key = await self._find.to_own(request), request.match_info["invitation"]
        link = self._inviting.links.get(key)
        if link is None or link.call_id != call.call_id:
            raise _unknown(key)
        await self._inviting.revoke(key)
        if (over := self._inviting.links.get(key)) is not None:
            self._sharing.share(over)
        await self._revoked.revoke(guest_name(key))
        return web.Response(status=204)

    async def status(self, request: web.Request) -> web.Response:
        """Whoever sends messages tells what became of one; its call may be over by then."""
        told = await read_json(request, STATUS_BODY, InvitationStatus)
        key = request.match_info["invitation"]
        sms = self._inviting.post.get(key)
        if sms is None or sms.call_id != request.match_info["ref"]:
            raise _unknown(key)
        self._inviting.post.note(key, SmsState(told.state), told.reason)
        return web.Response(status=204)

    def _view(self, link: ShortLink, sms: Sms | None) -> InvitationView:
        state, reason, at = (sms.state, sms.reason, sms.changed_at) if sms else (SmsState.UNKNOWN, "", link.made_at)
        holds = self._inviting.links.holds(link)
        use = (link.devices, len(link.used), link.kind, link.title)
        return InvitationView(link.id, link.expires_at, holds, state, reason, at, *use)


def _unknown(key: str) -> ApiError:
    return ApiError(404, "no-such-invitation", f"the call has no invitation {key[:40]}")
