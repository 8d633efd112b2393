"""Films of recordings, which browsers play, and what is shown beside them. Does I/O through aiohttp.

POST /v1/recordings/{id}/film           have it made, when the machine has time
POST /v1/recordings/{id}/play           let this browser's player have the film, for an hour, by a cookie
GET  /v1/recordings/{id}/film           the film, or a range of it (RFC 9110 §14)
GET  /v1/recordings/{id}/peaks          how loud it is: both sides, piece by piece
GET  /v1/recordings/{id}/events         what happened, with its time in the film
GET  /v1/recordings/{id}/beside/{number}    a picture, or PDF, that is kept beside it
"""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from dataclasses import replace

import msgspec
from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.media.record.beside import PDF
from splitter.media.record.films import peaks_of
from splitter.media.record.happenings import recorded_events
from splitter.media.record.index import RecordingRow
from splitter.media.record.render_job import Peaks
from splitter.media.record.settings import Rendering
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import mint
from splitter.web.access.terms import Access
from splitter.web.calls.calls import flag
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.proxies import is_secure
from splitter.web.recordings.folder import RecordingFolder, own_alone
from splitter.web.recordings.shapes import FilmEvent, FilmEvents

MP4 = "video/mp4"
PLAY = "splitter-play"
_PLAY_S = 3600
_BESIDE = {"png": "image/png", "jpg": "image/jpeg", "pdf": "application/pdf"}
_PEAKS_BYTES = 1 << 20
_EVENTS_LIMIT = 5000


class FilmRoutes:
    """Handlers of the above."""

    def __init__(self, recorded: RecordingFolder, access: Access, clock: Clock) -> None:
        self._recorded = recorded
        self._access, self._clock = access, clock

    async def make(self, request: web.Request) -> web.Response:
        """Have a film made; again is no error."""
        row, made = await self._recorded.row(request), self._recorded.made
        if made.settings.render == Rendering.NONE:
            raise ApiError(409, "no-films", "no films are made here: see [recording] render")
        if row.state == "deleted":
            raise ApiError(410, "gone", f"the files of recording {row.id} were deleted")
        try:
            await made.make_film(row.id)
        except LocalError as error:
            raise ApiError(503, "no-recorder", str(error)) from None
        return json_response(await self._recorded.row(request), 202)

    async def film(self, request: web.Request) -> web.StreamResponse:
        """Give the film out."""
        row, path = await self._filmed(request)
        taken = flag(request, "export")
        headers = {"Content-Type": MP4, "Content-Disposition": f'{_how(taken)}; filename="{row.id}.mp4"'}
        tag = row.film.hash if row.film is not None else ""
        return await self._recorded.send(request, row, path, "exported" if taken else "played", headers, tag)

    async def play(self, request: web.Request) -> web.Response:
        """Let a media element have the film: it cannot say who asks but by a cookie, which no script reads.

        The cookie is good for this recording's files, for pages of this site, and for nothing but recordings.
        """
        row, path = await self._filmed(request)
        await self._recorded.enter_once(request, "played", row, path)
        bearer, now = bearer_of(request), self._clock.wall()
        scopes = frozenset({Scope.OWN_RECORDINGS if own_alone(bearer) else Scope.RECORDINGS})
        until = min(now + _PLAY_S, bearer.expires_at or now + _PLAY_S)
        token = mint(self._access.secret, replace(bearer, scopes=scopes), until, now)
        answer = web.Response(status=204)
        where = {
            "path": f"/v1/recordings/{row.id}",
            "httponly": True,
            "samesite": "Strict",
            "secure": is_secure(request),
        }
        answer.set_cookie(PLAY, token, max_age=_PLAY_S, **where)  # type: ignore[arg-type]
        return answer

    async def peaks(self, request: web.Request) -> web.Response:
        """Say how loud it is; that gives nothing away of what was said, and is no opening."""
        row, path = await self._filmed(request)
        film = self._recorded.folder / path
        with closing(await self._recorded.open(row, str(peaks_of(film).relative_to(self._recorded.folder)))) as source:
            data = await asyncio.to_thread(source.read, 0, _PEAKS_BYTES)
        with suppress(msgspec.MsgspecError):
            return json_response(msgspec.json.decode(data, type=Peaks))
        raise ApiError(503, "unavailable", f"the loudness of recording {row.id} cannot be read")

    async def events(self, request: web.Request) -> web.Response:
        """Say what happened, in all files, with its time in the film."""
        row = await self._recorded.row(request)
        found: list[FilmEvent] = []
        for part in row.parts:
            offset, path = part.began - row.parts[0].began, part.path
            events = await asyncio.to_thread(recorded_events, self._recorded.made.shelf, path, offset)
            found += [FilmEvent(round(one.at, 3), one.what, one.more) for one in events]
        for one in found:
            if "caller" in one.more:
                one.more["caller"] = row.caller  # which may be hidden
        bearer = bearer_of(request)
        if own_alone(bearer) and not bearer.may(Scope.SUPERVISE):
            found = for_agent(found)
        return json_response(FilmEvents(found[:_EVENTS_LIMIT]))

    async def beside(self, request: web.Request) -> web.StreamResponse:
        """Give a picture or a PDF out that is kept beside it; a PDF of a stranger is never shown by us."""
        row, number = await self._recorded.row(request), request.match_info["number"]
        found = next((one for one in row.beside if str(one.number) == number), None)
        if found is None:
            raise ApiError(404, "no-such-picture", f"recording {row.id} has no picture {number[:20]} beside it")
        name = f"{row.id}.{found.number}.{found.path.rsplit('.', 1)[-1]}"
        headers = {
            "Content-Type": _BESIDE.get(name.rsplit(".", 1)[-1], "application/octet-stream"),
            "Content-Disposition": f'{_how(found.kind == PDF or flag(request, "export"))}; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        return await self._recorded.send(request, row, found.path, "opened", headers, found.hash)

    async def _filmed(self, request: web.Request) -> tuple[RecordingRow, str]:
        row = await self._recorded.row(request)
        if row.state == "deleted":
            raise ApiError(410, "gone", f"the files of recording {row.id} were deleted")
        if row.film is None or row.film.state != "ready":
            state = row.film.state if row.film is not None else "not asked for"
            raise ApiError(409, "no-film", f"recording {row.id} has no film yet: it is {state}")
        return row, row.film.path


def for_agent(events: list[FilmEvent]) -> list[FilmEvent]:
    """What happened, without supervisors that desks are not shown."""
    names = {one.more.get("name") for one in events if one.more.get("hidden")}
    shown = [one for one in events if not one.more.get("hidden")]
    for one in shown:
        if isinstance(there := one.more.get("is"), list):
            one.more["is"] = [name for name in there if name not in names]
    return shown


def _how(taken: bool) -> str:
    return "attachment" if taken else "inline"
