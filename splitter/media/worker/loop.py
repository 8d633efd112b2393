"""What a worker gives its relays and rooms: sockets on free ports, packets, timers. Does I/O.

PacketHost serves relays directly. A room gets a RoomLoop, which knows all that the room has open: a room that fails,
even in its own close(), leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from typing import Any

from splitter.core.errors import MediaUnavailable
from splitter.core.net import Address
from splitter.media.relay.ports import PortPairs
from splitter.media.room.loop import PacketHandler
from splitter.media.worker.poller import Poller

DSCP_AF41 = 34 << 2
"""Assured Forwarding 41 (RFC 2597, RFC 4594 §4.4) as the TOS octet: interactive video."""

DATAGRAM_LIMIT = 65_536
RECEIVE_BUFFER_BYTES = 1 << 18  # an IDR comes as a burst of some dozens of packets
BIND_ATTEMPTS = 64  # foreign programs may sit on ports of our range

OnFault = Callable[[Exception], None]


class PacketHost:
    """The sockets of one worker.

    Args:
        loop: the worker's event loop.
        ports: its slice of the range.

    Attributes:
        buffer: every packet is received into it; its content is valid until the handler returns.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ports: PortPairs) -> None:
        self._loop = loop
        self.ports = ports
        self.poller = Poller(loop)
        self.buffer = bytearray(DATAGRAM_LIMIT)

    def bind(self, host: str, tos: int) -> tuple[socket.socket, socket.socket]:
        """Sockets on a free pair of ports of `host`: RTP on the even one, RTCP above it.

        Raises:
            MediaUnavailable: no free pair, or `host` is no address of this machine.
        """
        for _ in range(BIND_ATTEMPTS):
            port = self.ports.take(time.monotonic())
            opened: list[socket.socket] = []
            try:
                for number in (port, port + 1):
                    opened.append(_bound(host, number, tos))
                return opened[0], opened[1]
            except OSError as error:
                for sock in opened:
                    sock.close()
                self.ports.rest(port, time.monotonic())
                if error.errno != errno.EADDRINUSE:
                    raise MediaUnavailable(f"cannot bind {host}:{port}: {error.strerror or error}") from error
        raise MediaUnavailable(f"the media ports of {host} are taken by another program")

    def watch(self, sock: socket.socket, on_readable: Callable[[], None], on_fault: OnFault) -> None:
        self.poller.watch(sock.fileno(), on_readable, on_fault)

    def release(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        port = rtp.getsockname()[1]
        for sock in (rtp, rtcp):
            self.poller.forget(sock.fileno())
            sock.close()
        self.ports.rest(port, time.monotonic())

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, fn)


def _bound(host: str, port: int, tos: int) -> socket.socket:
    six = ":" in host
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


class RoomPair:
    """A participant's two sockets.

    Attributes:
        rtp_port, rtcp_port: where the peer sends to.
        unsent: packets the kernel would not take; lost as on the way.
    """

    __slots__ = ("_loop", "_rtcp", "_rtp", "_send_rtcp", "_send_rtp", "closed", "rtcp_port", "rtp_port", "unsent")

    def __init__(self, loop: RoomLoop, rtp: socket.socket, rtcp: socket.socket) -> None:
        self._loop = loop
        self._rtp, self._rtcp = rtp, rtcp
        self._send_rtp, self._send_rtcp = rtp.sendto, rtcp.sendto
        self.rtp_port: int = rtp.getsockname()[1]
        self.rtcp_port: int = rtcp.getsockname()[1]
        self.unsent = 0
        self.closed = False

    def send_rtp(self, data: bytes | bytearray | memoryview, to: Address) -> None:
        try:
            self._send_rtp(data, to)
        except OSError:
            self.unsent += 1

    def send_rtcp(self, data: bytes | bytearray | memoryview, to: Address) -> None:
        try:
            self._send_rtcp(data, to)
        except OSError:
            self.unsent += 1

    def close(self) -> None:
        """Close both sockets; again is no error."""
        if not self.closed:
            self.closed = True
            self._loop.release(self, self._rtp, self._rtcp)


class RoomLoop:
    """The worker as one room sees it (splitter.media.room.loop.Loop).

    Args:
        host: the worker's sockets.
        on_fault: told what the room's code raised in a packet or timer callback.
    """

    def __init__(self, host: PacketHost, on_fault: OnFault) -> None:
        self._host = host
        self._on_fault = on_fault
        self._pairs: set[RoomPair] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._closed = False

    def open_pair(self, network_host: str, on_rtp: PacketHandler, on_rtcp: PacketHandler) -> RoomPair:
        """Bind a pair of ports. Raises MediaUnavailable."""
        rtp, rtcp = self._host.bind(network_host, DSCP_AF41)
        pair = RoomPair(self, rtp, rtcp)
        self._pairs.add(pair)
        self._host.watch(rtp, _reader(rtp, self._host.buffer, on_rtp), self._on_fault)
        self._host.watch(rtcp, _reader(rtcp, self._host.buffer, on_rtcp), self._on_fault)
        return pair

    def release(self, pair: RoomPair, rtp: socket.socket, rtcp: socket.socket) -> None:
        """Called by the pair itself."""
        self._pairs.discard(pair)
        self._host.release(rtp, rtcp)

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> RoomTimer:
        return RoomTimer(self, delay_s, fn)

    def arm(self, delay_s: float, fn: Callable[[], None]) -> asyncio.TimerHandle:
        """Called by the timer itself."""

        def fire() -> None:
            self._timers.discard(handle)
            if self._closed:
                return
            try:
                fn()
            except Exception as fault:
                self._on_fault(fault)

        handle = self._host.call_later(delay_s, fire)
        self._timers.add(handle)
        return handle

    def disarm(self, handle: asyncio.TimerHandle) -> None:
        handle.cancel()
        self._timers.discard(handle)

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def close(self) -> None:
        """Close whatever the room left open."""
        self._closed = True
        for handle in list(self._timers):
            self.disarm(handle)
        for pair in list(self._pairs):
            pair.close()


class RoomTimer:
    """A callback that is due once; cancel() again is no error."""

    __slots__ = ("_handle", "_loop")

    def __init__(self, loop: RoomLoop, delay_s: float, fn: Callable[[], None]) -> None:
        self._loop = loop
        self._handle = loop.arm(delay_s, fn)

    def cancel(self) -> None:
        self._loop.disarm(self._handle)


def _reader(sock: socket.socket, buffer: bytearray, on_packet: PacketHandler) -> Callable[[], None]:
    """A handler that takes one packet. Sources rarely change: an Address is made only when they do."""
    receive, view, now = sock.recvfrom_into, memoryview(buffer), time.monotonic
    last: tuple[Any, ...] = ()
    source = Address("", 0)

    def on_readable() -> None:
        nonlocal last, source
        size, sender = receive(buffer)
        if sender != last:
            last = sender
            source = Address(sender[0], sender[1])
        on_packet(view[:size], source, now())

    return on_readable
