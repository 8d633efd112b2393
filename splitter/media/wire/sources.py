"""Hosts that a peer's media may come from besides the one that its SDP names. Pure."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

_KNOWN = 16  # hosts whose verdict is kept: a stream asks for each packet while its source is learned


class Sources:
    """Networks that are believed.

    Args:
        networks: such as "10.1.0.0/24"; none believes the named host alone.
    """

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: tuple[str, ...] = ()) -> None:
        self._networks = tuple(ip_network(network) for network in networks)
        self._known: dict[str, bool] = {}

    def admit(self, host: str) -> bool:
        """Whether a peer may be behind this host, spelled as the kernel does."""
        if not self._networks:
            return False
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            known = self._known[host] = self._look_up(host)
        return known

    def _look_up(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


NONE = Sources()
