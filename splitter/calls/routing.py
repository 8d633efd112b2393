"""Which trunk a message comes from, and which trunks a call may go to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from splitter.calls.settings import Choice, Role, Route, Trunk
from splitter.core.net import Flow

_BELIEVED_S = 4 * 3600.0  # hardly a call is longer


class Routing:
    """The trunks and routes of the configuration, ready to be asked."""

    def __init__(self, trunks: Mapping[str, Trunk], routes: Iterable[Route]) -> None:
        self._trunks = dict(trunks)
        self._routes = tuple(routes)
        self._known: dict[tuple[str, str, str, int], Trunk | None] = {}
        self._learnt: dict[str, dict[str, float]] = {}

    def trunk_of(self, flow: Flow) -> Trunk | None:
        """The trunk that this source belongs to; None for a stranger.

        A port in `peers` counts over UDP alone: a TCP connection comes from any port.
        """
        port = flow.remote.port if flow.transport == "udp" else 0
        key = (flow.network, flow.transport, flow.remote.host, port)
        if key not in self._known:
            if len(self._known) > 10_000:  # a scanner must not grow this for ever
                self._known.clear()
            self._known[key] = self._find(*key)
        return self._known[key]

    def destinations(self, called: str) -> list[tuple[Trunk, str]]:
        """The centre trunks for a called number, in the order to be tried, each with the number it is shown."""
        for route in self._routes:
            match = route.called.fullmatch(called)
            if match:
                number = match.expand(route.number) if route.number else called
                return [(self._trunks[name], number) for name in route.trunks]
        return []

    def choice(self, called: str) -> Choice:
        """Which of the destinations that are up is tried first."""
        return next((route.choice for route in self._routes if route.called.fullmatch(called)), Choice.ORDER)

    def learn(self, name: str, hosts: Iterable[str], now: float) -> None:
        """A trunk's name leads to these addresses now: they are believed to be the trunk, as its peers are.

        Those that it led to before are believed for a while longer: calls that began there are still there.
        """
        believed = self._learnt.setdefault(name, {})
        believed.update(dict.fromkeys(hosts, now + _BELIEVED_S))
        self._learnt[name] = {host: until for host, until in believed.items() if until > now}
        self._known.clear()

    def _find(self, network: str, transport: str, host: str, port: int) -> Trunk | None:
        try:
            address = ip_address(host)
        except ValueError:
            return None
        for trunk in self._trunks.values():
            if trunk.network == network and any(
                address in peer.network and (peer.port is None or transport != "udp" or peer.port == port)
                for peer in trunk.peers
            ):
                return trunk
        for name, believed in self._learnt.items():
            if self._trunks[name].network == network and host in believed:
                return self._trunks[name]
        return None


def routable(trunk: Trunk) -> bool:
    """True where a call may be sent to this trunk."""
    return trunk.role is Role.CENTRE and trunk.address is not None
