"""Ports for whoever of the lab is to listen: those that are free, and stay so until they are used. Does I/O."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Iterator
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


@cache
def _places() -> Iterator[int]:
    """The ports of this process, one after the other, again and again. The first block that nobody has claimed is ours
    as long as we live: a claim is a socket in Linux's abstract namespace, which ends with its process (unix(7))."""
    blocks = list(range(24_000, 32_000, _BLOCK))
    for first in blocks:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0splitter-lab-{first}")
        except (OSError, ValueError):
            claim.close()
            continue
        _CLAIMS.append(claim)
        return itertools.cycle(range(first, first + _BLOCK))
    first = random.choice(blocks)  # another system, or very many at once
    return itertools.cycle(range(first, first + _BLOCK))
