"""Photos and PDFs that the caller sends to the desk. Does I/O through aiohttp.

POST /v1/calls/{ref}/photos            a JPEG or PNG file, kept as JPEG, written anew; or a PDF, kept as it came
GET  /v1/calls/{ref}/photos            those of a call
GET  /v1/calls/{ref}/photos/{number}   one of them, to be downloaded
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from splitter.calls.asks import Denial, TellPhoto
from splitter.core.errors import PeerError
from splitter.core.uploads import UploadKind
from splitter.store.photos import UPLOAD_LIMIT_BYTES, NoRoomForPhotos, Photo, Photos
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.terms import Access
from splitter.web.calls.find import Finder
from splitter.web.guests.chat import ChatRoutes
from splitter.web.guests.shapes import PhotoList, PhotoShown
from splitter.web.http.bodies import read_body
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import Body
from splitter.web.http.turns import Turns
from splitter.web.ports import LiveCalls

_TYPES = {"image/jpeg": UploadKind.PHOTO, "image/png": UploadKind.PHOTO, "application/pdf": UploadKind.PDF}
PHOTO_BODY = Body(tuple(_TYPES), UPLOAD_LIMIT_BYTES, arrival_s=120.0)  # by a phone's network


class PhotoRoutes:
    """Handlers of the above.

    Args:
        chat: says who may tell the desks something.
        access: says what may be sent.
    """

    def __init__(
        self, calls: LiveCalls, finder: Finder, photos: Photos | None, chat: ChatRoutes, access: Access
    ) -> None:
        self._calls = calls
        self._find = finder
        self._kept = photos
        self._chat = chat
        self._access = access
        self._turns = Turns(each=1, together=6)

    async def add(self, request: web.Request) -> web.Response:
        """Take a photo, or a PDF, of the caller's browser."""
        call, party = await self._chat.caller_of(request)
        taken = self._taken()
        bearer = bearer_of(request)
        with self._turns.take(f"{bearer.turn} {bearer.device}"):
            data = await read_body(request, taken)
            kind = _TYPES[request.content_type]
            try:
                photo = await self._photos.add(call.call_id, data, call.photos, kind)
            except PeerError as error:
                metrics.api.REFUSED.labels("body").inc()
                code = "no-picture" if kind is UploadKind.PHOTO else "no-pdf"
                raise ApiError(error.status, "too-large" if error.status == 413 else code, error.reason) from error
            except NoRoomForPhotos as error:
                raise ApiError(507, "no-room", str(error)) from error
        try:
            told = TellPhoto(party, photo.number, photo.width, photo.height, photo.kind)
            await self._calls.ask(call.call_id, told)
        except Denial as denial:
            if denial.code in ("call-ended", "no-such-call"):
                self._photos.ended(call.call_id)  # meanwhile, and nobody says so again
            raise
        response = json_response(_shown(photo), 201)
        response.headers["Location"] = f"/v1/calls/{call.call_id}/photos/{photo.number}"
        return response

    async def listed(self, request: web.Request) -> web.Response:
        """List the photos of a call."""
        call_id = (await self._find.to_read(request)).call_id
        return json_response(PhotoList([_shown(photo) for photo in self._photos.of_call(call_id)]))

    async def get(self, request: web.Request) -> web.Response:
        """Give one: as a file, and never as anything that a browser runs."""
        call_id, text = (await self._find.to_read(request)).call_id, request.match_info["number"]
        number = int(text[:9]) if text.isascii() and text.isdecimal() else 0
        found = await self._photos.image(call_id, number)
        if found is None:
            raise ApiError(404, "no-such-photo", f"call {call_id} has no photo {text[:20]}")
        photo, data = found
        headers = {
            "Content-Disposition": f'attachment; filename="{photo.call_id}-{photo.number}.{photo.kind.suffix}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Splitter-Taken-At": f"{photo.taken_at:.3f}",
        }
        return web.Response(body=data, content_type=photo.kind.content_type, headers=headers)

    def _taken(self) -> Body:
        """What this gateway takes, by its settings of now."""
        types = tuple(one for one, kind in _TYPES.items() if kind in self._access.page.files)
        if not types:
            raise ApiError(403, "not-taken", "callers send no files here; see [guest_page] files")
        return replace(PHOTO_BODY, types=types)

    @property
    def _photos(self) -> Photos:
        if self._kept is None:
            raise ApiError(503, "unavailable", "this gateway keeps no photos")
        return self._kept


def _shown(photo: Photo) -> PhotoShown:
    return PhotoShown(photo.number, photo.width, photo.height, photo.size_bytes, photo.taken_at, photo.kind)
