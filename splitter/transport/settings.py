"""What the operator sets about networks and listeners. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.net import Address


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket. `transport` is "udp" or "tcp"."""

    transport: str
    address: Address


@dataclass(frozen=True, slots=True)
class Network:
    """One side of the gateway: where SIP is heard and media is received.

    Attributes:
        name: as in the configuration, e.g. "access" (towards the SBC) or "core" (towards the centre).
        listeners: at least one; the first is what Via and Contact name.
        media_address: the local IP address that RTP sockets are bound to.
        advertised_address: what SDP, Via and Contact say instead, where a 1:1 NAT stands before us.
    """

    name: str
    listeners: tuple[Listener, ...]
    media_address: str
    advertised_address: str | None = None


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Bounds on what the network may cost us.

    Attributes:
        tcp_connect_limit_s: how long an outgoing TCP connection may take.
        tcp_idle_limit_s: an idle connection is closed after this.
        tcp_message_limit_s: how long one message may take to arrive over TCP once it has begun.
        tcp_connections: the most that are open at a time; past it new ones are refused and counted.
        message_limit_bytes: a longer message is dropped (UDP) or ends its connection (TCP).
        udp_request_limit_bytes: a longer request goes over TCP where the network listens on it (RFC 3261 §18.1.1).
        resolve_limit_s: how long a host name may take to resolve.
    """

    tcp_connect_limit_s: float = 3.0
    tcp_idle_limit_s: float = 300.0
    tcp_message_limit_s: float = 10.0
    tcp_connections: int = 2000
    message_limit_bytes: int = 65_535
    udp_request_limit_bytes: int = 1300
    resolve_limit_s: float = 2.0
