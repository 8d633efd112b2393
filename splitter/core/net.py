"""Network addresses as values. Pure."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple


class Address(NamedTuple):
    """An IP address and a port. `host` is a literal IPv4 or IPv6 address (no brackets)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_LONGEST = 64
"""Characters of a literal that is kept: a peer may put anything behind the "%" of an IPv6 address."""


def numeric(host: str) -> IPv4Address | IPv6Address:
    """The address that a literal spells; kept, for a call asks twenty times about the same few.

    Raises:
        ValueError: it is a name.
    """
    return _kept(host) if len(host) <= _LONGEST else ip_address(host)


@lru_cache(maxsize=4096)
def _kept(host: str) -> IPv4Address | IPv6Address:
    return ip_address(host)


def is_loopback(host: str) -> bool:
    """True for this machine itself."""
    try:
        return numeric(host).is_loopback
    except ValueError:
        return host == "localhost"


def source_of(host: str) -> str:
    """The source that an address counts as: itself, or the first 64 bits of an IPv6 one; who has one has them all."""
    try:
        address = numeric(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


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


@lru_cache(maxsize=1024)
def written(flow: Flow) -> str:
    """A flow in words; kept, for each message of a call names the same few."""
    return str(flow)
