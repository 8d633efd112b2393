"""What rooms and relays are given: marked sockets on free ports, timers, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from splitter.core.errors import MediaUnavailable, NoPorts
from splitter.core.net import Address
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.waiting import PacketLoop
from splitter.media.worker.loop import AT_ONCE, DSCP_AF41, DSCP_EF, TOGETHER_S, FarTimer, PacketHost, RoomLoop
from tests.media.worker.stand import FIRST_PORT, Peer, address, receive
from tests.patience import until

LOOP = PacketLoop

HOST = "127.0.0.1"


@asynccontextmanager
async def packet_host() -> AsyncIterator[PacketHost]:
    host = PacketHost(asyncio.get_running_loop(), PortPairs(FIRST_PORT + 220, FIRST_PORT + 239, 30, random.Random(1)))
    yield host
    assert len(host.poller) == 0
    host.poller.close()


def nothing(*args: object) -> None:
    """A callback for what is of no interest."""


class TestSockets:
    @pytest.mark.parametrize(("tos", "code_point"), [(DSCP_EF, 46), (DSCP_AF41, 34)])
    async def test_carry_their_dscp(self, tos: int, code_point: int) -> None:
        async with packet_host() as host:
            pair = host.bind(HOST, tos)
            for sock in pair:
                assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) >> 2 == code_point
            host.release(*pair)

    @pytest.mark.parametrize("host", [HOST, "::1"])
    @pytest.mark.parametrize(("tos", "priority"), [(DSCP_EF, 4), (DSCP_AF41, 2)])
    async def test_have_the_priority_that_linux_gives_to_their_dscp(self, host: str, tos: int, priority: int) -> None:
        """It becomes the priority of a VLAN's frames; of IPv6 sockets Linux does not set it by itself."""
        async with packet_host() as sockets:
            pair = sockets.bind(host, tos)
            assert [sock.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) for sock in pair] == [priority] * 2
            sockets.release(*pair)

    async def test_on_an_address_that_is_not_ours_are_unavailable(self) -> None:
        async with packet_host() as host:
            with pytest.raises(MediaUnavailable, match=r"cannot bind 192\.0\.2\.1"):
                host.bind("192.0.2.1", DSCP_EF)

    async def test_that_could_not_be_had_cost_nobody_else_their_ports(self) -> None:
        async with packet_host() as host:
            for _ in range(20):
                with pytest.raises(MediaUnavailable, match="cannot bind"):
                    host.bind("192.0.2.1", DSCP_EF)
            host.release(*host.bind(HOST, DSCP_EF))

    async def test_it_is_said_where_another_program_has_them(self) -> None:
        async with packet_host() as host:
            with contextlib.ExitStack() as others:
                for port in range(FIRST_PORT + 220, FIRST_PORT + 240):
                    others.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind((HOST, port))
                with pytest.raises(NoPorts, match="no free media ports; another program has 10 of them"):
                    host.bind(HOST, DSCP_EF)

    async def test_of_a_browser_are_not_believed_by_their_next_user(self) -> None:
        """Who is closed while it sends goes on for a while, and whoever has the port next may have no ICE."""
        async with packet_host() as host:
            loop, browser = RoomLoop(host, nothing), Address(HOST, 4000)
            port = loop.open_port(HOST, nothing)
            port.settle(browser)
            port.close()
            pairs = [loop.open_pair(HOST, nothing, nothing) for _ in range(10)]
            late = next(pair.late for pair in pairs if pair.rtp_port == port.number)
            assert late.may_be(browser, loop.now())
            loop.close()


class TestTimers:
    async def test_are_never_early(self) -> None:
        """One that is finds nothing due and is armed again, for no time at all, until it is."""
        async with packet_host() as host:
            loop = RoomLoop(host, nothing)
            early: list[float] = []
            left = 200

            def fired(due: float) -> None:
                nonlocal left
                left -= 1
                if loop.now() < due:
                    early.append(due - loop.now())

            for number in range(left):
                delay_s = 0.0001 * number
                loop.call_later(delay_s, partial(fired, loop.now() + delay_s))
            await until(lambda: not left)
            assert not early
            loop.close()

    async def test_that_are_far_off_come_together_and_not_early(self) -> None:
        async with packet_host() as host:
            clock = asyncio.get_running_loop().time
            begun = clock()
            early: list[int] = []
            left = set(range(30))

            def fired(number: int, due: float) -> None:
                left.discard(number)
                if clock() < due:
                    early.append(number)

            for number in range(30):
                delay_s = 0.25 + 0.001 * number
                timer = host.call_later(delay_s, partial(fired, number, clock() + delay_s))
                if number % 3 == 0:
                    timer.cancel()
            assert len(host._far) <= 3 + (clock() - begun) / TOGETHER_S, "at moments, however slowly they were armed"
            await until(lambda: len(left) == 10)
            assert not early and left == set(range(0, 30, 3)), "neither early nor those that were forgotten"

    async def test_packets_come_between_them_where_they_are_many(self) -> None:
        async with packet_host() as host:
            loop = asyncio.get_running_loop()
            order: list[str] = []
            timers = [FarTimer(partial(order.append, f"timer {number}")) for number in range(3 * AT_ONCE)]

            def first() -> None:
                loop.call_soon(order.append, "something else")

            timers[0].fn = first
            host._fire(timers, 0)
            assert len(order) == AT_ONCE - 1
            await until(lambda: len(order) == 3 * AT_ONCE)
            assert order.index("something else") == 2 * AT_ONCE - 1, "behind those that were begun, before the last"

    @pytest.mark.parametrize("fault", [RuntimeError("a fault"), asyncio.CancelledError("a fault")], ids=repr)
    async def test_one_that_fails_holds_up_no_other(self, fault: BaseException) -> None:
        async with packet_host() as host:
            told: list[str] = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, said: told.append(str(said["exception"])))
            fired: list[str] = []
            first = host.call_later(0.25, partial(raise_, fault))
            (moment,) = host._far
            host._far[moment].append(FarTimer(lambda: fired.append("the other")))
            await until(lambda: fired)
            assert told == ["a fault"]
            first.cancel()


def raise_(fault: BaseException) -> None:
    raise fault


class TestRoomLoop:
    async def test_hands_packets_over_with_source_and_time_and_sends_from_the_same_ports(self) -> None:
        async with packet_host() as host:
            loop = RoomLoop(host, nothing)
            seen: list[tuple[str, bytes, Address, float]] = []
            pair = loop.open_pair(
                HOST,
                lambda view, source, now: seen.append(("rtp", bytes(view), source, now)),
                lambda view, source, now: seen.append(("rtcp", bytes(view), source, now)),
            )
            before = loop.now()
            peer = Peer()
            peer.rtp.sendto(b"picture", (HOST, pair.rtp_port))
            peer.rtcp.sendto(b"report", (HOST, pair.rtcp_port))
            await until(lambda: len(seen) == 2)
            assert {packet[:3] for packet in seen} == {
                ("rtp", b"picture", address(peer.rtp)),
                ("rtcp", b"report", address(peer.rtcp)),
            }
            assert all(before <= packet[3] <= loop.now() for packet in seen)
            pair.send_rtp(b"slate", address(peer.rtp))
            pair.send_rtcp(memoryview(b"wanted"), address(peer.rtcp))
            assert await receive(peer.rtp) == (b"slate", (HOST, pair.rtp_port))
            assert await receive(peer.rtcp) == (b"wanted", (HOST, pair.rtcp_port))
            pair.close()
            pair.close()
            pair.send_rtp(b"too late", address(peer.rtp))
            assert pair.unsent == 1
            peer.close()

    async def test_closes_what_a_room_left_open(self) -> None:
        async with packet_host() as host:
            loop = RoomLoop(host, nothing)
            fired: list[str] = []
            loop.call_later(0, lambda: fired.append("left over"))
            loop.open_pair(HOST, nothing, nothing)
            loop.close()
            later = RoomLoop(host, nothing)
            cancelled = later.call_later(0, lambda: fired.append("cancelled"))
            cancelled.cancel()
            cancelled.cancel()
            later.call_later(0.01, lambda: fired.append("due"))
            await until(lambda: fired)
            assert fired == ["due"]
