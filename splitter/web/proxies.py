"""Who really asks, where a proxy stands before us: X-Forwarded-For, of proxies that the operator names. Does no I/O.

A proxy adds the address that it was asked by at the end. What stands before that came with the request: whoever asks
may write there what it likes. So the list is read from its end, for as long as its senders are proxies of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

from splitter.web.errors import Handler

Subnet = IPv4Network | IPv6Network

_REMOTE: web.RequestKey[str] = web.RequestKey("remote", str)
_SECURE: web.RequestKey[bool] = web.RequestKey("secure", bool)
_MOST = 20  # proxies in a row


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
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)

    def remote(self, peer: str, forwarded: Iterable[str]) -> str:
        """The address of whoever asks.

        Args:
            peer: the other end of the connection.
            forwarded: the lines of X-Forwarded-For.
        """
        said = [word.strip() for line in forwarded for word in line.split(",")]
        for word in reversed(said[-_MOST:]):
            if not self.holds(peer):
                break
            address = _address(_bare(word))
            if address is None:
                break  # "unknown", or nonsense: then it is the proxy that asks
            peer = str(address)
        return peer

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


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _bare(word: str) -> str:
    """An address without its port, which some proxies write as well."""
    if word.startswith("["):
        return word[1:].partition("]")[0]
    return word.partition(":")[0] if word.count(":") == 1 else word
