"""Ended calls that another node has kept: whoever asks here for one is answered by that node. Reads the store."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.calls.view import CallView
from splitter.cluster.nodes import NodeView
from splitter.core.errors import SplitterError
from splitter.core.ids import CALL_ID_LETTERS
from splitter.web.access.auth import bearer_of
from splitter.web.calls.find import LEAST_PREFIX
from splitter.web.ports import Archive, Elsewhere, LiveCalls


class KeptElsewhere:
    """The search for who has kept a call, by those who may read all calls, or by its whole id, which nobody guesses."""

    def __init__(self, calls: LiveCalls, archive: Archive, elsewhere: Elsewhere) -> None:
        self._calls = calls
        self._archive = archive
        self._elsewhere = elsewhere

    async def elsewhere(self, request: web.Request) -> NodeView | None:
        """The node that is to answer; None for this one.

        Raises:
            ApiError: 404 where nobody knows the call, and a node does not answer that may know it.
        """
        reference = request.match_info["ref"]
        wide = bearer_of(request).may(Scope.READ, Scope.CONTROL)
        if len(reference) < (LEAST_PREFIX if wide else CALL_ID_LETTERS):
            return None
        if any(reference in (one.short_code, one.number) or one.call_id.startswith(reference) for one in self._live()):
            return None
        try:
            await self._archive.flush()
            if await self._archive.find(reference, 1):
                return None
        except SplitterError:
            return None  # the handler says so itself
        return await self._elsewhere.keeper_of(request, reference)

    def _live(self) -> list[CallView]:
        return self._calls.list()
