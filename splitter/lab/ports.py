"""A pair of UDP ports for RTP and RTCP on the event loop. Does I/O."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from splitter.core.net import Address

OnPacket = Callable[[bytes, Address], None]

_ATTEMPTS = 50
_RECEIVE_BYTES = 1 << 20  # what comes while this process has no time, at a picture of some megabits: a second and more


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, on_packet: OnPacket) -> None:
        self.on_packet = on_packet

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.on_packet(data, Address(addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """A port unreachable of the peer: it has gone or has not come yet; both happen in a call."""


class PortPair:
    """An even port for RTP and the odd one above it for RTCP (RFC 3550 §11).

    Attributes:
        host, rtp_port, rtcp_port: what SDP says.
    """

    def __init__(self, host: str, rtp: asyncio.DatagramTransport, rtcp: asyncio.DatagramTransport) -> None:
        self.host = host
        self.rtp_port: int = rtp.get_extra_info("sockname")[1]
        self.rtcp_port: int = rtcp.get_extra_info("sockname")[1]
        self._rtp, self._rtcp = rtp, rtcp

    @classmethod
    async def open(cls, host: str, on_rtp: OnPacket, on_rtcp: OnPacket) -> PortPair:
        """Bind a pair of free ports.

        Raises:
            OSError: none was found.
        """
        loop = asyncio.get_running_loop()
        for _ in range(_ATTEMPTS):
            first, second = _bound_pair(host)
            if first is None or second is None:
                continue
            rtp, _protocol = await loop.create_datagram_endpoint(lambda: _Receiver(on_rtp), sock=first)
            rtcp, _protocol = await loop.create_datagram_endpoint(lambda: _Receiver(on_rtcp), sock=second)
            return cls(host, rtp, rtcp)
        raise OSError(f"no pair of free UDP ports on {host}")

    def send_rtp(self, data: bytes, to: Address) -> None:
        if not self._rtp.is_closing():
            self._rtp.sendto(data, to)

    def send_rtcp(self, data: bytes, to: Address) -> None:
        if not self._rtcp.is_closing():
            self._rtcp.sendto(data, to)

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


def _bound_pair(host: str) -> tuple[socket.socket | None, socket.socket | None]:
    """Two bound sockets, or (None, None) if the port that the system gave has no free neighbour."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first, second = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
    try:
        for one in (first, second):
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        first.bind((host, 0))
        port = first.getsockname()[1]
        if port % 2 == 0:
            second.bind((host, port + 1))
            return first, second
    except OSError:
        pass
    first.close()
    second.close()
    return None, None
