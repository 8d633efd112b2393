"""The tables [network.NAME] and [transport]: where SIP is heard, who we are there, what the network may cost us.

Only `check_files` does I/O: it looks at the certificates.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.config.values import parse_host, parse_listener, parse_origin
from splitter.core.net import Address
from splitter.transport.bans import IpNetwork
from splitter.transport.settings import SECURE, WEB, Network, TlsSettings, TransportSettings
from splitter.transport.targets import AUTO
from splitter.transport.tls import faults, validity_of

_DAY_S = 86_400


def read_network(table: Table, base: Path) -> Network:
    """[network.NAME]"""
    listeners = tuple(table.take_list("listen", parse_listener))
    if "listen" not in table:
        table.problem("listen", "is missing", 'add where SIP is heard, such as listen = ["udp:10.0.0.5:5060"]')
    elif not table.listed("listen"):
        table.problem("listen", "is empty", 'name at least one listener, such as "udp:10.0.0.5:5060"')
    first = listeners[0].address if listeners else Address("127.0.0.1", 5060)
    network = Network(
        name=table.name,
        listeners=listeners,
        media_address=table.take_parsed("media_address", parse_host, first.host),
        advertised_address=table.take_parsed("advertised_address", parse_host),
        tls=_read_tls(table, base),
        web_origins=tuple(table.take_list("web_origins", parse_origin)),
    )
    table.finish()
    return network


def _read_tls(table: Table, base: Path) -> TlsSettings | None:
    """Who we are there, and whom we believe; None where the network has no certificate."""
    default = TlsSettings("")
    certificate = table.take_text("certificate", default.certificate)
    key, ca = table.take_text("key", default.key), table.take_text("ca", default.ca)
    settings = TlsSettings(
        certificate=str(base / certificate),
        key=str(base / key) if key else "",
        ca=str(base / ca) if ca else "",
        client_certificate=table.take_flag("client_certificate", default.client_certificate),
        verify=table.take_flag("verify", default.verify),
    )
    if certificate:
        return settings
    for name in (field.name for field in fields(default)):
        if getattr(settings, name) != getattr(default, name) and name != "certificate":
            table.problem(name, "has no meaning without a certificate", "add certificate = FILE, or remove it")
    return None


def read_transport(table: Table) -> TransportSettings:
    """[transport]"""
    default = TransportSettings()
    settings = TransportSettings(
        tcp_connect_limit_s=table.take_number("tcp_connect_limit_s", default.tcp_connect_limit_s, 0.1, 30),
        tcp_idle_limit_s=table.take_number("tcp_idle_limit_s", default.tcp_idle_limit_s, 5, _DAY_S),
        tcp_message_limit_s=table.take_number("tcp_message_limit_s", default.tcp_message_limit_s, 0.5, 120),
        tcp_connections=table.take_integer("tcp_connections", default.tcp_connections, 1, 100_000),
        tcp_connections_per_source=table.take_integer(
            "tcp_connections_per_source", default.tcp_connections_per_source, 1, 100_000
        ),
        handshake_limit_s=table.take_number("handshake_limit_s", default.handshake_limit_s, 0.5, 60),
        handshakes=table.take_integer("handshakes", default.handshakes, 4, 100_000),
        keep_alive_s=table.take_number("keep_alive_s", default.keep_alive_s, 1, 3600),
        message_limit_bytes=table.take_integer("message_limit_bytes", default.message_limit_bytes, 2000, 1_000_000),
        udp_request_limit_bytes=table.take_integer(
            "udp_request_limit_bytes", default.udp_request_limit_bytes, 500, 65_535
        ),
        resolve_limit_s=table.take_number("resolve_limit_s", default.resolve_limit_s, 0.1, 30),
        source_messages_per_s=table.take_integer("source_messages_per_s", default.source_messages_per_s, 1, 1_000_000),
        ban_after=table.take_integer("ban_after", default.ban_after, 0, 1_000_000),
        ban_window_s=table.take_number("ban_window_s", default.ban_window_s, 1, _DAY_S),
        ban_s=table.take_number("ban_s", default.ban_s, 1, 365 * _DAY_S),
    )
    table.finish()
    return settings


def check_tls(settings: Settings, problems: Problems) -> None:
    """Who speaks TLS needs a certificate; and the way to a peer must not be WebSocket."""
    for network in settings.networks.values():
        path = ("network", network.name)
        secure = sorted({listener.transport for listener in network.listeners} & SECURE)
        if secure and network.tls is None and not problems.within((*path, "certificate")):
            what = f"is missing, but the network listens on {' and '.join(secure)}"
            problems.add((*path, "certificate"), what, 'add certificate = "FILE.pem" and key = "FILE.pem"')
    for trunk in settings.trunks.values():
        if trunk.tls_name and trunk.transport not in ("tls", AUTO) and not problems.within(("trunk", trunk.name)):
            what = f"has no meaning for transport {trunk.transport}"
            problems.add(("trunk", trunk.name, "tls_name"), what, 'use transport = "tls", or remove it')


def only_web(network: Network) -> bool:
    """True where nobody is ever connected to: clients come by WebSocket alone."""
    return bool(network.listeners) and all(listener.transport in WEB for listener in network.listeners)


def spared(settings: Settings) -> list[IpNetwork]:
    """Addresses that no ban may touch: those of neighbours, but for trunks that are bannable."""
    return [peer.network for trunk in settings.trunks.values() if not trunk.bannable for peer in trunk.peers]


def check_files(networks: Mapping[str, Network], problems: Problems, expiry: bool) -> None:
    """Look at the certificates, their keys and authorities.

    Args:
        expiry: one that has ended is a problem too. It is none for `splitter run`: calls may go on without it.
    """
    for network in networks.values():
        if network.tls is None:
            continue
        path = ("network", network.name)
        found = faults(network.tls)
        for fault in found:
            problems.add((*path, fault.key), fault.what, fault.remedy)
        if expiry and not found and (text := validity_of(network.tls).objection(time.time())):
            problems.add((*path, "certificate"), text, "renew it, then: splitter reload")
