"""Which call a request means, and whether who asks may touch it. Reads the store.

A call is named by its id, the beginning of it, its short code, or the caller's number in any spelling, where that is
one call's alone. Desks name calls that are not theirs whole, to take them; never by a beginning. Codes are short, so
who guesses has to wait, and is not told what it has found; but for calls of their own. Guests name the one call of
their link, by its id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import structlog
from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.calls.view import CallView
from splitter.core.clock import Clock
from splitter.core.errors import UNREADABLE
from splitter.core.limits import KeyedBuckets
from splitter.core.numbers import WantedNumber
from splitter.telemetry import metrics
from splitter.transport.quiet import Quiet
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.access.privacy import DeskSight, for_desk, seen
from splitter.web.http.errors import ApiError
from splitter.web.ports import Archive, LiveCalls

LEAST_PREFIX = 3
GUESSES, GUESS_FADE_S = 20, 10.0  # of one desk: references that name none of its calls

log = structlog.get_logger(__name__)


class Found(NamedTuple):
    """A call: alive, or as it was kept."""

    call_id: str
    view: CallView | msgspec.Raw


class _Id(msgspec.Struct):
    call_id: str


class Finder:
    """Finds calls by what requests call them."""

    def __init__(self, calls: LiveCalls, archive: Archive, clock: Clock) -> None:
        self._calls = calls
        self._archive = archive
        self._clock = clock
        self._guesses = KeyedBuckets(GUESSES, GUESS_FADE_S)
        self._quiet = Quiet()

    async def to_read(self, request: web.Request) -> Found:
        """The call of the path, alive or kept, as who asks may see it."""
        bearer, reference = bearer_of(request), request.match_info["ref"]
        found = self._live(reference, bearer) or await self._kept(reference, bearer)
        if isinstance(found.view, CallView):
            if (view := seen(found.view, bearer)) is None:
                raise self.not_yours(reference, bearer)
            return Found(found.call_id, view)
        return found

    async def to_change(self, request: web.Request, scope: Scope = Scope.CONTROL, reference: str = "") -> CallView:
        """The live call of the path, or that `reference` names: one that one takes part in, or any with this scope.

        Raises:
            ApiError: 404, 409 for several or one that has ended, 403 for that of another desk.
        """
        bearer, view = bearer_of(request), await self.to_take(request, reference)
        if not bearer.may(scope) and not bearer.acts_in(view):
            raise self.not_yours(reference or request.match_info["ref"], bearer)
        return view

    async def to_own(self, request: web.Request) -> CallView:
        """The live call of the path, for what only its own desk may do: end it, and say who else is in it."""
        bearer, view = bearer_of(request), await self.to_change(request)
        if not bearer.may(Scope.CONTROL) and not bearer.owns(view):
            metrics.api.REFUSED.labels("not-yours").inc()
            raise ApiError(403, "not-your-call", f"call {view.call_id} is not this desk's own: that one may do it")
        return view

    async def to_take(self, request: web.Request, reference: str = "") -> CallView:
        """The live call of the path, or that `reference` names, whoever has it; guests have one alone."""
        bearer, reference = bearer_of(request), reference or request.match_info["ref"]
        if bearer.call_id and bearer.call_id != reference:
            raise self.not_yours(reference, bearer)
        found = self._live(reference, bearer)
        if found is None:
            kept = await self._kept(reference, bearer)
            raise ApiError(409, "call-ended", f"call {kept.call_id} has ended already")
        assert isinstance(found.view, CallView)
        return found.view

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _live(self, reference: str, bearer: Bearer) -> Found | None:
        """Raises ApiError for a bearer that has guessed too often, where this call is not one that it takes part in."""
        found = self._search(reference, bearer)
        if found is None or not (isinstance(found.view, CallView) and bearer.takes_part(found.view)):
            self._let_guess(bearer)
        return found

    def _search(self, reference: str, bearer: Bearer) -> Found | None:
        view = self._calls.get(reference)
        if view is not None:
            return Found(view.call_id, view)
        views = self._calls.list()
        found = [view for view in views if view.short_code == reference]
        found = found or from_number(views, reference, bearer)
        if not found and len(reference) >= LEAST_PREFIX and bearer.may(Scope.READ, Scope.CONTROL):
            found = [view for view in views if view.call_id.startswith(reference)]
        matches = [Found(view.call_id, view) for view in found]
        if len(matches) > 1:
            self._let_guess(bearer)
            self.missed(bearer)
        return _one(matches, reference, bearer) if matches else None

    async def _kept(self, reference: str, bearer: Bearer) -> Found:
        """A call that has ended; for a desk, one of its own."""
        matches: list[Found] = []
        if len(reference) >= LEAST_PREFIX:
            await self._archive.flush()
            rows = await self._archive.find(reference)
            wide = bearer.may(Scope.READ, Scope.CONTROL)
            matches = [kept(row) for row in rows] if wide else _own(rows, bearer)
        if not matches:
            self.missed(bearer)
            raise ApiError(404, "no-such-call", f"there is no call {reference[:80]}")
        return _one(matches, reference, bearer)

    def _let_guess(self, bearer: Bearer) -> None:
        """Raises ApiError where a desk has tried too many references."""
        now = self._clock.now()
        if (wait_s := self._guesses.wait_s(bearer.turn, now)) > 0:
            metrics.api.REFUSED.labels("rate").inc()
            if (held := self._quiet.permit(bearer.turn, now)) is not None:
                log.warning("a desk names many calls that are not its own", desk=bearer.name, similar=held)
            after = {"Retry-After": str(math.ceil(wait_s))}
            raise ApiError(429, "too-many", "too many references named none of your calls; wait", after)

    def missed(self, bearer: Bearer) -> None:
        """Count a bearer that has named a call which is not its own, or not there."""
        if not bearer.may(Scope.READ, Scope.CONTROL):
            self._guesses.spend(bearer.turn, self._clock.now())

    def not_yours(self, reference: str, bearer: Bearer) -> ApiError:
        """What a desk is told that may not touch the call; it counts as a guess."""
        metrics.api.REFUSED.labels("not-yours").inc()
        self.missed(bearer)
        return ApiError(403, "not-your-call", f"call {reference[:80]} is not this desk's")


def kept(data: bytes) -> Found:
    """A kept view: only its id is read, so that rows of older versions can still be shown."""
    return Found(msgspec.json.decode(data, type=_Id).call_id, msgspec.Raw(data))


def decoded(data: bytes | msgspec.Raw) -> CallView | None:
    """A kept view; None for one that is not as it is today."""
    try:
        return msgspec.json.decode(data, type=CallView)
    except UNREADABLE:
        return None


async def whole_view(archive: Archive, call_id: str) -> CallView | None:
    """The view of this very call, as it was kept; None where there is none as it is today."""
    await archive.flush()
    views = [decoded(row) for row in await archive.find(call_id)]
    return next((view for view in views if view is not None and view.call_id == call_id), None)


def from_number(views: Iterable[CallView], number: str, bearer: Bearer) -> list[CallView]:
    """Calls of a person in the network, by the number; who may not see it may not find the call by it."""
    wide, wanted = bearer.may(Scope.READ, Scope.CONTROL), WantedNumber(number)
    return [view for view in views if (wide or not view.facts.private) and wanted.names(view.number)]


def _own(rows: list[bytes], bearer: Bearer) -> list[Found]:
    """A desk's own calls of before."""
    views = [view for row in rows if (view := decoded(row)) is not None and bearer.takes_part(view)]
    return [Found(view.call_id, for_desk(view, DeskSight.of(bearer))) for view in views]


def _one(matches: list[Found], reference: str, bearer: Bearer) -> Found:
    if len(matches) > 1:
        names = ", ".join(call.call_id for call in matches[:5]) if bearer.may(Scope.READ, Scope.CONTROL) else ""
        raise ApiError(409, "several-calls", f"{reference[:80]} is several calls{names and ': '}{names}")
    return matches[0]
