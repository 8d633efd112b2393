"""POST /v1/revocations: a token, or all of a name, is revoked. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.web.bodies import read_json
from splitter.web.errors import json_response
from splitter.web.revocations import Revocations
from splitter.web.routes import JSON, JSON_BYTES, Body
from splitter.web.shapes import Revocation, Revoked

REVOCATION_BODY = Body((JSON,), JSON_BYTES, Revocation)


class RevocationRoutes:
    """The handler of it."""

    def __init__(self, revoked: Revocations) -> None:
        self._revoked = revoked

    async def revoke(self, request: web.Request) -> web.Response:
        wish = await read_json(request, REVOCATION_BODY, Revocation)
        return json_response(Revoked(await self._revoked.revoke(wish.token)))
