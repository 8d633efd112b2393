"""Values written as text: addresses, networks, origins, patterns. Pure; each parser raises ValueProblem."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from splitter.core.keys import ValueProblem
from splitter.core.net import Address

_ADDRESS_REMEDY = 'write an IP address and a port, such as "10.0.0.5:5060" or "[2001:db8::5]:5060"'


def parse_host(text: str) -> str:
    """A literal IPv4 or IPv6 address, in its canonical form."""
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        if re.fullmatch(r"[\d.]+\.\*", text):
            remedy = 'write the network with the length of its prefix, such as "10.0.0.0/24"'
            raise ValueProblem(f'"{text}" is not an IP address', remedy) from None
        raise ValueProblem(
            f'"{text}" is not an IP address', "names are not looked up here: write the address"
        ) from None


def parse_address(text: str) -> Address:
    """An address with a port, "10.0.0.5:5060"."""
    host, port = split_port(text)
    if port is None:
        raise ValueProblem(f'"{text}" has no port', _ADDRESS_REMEDY)
    return Address(parse_host(host), port)


def parse_sip_address(text: str, port: int) -> Address:
    """An address whose port may be left out: it is `port` then."""
    host, given = split_port(text)
    return Address(parse_host(host), port if given is None else given)


def parse_origin(text: str) -> str:
    """The origin of web pages, as browsers send it (RFC 6454 §6.2)."""
    if not re.fullmatch(r"https?://[^/\s]+", text.lower()):
        raise ValueProblem(f'"{text}" is not an origin', 'write scheme and host, such as "https://desk.example"')
    return text.lower()


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


def split_port(text: str) -> tuple[str, int | None]:
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


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """A network, "10.0.0.0/24"."""
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        raise ValueProblem(f'"{text}" is not a network', 'write it such as "10.0.0.0/24"') from None
    raise ValueProblem(f'"{text}" has bits set behind its prefix', f'did you mean "{loose}"?')
