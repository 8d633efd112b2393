"""The agent notes what came of a call that is over. Does I/O through aiohttp and the store.

PUT /v1/calls/{ref}/wrap-up   {"note": "…", "disposition": "solved", "screenshots": [1, 3]}; the last word counts
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from splitter.calls.after.wrap_up import WrapUpView
from splitter.calls.logins.access import Scope
from splitter.calls.states import CallState
from splitter.calls.view import CallView
from splitter.core.clock import Clock
from splitter.store.kept_screenshots import KeptScreenshots
from splitter.store.screenshots import ShotFile
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.access.terms import Access
from splitter.web.calls.find import Finder, whole_view
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, Body
from splitter.web.ports import Archive, LiveCalls
from splitter.web.records.late_changes import LateChanges
from splitter.web.records.shapes import WrapUpWish
from splitter.web.stills.album import Album

WRAP_UP_BODY = Body((JSON,), 65_536, WrapUpWish)
NOTED_LATE_S = 8 * 3600.0  # by a desk, after the end of the call: the length of a shift


class WrapUpRoutes:
    """The handler of the above."""

    def __init__(
        self,
        calls: LiveCalls,
        archive: Archive,
        finder: Finder,
        access: Access,
        late: LateChanges,
        clock: Clock,
        album: Album,
        kept: KeptScreenshots,
    ) -> None:
        self._calls = calls
        self._archive = archive
        self._find = finder
        self._access = access
        self._late = late
        self._clock = clock
        self._album = album
        self._kept = kept

    async def note(self, request: web.Request) -> web.Response:
        """Keep what is noted with the record of the call."""
        wish = await read_json(request, WRAP_UP_BODY, WrapUpWish)
        bearer, call_id = bearer_of(request), (await self._find.to_read(request)).call_id
        if self._calls.get(call_id) is not None:
            raise ApiError(409, "not-ended", f"call {call_id} is not over: its note comes then")
        async with self._late.turn:
            view = await whole_view(self._archive, call_id)
            if view is None or view.state != CallState.ENDED:
                raise ApiError(404, "no-such-call", f"there is no call {call_id} that can be noted of")
            self._check(bearer, view, wish)
            before = view.wrap_up.screenshots if view.wrap_up is not None else ()
            shots = (*before, *await self._keep(call_id, set(wish.screenshots) - set(before)))
            at = round(self._clock.wall(), 3)
            noted = WrapUpView(wish.note.strip(), wish.disposition, bearer.name, at, tuple(sorted(shots)))
            what = f": {noted.disposition}" if noted.disposition else ""
            self._late.change(
                replace(view, wrap_up=noted), "wrapped-up", f"{bearer.name} has noted what came of it{what}"
            )
        return json_response(noted)

    def _check(self, bearer: Bearer, view: CallView, wish: WrapUpWish) -> None:
        """Whether this one may note this of the call. Raises ApiError."""
        if not bearer.may(Scope.CONTROL):
            if not bearer.owns(view):
                raise ApiError(403, "not-your-call", f"call {view.call_id} was not this desk's own")
            if self._clock.wall() - (view.ended_at or 0.0) > NOTED_LATE_S:
                raise ApiError(409, "too-late", "the call ended long ago: its note stays as it is")
        known = (*self._access.settings.dispositions, view.wrap_up.disposition if view.wrap_up else "")
        if wish.disposition and wish.disposition not in known:
            raise ApiError(422, "no-such-disposition", "that is none of [api] dispositions")

    async def _keep(self, call_id: str, numbers: set[int]) -> tuple[int, ...]:
        found = ((number, self._album.get(call_id, number)) for number in sorted(numbers))
        return await self._kept.keep(
            [ShotFile(call_id, number, one.png, one.width, one.height, one.taken_at) for number, one in found if one]
        )
