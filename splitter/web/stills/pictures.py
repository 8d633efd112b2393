"""Stills that callers may be shown instead of a camera: put up, listed, taken down. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.calls.logins.access import Scope
from splitter.core.errors import PeerError
from splitter.store.pictures import LibraryFull, PictureLibrary, StoredPicture
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.calls.find import Finder
from splitter.web.http.bodies import read_body
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import PICTURE_BYTES, Body
from splitter.web.http.turns import Turns
from splitter.web.ports import LiveCalls, PictureView
from splitter.web.stills.shapes import PictureList

IMAGES = ("image/png", "image/jpeg")
PICTURE_BODY = Body(IMAGES, PICTURE_BYTES)
_LONGEST_NAME = 100


class PictureRoutes:
    """Handlers of /v1/pictures."""

    def __init__(self, calls: LiveCalls, finder: Finder, pictures: PictureLibrary | None) -> None:
        self._calls = calls
        self._find = finder
        self._kept = pictures
        self._turns = Turns(each=2, together=4)

    async def add(self, request: web.Request) -> web.Response:
        name = request.query.get("name", "").strip()[:_LONGEST_NAME]
        call_id = await self._call_of(request)
        with self._turns.take(bearer_of(request).name):
            data = await read_body(request, PICTURE_BODY)
            try:
                picture = await self._pictures.add(data, name or "picture", call_id)
            except PeerError as error:
                metrics.api.REFUSED.labels("body").inc()
                code = "too-large" if error.status == 413 else "no-picture"
                raise ApiError(413 if error.status == 413 else 415, code, error.reason) from error
            except LibraryFull as error:
                raise ApiError(507, "no-room", str(error)) from error
        response = json_response(shown(picture), 201)
        response.headers["Location"] = f"/v1/pictures/{picture.id}"
        return response

    async def listed(self, request: web.Request) -> web.Response:
        found = self._pictures.all(await self._call_of(request))
        return json_response(PictureList([shown(picture) for picture in found]))

    async def get(self, request: web.Request) -> web.Response:
        picture = self._own(request, Scope.PICTURES, Scope.READ, Scope.CONTROL)
        data = await self._pictures.image(picture.id, picture.call_id)
        if data is None:
            raise _unknown(picture.id)
        return web.Response(body=data, content_type=picture.media_type)

    async def delete(self, request: web.Request) -> web.Response:
        picture = self._own(request, Scope.PICTURES)
        if not picture.call_id and not bearer_of(request).may(Scope.PICTURES):
            raise ApiError(403, "wrong-scope", "it is for every call: taking it down needs the scope pictures")
        await self._pictures.remove(picture.id)
        return web.Response(status=204)

    # ---- inner ---------------------------------------------------------------------------------------------------

    @property
    def _pictures(self) -> PictureLibrary:
        if self._kept is None:
            raise ApiError(503, "unavailable", "this gateway keeps no pictures")
        return self._kept

    async def _call_of(self, request: web.Request) -> str:
        """The call that ?call= names; empty where it names none."""
        reference = request.query.get("call", "")
        return (await self._find.to_change(request, Scope.PICTURES, reference)).call_id if reference else ""

    def _own(self, request: web.Request, *scopes: Scope) -> StoredPicture:
        """The picture of the path; one of a call is for those who have that call."""
        bearer, picture_id = bearer_of(request), request.match_info["picture"]
        found = self._pictures.get(picture_id)
        if found is None or not (not found.call_id or bearer.may(*scopes) or self._has(bearer, found.call_id)):
            raise _unknown(picture_id)
        return found

    def _has(self, bearer: Bearer, call_id: str) -> bool:
        view = self._calls.get(call_id)
        return view is not None and bearer.takes_part(view)


def shown(picture: StoredPicture) -> PictureView:
    """The view of a picture."""
    return PictureView(picture.id, picture.name, picture.width, picture.height, picture.call_id)


def _unknown(picture_id: str) -> ApiError:
    return ApiError(404, "no-such-picture", f"there is no picture {picture_id[:40]}")
