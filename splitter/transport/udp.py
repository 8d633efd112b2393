"""A SIP datagram socket (RFC 3261 §18). Does I/O.

Datagrams are read in a tight loop from a plain non-blocking socket: it costs less than asyncio's datagram protocol, and
works the same on every event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from splitter.core.net import Address, Flow

_BATCH = 64
"""Datagrams read before timers and other sockets get their turn again."""
_BUFFER_BYTES = 4 * 1024 * 1024
"""Asked for; the kernel gives what net.core.rmem_max allows. A burst of INVITEs must wait here, not get lost."""
_FLOWS = 4096
_MAX_DATAGRAM = 65_536


class UdpSocket:
    """One bound UDP socket.

    Args:
        network: name of our network.
        address: where to bind; port 0 takes a free one.
        on_datagram: called with each datagram; must not raise.

    Attributes:
        address: where it is really bound.
    """

    def __init__(self, network: str, address: Address, on_datagram: Callable[[Flow, bytes], None]) -> None:
        self._network = network
        self._on_datagram = on_datagram
        self._flows: dict[tuple[object, ...], Flow] = {}
        self._socket = _bound(address)
        self.address = Address(*self._socket.getsockname()[:2])

    def start(self) -> None:
        """Begin to read; needs a running event loop."""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Stop reading and give the port back."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def send(self, data: bytes, remote: Address) -> None:
        """Send one datagram. A full send buffer loses it, as the network might.

        Raises:
            OSError: it cannot be sent there: no route, too long, wrong address family.
        """
        with contextlib.suppress(BlockingIOError):
            self._socket.sendto(data, remote)

    def _read(self) -> None:
        for _ in range(_BATCH):
            try:
                data, source = self._socket.recvfrom(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier datagram; its transaction has a timer
                continue
            self._on_datagram(self._flow(source), data)
            if self._socket.fileno() < 0:
                return  # closed by what the datagram caused

    def _flow(self, source: tuple[object, ...]) -> Flow:
        """The flow of a source; peers are few, so flows are kept."""
        flow = self._flows.get(source)
        if flow is None:
            if len(self._flows) >= _FLOWS:
                self._flows.clear()
            host, port = source[:2]
            flow = Flow(self._network, "udp", self.address, Address(str(host), int(str(port))))
            self._flows[source] = flow
        return flow


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
