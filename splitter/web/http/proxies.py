"""Who really asks the API, where a proxy stands before us; see `core.forwarded`. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from splitter.core.forwarded import Subnet, asked_by, is_within
from splitter.web.http.errors import Handler

_REMOTE: web.RequestKey[str] = web.RequestKey("remote", str)
_SECURE: web.RequestKey[bool] = web.RequestKey("secure", bool)


class Proxies:
    """Programs before us whose word on who asks is believed.

    Args:
        networks: their addresses; empty for none.
    """

    def __init__(self, networks: Iterable[Subnet] = ()) -> None:
        self._networks = tuple(networks)

    def adopt(self, networks: Iterable[Subnet]) -> None:
        """Believe these from now on."""
        self._networks = tuple(networks)

    def holds(self, host: str) -> bool:
        """True for the address of one."""
        return is_within(self._networks, host)

    def remote(self, peer: str, forwarded: Iterable[str]) -> str:
        """The address of whoever asks; see `asked_by`."""
        return asked_by(peer, forwarded, self._networks)

    @web.middleware
    async def look(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Find out who asks, and whether it does so over TLS; see `remote_of` and `is_secure`."""
        peer = request.remote or ""
        request[_REMOTE] = self.remote(peer, request.headers.getall("X-Forwarded-For", ()))
        scheme = request.headers.get("X-Forwarded-Proto", "") if self.holds(peer) else ""
        request[_SECURE] = request.secure or scheme.lower() == "https"
        return await handler(request)


def remote_of(request: web.Request) -> str:
    """The address of whoever asks; empty on the control socket."""
    return str(request.get(_REMOTE, request.remote or ""))


def is_secure(request: web.BaseRequest) -> bool:
    """True where who asks does so over TLS, be it that a proxy of ours speaks it."""
    return bool(request.get(_SECURE, request.secure))
