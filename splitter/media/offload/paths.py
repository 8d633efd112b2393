"""The way of packets to a peer: interface, next hop, size; and why the kernel cannot be given it. Does I/O.

A way that was found holds until something of links, addresses, routes or rules changes on this machine.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import ExitStack, closing
from dataclasses import dataclass
from ipaddress import ip_address

from splitter.media.offload.layout import ETHER_HEADER
from splitter.media.offload.ports import OffloadRefused
from splitter.media.offload.rtnetlink import Changes, Netlink, RouteType

SMALLEST_MTU = 576  # RFC 791 §3.1; what is below that would not carry every packet of a voice
_GET_FLAGS, _GET_MTU, _GET_TYPE = 0x8913, 0x8921, 0x8927  # netdevice(7)
_UP, _LOOPBACK, _RUNNING = 0x1, 0x8, 0x40
_ETHERNET = 1
_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Path:
    """How packets leave for a peer.

    Attributes:
        interface: its index; the peer's packets come back by it.
        next_hop: the neighbour there.
        largest: bytes of the largest frame.
    """

    interface: int
    next_hop: str
    largest: int


class Paths:
    """Ways to peers, each looked up once. Raises OSError.

    Attributes:
        generation: another number after each change of the machine's network.
    """

    def __init__(self) -> None:
        with ExitStack() as opened:
            self._netlink = opened.enter_context(Netlink())
            self._changes = opened.enter_context(closing(Changes()))
            self._probe = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC))
            self._opened = opened.pop_all()
        self._found: dict[tuple[str, str], Path] = {}
        self.generation = 0

    def close(self) -> None:
        self._opened.close()

    def refresh(self) -> None:
        """Forget what was found, if anything changed since the last time."""
        if self._changes.seen():
            self._found.clear()
            self.generation += 1

    def find(self, own: str, peer: str) -> Path:
        """The way from our address to the peer's. Raises OffloadRefused, with the reason in words."""
        path = self._found.get((own, peer))
        if path is None:
            path = self._look_up(own, peer)
            if len(self._found) >= _KNOWN:
                self._found.clear()
            self._found[own, peer] = path
        return path

    def _look_up(self, own: str, peer: str) -> Path:
        if ip_address(own).is_unspecified:
            raise OffloadRefused("the ports are not bound to one address")
        try:
            _check_ours(own)
            route = self._netlink.route(peer, own)
        except OSError as error:
            raise OffloadRefused(f"no route from {own} to {peer}: {error.strerror or error}") from error
        if route.kind == RouteType.LOCAL:
            raise OffloadRefused(f"{peer} is on this machine: loopback")
        if route.kind != RouteType.UNICAST or not route.interface:
            raise OffloadRefused(f"no route from {own} to {peer}")
        try:
            name = socket.if_indextoname(route.interface)
            flags, mtu, kind = (self._read(name, what) for what in (_GET_FLAGS, _GET_MTU, _GET_TYPE))
        except OSError as error:
            raise OffloadRefused(f"interface {route.interface} is gone: {error.strerror}") from error
        if flags & _LOOPBACK:
            raise OffloadRefused(f"{name} is a loopback")
        if kind & 0xFFFF != _ETHERNET:
            raise OffloadRefused(f"{name} is no Ethernet")
        if not flags & _UP or not flags & _RUNNING:
            raise OffloadRefused(f"{name} is down")
        mtu = min(mtu, route.mtu or mtu)
        if mtu < SMALLEST_MTU:
            raise OffloadRefused(f"the MTU of {name} towards {peer} is {mtu}")
        return Path(route.interface, route.next_hop, mtu + ETHER_HEADER)

    def _read(self, name: str, what: int) -> int:
        answer = fcntl.ioctl(self._probe, what, struct.pack("16s24x", name.encode()))
        return int(struct.unpack_from("=H" if what != _GET_MTU else "=i", answer, 16)[0])


def _check_ours(own: str) -> None:
    """Raise OSError where no interface has this address any more; IPv6 routes do not say so."""
    with socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((own, 0))
