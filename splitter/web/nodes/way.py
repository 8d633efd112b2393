"""The way to the API of another node: its session, whom it believes, and who we are there. Does I/O through aiohttp."""

from __future__ import annotations

import aiohttp

from splitter import __version__
from splitter.calls.logins.access import Scope
from splitter.cluster.nodes import NodeView
from splitter.core.clock import Clock
from splitter.web.access.bearer import Bearer, mint

CONNECT_LIMIT_S = 2.0
_TOKEN_LASTS_S = 300.0


class Ways:
    """The connections to other nodes.

    Args:
        own: the name of this one.
        secret: that all nodes share; tokens are signed with it.
    """

    def __init__(self, own: str, secret: bytes, clock: Clock) -> None:
        self.own = own
        self._secret = secret
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session of all requests to other nodes."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # who asks is limited where they come in
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT_S),
                headers={"User-Agent": f"splitter/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session

    def token(self, bearer: Bearer | None = None) -> str:
        """A token for a request: of this bearer, or of this node, which may read everything."""
        wall = self._clock.wall()
        whose = bearer or Bearer(f"node {self.own}", frozenset({Scope.READ}))
        return mint(self._secret, whose, wall + _TOKEN_LASTS_S, wall)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def believed(node: NodeView) -> aiohttp.Fingerprint | bool:
    """The certificate that is taken for that of the node: the very one that it told of, or a signed one."""
    return aiohttp.Fingerprint(bytes.fromhex(node.certificate)) if node.certificate else True
