"""A caller says how it was, while the call lives or after it has ended. Does I/O through aiohttp and the store.

PUT /v1/calls/{ref}/guest/rating   {"stars": 4}; the last word counts, and of a call that has ended the first one
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from splitter.calls.asks import Denial, Rate
from splitter.calls.states import CallState
from splitter.calls.view import rated_words
from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.links import Links
from splitter.web.access.terms import Access
from splitter.web.calls.find import whole_view
from splitter.web.guests.shapes import RatingWish
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError
from splitter.web.http.routes import JSON, Body
from splitter.web.ports import Archive, LiveCalls
from splitter.web.records.late_changes import LateChanges

RATING_BODY = Body((JSON,), 128, RatingWish)
RATED_LATE_S = 3600.0  # after the end of the call
_EACH, _EACH_FADE_S = 5, 10.0


class RatingRoutes:
    """The handler of the above."""

    def __init__(
        self, calls: LiveCalls, archive: Archive, links: Links, access: Access, late: LateChanges, clock: Clock
    ) -> None:
        self._calls = calls
        self._archive = archive
        self._links = links
        self._access = access
        self._late = late
        self._clock = clock
        self._often = KeyedBuckets(_EACH, _EACH_FADE_S)

    async def rate(self, request: web.Request) -> web.Response:
        """Take what the caller says."""
        wish = await read_json(request, RATING_BODY, RatingWish)
        bearer, call_id = bearer_of(request), request.match_info["ref"]
        if bearer.call_id != call_id:
            raise ApiError(403, "not-your-call", f"call {call_id[:80]} is not that of this link")
        if bearer.guest != "guest" or (bearer.link and not self._links.uses(bearer.link, bearer.device)):
            raise ApiError(403, "not-the-caller", "only who was in the call by its link says how it was")
        if not self._access.page.rating:
            raise ApiError(403, "not-asked", "callers are not asked here how it was; see [guest_page]")
        if not self._often.permit(call_id, self._clock.now()):
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "it was said already", {"Retry-After": "10"})
        if self._calls.get(call_id) is not None:
            try:
                await self._calls.ask(call_id, Rate(wish.stars))
            except Denial as denial:
                if denial.status not in (404, 409):
                    raise
                await self._rate_ended(call_id, wish.stars)  # it has ended just now
        else:
            await self._rate_ended(call_id, wish.stars)
        return web.Response(status=204)

    async def _rate_ended(self, call_id: str, stars: int) -> None:
        async with self._late.turn:
            view = await whole_view(self._archive, call_id)
            if view is None or view.state != CallState.ENDED:
                raise ApiError(404, "no-such-call", f"there is no call {call_id[:80]}")
            if view.rating or self._clock.wall() - (view.ended_at or 0.0) > RATED_LATE_S:
                raise ApiError(409, "call-ended", "the call has ended, and can be rated no more")
            self._late.change(replace(view, rating=stars), "rated", rated_words(stars))
