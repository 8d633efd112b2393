"""The tables [network.NAME], and what is wrong with them: where SIP is heard, and who we are there.

Only `check_files` does I/O: it looks at the certificates.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields, replace

from splitter.config.fields import read, read_fields
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.transport.bans import IpNetwork
from splitter.transport.settings import SECURE, WEB, Network, TlsSettings
from splitter.transport.targets import AUTO
from splitter.transport.tls import faults, validity_of


def read_network(table: Table) -> Network:
    """Read a table [network.NAME]."""
    tls = _read_tls(table)
    network = read(table, Network, _check_listen, name=table.name, tls=tls)
    first = network.listeners[0].address.host if network.listeners else "127.0.0.1"
    return replace(network, media_address=network.media_address or first)


def _check_listen(table: Table, network: Network) -> None:
    if "listen" in table and not table.listed("listen"):
        table.problem("listen", "is empty", 'name at least one listener, such as "udp:10.0.0.5:5060"')


def _read_tls(table: Table) -> TlsSettings | None:
    """Who we are there, and whom we believe; None where the network has no certificate."""
    settings = TlsSettings(**read_fields(table, TlsSettings))
    if settings.certificate:
        return settings
    for field in fields(TlsSettings):
        if getattr(settings, field.name) != getattr(TlsSettings(""), field.name):
            table.problem(field.name, "has no meaning without a certificate", "add certificate = FILE, or remove it")
    return None


def check_tls(settings: Settings, problems: Problems) -> None:
    """Check that who speaks TLS has a certificate, and that no way to a peer is WebSocket."""
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
    """Addresses that no ban may touch: those of neighbours, but for trunks that are bannable, and proxies before us."""
    peers = [peer.network for trunk in settings.trunks.values() if not trunk.bannable for peer in trunk.peers]
    return [*peers, *(proxy for network in settings.networks.values() for proxy in network.web_proxies)]


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
