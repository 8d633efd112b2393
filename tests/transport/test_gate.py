"""Sources that misbehave, on real sockets: counted, banned, cut off; and neighbours that never are."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network, ip_network

import pytest
from structlog.testing import capture_logs

from splitter.core.net import Address, Flow
from splitter.lab.counters import PlainCounters
from splitter.sip.message import Response
from splitter.transport.bans import Bans
from splitter.transport.gate import Gate
from splitter.transport.settings import TransportSettings
from tests.patience import until
from tests.transport.scene import HOST, LeapingClock, Scene, TcpPeer, UdpPeer, ok, scene, wire

NOBODY: tuple[IPv4Network, ...] = ()
STRICT = TransportSettings(ban_after=9, ban_window_s=1e6)  # in tests points fade, but by less than one
OTHER = "127.0.0.66"


async def misbehave(stage: Scene, peer: UdpPeer, until_banned: int = 1) -> None:
    """Send nonsense until somebody is banned."""
    for _ in range(5):
        peer.send(b"nonsense\r\n\r\n", stage.address())
    await until(lambda: stage.counters.counts[("banned",)] == until_banned)


class TestBans:
    async def test_a_source_that_sends_nonsense_is_not_heard_any_more_and_others_are(self) -> None:
        async with scene(spared=NOBODY, settings=STRICT, on_request=ok) as stage:
            bad, good = await UdpPeer.open(OTHER), await UdpPeer.open()
            await misbehave(stage, bad)
            bad.send(wire(via=bad.address), stage.address())
            await TcpPeer.refused(stage.address("tcp"), OTHER)
            good.send(wire(via=good.address, call_id="good"), stage.address())
            assert (await good.response()).status == 200
            assert [message.call_id for _, _, message, _ in stage.seen] == ["good", "good"]
            await until(lambda: stage.counters.counts["banned_drop", "access", "udp"] == 1)
            assert stage.counters.counts["banned_drop", "access", "tcp"] == 1
            assert stage.counters.counts["abuse", "access", "udp", "malformed"] == 5
            ((ban, left_s),) = stage.driver.bans()
            assert (ban.source, ban.reason, ban.offences) == (OTHER, "malformed", 5)
            assert 590 < left_s <= 600

    async def test_ends_by_itself(self) -> None:
        clock = LeapingClock()
        async with scene(spared=NOBODY, settings=STRICT, clock=clock, on_request=ok) as stage:
            peer = await UdpPeer.open(OTHER)
            await misbehave(stage, peer)
            clock.leapt_s += 601
            peer.send(wire(via=peer.address), stage.address())
            assert (await peer.response()).status == 200
            await until(lambda: stage.counters.counts[("banned",)] == 0)

    async def test_is_lifted(self) -> None:
        async with scene(spared=NOBODY, settings=STRICT, on_request=ok) as stage:
            peer = await UdpPeer.open(OTHER)
            await misbehave(stage, peer)
            assert stage.driver.lift_ban(OTHER)
            assert not stage.driver.lift_ban(OTHER)
            peer.send(wire(via=peer.address), stage.address())
            assert (await peer.response()).status == 200

    async def test_takes_the_connections_of_the_source_with_it(self) -> None:
        async with scene(spared=NOBODY, settings=STRICT) as stage:
            idle, good = (
                await TcpPeer.connect(stage.address("tcp"), source=OTHER),
                await TcpPeer.connect(stage.address("tcp")),
            )
            await until(lambda: stage.driver.sizes()["connections"] == 2)
            await misbehave(stage, await UdpPeer.open(OTHER))
            assert await idle.closed() == b""
            assert stage.driver.sizes()["connections"] == 1
            for peer in (idle, good):
                peer.close()

    async def test_a_neighbour_is_only_counted(self) -> None:
        async with scene(spared=[ip_network("127.0.0.66/32")], settings=STRICT, on_request=ok) as stage:  # type: ignore[list-item]
            bad, stranger = await UdpPeer.open(OTHER), await UdpPeer.open()
            for _ in range(100):
                bad.send(b"nonsense\r\n\r\n", stage.address())
            await until(lambda: stage.counters.counts["abuse", "access", "udp", "malformed"] == 100)
            bad.send(wire(via=bad.address), stage.address())
            assert (await bad.response()).status == 200
            await misbehave(stage, stranger)
            assert [ban.source for ban, _ in stage.driver.bans()] == [HOST]

    async def test_failed_logins_count_through_the_hook(self) -> None:
        async with scene(spared=NOBODY, settings=STRICT) as stage:
            flow = stage.flow(Address(OTHER, 5060))
            stage.driver.on_abuse(flow, "authentication")
            assert stage.driver.bans() == []
            stage.driver.on_abuse(flow, "authentication")
            ((ban, _),) = stage.driver.bans()
            assert ban.reason == "authentication"
            assert stage.counters.counts["abuse", "access", "udp", "authentication"] == 2
            stage.driver.on_abuse(flow, "a reason that nobody knows")
            assert stage.counters.counts["abuse", "access", "udp", "other"] == 1

    async def test_strangers_get_silence_and_then_a_ban(self) -> None:
        async with scene(spared=NOBODY, settings=STRICT, source_ok=lambda flow: flow.remote.host != OTHER) as stage:
            scanner = await UdpPeer.open(OTHER)
            for i in range(30):
                scanner.send(wire(via=scanner.address, branch=f"z9hG4bK{i}"), stage.address())
            await until(lambda: stage.counters.counts["banned_drop", "access", "udp"] == 20)
            assert stage.counters.counts["unknown_source", "access", "udp"] == 10
            assert scanner.got.empty()
            assert stage.seen == []


class TestFloods:
    async def test_messages_over_the_rate_of_a_source_are_dropped_and_get_it_banned(self) -> None:
        settings = TransportSettings(source_messages_per_s=10)
        async with scene(spared=NOBODY, settings=settings, on_request=ok) as stage:
            flood = await TcpPeer.connect(stage.address("tcp"))
            await flood.send(b"".join(wire(transport="TCP", branch=f"z9hG4bK{i}", call_id=f"c{i}") for i in range(50)))
            await flood.closed()
            answered = stage.counters.counts["message", "access", "in", "OPTIONS"]
            assert 10 <= answered <= 12
            assert stage.counters.counts["abuse", "access", "tcp", "flood"] >= 10
            assert [ban.reason for ban, _ in stage.driver.bans()] == ["flood"]
            flood.close()

    async def test_neighbours_may_send_as_fast_as_they_can(self) -> None:
        settings = TransportSettings(source_messages_per_s=10)
        async with scene(spared=[ip_network("127.0.0.0/8")], settings=settings, on_request=ok) as stage:  # type: ignore[list-item]
            sbc = await TcpPeer.connect(stage.address("tcp"))
            await sbc.send(b"".join(wire(transport="TCP", branch=f"z9hG4bK{i}", call_id=f"c{i}") for i in range(50)))
            assert [(await sbc.message()).call_id for _ in range(50)] == [f"c{i}" for i in range(50)]
            sbc.close()

    async def test_one_source_has_only_so_many_connections(self) -> None:
        async with scene(settings=TransportSettings(tcp_connections_per_source=3)) as stage:
            held = [await TcpPeer.connect(stage.address("tcp")) for _ in range(3)]
            await TcpPeer.refused(stage.address("tcp"))
            other = await TcpPeer.connect(stage.address("tcp"), source=OTHER)
            await until(lambda: stage.driver.sizes()["connections"] == 4)
            assert stage.counters.counts["connection_refused", "access", "source-limit"] == 1
            held.pop().close()
            await until(lambda: stage.driver.sizes()["connections"] == 3)
            held.append(await TcpPeer.connect(stage.address("tcp")))
            await until(lambda: stage.driver.sizes()["connections"] == 4)
            for peer in (*held, other):
                peer.close()

    async def test_connections_that_say_nothing_are_noticed(self) -> None:
        async with scene(spared=NOBODY, settings=STRICT) as stage:
            for i in range(5):
                peer = await TcpPeer.connect(stage.address("tcp"), source=OTHER)
                peer.close()
                await until(lambda i=i: stage.counters.counts["abuse", "access", "tcp", "not-sip"] == i + 1)  # type: ignore[misc]
            assert [ban.reason for ban, _ in stage.driver.bans()] == ["not-sip"]

    async def test_when_it_is_full_a_silent_connection_gives_way_but_no_used_one(self) -> None:
        clock = LeapingClock()
        async with scene(settings=TransportSettings(tcp_connections=3), clock=clock, on_request=ok) as stage:
            used = await TcpPeer.connect(stage.address("tcp"))
            await used.send(wire(via=used.address, transport="TCP"))
            await used.message()
            silent = []
            for i in range(2):
                silent.append(await TcpPeer.connect(stage.address("tcp")))
                await until(lambda i=i: stage.driver.sizes()["connections"] == i + 2)  # type: ignore[misc]
            await TcpPeer.refused(stage.address("tcp"))  # they are young: perhaps about to speak
            clock.leapt_s += 3
            speaking = []
            for _ in range(2):
                peer = await TcpPeer.connect(stage.address("tcp"))
                speaking.append(peer)
                await peer.send(wire(via=peer.address, transport="TCP", branch=f"z9hG4bK{peer.address.port}"))
                assert isinstance(await peer.message(), Response)
            assert [await peer.closed() for peer in silent] == [b"", b""]
            await TcpPeer.refused(stage.address("tcp"))
            assert stage.counters.counts["connection_refused", "access", "gave-way"] == 2
            await used.send(wire(via=used.address, transport="TCP", branch="z9hG4bKagain", call_id="again"))
            assert (await used.message()).call_id == "again"
            for peer in (used, *silent, *speaking):
                peer.close()


class TestMalformed:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"nonsense\r\n\r\n", "malformed"),
            (wire().replace(b"Contact", b"X-Flood: 1\r\n" * 3_000 + b"Contact"), "oversize"),
            (wire(body=b"x" * 3000), "oversize"),
        ],
        ids=["nonsense", "header flood", "oversize"],
    )
    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    async def test_each_has_its_reason(self, data: bytes, reason: str, transport: str) -> None:
        async with scene(
            settings=TransportSettings(message_limit_bytes=2000 if b"X-Flood" not in data else 65_535)
        ) as stage:
            if transport == "udp":
                (await UdpPeer.open()).send(data, stage.address())
            else:
                peer = await TcpPeer.connect(stage.address("tcp"))
                await peer.send(data if b"Content-Length" in data else b"nonsense\r\nContent-Length: 0\r\n\r\n")
            await until(lambda: stage.counters.counts["malformed", "access", transport] == 1)
            assert stage.counters.counts["abuse", "access", transport, reason] == 1


class TestLogLines:
    async def test_a_flood_from_many_sources_writes_few(self) -> None:
        async with scene(source_ok=lambda flow: False) as stage:
            with capture_logs() as logs:
                for i in range(200):
                    peer = await UdpPeer.open(f"127.0.1.{i + 1}")
                    for _ in range(3):
                        peer.send(b"nonsense", stage.address())
                    peer.transport.close()
                await until(lambda: stage.counters.counts["unknown_source", "access", "udp"] == 600)
                await asyncio.sleep(0)
            assert 1 <= len(logs) <= 50


class TestIpv6:
    def test_the_addresses_of_one_network_are_one_source(self) -> None:
        """Whoever has one address of 64 bits has them all, and may not take the limits of each."""
        bans = Bans(9, 1e6, 600.0)
        gate = Gate(
            lambda flow: True, bans, TransportSettings(tcp_connections_per_source=2), LeapingClock(), PlainCounters()
        )
        dropped: list[str] = []
        gate.on_ban = dropped.append
        flows = [
            Flow("access", "tcp", Address("2001:db8::1", 5060), Address(f"2001:db8:5::{i}", 4000)) for i in range(1, 9)
        ]
        assert [gate.connection(flow) for flow in flows[:3]] == [True, True, False]
        gate.closed(flows[0])
        assert gate.connection(flows[3])
        for flow in flows[4:6]:
            gate.abuse(flow, "authentication")
        assert dropped == ["2001:db8:5::/64"]
        assert not gate.connection(flows[7])
