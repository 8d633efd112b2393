"""The short cut of a room's port: its peer by another socket, all others as ever, and nothing lost or out of order."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from splitter.core.net import Address
from splitter.media.wire import line
from splitter.media.wire.pairs import PortPairs
from splitter.media.worker.loop import DSCP_AF41, PacketHost, RoomLoop
from splitter.media.worker.room_ports import RoomPort
from tests.media.worker.stand import FIRST_PORT, address, receive
from tests.patience import until

HOST = "127.0.0.1"


def client(host: str = HOST) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.bind((host, 0))
    return sock


@dataclass
class Stand:
    """A port and what came to it."""

    host: PacketHost
    port: RoomPort
    seen: list[tuple[bytes, Address]]
    faults: list[Exception] = field(default_factory=list)

    @property
    def direct(self) -> socket.socket | None:
        return self.port.line.direct

    async def settle(self, peer: socket.socket) -> None:
        before = self.direct
        self.port.settle(Address(*peer.getsockname()[:2]))
        await until(lambda: self.direct is not before)

    async def hears(self, count: int) -> list[tuple[bytes, Address]]:
        await until(lambda: len(self.seen) >= count)
        return self.seen


@asynccontextmanager
async def stand(host: str = HOST) -> AsyncIterator[Stand]:
    packets = PacketHost(asyncio.get_running_loop(), PortPairs(FIRST_PORT + 240, FIRST_PORT + 259, 0, random.Random(1)))
    faults: list[Exception] = []
    loop = RoomLoop(packets, faults.append)
    seen: list[tuple[bytes, Address]] = []
    port = loop.open_port(host, lambda data, source, now: seen.append((bytes(data), source)))
    yield Stand(packets, port, seen, faults)
    loop.close()
    assert len(packets.poller) == 0, "sockets are left"
    packets.close()
    assert not faults


class TestFlood:
    async def test_of_strays_is_dropped_by_the_kernel_and_the_peer_is_heard(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(line, "FLOOD", 50)
        async with stand() as s:
            peer, stray = client(), client()
            await s.settle(peer)
            for _ in range(200):
                stray.sendto(b"x", (HOST, s.port.number))
            await until(lambda: s.port.line.reopening is not None)
            for number in range(60):
                stray.sendto(b"x", (HOST, s.port.number))
                peer.sendto(b"%d" % number, (HOST, s.port.number))
            await until(lambda: sum(source == address(peer) for _, source in s.seen) == 60)
            assert s.port.line.missed == 60
            assert len(s.seen) - 60 <= 200
            await until(lambda: s.port.line.reopening is None)
            stray.sendto(b"later", (HOST, s.port.number))
            await until(lambda: s.seen[-1][0] == b"later")

    async def test_without_a_peer_all_are_heard(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who of them is the peer has to be found out."""
        monkeypatch.setattr(line, "FLOOD", 50)
        async with stand() as s:
            other = client()
            for _ in range(200):
                other.sendto(b"x", (HOST, s.port.number))
            await s.hears(200)
            assert s.port.line.missed == 0


class TestShortCut:
    @pytest.mark.parametrize("host", [HOST, "::1"])
    async def test_carries_the_peer_both_ways_and_strays_are_still_seen(self, host: str) -> None:
        async with stand(host) as s:
            peer, stray = client(host), client(host)
            await s.settle(peer)
            assert s.direct is not None
            assert s.direct.getpeername() == peer.getsockname()
            assert s.direct.getsockname()[1] == s.port.number
            for number in range(20):
                peer.sendto(b"%d" % number, (host, s.port.number))
                stray.sendto(b"x", (host, s.port.number))
            seen = await s.hears(40)
            of_peer = [data for data, source in seen if source == address(peer)]
            assert of_peer == [b"%d" % number for number in range(20)]
            assert [source for data, source in seen if data == b"x"] == 20 * [address(stray)]
            s.port.send(b"to the peer", address(peer))
            s.port.send(memoryview(b"to another"), address(stray))
            assert (await receive(peer))[0] == b"to the peer"
            data, source = await receive(stray)
            assert (data, source[1]) == (b"to another", s.port.number)
            assert s.port.line.unsent == 0
            peer.close()
            stray.close()

    async def test_keeps_the_order_of_what_waits_when_it_is_made_and_when_it_is_cut(self) -> None:
        async with stand() as s:
            peer, other = client(), client()
            sent = 0

            def play() -> None:
                nonlocal sent
                for _ in range(30):
                    peer.sendto(b"%d" % sent, (HOST, s.port.number))
                    sent += 1

            for to in (peer, other, peer):
                play()  # nobody reads before the loop's next turn
                s.port.line.settle(address(to))
                play()
            assert [data for data, _ in await s.hears(sent)] == [b"%d" % number for number in range(sent)]
            peer.close()
            other.close()

    async def test_follows_a_peer_that_moves(self) -> None:
        async with stand() as s:
            home, away = client(), client()
            await s.settle(home)
            await s.settle(away)
            home.sendto(b"late", (HOST, s.port.number))
            away.sendto(b"here", (HOST, s.port.number))
            assert set(await s.hears(2)) == {(b"late", address(home)), (b"here", address(away))}
            s.port.send(b"found", address(away))
            assert (await receive(away))[0] == b"found"
            assert len(s.host.poller) == 2
            home.close()
            away.close()

    async def test_is_nobody_elses_port(self) -> None:
        async with stand() as s:
            peer, thief = client(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            await s.settle(peer)
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                thief.bind((HOST, s.port.number))
            thief.close()
            peer.close()

    async def test_has_the_marks_of_the_port(self) -> None:
        async with stand() as s:
            peer = client()
            await s.settle(peer)
            assert s.direct is not None
            assert s.direct.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == DSCP_AF41
            peer.close()

    async def test_survives_a_peer_whose_port_is_closed_for_a_while(self) -> None:
        async with stand() as s:
            peer = client()
            at = address(peer)
            await s.settle(peer)
            peer.close()
            for _ in range(3):
                s.port.send(b"nobody is there", at)  # each comes back as ICMP port unreachable
                await asyncio.sleep(0)
            back = client()
            back.close()
            back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            back.bind(at)
            s.port.send(b"welcome back", at)
            assert (await receive(back))[0] == b"welcome back"
            back.sendto(b"hello again", (HOST, s.port.number))
            assert await s.hears(1) == [(b"hello again", at)]
            assert s.port.line.unsent == 0 and not s.faults
            back.close()


class TestWithoutShortCut:
    @pytest.mark.parametrize("peer", [Address("192.0.2.1.9", 5000), Address("::1", 5000)])
    async def test_an_address_that_the_socket_cannot_reach_leaves_all_as_it_was(self, peer: Address) -> None:
        async with stand() as s:
            near = client()
            s.port.line.settle(peer)
            assert s.direct is None
            near.sendto(b"heard", (HOST, s.port.number))
            assert await s.hears(1) == [(b"heard", address(near))]
            near.close()

    async def test_a_system_that_refuses_filters_or_sockets_is_done_without(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with stand() as s:
            peer, thief = client(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            monkeypatch.setattr(line, "shut", lambda *_: False)
            s.port.line.settle(address(peer))
            assert s.direct is None
            with pytest.raises(OSError, match="in use"):
                thief.bind((HOST, s.port.number))
            thief.close()
            s.port.send(b"all the same", address(peer))
            assert (await receive(peer))[0] == b"all the same"
            peer.close()

    async def test_a_port_that_is_closed_meanwhile_makes_none(self) -> None:
        async with stand() as s:
            peer = client()
            s.port.settle(address(peer))
            s.port.close()
            await asyncio.sleep(0.01)
            assert s.direct is None and not s.faults
            peer.close()
