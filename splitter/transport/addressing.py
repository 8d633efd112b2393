"""Which of our addresses serves a network, what it is advertised as, where a URI leads (RFC 3263 §4). Does I/O: DNS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address, Flow, numeric
from splitter.sip.uri import SipUri, parse_uri
from splitter.transport.settings import WEB, ListenPoint, Network

_DEFAULT_PORT = 5060
_TLS_PORT = 5061  # RFC 3261 §19.1.2
_LOCATED, _LONGEST = 4096, 200
"""So many URIs are remembered, and none that is longer: a neighbour's calls name the same few Contacts."""
_WILDCARDS = frozenset(("0.0.0.0", "::"))


class Addressing:
    """Addresses of all networks.

    Args:
        networks: by name; their listeners count in their order.
        resolve_limit_s: how long a host name may take.
    """

    def __init__(self, networks: Mapping[str, Network], resolve_limit_s: float) -> None:
        self._networks = networks
        self._resolve_limit_s = resolve_limit_s
        self._bound: dict[str, list[ListenPoint]] = {
            name: list(network.listeners) for name, network in networks.items()
        }
        self._located: dict[tuple[str, str, str], Flow | None] = {}  # what `locate` has found since the last `bound`
        self._contacts: dict[tuple[str, str, bool | None], Address] = {}  # in the same way, by family

    def bound(self, network: str, index: int, address: Address) -> None:
        """Listener `index` of `network` is really bound here (it may have asked for any port)."""
        self._bound[network][index] = ListenPoint(self._bound[network][index].transport, address)
        self._located.clear()
        self._contacts.clear()

    def local(self, network: str, transport: str, host: str | None = None) -> Address | None:
        """Our first listener of this transport, and of the address family of `host`; None where there is none."""
        if network not in self._bound:
            raise LocalError(f"no network is called {network!r}")
        for listener in self._bound[network]:
            if listener.transport == transport and (host is None or (":" in host) == (":" in listener.address.host)):
                return listener.address
        return None

    def flow_to(self, network: str, transport: str, remote: Address) -> Flow:
        """The flow to a numeric address.

        Raises:
            LocalError: the network has no listener of this transport and address family.
        """
        local = self.local(network, transport, remote.host)
        if local is None:
            raise LocalError(f"network {network!r} has no {transport} listener that reaches {remote}")
        return Flow(network, transport, local, remote)

    def contact(self, network: str, transport: str, host: str | None = None) -> Address:
        """What Via and Contact say: the advertised address, else the listener's, with the listener's port.

        Args:
            host: of the peer, where its address family matters.
        Raises:
            LocalError: the network has no listener of this transport.
        """
        key = network, transport, None if host is None else ":" in host
        if key not in self._contacts:
            self._contacts[key] = self._contact(network, transport, host)
        return self._contacts[key]

    def _contact(self, network: str, transport: str, host: str | None) -> Address:
        local = self.local(network, transport, host) or self.local(network, transport)
        if local is None:
            raise LocalError(f"network {network!r} has no {transport} listener")
        settings = self._networks[network]
        shown = settings.advertised_address or (settings.media_address if local.host in _WILDCARDS else local.host)
        return Address(shown, local.port)

    def sent_by(self, flow: Flow) -> Address:
        """The address that names us in Via, on a flow. Raises as `contact`."""
        return self.contact(flow.network, flow.transport, flow.remote.host)

    def locate(self, network: str, uri: str, default_transport: str = "udp") -> Flow | None:
        """The flow to a URI with a numeric host; None where the host has a name that must be resolved first.

        Raises:
            PeerError: see `resolve`.
        """
        key = network, uri, default_transport
        if key in self._located:
            return self._located[key]
        parsed = parse_uri(uri)
        host = _host(parsed)
        found = self._flow(network, parsed, default_transport, host) if _numeric(host) else None
        if len(self._located) >= _LOCATED:
            self._located.clear()
        if len(uri) <= _LONGEST:
            self._located[key] = found
        return found

    async def resolve(self, network: str, uri: str, default_transport: str = "udp") -> Flow:
        """The flow to a URI: its transport parameter, its port or the default one, its host by the system's resolver.

        A transport that the network does not have gives way to the default one: the peer may still be reached. A sips
        URI never gives way: it wants TLS (RFC 3261 §19.1).
        SRV and NAPTR records are not asked for: neighbours of a gateway are named by the operator.

        Raises:
            PeerError: 416 for a URI that is neither sip nor sips, or for sips in a network without TLS; 503 where the
                host does not resolve in time or the network cannot reach it, or only the peer's own WebSocket
                connection leads there (RFC 7118 §5).
        """
        parsed = parse_uri(uri)
        host = _host(parsed)
        if _numeric(host):
            return self._flow(network, parsed, default_transport, host)
        try:
            async with asyncio.timeout(self._resolve_limit_s):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except (TimeoutError, OSError, UnicodeError) as error:
            raise PeerError(f"host name {host} does not resolve: {error or 'no answer in time'}", 503) from error
        refused = PeerError(f"host name {host} has no address", 503)
        for *_, address in found:
            try:
                return self._flow(network, parsed, default_transport, str(address[0]))
            except PeerError as error:
                refused = error
        raise refused

    def _flow(self, network: str, uri: SipUri, default_transport: str, host: str) -> Flow:
        for transport in _transports(uri, default_transport):
            if transport in WEB:
                raise PeerError(f"{host} cannot be connected to over WebSocket", 503)
            local = self.local(network, transport, host)
            if local is not None:
                port = uri.port or (_TLS_PORT if transport == "tls" else _DEFAULT_PORT)
                return Flow(network, transport, local, Address(host, port))
        if uri.scheme == "sips" and self.local(network, "tls") is None:
            raise PeerError(f"sips: asks for TLS, which network {network!r} does not have", 416)
        raise PeerError(f"network {network!r} has no listener that reaches {host}", 503)


def _transports(uri: SipUri, default: str) -> tuple[str, ...]:
    """What to reach a URI by, the best first (RFC 3263 §4.1)."""
    if uri.scheme == "sips":
        return ("wss",) if uri.transport in WEB else ("tls",)
    return (uri.transport or default, default, "udp", "tcp")


def _host(uri: SipUri) -> str:
    """§19.1.1: maddr overrides the host."""
    return (uri.params.get("maddr") or uri.host).strip("[]")


def _numeric(host: str) -> bool:
    try:
        numeric(host)
    except ValueError:
        return False
    return True
