"""Calls first, then those who are known, then strangers: how HTTP shares the calls' loop. asyncio; no I/O."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Middleware

from splitter.core.net import source_of
from splitter.telemetry import metrics
from splitter.web.access.auth import Doorman
from splitter.web.door.turnstile import Busy, Turnstile
from splitter.web.http.errors import ApiError, Handler
from splitter.web.http.proxies import remote_of

STRANGERS, KNOWN = 0.2, 0.5
"""Shares of the loop. Together they leave calls a part, even while everybody asks."""
CONNECTION_S, HANDSHAKE_S = 0.0003, 0.002
"""What a connection costs at least; that of TLS comes in pieces, which nobody can measure from outside."""

STRANGERS_EACH = 1000
"""The most strangers of one source that may wait: a floor of desks behind one address. Visitors of a proxy are sources
of their own; without this one of them could take every place there is."""

_BUSY = {"Retry-After": "5", "Connection": "close"}

_PROXY = " proxy"  # no token has this name


class Precedence:
    """The turnstiles of everything that HTTP is spoken to over the network."""

    def __init__(self) -> None:
        self.strangers = Turnstile(STRANGERS, each=STRANGERS_EACH)
        self.known = Turnstile(KNOWN)

    async def connect(self, source: str, secure: bool) -> None:
        """A connection is to be served; nobody knows yet who it is. Raises Busy where its turn did not come in time.

        Args:
            source: where it comes from; "" for a proxy of ours: its visitors take their turns with their requests, and
                strangers among them must not keep those out who are known.
        """
        turnstile, name = (self.strangers, source) if source else (self.known, _PROXY)
        await turnstile.enter(name, HANDSHAKE_S if secure else CONNECTION_S)

    def middleware(self, doorman: Doorman | None) -> Middleware:
        """A middleware of aiohttp: each request takes its turn, among those of its token or of its address.

        Args:
            doorman: knows who asks; None where everybody is a stranger.
        """

        @web.middleware
        async def in_turn(request: web.Request, handler: Handler) -> web.StreamResponse:
            name = doorman.name(request) if doorman is not None else ""
            try:
                if name:
                    await self.known.enter(name)
                else:
                    await self.strangers.enter(source_of(remote_of(request)))
            except Busy:
                metrics.api.REFUSED.labels("busy").inc()
                raise ApiError(503, "busy", "the gateway has calls to carry; ask again later", _BUSY) from None
            return await handler(request)

        return in_turn

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return self.strangers.waiting + self.known.waiting
