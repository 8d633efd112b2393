"""A SIP datagram socket (RFC 3261 §18). Does I/O.

Datagrams are read in a tight loop from a plain non-blocking socket: it costs less than asyncio's datagram protocol, and
works the same on every event loop.

ICMP errors are collected too (IP_RECVERR): a peer that is not there is known at once, not after a timer. The kernel
reports such an error at whatever call comes next, perhaps a send to somebody else, and marks the socket as failed until
its error queue is read; libuv stops watching a socket so marked. So the loop watches an epoll around the socket, which
is only ever readable, and a send that fails is tried once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import struct
from collections.abc import Callable

from splitter.core.freebind import bind_anywhere
from splitter.core.net import Address, Flow

_BATCH = 64
"""Datagrams read before timers and other sockets get their turn again."""
BUFFER_BYTES = 4 * 1024 * 1024
"""Asked for; the kernel gives what net.core.rmem_max allows. A burst of INVITEs must wait here, not get lost."""
_FLOWS = 4096
_MAX_DATAGRAM = 65_536
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h; Python does not name them
_ERROR = struct.Struct("=IB")  # the head of struct sock_extended_err: errno, origin
_ICMP_ORIGINS = frozenset((2, 3))  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6


class UdpSocket:
    """A bound UDP socket.

    Args:
        network: name of our network.
        address: where to bind; port 0 takes a free one.
        on_datagram: called with each datagram; must not raise.
        on_bounced: called with the beginning of a datagram of ours that an ICMP error came back for, its destination,
            and the error in words; must not raise.
        freebind: the address may be one that this machine is still to get.

    Attributes:
        address: where it is really bound.
    """

    def __init__(
        self,
        network: str,
        address: Address,
        on_datagram: Callable[[Flow, bytes], None],
        on_bounced: Callable[[bytes, Address, str], None],
        freebind: bool = False,
    ) -> None:
        self._network = network
        self._on_datagram = on_datagram
        self._on_bounced = on_bounced
        self._flows: dict[tuple[object, ...], Flow] = {}
        self._socket = _bound(address, freebind)
        self._watch = select.epoll()
        self._watch.register(self._socket.fileno(), select.EPOLLIN)
        self.address = Address(*self._socket.getsockname()[:2])

    def start(self) -> None:
        """Begin to read; needs a running event loop."""
        asyncio.get_running_loop().add_reader(self._watch.fileno(), self._read)

    def close(self) -> None:
        """Stop reading and give the port back."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._watch.fileno())
            self._watch.close()
            self._socket.close()

    def send(self, data: bytes, remote: Address) -> None:
        """Send one datagram. A full send buffer loses it, as the network might.

        Raises:
            OSError: it cannot be sent there: no route, too long, wrong address family.
        """
        try:
            self._socket.sendto(data, remote)
        except BlockingIOError:
            pass
        except OSError:  # perhaps the ICMP error of an earlier datagram; reporting it has cleared it
            with contextlib.suppress(BlockingIOError):
                self._socket.sendto(data, remote)

    def _read(self) -> None:
        for count in range(_BATCH):
            try:
                data, source = self._socket.recvfrom(_MAX_DATAGRAM)
            except BlockingIOError:
                # Nothing more to read. If it was never more, an error waits in the queue; else that wakes us once more.
                if count or not self._read_error():
                    return
                continue
            except OSError:  # an ICMP error
                if not self._read_error():
                    return
                continue
            self._on_datagram(self._flow(source), data)
            if self._socket.fileno() < 0:
                return  # closed by what the datagram caused

    def _read_error(self) -> bool:
        """Take one entry off the error queue; False where there is none."""
        try:
            quoted, control, _, destination = self._socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return False
        for _, _, data in control:
            number, origin = _ERROR.unpack_from(data)
            if origin in _ICMP_ORIGINS:
                self._on_bounced(quoted, Address(*destination[:2]), os.strerror(number))
                break
        return self._socket.fileno() >= 0

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


def _bound(address: Address, freebind: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        if freebind:
            bind_anywhere(sock)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
