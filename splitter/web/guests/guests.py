"""Lets guests in by the codes of their links. Does I/O through aiohttp.

GET /g/CODE leads to the page and looks nothing up: programs that fetch links before people do (previews of messengers,
scanners of operators) use nothing up. The page asks POST /v1/guests for a token.
"""

from __future__ import annotations

import math

import structlog
from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.net import source_of
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.web.access.bearer import Bearer, mint
from splitter.web.access.links import is_code, plain_code
from splitter.web.access.terms import Access
from splitter.web.guests.guesses import Guesses
from splitter.web.guests.inviting import Inviting
from splitter.web.guests.shapes import GuestLogin, GuestPageShown, GuestWish
from splitter.web.guests.sharing import LinkSharing
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import LiveCalls
from splitter.web.relays import relays_for

LOGO = "/guest/logo"
GUEST_BODY = Body((JSON,), JSON_BYTES, GuestWish)

log = structlog.get_logger(__name__)


def guest_name(key: str) -> str:
    """The name of guests by this link's tokens: revoking it revokes them."""
    return f"guest {key}"


class GuestRoutes:
    """Handlers of /g/{code} and /v1/guests.

    Args:
        access: the page of guests, and what tokens are signed with.
    """

    def __init__(
        self, calls: LiveCalls, inviting: Inviting, guesses: Guesses, access: Access, sharing: LinkSharing, clock: Clock
    ) -> None:
        self._calls = calls
        self._inviting = inviting
        self._guesses = guesses
        self._access = access
        self._sharing = sharing
        self._clock = clock
        self._quiet = Quiet()

    async def lead(self, request: web.Request) -> web.Response:
        """Lead to the page. The code stands behind "#", which browsers keep to themselves: no log has it."""
        code = request.match_info["code"]
        if not is_code(code):
            raise web.HTTPNotFound
        target = f"{self._access.settings.guest_url or '/guest/'}#{plain_code(code)}"
        headers = {"Location": target, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return web.Response(status=302, headers=headers)

    async def login(self, request: web.Request) -> web.Response:
        """A code becomes a token for its one call."""
        wish = await read_json(request, GUEST_BODY, GuestWish)
        source, now = source_of(remote_of(request)), self._clock.now()
        if (wait_s := self._guesses.wait_s(source, now)) > 0:
            metrics.sms.LINKS.labels("limited").inc()
            after = {"Retry-After": str(math.ceil(wait_s))}
            raise ApiError(429, "too-many", "too many links that are none were tried; wait", after)
        link = self._inviting.links.find(wish.code) if is_code(wish.code) else None
        if link is None:
            self._guesses.miss(source, now)
            metrics.sms.LINKS.labels("wrong").inc()
            if (held := self._quiet.permit(source, now)) is not None:
                log.warning("a link that is none was tried", source=source, similar=held)
            raise ApiError(404, "no-such-link", "there is no such link")
        own = self._calls.get(link.call_id) is not None
        if not own and not self._sharing.lives_elsewhere(link.call_id):
            metrics.sms.LINKS.labels("ended").inc()
            raise ApiError(409, "call-ended", "the call of this link is over")
        if not self._inviting.links.holds(link):
            metrics.sms.LINKS.labels("ended").inc()
            raise ApiError(410, "link-over", "this link no longer holds")
        if not self._inviting.links.fits(link, wish.device):
            metrics.sms.LINKS.labels("other-device").inc()
            raise ApiError(403, "other-device", "this link is used on another device")
        if own:
            self._inviting.opened(link.id)
        else:
            self._sharing.opened(link)
        guest = Bearer(
            guest_name(link.id),
            frozenset({Scope.GUEST}),
            call_id=link.call_id,
            link=link.id,
            device=wish.device,
            guest=link.kind,
            title=link.title,
        )
        token = mint(self._access.secret, guest, link.expires_at, self._clock.wall())
        relays = relays_for(self._access.settings, guest.name, link.expires_at, self._clock.wall())
        return json_response(GuestLogin(token, link.expires_at, link.call_id, link.kind, relays, self._page()), 201)

    def _page(self) -> GuestPageShown:
        page = self._access.page
        return GuestPageShown(
            page.name,
            page.name_zh or page.name,
            page.text,
            page.text_zh or page.text,
            page.privacy_url,
            LOGO if page.logo else "",
            page.consent,
            page.rating,
            page.files,
        )
