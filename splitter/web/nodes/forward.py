"""Passes a request on to the node that has the call, and its answer back. Does I/O through aiohttp.

One hop: a request that was passed on once is answered where it arrives. Who asks is believed by the other node as by
this one, since both have the same secret, accounts and tokens; whoever showed no token here gets one for the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from splitter.cluster.nodes import NodeView
from splitter.telemetry import metrics
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.http.bodies import read_body
from splitter.web.http.errors import ApiError
from splitter.web.http.proxies import remote_of
from splitter.web.http.routes import Operation
from splitter.web.nodes.way import Ways, believed

LIMIT_S = 12.0  # a call answers within 10 s
READ_LIMIT_S = 4.0  # what is only read is not waited for as long: others have answered
HOP = "Splitter-Forwarded"
_ASKED = ("Accept", "Content-Type", "If-Match")
_ANSWERED = frozenset(
    {"content-disposition", "content-security-policy", "x-content-type-options"}
    | {"content-type", "location", "etag", "accept-patch", "retry-after", "www-authenticate", "allow", "cache-control"}
)
_PIECE = 65_536
_SILENT_S = 30.0  # who follows a trace hears something every 10 s


class Forwarder:
    """The way of requests to other nodes."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    async def forward(self, request: web.Request, route: Operation, node: NodeView) -> web.StreamResponse:
        """Let another node answer.

        Raises:
            ApiError: 503 "node-away" where it does not.
        """
        body = await read_body(request, route.body) if route.body is not None and request.body_exists else None
        follows = "follow" in request.query
        limit = aiohttp.ClientTimeout(None if follows else LIMIT_S, sock_connect=2.0, sock_read=_SILENT_S)
        answer: web.StreamResponse | None = None
        try:
            async with self._ways.session.request(
                request.method,
                f"{node.api_url}{request.path_qs}",
                headers=self._headers(request),
                data=body,
                allow_redirects=False,
                timeout=limit,
                ssl=believed(node),
            ) as response:
                metrics.records.NODE_FORWARDED.labels(node.node, response.status).inc()
                answer = web.StreamResponse(status=response.status, headers=_kept(response.headers))
                await answer.prepare(request)
                async for piece in response.content.iter_chunked(_PIECE):
                    await answer.write(piece)
                await answer.write_eof()
                return answer
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if answer is not None and answer.prepared:
                raise ConnectionError(f"node {node.node} went away in the middle of its answer") from error
            metrics.records.NODE_FORWARDED.labels(node.node, 503).inc()
            raise away(node.node, str(error) or type(error).__name__) from error

    async def tell(self, node: NodeView, method: str, path: str, body: bytes, bearer: Bearer) -> bool:
        """Ask the same of a node as was asked of this one; False where it did not do it."""
        headers = {"Authorization": f"Bearer {self._ways.token(bearer)}", HOP: self._ways.own}
        headers["Content-Type"] = "application/json"
        try:
            async with (
                asyncio.timeout(LIMIT_S),
                self._ways.session.request(
                    method, node.api_url + path, headers=headers, data=body, allow_redirects=False, ssl=believed(node)
                ) as response,
            ):
                return response.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    async def read(self, node: NodeView, request: web.Request, path: str = "") -> tuple[int, bytes]:
        """Ask a node what this one was asked, or for what stands at `path`. Returns: its status and body.

        Raises:
            ApiError: 503 "node-away" where it does not answer.
        """
        try:
            async with (
                asyncio.timeout(READ_LIMIT_S),
                self._ways.session.get(
                    f"{node.api_url}{path or request.path_qs}",
                    headers=self._headers(request),
                    allow_redirects=False,
                    ssl=believed(node),
                ) as response,
            ):
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise away(node.node, str(error) or type(error).__name__) from error

    def _headers(self, request: web.Request) -> CIMultiDict[str]:
        headers = CIMultiDict({name: request.headers[name] for name in _ASKED if name in request.headers})
        authorization = request.headers.get("Authorization")
        headers["Authorization"] = authorization or f"Bearer {self._ways.token(bearer_of(request))}"
        headers[HOP] = self._ways.own
        headers["Accept-Encoding"] = "identity"
        if source := remote_of(request):
            headers["X-Forwarded-For"] = source
        return headers


def away(node: str, why: str) -> ApiError:
    """The refusal of a request for a call whose node does not answer."""
    text = f"the call is at the gateway {node}, which does not answer now ({why}); its voice goes on: try again"
    return ApiError(503, "node-away", text, {"Retry-After": "2"})


def was_forwarded(request: web.Request) -> bool:
    """True for a request that another node has passed on."""
    return HOP in request.headers


def _kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    ours = ((name, name.lower()) for name in headers)
    return CIMultiDict((name, headers[name]) for name, low in ours if low in _ANSWERED or low.startswith("splitter-"))
