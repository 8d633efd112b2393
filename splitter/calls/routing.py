"""Which trunk a message comes from, and which trunks a call may go to. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from splitter.calls.settings import Choice, Role, Route, Trunk
from splitter.core.errors import LocalError, PeerError
from splitter.core.frozen import frozen
from splitter.core.keys import ValueProblem
from splitter.core.net import Address, Flow, source_of
from splitter.sip.uri import user_of


@frozen
class Neighbour:
    """The other side of a dialog: its trunk, and the address that the dialog began with."""

    trunk: Trunk
    host: str


_BELIEVED_S = 4 * 3600.0  # hardly a call is longer
_SERVICE = "urn:service:"
_SIP_PORT = 5060


class Routing:
    """The trunks and routes of the configuration, ready to be asked.

    A trunk that is no longer configured, or is configured otherwise, is a former one for as long as calls are on it: it
    may speak in their dialogs, and takes no new calls.
    """

    def __init__(self, trunks: Mapping[str, Trunk], routes: Iterable[Route]) -> None:
        self._trunks = dict(trunks)
        self._routes = tuple(routes)
        self._former: list[Trunk] = []  # the latest first
        self._known: dict[tuple[str, str, str, int], Trunk | None] = {}
        self._learnt: dict[str, dict[str, float]] = {}
        self._lent: dict[tuple[str, Address], str] = {}

    def adopt(self, trunks: Mapping[str, Trunk], routes: Iterable[Route]) -> None:
        """Go by these from now on; those that were there are former ones until `forget_former`."""
        gone = [trunk for name, trunk in self._trunks.items() if trunks.get(name) != trunk]
        self._former = [*gone, *(trunk for trunk in self._former if trunks.get(trunk.name) != trunk)]
        self._trunks, self._routes = dict(trunks), tuple(routes)
        self._known.clear()

    def recall(self, trunks: Iterable[Trunk]) -> None:
        """Know former trunks of the process before, as far as none of their name is configured."""
        self._former += [trunk for trunk in trunks if trunk.name not in self._trunks]
        self._known.clear()

    @property
    def former(self) -> tuple[Trunk, ...]:
        """The trunks that calls may still be on although they are configured no longer, or otherwise."""
        return tuple(self._former)

    @property
    def hosts(self) -> list[IPv4Network | IPv6Network]:
        """The addresses that names of trunks have led to, and those of former trunks."""
        learnt = [ip_network(host) for hosts in self._learnt.values() for host in hosts]
        return [*learnt, *(peer.network for trunk in self._former if not trunk.bannable for peer in trunk.peers)]

    def forget_former(self, used: Collection[Trunk]) -> None:
        """Forget former trunks but for these, which calls are on."""
        self._former = [trunk for trunk in self._former if any(trunk is one for one in used)]
        names = {*self._trunks, *(trunk.name for trunk in self._former)}
        self._learnt = {name: hosts for name, hosts in self._learnt.items() if name in names}
        self._known.clear()

    def is_former(self, trunk: Trunk) -> bool:
        """True for a trunk that takes no new calls: none of its name is configured any longer."""
        return trunk.name not in self._trunks

    def trunk_of(self, flow: Flow) -> Trunk | None:
        """The trunk that this source belongs to, be it a former one; None for a stranger.

        A port in `peers` counts over UDP alone: a TCP connection comes from any port.
        """
        if self._lent and (name := self._lent_to(flow)):
            return self._trunks.get(name)
        port = flow.remote.port if flow.transport == "udp" else 0
        key = (flow.network, flow.transport, flow.remote.host, port)
        if key not in self._known:
            if len(self._known) > 10_000:  # a scanner must not let this grow without end
                self._known.clear()
            self._known[key] = self._find(*key)
        return self._known[key]

    def lend(self, name: str, source: Address) -> Trunk:
        """Take this source, over UDP, for the trunk of this name until `take_back`: its calls are test calls.

        Raises:
            LocalError: no trunk where callers come from has this name.
            ValueProblem: this is where a trunk itself is heard.
        """
        trunk = self._trunks.get(name)
        if trunk is None or trunk.role is not Role.ACCESS:
            raise LocalError(f"no trunk of role access is named {name[:40]!r}")
        if (own := next((one.name for one in self._trunks.values() if _is_server(one, source)), None)) is not None:
            raise ValueProblem(
                f"{source} is trunk {own} itself", "its calls are none of a test: give an address of yours"
            )
        self._lent[trunk.network, source] = name
        return trunk

    def take_back(self, source: Address) -> None:
        """Know this source no longer than the configuration does."""
        self._lent = {key: name for key, name in self._lent.items() if key[1] != source}

    def is_lent(self, flow: Flow) -> bool:
        """True for a source whose calls are test calls."""
        return bool(self._lent and self._lent_to(flow))

    @property
    def loans(self) -> int:
        """The number of sources that are lent a trunk now."""
        return len(self._lent)

    def _lent_to(self, flow: Flow) -> str:
        return self._lent.get((flow.network, flow.remote), "") if flow.transport == "udp" else ""

    def trunk(self, name: str) -> Trunk:
        """The trunk of this name, be it a former one. Raises LocalError where there is none."""
        known = {trunk.name: trunk for trunk in reversed(self._former)} | self._trunks
        if name not in known:
            raise LocalError(f"no trunk is named {name[:40]!r}")
        return known[name]

    def is_of(self, flow: Flow, neighbour: Neighbour) -> bool:
        """True for a source that may speak in this neighbour's dialogs.

        A trunk is one neighbour, whichever of its servers speaks. Seats are not: each is a client of its own, and may
        be a stranger to the others. Callers' browsers are that too, but change their networks while they talk: what
        proves them is the dialog, whose tags nobody else knows.
        """
        trunk, found = neighbour.trunk, self.trunk_of(flow)
        if found is None or not (found.name == trunk.name or self._is_source(trunk, flow)):
            return False
        return trunk.role is not Role.SEAT or source_of(flow.remote.host) == source_of(neighbour.host)

    def destinations(self, called: str, origin: Role = Role.ACCESS) -> list[tuple[Trunk, str]]:
        """The trunks for a called number or service, in the order to be tried, each with the number it is shown.

        A service (RFC 5031) may be routed by its whole name, by what follows "urn:service:", or as the service that it
        is a part of: "urn:service:sos.police" is "sos.police" too, and "sos". The centre is shown the short form.

        Args:
            origin: the role of the trunk that the call came from.
        """
        found = self._route(called, origin)
        if found is None:
            return []
        route, match = found
        number = match.expand(route.number) if route.number else called.removeprefix(_SERVICE)
        return [(self._trunks[name], number) for name in route.trunks]

    def choice(self, called: str, origin: Role = Role.ACCESS) -> Choice:
        """Which of the destinations that are up is tried first."""
        found = self._route(called, origin)
        return found[0].choice if found else Choice.ORDER

    def learn(self, name: str, hosts: Iterable[str], now: float) -> None:
        """A trunk's name leads to these addresses now: they are believed to be the trunk, as its peers are.

        Those that it led to before are believed for a while longer: calls that began there are still there.
        """
        believed = self._learnt.setdefault(name, {})
        believed.update(dict.fromkeys(hosts, now + _BELIEVED_S))
        self._learnt[name] = {host: until for host, until in believed.items() if until > now}
        self._known.clear()

    def _route(self, called: str, origin: Role) -> tuple[Route, re.Match[str]] | None:
        """The first route that takes the number, under any of its names."""
        names = list(_names(called))
        for route in self._routes:
            for name in names if route.origin is origin else ():
                if match := route.called.fullmatch(name):
                    return route, match
        return None

    def _is_source(self, trunk: Trunk, flow: Flow) -> bool:
        """True where this trunk names the source, too, beside another one that comes first."""
        if flow.network != trunk.network:
            return False
        learnt = flow.remote.host in self._learnt.get(trunk.name, ())
        return learnt or _is_peer(trunk, flow.transport, flow.remote.host, flow.remote.port)

    def _find(self, network: str, transport: str, host: str, port: int) -> Trunk | None:
        for trunk in self._trunks.values():
            if trunk.network == network and _is_peer(trunk, transport, host, port):
                return trunk
        for name, believed in self._learnt.items():
            if name in self._trunks and self._trunks[name].network == network and host in believed:
                return self._trunks[name]
        for trunk in self._former:
            learnt = host in self._learnt.get(trunk.name, ())
            if trunk.network == network and (learnt or _is_peer(trunk, transport, host, port)):
                return trunk
        return None


def _is_peer(trunk: Trunk, transport: str, host: str, port: int) -> bool:
    """True where `peers` of this trunk has the source."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(
        address in peer.network and (peer.port is None or transport != "udp" or peer.port == port)
        for peer in trunk.peers
    )


def _is_server(trunk: Trunk, source: Address) -> bool:
    """True for the very address and port of a trunk, whose calls are people's."""
    named = [(peer.network, peer.port) for peer in trunk.peers]
    if isinstance(trunk.address, Address):
        named.append((ip_network(trunk.address.host), trunk.address.port))
    return any(network == ip_network(source.host) and (port or _SIP_PORT) == source.port for network, port in named)


def called_of(uri: str) -> str:
    """The number that a Request-URI asks for, or the name of the service (RFC 5031).

    Raises:
        PeerError: status 416 for a URI of another kind, 400 for one that cannot be read.
    """
    if not uri.lower().startswith("urn:"):
        return user_of(uri)
    name = uri.lower()
    if not name.startswith(_SERVICE) or not name.removeprefix(_SERVICE):
        raise PeerError(f"{uri[:40]!r} is no service that can be called", 416)
    return name


def _names(called: str) -> Iterator[str]:
    """What a route may call it; a service also by those that it is a part of (RFC 5031 §4.2)."""
    if not called.startswith(_SERVICE):
        yield called
        return
    while called:
        yield called
        yield called.removeprefix(_SERVICE)
        called = called.rpartition(".")[0]


def routable(trunk: Trunk) -> bool:
    """True where a call may be sent to this trunk."""
    return trunk.role is not Role.SEAT and trunk.address is not None
