"""Readings of traces and screenshots, entered in the ledger of recordings. Does I/O through the recorder.

A trace is for whoever repairs, a broken recorder too: so it is given out even while nothing can be entered, and entered
as soon as that can be. (Of recordings themselves nothing is given out meanwhile.)
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.recording.recordings import Recordings
from splitter.core.clock import Clock
from splitter.web.access.auth import bearer_of
from splitter.web.calls.calls import said_by
from splitter.web.http.proxies import remote_of

_AGAIN_S = 60.0  # a page that looks again and again reads once


class Readings:
    """The notes of who has read what.

    Args:
        recordings: whose ledger it is; None where there is none, and nothing is noted.
    """

    def __init__(self, recordings: Recordings | None, clock: Clock) -> None:
        self._recordings, self._clock = recordings, clock
        self._noted: dict[tuple[str, ...], float] = {}

    async def note(self, request: web.Request, kind: str, call_id: str, **more: str) -> None:
        """Note what this request reads of a call, once a minute."""
        if self._recordings is None:
            return
        by, now = said_by(bearer_of(request)), self._clock.now()
        key = (kind, by, call_id, *more.values())
        if now - self._noted.get(key, float("-inf")) < _AGAIN_S:
            return
        self._noted = {one: at for one, at in self._noted.items() if now - at < _AGAIN_S}
        self._noted[key] = now
        about = {"call": call_id, "by": by, "from": remote_of(request) or "the control socket", **more}
        await self._recordings.note_reading(kind, {**about, "at": round(self._clock.wall(), 3)})
