"""Photos that the caller sends to the desk, in full resolution. Does I/O through aiohttp.

POST /v1/calls/{ref}/photos            a JPEG or PNG file; kept as JPEG, written anew
GET  /v1/calls/{ref}/photos            those of a call
GET  /v1/calls/{ref}/photos/{number}   one of them, to be downloaded
"""

from __future__ import annotations

from aiohttp import web

from splitter.calls.asks import Denial, TellPhoto
from splitter.core.errors import PeerError
from splitter.store.photos import UPLOAD_LIMIT_BYTES, NoRoomForPhotos, Photo, Photos
from splitter.telemetry import metrics
from splitter.web.auth import bearer_of
from splitter.web.bodies import read_body
from splitter.web.chat import ChatRoutes
from splitter.web.errors import ApiError, json_response
from splitter.web.find import Finder
from splitter.web.guest_shapes import PhotoList, PhotoShown
from splitter.web.ports import LiveCalls
from splitter.web.routes import Body
from splitter.web.turns import Turns

JPEG = "image/jpeg"
PHOTO_BODY = Body((JPEG, "image/png"), UPLOAD_LIMIT_BYTES, arrival_s=120.0)  # by a phone's network


class PhotoRoutes:
    """Handlers of the above.

    Args:
        chat: says who may tell the desks something.
    """

    def __init__(self, calls: LiveCalls, finder: Finder, photos: Photos | None, chat: ChatRoutes) -> None:
        self._calls = calls
        self._find = finder
        self._kept = photos
        self._chat = chat
        self._turns = Turns(each=1, together=6)

    async def add(self, request: web.Request) -> web.Response:
        """Take a photo of the caller's browser."""
        call, party = await self._chat.caller_of(request)
        bearer = bearer_of(request)
        with self._turns.take(f"{bearer.turn} {bearer.device}"):
            data = await read_body(request, PHOTO_BODY)
            try:
                photo = await self._photos.add(call.call_id, data, call.photos)
            except PeerError as error:
                metrics.API_REFUSED.labels("body").inc()
                large = error.status == 413
                raise ApiError(error.status, "too-large" if large else "no-picture", error.reason) from error
            except NoRoomForPhotos as error:
                raise ApiError(507, "no-room", str(error)) from error
        try:
            await self._calls.ask(call.call_id, TellPhoto(party, photo.number, photo.width, photo.height))
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
            "Content-Disposition": f'attachment; filename="{photo.call_id}-{photo.number}.jpg"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Splitter-Taken-At": f"{photo.taken_at:.3f}",
        }
        return web.Response(body=data, content_type=JPEG, headers=headers)

    @property
    def _photos(self) -> Photos:
        if self._kept is None:
            raise ApiError(503, "unavailable", "this gateway keeps no photos")
        return self._kept


def _shown(photo: Photo) -> PhotoShown:
    return PhotoShown(photo.number, photo.width, photo.height, photo.size_bytes, photo.taken_at)
