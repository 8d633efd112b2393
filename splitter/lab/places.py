"""Ports for whoever of the lab is to listen: those that are free, and stay so until they are used. Does I/O."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache

from splitter.core.errors import LocalError

_BLOCK = 100
_CLAIMS: list[socket.socket] = []


def usual_port(host: str, port: int) -> int:
    """The port, or 0 where somebody has it."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError:
            return 0
    return port


def free_ports(host: str, count: int) -> list[int]:
    """Ports that are free for UDP and TCP now, and that nobody gets meanwhile: no system gives them out by itself, and
    no other process of the lab looks for its own among them."""
    ports: list[int] = []
    for port in itertools.islice(_places(), _BLOCK):
        if len(ports) == count:
            break
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with (
            suppress(OSError),
            socket.socket(family, socket.SOCK_DGRAM) as udp,
            socket.socket(family, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind((host, port))
            tcp.bind((host, port))
            ports.append(port)
    if len(ports) < count:
        raise LocalError(f"no {count} free ports on {host}")
    return ports


def claim(kind: str, firsts: Iterable[int]) -> int | None:
    """Claim a block of ports for as long as this process lives.

    Args:
        kind: of block; another kind has other claims.
        firsts: the first ports of the blocks, in the order in which they are tried.

    Returns: the first port of the block that is ours; None where others have them all. A claim is a socket in Linux's
        abstract namespace, which ends with its process (unix(7)).
    """
    for first in firsts:
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0splitter-{kind}-{first}")
        except (OSError, ValueError):
            mark.close()
            continue
        _CLAIMS.append(mark)
        return first
    return None


@cache
def _places() -> Iterator[int]:
    """The ports of this process, one after the other, again and again."""
    blocks = range(24_000, 32_000, _BLOCK)
    first = claim("lab", blocks) or random.choice(blocks)  # another system, or very many at once
    return itertools.cycle(range(first, first + _BLOCK))
