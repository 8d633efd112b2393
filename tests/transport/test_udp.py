"""The UDP socket: datagrams, and the errors that come back for what was sent."""

from __future__ import annotations

import asyncio
import socket

from splitter.core.net import Address, Flow
from splitter.transport.udp import UdpSocket

PATIENCE_S = 30
NOBODY = Address("127.77.77.77", 9)  # this machine, a port that nobody listens on


class Ends:
    """A socket of ours, what it has told, and a peer's socket."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()
        self.bounced: asyncio.Queue[bytes] = asyncio.Queue()
        self.ours = UdpSocket("access", Address("127.0.0.1", 0), self._datagram, self._bounced, False)
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))

    def _datagram(self, flow: Flow, data: bytes) -> None:
        self.came.put_nowait(data)

    def _bounced(self, quoted: bytes, remote: Address, reason: str) -> None:
        assert remote == NOBODY
        self.bounced.put_nowait(quoted)

    def close(self) -> None:
        self.ours.close()
        self.peer.close()


class TestErrors:
    async def test_an_error_is_told_beside_datagrams_that_wait(self) -> None:
        """What wakes the socket is read first; an error behind it wakes it once more."""
        ends = Ends()
        try:
            ends.ours.send(b"to nobody", NOBODY)
            for number in range(3):
                ends.peer.sendto(str(number).encode(), ends.ours.address)
            ends.ours.start()
            async with asyncio.timeout(PATIENCE_S):
                assert await ends.bounced.get() == b"to nobody"
                assert [await ends.came.get() for _ in range(3)] == [b"0", b"1", b"2"]
        finally:
            ends.close()

    async def test_each_of_several_errors_is_told(self) -> None:
        ends = Ends()
        try:
            ends.ours.start()
            async with asyncio.timeout(PATIENCE_S):
                for number in range(5):
                    ends.ours.send(str(number).encode(), NOBODY)
                assert [await ends.bounced.get() for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
        finally:
            ends.close()
