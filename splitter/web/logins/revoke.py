"""POST /v1/revocations: a token, or all of a name, is revoked. Does I/O through aiohttp."""

from __future__ import annotations

import msgspec
from aiohttp import web

from splitter.web.access.auth import bearer_of
from splitter.web.access.revocations import Revocations
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.logins.shapes import Revocation, Revoked
from splitter.web.nodes.forward import was_forwarded
from splitter.web.ports import Elsewhere

REVOCATION_BODY = Body((JSON,), JSON_BYTES, Revocation)


class RevocationRoutes:
    """The handler of it."""

    def __init__(self, revoked: Revocations, elsewhere: Elsewhere) -> None:
        self._revoked = revoked
        self._elsewhere = elsewhere

    async def revoke(self, request: web.Request) -> web.Response:
        wish = await read_json(request, REVOCATION_BODY, Revocation)
        kept = await self._revoked.revoke(wish.token)
        if was_forwarded(request):
            return json_response(Revoked(kept))
        body, bearer = msgspec.json.encode(wish), bearer_of(request)
        return json_response(Revoked(kept, await self._elsewhere.tell_all("POST", request.path, body, bearer)))
