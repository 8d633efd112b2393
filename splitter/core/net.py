"""Network addresses as values. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """An IP address and a port. `host` is a literal IPv4 or IPv6 address (no brackets)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Flow(NamedTuple):
    """The path a SIP message takes: which of our sockets, to or from which peer (the "flow" of RFC 5626 §2).

    Attributes:
        network: name of our network in the configuration, e.g. "access" or "core".
        transport: "udp" or "tcp", lower case.
        local: the address of our listening socket (also for a TCP connection that we opened).
        remote: the peer's address and port.
    """

    network: str
    transport: str
    local: Address
    remote: Address

    @property
    def reliable(self) -> bool:
        """True where the transport itself retransmits (RFC 3261 §17: no timers A, E, G)."""
        return self.transport != "udp"

    def __str__(self) -> str:
        return f"{self.network}/{self.transport} {self.remote}"
