"""What the operator sets about networks and listeners. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from splitter.core.keys import Key, Uptake, ValueProblem
from splitter.core.net import Address
from splitter.core.values import parse_address, parse_host, parse_network, parse_origin, parse_sip_address

TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
WEB = frozenset(("ws", "wss"))
"""RFC 7118: clients connect to us; we never connect to them."""
SECURE = frozenset(("tls", "wss"))
STREAMS = frozenset(TRANSPORTS) - {"udp"}

_DAY_S = 86_400
_PORTS = {"tls": 5061, "ws": 80, "wss": 443}  # RFC 3261 §19.1.2, RFC 7118 §5.1


@dataclass(frozen=True, slots=True)
class ListenPoint:
    """One listening socket. `transport` is one of TRANSPORTS."""

    transport: str
    address: Address


def default_port(transport: str) -> int:
    """The default port of SIP over this transport."""
    return _PORTS.get(transport, 5060)


def parse_listener(text: str) -> ListenPoint:
    """Read a listener such as "udp:10.0.0.5:5060"."""
    transport, _, address = text.partition(":")
    if transport.lower() in TRANSPORTS and address and transport not in TRANSPORTS:
        raise ValueProblem(f'"{transport}" is written in small letters', f'write "{transport.lower()}:{address}"')
    if transport not in TRANSPORTS or not address:
        raise ValueProblem(
            f'"{text}" names no transport',
            'write "udp:ADDRESS:PORT", or tcp, tls, ws, wss instead of udp, such as "udp:10.0.0.5:5060"',
        )
    return ListenPoint(transport, parse_sip_address(address, default_port(transport)))


def _parse_server(text: str) -> Address:
    """A name server; port 53 where none is written."""
    try:
        return Address(parse_host(text), 53)
    except ValueProblem:
        return parse_address(text)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The identity of the gateway on one network, and whom it believes: paths of PEM files."""

    certificate: Annotated[str, Key(file=True, taken=Uptake.LIVE)]
    """For tls and wss: our certificate followed by those up to the authority, and its key, in PEM files; the key may
    stand in the same file, and has no passphrase. After a renewal: splitter reload (or SIGHUP). TLS is 1.2 or later."""
    key: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    ca: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    """Authorities that certificates of peers must come from. Without it: those that the system trusts."""
    client_certificate: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Whoever connects by tls or wss must show a certificate of these authorities."""
    verify: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    """Servers that we connect to must show a certificate of these authorities, for their own name (RFC 5922)."""


@dataclass(frozen=True, slots=True)
class Network:
    """One side of the gateway: where SIP is heard and media is received."""

    name: str
    listeners: Annotated[
        tuple[ListenPoint, ...],
        Key(
            name="listen",
            parse=parse_listener,
            missing='add where SIP is heard, such as listen = ["udp:10.0.0.5:5060"]',
            example='["udp:192.0.2.10:5060", "tcp:192.0.2.10:5060"]',
            taken=Uptake.RESTART,
        ),
    ]
    """Where SIP is heard: "udp:ADDRESS:PORT", and "tcp:…", "tls:…", "ws:…", "wss:…". Without a port: 5060, for tls
    5061, for WebSocket 80 and 443. The first one of its transport is named in Via and Contact. With a TCP listener,
    requests too long for a datagram go over TCP. WebSocket is for clients such as browsers (RFC 7118)."""
    media_address: Annotated[str, Key(parse=parse_host, example='"192.0.2.10"', taken=Uptake.RESTART)]
    """The address that RTP is received on. Without it: the address of the first listener."""
    advertised_address: Annotated[str | None, Key(parse=parse_host, example='"203.0.113.10"', taken=Uptake.RESTART)] = (
        None
    )
    """What SDP, Via and Contact say instead, where a 1:1 NAT stands before us. Without it: the addresses above."""
    tls: TlsSettings | None = None
    web_origins: Annotated[tuple[str, ...], Key(parse=parse_origin, taken=Uptake.LIVE)] = ()
    """Pages of other sites whose scripts may connect by WebSocket, such as "https://desk.example". Pages that came from
    the host that they connect to may anyway (by name over wss, by address over ws too), and clients that are no
    browsers."""
    web_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...], Key(parse=parse_network, example='["127.0.0.1/32"]', taken=Uptake.LIVE)
    ] = ()
    """Reverse proxies before WebSocket, such as "127.0.0.1/32": who connects is the address that they name in
    X-Forwarded-For, for trunks, limits and bans. Without it all their clients count as one source."""


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """How names of trunks are looked up."""

    servers: Annotated[tuple[Address, ...], Key(parse=_parse_server, taken=Uptake.RESTART)] = ()
    """Name servers for the names of trunks: "ADDRESS" or "ADDRESS:PORT". Without any: those of /etc/resolv.conf. Names
    in /etc/hosts are not asked for. A call never waits for them: answers are renewed before their time, and kept when
    renewing them fails."""
    limit_s: Annotated[float, Key(0.1, 30, taken=Uptake.RESTART)] = 2.0
    """What finding all servers of one name may take."""


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Bounds on what the network may cost us."""

    tcp_connect_limit_s: Annotated[float, Key(0.1, 30, taken=Uptake.RESTART)] = 3.0
    """What an outgoing TCP connection may take; its TLS handshake may take as long again. "TCP" means everything above
    it too, here and below: TLS and WebSocket."""
    tcp_idle_limit_s: Annotated[float, Key(5, _DAY_S, taken=Uptake.RESTART)] = 300.0
    """A connection without any message for this long is closed, unless a dialog or registration needs it."""
    tcp_message_limit_s: Annotated[float, Key(0.5, 120, taken=Uptake.RESTART)] = 10.0
    """What one message may take to arrive over TCP once it has begun."""
    tcp_connections: Annotated[int, Key(1, 100_000, taken=Uptake.RESTART)] = 2000
    """The most connections at a time; past it new ones are refused and counted."""
    tcp_connections_per_source: Annotated[int, Key(1, 100_000, taken=Uptake.RESTART)] = 500
    """The most of one source address. Many seats behind one NAT are one source."""
    handshake_limit_s: Annotated[float, Key(0.5, 60, taken=Uptake.RESTART)] = 5.0
    """What the handshake of TLS, and that of WebSocket, may take; and the most that are in progress at a time: past it
    the oldest gives way. One source may have a quarter of them."""
    handshakes: Annotated[int, Key(4, 100_000, taken=Uptake.RESTART)] = 400
    keep_alive_s: Annotated[float, Key(1, 3600, taken=Uptake.RESTART)] = 60.0
    """A connection that a dialog or registration needs is pinged after this long without a message (RFC 5626)."""
    message_limit_bytes: Annotated[int, Key(2000, 1_000_000, taken=Uptake.RESTART)] = 65_535
    """A longer message is dropped (UDP), or ends its connection (TCP)."""
    udp_request_limit_bytes: Annotated[int, Key(500, 65_535, taken=Uptake.RESTART)] = 1300
    """A longer request goes over TCP, where the network listens on TCP (RFC 3261 §18.1.1)."""
    resolve_limit_s: Annotated[float, Key(0.1, 30, taken=Uptake.RESTART)] = 2.0
    """What a host name in SIP (never in this file) may take to resolve."""
    ban_after: Annotated[int, Key(0, 1_000_000, taken=Uptake.RESTART)] = 50
    """Sources that misbehave (malformed messages, connections without a message, floods, wrong passwords, or no trunk
    names them) get points. With this many within the window a source is banned: what it sends is dropped unread for a
    while. `splitter bans` lists and lifts bans. 0 points: never. Addresses of trunks are spared, but for those with
    bannable = true."""
    ban_window_s: Annotated[float, Key(1, _DAY_S, taken=Uptake.RESTART)] = 60.0
    ban_s: Annotated[float, Key(1, 365 * _DAY_S, taken=Uptake.RESTART)] = 600.0
    source_messages_per_s: Annotated[int, Key(1, 1_000_000, taken=Uptake.RESTART)] = 100
    """What one source of a bannable trunk may send; the rest is dropped, and costs points."""
    freebind: bool = False
    """Listeners may be opened on addresses that this machine is still to get: a cluster needs that."""
