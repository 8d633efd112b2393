"""Pages of other sites that the operator names may use the API (the Fetch standard's CORS protocol). Does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from splitter.web.access.terms import Access
from splitter.web.http.errors import Handler

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = "Authorization, Content-Type, If-Match, If-None-Match"
_RESPONSE_HEADERS = (
    "Location, ETag, Splitter-Limits, Splitter-Taken-At, Splitter-Next, Splitter-Missing, Retry-After, "
    "WWW-Authenticate, Accept-Post, Accept-Patch"
)
_REMEMBERED_S = 600
_FOR_CALLERS = ("/v1/web/calls", "/v1/web/path-checks", "/sdk/")


class Cors:
    """Lets pages of the origins in [api] and of other nodes in, and those of [web_calls] as far as they call.

    None is given leave to send certificates along.

    `preflight` is a middleware of aiohttp, `on_prepare` its signal: headers of streams leave before their handlers end.
    """

    def __init__(
        self, access: Access, nodes: Callable[[], Iterable[str]] = list, callers: Callable[[], Iterable[str]] = list
    ) -> None:
        self._access = access
        self._callers = callers
        self._nodes = nodes

    async def on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say to whom the response may be shown."""
        response.headers["Vary"] = ", ".join(("Origin", *response.headers.getall("Vary", ())))
        if self._knows(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = _RESPONSE_HEADERS

    @web.middleware
    async def preflight(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What a browser asks before it sends a request of a script: it has no token yet."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return await handler(request)
        response = web.Response(status=204)
        if self._knows(request):
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
            response.headers["Access-Control-Max-Age"] = str(_REMEMBERED_S)
        return response

    def _knows(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin", "").lower()
        named = origin in self._access.settings.web_origins
        if request.path.startswith(_FOR_CALLERS) and origin in self._callers():
            return True
        return named or (bool(origin) and origin in {url.lower() for url in self._nodes()})
