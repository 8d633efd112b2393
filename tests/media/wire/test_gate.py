"""The gate in the kernel, with real sockets on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from splitter.media.wire.gate import drops, reopen, shut
from tests.patience import PATIENCE_S

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def sockets(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket, socket.socket]]:
    """Receiver, friend, stranger."""
    opened = []
    for _ in range(3):
        sock = socket.socket(request.param, socket.SOCK_DGRAM)
        opened.append(sock)
        try:
            sock.bind((HOSTS[request.param], 0))
        except OSError:
            pytest.xfail("this machine has no IPv6 loopback")
        sock.setblocking(False)
    yield opened[0], opened[1], opened[2]
    for sock in opened:
        sock.close()


def received(sock: socket.socket) -> list[bytes]:
    """Waits for the first packet, then takes all that is in the queue."""
    sock.settimeout(PATIENCE_S)
    packets = [sock.recv(2048)]
    sock.setblocking(False)
    try:
        while True:
            packets.append(sock.recv(2048))
    except BlockingIOError:
        return packets


class TestGate:
    def test_lets_one_source_in_and_counts_the_others(
        self, sockets: tuple[socket.socket, socket.socket, socket.socket]
    ) -> None:
        receiver, friend, stranger = sockets
        assert shut(receiver, friend.getsockname())
        for _ in range(3):
            stranger.sendto(b"stranger" * 20, receiver.getsockname())
        friend.sendto(b"friend" * 200, receiver.getsockname())
        assert received(receiver) == [b"friend" * 200]
        assert drops(receiver) == 3

    def test_moves_to_another_source(self, sockets: tuple[socket.socket, socket.socket, socket.socket]) -> None:
        receiver, friend, other = sockets
        shut(receiver, friend.getsockname())
        shut(receiver, other.getsockname())
        friend.sendto(b"old", receiver.getsockname())
        other.sendto(b"new", receiver.getsockname())
        assert received(receiver) == [b"new"]

    def test_opens_again(self, sockets: tuple[socket.socket, socket.socket, socket.socket]) -> None:
        receiver, friend, stranger = sockets
        shut(receiver, friend.getsockname())
        reopen(receiver)
        reopen(receiver)
        stranger.sendto(b"hello", receiver.getsockname())
        assert received(receiver) == [b"hello"]
