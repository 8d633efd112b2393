"""What a call has carried, and why it went as it did, with what proves it. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.after.diagnosis import Diagnosis, Finding, why
from splitter.calls.states import CallState
from splitter.calls.view import CallView, CarriedView
from splitter.telemetry.summary import Summariser
from splitter.telemetry.trace import TraceEvent
from splitter.web.access.auth import bearer_of
from splitter.web.access.privacy import carried_seen
from splitter.web.calls.find import Finder, decoded
from splitter.web.calls.shapes import CarriedShown, DiagnosisShown, FindingShown, ProofShown
from splitter.web.http.errors import ApiError, json_response
from splitter.web.ports import Archive, LiveCalls


class WhyRoutes:
    """Handlers of /v1/calls/{ref}/why and …/quality."""

    def __init__(self, calls: LiveCalls, archive: Archive, finder: Finder) -> None:
        self._calls = calls
        self._archive = archive
        self._find = finder

    async def why(self, request: web.Request) -> web.Response:
        view = await self._view(request)
        carried = await self._carried(view)
        await self._archive.flush()
        trace = await self._archive.trace(view.call_id)
        return json_response(_shown(view, why(view, carried, trace)))

    async def quality(self, request: web.Request) -> web.Response:
        view = await self._view(request)
        carried, live = await self._carried(view), self._calls.get(view.call_id)
        shown = carried if live is None else carried_seen(carried, live, bearer_of(request))
        return json_response(CarriedShown(view.call_id, shown))

    async def _view(self, request: web.Request) -> CallView:
        found = await self._find.to_read(request)
        view = found.view if isinstance(found.view, CallView) else decoded(found.view)
        if view is None:
            raise ApiError(404, "no-such-call", "this call was kept by another version, which counted other things")
        return view

    async def _carried(self, view: CallView) -> tuple[CarriedView, ...]:
        return view.carried if view.state is CallState.ENDED else await self._calls.carried(view.call_id)


def _shown(view: CallView, diagnosis: Diagnosis) -> DiagnosisShown:
    return DiagnosisShown(view.call_id, _finding(diagnosis.voice), _finding(diagnosis.video))


def _finding(finding: Finding) -> FindingShown:
    summariser = Summariser()
    return FindingShown(finding.fine, finding.words, tuple(_proof(summariser.describe(one)) for one in finding.proof))


def _proof(event: TraceEvent) -> ProofShown:
    return ProofShown(event.at, event.leg, event.kind, event.direction, event.text)
