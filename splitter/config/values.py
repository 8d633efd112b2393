"""Values written as text: addresses, listeners, peers, patterns. Pure; each parser raises ValueProblem."""

from __future__ import annotations

import ipaddress
import re

from splitter.calls.settings import Peer
from splitter.config.reader import ValueProblem
from splitter.core.net import Address
from splitter.transport.settings import TRANSPORTS as LISTENERS
from splitter.transport.settings import Listener

SIP_PORT = 5060  # RFC 3261 §19.1.2
TRANSPORTS = ("udp", "tcp", "tls")  # that requests can be sent over
_DEFAULT_PORTS = {"tls": 5061, "ws": 80, "wss": 443}  # RFC 3261 §19.1.2, RFC 7118 §5.1
_ADDRESS_REMEDY = 'write an IP address and a port, such as "10.0.0.5:5060" or "[2001:db8::5]:5060"'


def parse_host(text: str) -> str:
    """A literal IPv4 or IPv6 address, in its canonical form."""
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise ValueProblem(
            f'"{text}" is not an IP address', "names are not looked up here: write the address"
        ) from None


def parse_address(text: str) -> Address:
    """An address with a port, "10.0.0.5:5060"."""
    host, port = _split_port(text)
    if port is None:
        raise ValueProblem(f'"{text}" has no port', _ADDRESS_REMEDY)
    return Address(parse_host(host), port)


def is_loopback(host: str) -> bool:
    """True for this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def default_port(transport: str) -> int:
    """Of SIP over this transport."""
    return _DEFAULT_PORTS.get(transport, SIP_PORT)


def parse_sip_address(text: str, port: int = SIP_PORT) -> Address:
    """An address whose port may be left out.

    Args:
        port: where it is.
    """
    host, given = _split_port(text)
    return Address(parse_host(host), port if given is None else given)


def parse_listener(text: str) -> Listener:
    """ "udp:10.0.0.5:5060" """
    transport, _, address = text.partition(":")
    if transport not in LISTENERS or not address:
        raise ValueProblem(
            f'"{text}" names no transport',
            'write "udp:ADDRESS:PORT", or tcp, tls, ws, wss instead of udp, such as "udp:10.0.0.5:5060"',
        )
    return Listener(transport, parse_sip_address(address, default_port(transport)))


def parse_origin(text: str) -> str:
    """The origin of web pages, as browsers send it (RFC 6454 §6.2)."""
    if not re.fullmatch(r"https?://[^/\s]+", text.lower()):
        raise ValueProblem(f'"{text}" is not an origin', 'write scheme and host, such as "https://desk.example"')
    return text.lower()


def parse_peer(text: str) -> Peer:
    """A source: an address, an address with a port, or a network, "10.0.0.0/24"."""
    if "/" in text:
        return Peer(_parse_network(text))
    host, port = _split_port(text)
    return Peer(ipaddress.ip_network(parse_host(host)), port)


def parse_pattern(text: str) -> re.Pattern[str]:
    """A regular expression for the whole called number."""
    try:
        return re.compile(text)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise ValueProblem(
            f'"{text}" is not a regular expression: {error.msg}{where}',
            'write the number itself, or a pattern such as "110|4\\\\d{3}"',
        ) from None


def _split_port(text: str) -> tuple[str, int | None]:
    """Host and port; an IPv6 address has its port only behind brackets."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?", text)
    if match is None:
        if text.count(":") > 1 and "[" not in text:
            return text, None
        raise ValueProblem(f'"{text}" is not an address', _ADDRESS_REMEDY)
    host, port = match.groups()
    if port is not None and not 1 <= int(port) <= 65535:
        raise ValueProblem(f'"{text}" has a port out of range', "use a port from 1 to 65535")
    return host, None if port is None else int(port)


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueProblem(f'"{text}" is not a network', 'write it such as "10.0.0.0/24"') from None
    raise ValueProblem(f'"{text}" has bits set behind its prefix', f'did you mean "{loose}"?')
