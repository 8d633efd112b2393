"""Which call a request means, and whether who asks may touch it. Reads the store.

A call is named by its id, the beginning of it, its short code, or the caller's number where that is one call's alone.
Desks name calls that are not theirs whole, to take them; never by a beginning.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.calls.view import CallView
from splitter.telemetry import metrics
from splitter.web.auth import bearer_of
from splitter.web.bearer import Bearer
from splitter.web.errors import ApiError
from splitter.web.ports import Archive, Calls
from splitter.web.privacy import for_desk, seen

LEAST_PREFIX = 3


class Found(NamedTuple):
    """A call: alive, or as it was kept."""

    call_id: str
    view: CallView | msgspec.Raw


class _Id(msgspec.Struct):
    call_id: str


class Finder:
    """Finds calls by what requests call them."""

    def __init__(self, calls: Calls, archive: Archive) -> None:
        self._calls = calls
        self._archive = archive

    async def to_read(self, request: web.Request) -> Found:
        """The call of the path, alive or kept, as who asks may see it."""
        bearer, reference = bearer_of(request), request.match_info["ref"]
        found = self._live(reference, bearer) or await self._kept(reference)
        if isinstance(found.view, CallView):
            if (view := seen(found.view, bearer)) is None:
                raise _not_yours(found.call_id)
            return Found(found.call_id, view)
        return found if bearer.may(Scope.READ, Scope.CONTROL) else self._kept_for(found, bearer)

    async def to_change(self, request: web.Request, scope: Scope = Scope.CONTROL, reference: str = "") -> CallView:
        """The live call of the path, or that `reference` names: one's own, or any with this scope.

        Raises:
            ApiError: 404, 409 for several or one that has ended, 403 for that of another desk.
        """
        view = await self.to_take(request, reference)
        if not bearer_of(request).may(scope) and not bearer_of(request).owns(view):
            raise _not_yours(view.call_id)
        return view

    async def to_take(self, request: web.Request, reference: str = "") -> CallView:
        """The live call of the path, or that `reference` names, whoever has it; guests have one alone."""
        bearer, reference = bearer_of(request), reference or request.match_info["ref"]
        found = self._live(reference, bearer)
        if found is None:
            kept = await self._kept(reference)
            raise ApiError(409, "call-ended", f"call {kept.call_id} has ended already")
        assert isinstance(found.view, CallView)
        if bearer.call_id and bearer.call_id != found.call_id:
            raise _not_yours(reference)
        return found.view

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _live(self, reference: str, bearer: Bearer) -> Found | None:
        view = self._calls.get(reference)
        if view is not None:
            return Found(view.call_id, view)
        views = self._calls.list()
        found = [view for view in views if view.short_code == reference]
        found = found or [view for view in views if view.caller == reference and _names(view, bearer)]
        if not found and len(reference) >= LEAST_PREFIX and bearer.may(Scope.READ, Scope.CONTROL):
            found = [view for view in views if view.call_id.startswith(reference)]
        matches = [Found(view.call_id, view) for view in found]
        return _one(matches, reference) if matches else None

    async def _kept(self, reference: str) -> Found:
        matches = []
        if len(reference) >= LEAST_PREFIX:
            await self._archive.flush()
            matches = [kept(view) for view in await self._archive.find(reference)]
        if not matches:
            raise ApiError(404, "no-such-call", f"there is no call {reference}")
        return _one(matches, reference)

    def _kept_for(self, found: Found, bearer: Bearer) -> Found:
        """A desk's own call of before."""
        view = decoded(found.view) if isinstance(found.view, msgspec.Raw) else None
        if view is None or not bearer.owns(view):
            raise _not_yours(found.call_id)
        return Found(found.call_id, for_desk(view))


def kept(data: bytes) -> Found:
    """A kept view: only its id is read, so that rows of older versions can still be shown."""
    return Found(msgspec.json.decode(data, type=_Id).call_id, msgspec.Raw(data))


def decoded(data: bytes | msgspec.Raw) -> CallView | None:
    """A kept view; None for one that is not as it is today."""
    try:
        return msgspec.json.decode(data, type=CallView)
    except msgspec.DecodeError:
        return None


def _names(view: CallView, bearer: Bearer) -> bool:
    """Who may not see the caller's number may not find the call by it."""
    return not view.facts.private or bearer.may(Scope.READ, Scope.CONTROL)


def _one(matches: list[Found], reference: str) -> Found:
    if len(matches) > 1:
        names = ", ".join(call.call_id for call in matches[:5])
        raise ApiError(409, "several-calls", f"{reference} is several calls: {names}")
    return matches[0]


def _not_yours(reference: str) -> ApiError:
    metrics.API_REFUSED.labels("not-yours").inc()
    return ApiError(403, "not-your-call", f"call {reference} is not this desk's")
