"""What the operator sets about networks and listeners. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.net import Address

TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
WEB = frozenset(("ws", "wss"))
"""RFC 7118: clients connect to us; we never connect to them."""
SECURE = frozenset(("tls", "wss"))
STREAMS = frozenset(TRANSPORTS) - {"udp"}


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket. `transport` is one of TRANSPORTS."""

    transport: str
    address: Address


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Who we are and whom we believe on one network. Paths are of PEM files.

    Attributes:
        certificate: ours, followed by those between it and the authority.
        key: its private key, without a passphrase; empty where it stands in the same file.
        ca: the authorities that peers' certificates must come from; empty for those of the system.
        client_certificate: a peer that connects must show a certificate.
        verify: a peer that we connect to must show one that is its own (RFC 5922).
    """

    certificate: str
    key: str = ""
    ca: str = ""
    client_certificate: bool = False
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """One side of the gateway: where SIP is heard and media is received.

    Attributes:
        name: as in the configuration, e.g. "access" (towards the SBC) or "core" (towards the centre).
        listeners: at least one; the first is what Via and Contact name.
        media_address: the local IP address that RTP sockets are bound to.
        advertised_address: what SDP, Via and Contact say instead, where a 1:1 NAT stands before us.
        tls: needed by listeners "tls" and "wss".
        web_origins: pages of other sites whose scripts may connect over WebSocket, "https://desk.example"; pages
            that come from the host that they connect to may anyway.
    """

    name: str
    listeners: tuple[Listener, ...]
    media_address: str
    advertised_address: str | None = None
    tls: TlsSettings | None = None
    web_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """How names of trunks are looked up.

    Attributes:
        servers: name servers; without any, those of the system (/etc/resolv.conf).
        limit_s: what finding all servers of one name may take.
    """

    servers: tuple[Address, ...] = ()
    limit_s: float = 2.0


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Bounds on what the network may cost us. "TCP" means everything above it too: TLS and WebSocket.

    Attributes:
        tcp_connect_limit_s: how long an outgoing TCP connection may take; its TLS handshake may take as long again.
        tcp_idle_limit_s: a connection without messages is closed after this, unless a dialog or registration needs it.
        tcp_message_limit_s: how long one message may take to arrive over TCP once it has begun.
        tcp_connections: the most that are open at a time; past it new ones are refused and counted.
        tcp_connections_per_source: the most of one source address.
        handshake_limit_s: how long the handshake of TLS, and that of WebSocket, may take.
        handshakes: the most that are in progress at a time, past it the oldest gives way; a source may have a quarter.
        keep_alive_s: a connection that a dialog or registration needs is pinged after so much silence (RFC 5626).
        message_limit_bytes: a longer message is dropped (UDP) or ends its connection (TCP).
        udp_request_limit_bytes: a longer request goes over TCP where the network listens on it (RFC 3261 §18.1.1).
        resolve_limit_s: how long a host name may take to resolve.
        source_messages_per_s: what a source that may be banned may send; the rest is dropped, and counts as abuse.
        ban_after: points of abuse that get a source banned; see `splitter.transport.bans`.
        ban_window_s: so many points fade away within this time.
        ban_s: how long a ban lasts.
    """

    tcp_connect_limit_s: float = 3.0
    tcp_idle_limit_s: float = 300.0
    tcp_message_limit_s: float = 10.0
    tcp_connections: int = 2000
    tcp_connections_per_source: int = 500
    handshake_limit_s: float = 5.0
    handshakes: int = 400
    keep_alive_s: float = 60.0
    message_limit_bytes: int = 65_535
    udp_request_limit_bytes: int = 1300
    resolve_limit_s: float = 2.0
    source_messages_per_s: int = 100
    ban_after: int = 50
    ban_window_s: float = 60.0
    ban_s: float = 600.0
