"""Who really asks, where a proxy stands before us: X-Forwarded-For, of proxies that the operator names. Pure.

A proxy adds the address that it was asked by at the end. What stands before that came with the request: whoever asks
may write there what it likes. So the list is read from its end, for as long as its senders are proxies of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Subnet = IPv4Network | IPv6Network

_MOST = 20  # proxies in a row


def is_within(networks: Iterable[Subnet], host: str) -> bool:
    """True for the address of one of these."""
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def asked_by(peer: str, forwarded: Iterable[str], proxies: Iterable[Subnet]) -> str:
    """The address of whoever asks.

    Args:
        peer: the other end of the connection.
        forwarded: the lines of X-Forwarded-For.
        proxies: those whose word is believed.
    """
    proxies = tuple(proxies)
    said = [word.strip() for line in forwarded for word in line.split(",")]
    for word in reversed(said[-_MOST:]):
        if not is_within(proxies, peer):
            break
        address = _address(_bare(word))
        if address is None:
            break  # "unknown", or nonsense: then it is the proxy that asks
        peer = str(address)
    return peer


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _bare(word: str) -> str:
    """An address without its port, which some proxies write as well."""
    if word.startswith("["):
        return word[1:].partition("]")[0]
    return word.partition(":")[0] if word.count(":") == 1 else word
