"""The gateway itself: how it is doing, its neighbours, its desks. Does I/O through aiohttp."""

from __future__ import annotations

from aiohttp import web

from splitter.web.http.errors import json_response
from splitter.web.ports import Ports
from splitter.web.status.shapes import Cluster, DeskList, TrunkList


class GatewayRoutes:
    """Handlers of /v1/status, /v1/cluster, /v1/trunks and /v1/desks."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def status(self, request: web.Request) -> web.Response:
        return json_response(self._ports.status())

    async def cluster(self, request: web.Request) -> web.Response:
        return json_response(Cluster(self._ports.elsewhere.own, list(self._ports.elsewhere.nodes())))

    async def trunks(self, request: web.Request) -> web.Response:
        return json_response(TrunkList(self._ports.trunks()))

    async def desks(self, request: web.Request) -> web.Response:
        phones = sorted(self._ports.registrations(), key=lambda seat: (seat.trunk, seat.user, seat.registered_at))
        return json_response(DeskList(self._ports.desks(), phones))
