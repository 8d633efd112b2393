"""The trace of a call, an event per line (NDJSON), stored or as it happens. Does I/O through aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiohttp import web

from splitter.core.clock import Clock
from splitter.core.errors import SplitterError
from splitter.telemetry.summary import Summariser
from splitter.telemetry.trace import TraceEvent
from splitter.web.access.auth import bearer_of
from splitter.web.access.revocations import Revocations
from splitter.web.calls.calls import flag
from splitter.web.calls.find import Finder
from splitter.web.calls.readings import Readings
from splitter.web.ports import Archive, Live

NDJSON = "application/x-ndjson"
HEARTBEAT_S = 10.0  # an empty line, so that a follower who left is noticed
LAST_MESSAGES_S = 1.0  # after the end of a call its BYE is still to be answered

_EVENTS_PER_WRITE = 20


class TraceRoutes:
    """Handler of /v1/calls/{ref}/trace."""

    def __init__(
        self, archive: Archive, live: Live, finder: Finder, clock: Clock, revoked: Revocations, readings: Readings
    ) -> None:
        self._archive = archive
        self._live = live
        self._find = finder
        self._clock = clock
        self._revoked = revoked
        self._readings = readings

    async def trace(self, request: web.Request) -> web.StreamResponse:
        call_id = (await self._find.to_read(request)).call_id
        raw, follow = flag(request, "raw"), flag(request, "follow")
        await self._readings.note(request, "trace", call_id)
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        summariser = Summariser()
        async with aclosing(self._follow(call_id) if follow else self._stored(call_id)) as batches:
            # Read before the headers are sent: a store that is down is an error, not an empty trace.
            batch: list[TraceEvent] = await anext(batches, [])
            await response.prepare(request)
            await _write(response, batch, None if raw else summariser)
            async for batch in batches:
                bearer = bearer_of(request)
                if bearer.expired(self._clock.wall()) or self._revoked.holds(bearer):
                    break  # whoever follows a long call sees only as much of it as the token allows
                await _write(response, batch, None if raw else summariser)
        await response.write_eof()
        return response

    async def _stored(self, call_id: str) -> AsyncGenerator[list[TraceEvent], None]:
        await self._archive.flush()
        events = await self._archive.trace(call_id)
        if events:
            yield events

    async def _follow(self, call_id: str) -> AsyncGenerator[list[TraceEvent], None]:
        """What was, then what happens, until the call is over; an empty list now and then when nothing does."""
        with self._live.subscribe(call_id) as subscription:  # first, so that nothing falls between the two
            await self._archive.flush()
            stored: list[TraceEvent] = []
            try:
                stored = await self._archive.trace(call_id)
            except SplitterError as error:  # what comes can be shown even so
                note = f"what happened before is missing: {error}"
                stored = [TraceEvent(call_id, 0.0, "", "note", "", "", note)]
            yield stored
            known = max((event.seq for event in stored), default=0)
            while True:
                ended = subscription.ended
                event = await subscription.next(LAST_MESSAGES_S if ended else HEARTBEAT_S)
                if event is not None:
                    if event.seq > known:
                        yield [event]
                elif ended:
                    return
                elif not subscription.ended:
                    yield []


async def _write(response: web.StreamResponse, events: list[TraceEvent], summariser: Summariser | None) -> None:
    """Events as lines, in pieces, so that a long trace does not hold up the event loop; none: an empty line."""
    if not events:
        await response.write(b"\n")
    for start in range(0, len(events), _EVENTS_PER_WRITE):
        part = events[start : start + _EVENTS_PER_WRITE]
        shown = part if summariser is None else [summariser.describe(event) for event in part]
        await response.write(b"".join(msgspec.json.encode(event) + b"\n" for event in shown))
        await asyncio.sleep(0)
