"""Links that every node of a cluster knows: a guest may come to any of them. asyncio; does I/O through other nodes.

Whoever makes or takes back a link tells the others its hash. Which devices use it is known where its call lives: that
node is asked when one joins.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from splitter.transport.tasks import Tasks
from splitter.web.access.bearer import CONSOLE
from splitter.web.access.links import Links, ShortLink
from splitter.web.guests.shapes import InvitationStatus, SharedLink
from splitter.web.http.bodies import read_json
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import Elsewhere

SHARED_BODY = Body((JSON,), JSON_BYTES, SharedLink)
PATH = "/v1/links"


class LinkSharing:
    """Tells other nodes of links, and hears of theirs."""

    def __init__(self, links: Links, elsewhere: Elsewhere) -> None:
        self._links = links
        self._elsewhere = elsewhere
        self._telling = Tasks()

    def share(self, link: ShortLink) -> None:
        """Tell all others of a link as it is now; one that does not hear it lets nobody in by it."""
        told = SharedLink(
            id=link.id,
            call_id=link.call_id,
            digest=link.digest,
            made_at=link.made_at,
            expires_at=link.expires_at,
            devices=link.devices,
            over=link.over,
            kind="expert" if link.kind == "expert" else "guest",
            title=link.title,
        )
        self._tell(PATH, msgspec.json.encode(told))

    def opened(self, link: ShortLink) -> None:
        """Tell the node whose call it is that somebody has used the link."""
        body = msgspec.json.encode(InvitationStatus("opened"))
        self._tell(f"/v1/calls/{link.call_id}/invitations/{link.id}/status", body)

    def lives_elsewhere(self, call_id: str) -> bool:
        """True for a call of another node."""
        return any(view.call_id == call_id for view in self._elsewhere.calls())

    async def learn(self, request: web.Request) -> web.Response:
        """Another node tells of a link."""
        told = await read_json(request, SHARED_BODY, SharedLink)
        await self._links.know(
            ShortLink(
                id=told.id,
                call_id=told.call_id,
                digest=told.digest,
                made_at=told.made_at,
                expires_at=told.expires_at,
                devices=told.devices,
                over=told.over,
                kind=told.kind,
                title=told.title,
            )
        )
        return web.Response(status=204)

    def _tell(self, path: str, body: bytes) -> None:
        if self._elsewhere.own:
            self._telling.start(self._told(path, body), "other nodes hear of a link")

    async def _told(self, path: str, body: bytes) -> None:
        await self._elsewhere.tell_all("POST", path, body, CONSOLE)
