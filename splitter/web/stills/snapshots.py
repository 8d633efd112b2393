"""Stills of what parties send: taken, and shown again. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import TakeSnapshot
from splitter.media.ports.rooms import Snapshot
from splitter.store.kept_screenshots import KeptScreenshots
from splitter.web.access.auth import bearer_of
from splitter.web.calls.find import Finder
from splitter.web.calls.readings import Readings
from splitter.web.http.errors import ApiError
from splitter.web.http.turns import Turns
from splitter.web.ports import LiveCalls
from splitter.web.stills.album import Album

PNG = "image/png"


class SnapshotRoutes:
    """Handlers of /v1/calls/{ref}/snapshots."""

    def __init__(
        self, calls: LiveCalls, finder: Finder, album: Album, kept: KeptScreenshots, readings: Readings
    ) -> None:
        self._calls = calls
        self._find = finder
        self._album = album
        self._kept = kept
        self._readings = readings
        self._turns = Turns(each=2, together=8)

    async def take(self, request: web.Request) -> web.Response:
        call = await self._find.to_change(request)
        of = request.query.get("of", "caller")
        with self._turns.take(bearer_of(request).name):
            snapshot = await self._calls.ask(call.call_id, TakeSnapshot(of[:64]))
        assert isinstance(snapshot, Snapshot)
        number = await self._album.add(call.call_id, snapshot, of)
        if self._calls.get(call.call_id) is None:  # it ended meanwhile
            self._album.ended(call.call_id)
        await self._readings.note(request, "screenshot", call.call_id, number=str(number))
        return _shown(snapshot, 201, f"/v1/calls/{call.call_id}/snapshots/{number}")

    async def get(self, request: web.Request) -> web.Response:
        call_id, text = (await self._find.to_read(request)).call_id, request.match_info["number"]
        number = int(text[:9]) if text.isascii() and text.isdecimal() else 0
        snapshot = self._album.get(call_id, number) or await self._with_record(call_id, number)
        if snapshot is None:
            raise ApiError(404, "no-such-snapshot", f"call {call_id} has no snapshot {text[:20]}")
        await self._readings.note(request, "screenshot", call_id, number=text)
        return _shown(snapshot, 200, f"/v1/calls/{call_id}/snapshots/{text}")

    async def _with_record(self, call_id: str, number: int) -> Snapshot | None:
        """A screenshot that was kept with the record of the call."""
        shot = await self._kept.get(call_id, number)
        return Snapshot(shot.png, shot.width, shot.height, shot.taken_at) if shot is not None else None


def _shown(snapshot: Snapshot, status: int, location: str) -> web.Response:
    headers = {"Location": location, "Splitter-Taken-At": f"{snapshot.taken_at:.3f}"}
    return web.Response(status=status, body=snapshot.png, content_type=PNG, headers=headers)
