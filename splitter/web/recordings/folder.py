"""Recordings as the API gives them out: found in the index, opened where they lie, entered in the ledger. Does I/O.

Whoever opens, plays or exports one stands in the ledger before it happens: without a recorder nothing is given out.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.calls.recording.recordings import Recordings
from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.media.record.index import RecordingRow, one
from splitter.media.record.source import RecordingSource
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.calls.calls import said_by
from splitter.web.http.errors import ApiError
from splitter.web.http.proxies import remote_of
from splitter.web.http.sending import send_source

_AGAIN_S = 60.0  # a player asks for many ranges: they are one opening


def own_alone(bearer: Bearer) -> bool:
    """True for whoever may see recordings of its own calls and no others."""
    return not bearer.may(Scope.RECORDINGS)


def as_seen(bearer: Bearer, row: RecordingRow) -> RecordingRow:
    """The recording as this one may see it: a hidden number is for those who may see all, and emergency desks."""
    hidden = row.private and own_alone(bearer) and not bearer.may(Scope.IDENTITY)
    return msgspec.structs.replace(row, caller="") if hidden else row


def _may_see(bearer: Bearer, row: RecordingRow) -> bool:
    return not own_alone(bearer) or (bool(bearer.extension) and row.agent == bearer.extension)


class RecordingFolder:
    """The recordings of this gateway.

    Args:
        recordings: None where there is no recorder.
    """

    def __init__(self, recordings: Recordings | None, clock: Clock) -> None:
        self._recordings = recordings
        self._clock = clock
        self._opened: dict[tuple[str, str, str, str], float] = {}

    @property
    def made(self) -> Recordings:
        """The recorder. Raises ApiError: 409 where there is none."""
        if self._recordings is None or not self._recordings.keeps:
            raise ApiError(409, "no-recording", "recording is not configured here: see [recording] folder")
        return self._recordings

    @property
    def folder(self) -> Path:
        return Path(self.made.settings.folder)

    async def row(self, request: web.Request) -> RecordingRow:
        """The recording that a request names. Raises ApiError."""
        id = request.match_info["id"]
        try:
            row = await asyncio.to_thread(one, self.folder, id)
        except LocalError as error:
            raise ApiError(503, "unavailable", str(error)) from None
        if row is None or not _may_see(bearer_of(request), row):
            raise ApiError(404, "no-such-recording", f"there is no recording {id[:80]}")
        return as_seen(bearer_of(request), row)

    async def open(self, row: RecordingRow, path: str) -> RecordingSource:
        """A file of a recording. Raises ApiError: 410 where it is gone, 503 where it cannot be opened."""
        if row.state == "deleted":
            raise ApiError(410, "gone", f"the files of recording {row.id} were deleted")
        try:
            return await asyncio.to_thread(self.made.shelf.open, path)
        except FileNotFoundError:
            raise ApiError(410, "gone", f"the file of recording {row.id} is not there any more") from None
        except (LocalError, OSError) as error:
            raise ApiError(503, "unavailable", f"the file of recording {row.id} cannot be opened: {error}") from None

    async def send(
        self, request: web.Request, row: RecordingRow, path: str, kind: str, headers: dict[str, str], tag: str
    ) -> web.StreamResponse:
        """Give out a file, or a range of it, once the ledger says so.

        Args:
            kind: of the entry. tag: of the content; see `send_source`.
        """
        with closing(await self.open(row, path)) as source:
            if request.method != "HEAD":
                await self.enter_once(request, kind, row, path)
            return await send_source(request, source, headers, tag)

    async def enter_once(self, request: web.Request, kind: str, row: RecordingRow, path: str) -> None:
        """Enter in the ledger that a file is given out; the next ranges of the same one are no news for a minute."""
        by, now = said_by(bearer_of(request)), self._clock.now()
        key = (kind, by, path, remote_of(request))
        if now - self._opened.get(key, float("-inf")) < _AGAIN_S:
            return
        await self.enter(request, kind, {"recording": row.id, "file": path})
        self._opened = {one: at for one, at in self._opened.items() if now - at < _AGAIN_S}
        self._opened[key] = now

    async def enter(self, request: web.Request, kind: str, about: dict[str, Any]) -> None:
        """Enter in the ledger what is about to be done, and by whom. Raises ApiError: 503 where it cannot be."""
        by = said_by(bearer_of(request))
        try:
            await self.made.enter(kind, {**about, "by": by, "from": remote_of(request) or "the control socket"})
        except LocalError as error:
            raise ApiError(503, "no-recorder", f"nothing is given out that cannot be noted: {error}") from None
