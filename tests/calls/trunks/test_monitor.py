"""Trunks watched: by OPTIONS in virtual time among the world's neighbours, and on real sockets with a real name server."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.calls.routing import Routing
from splitter.calls.settings import MonitorSettings, Peer, Role, Route, Trunk
from splitter.calls.trunks.link import TrunkState
from splitter.calls.trunks.meter import INTERVAL_S, Meter
from splitter.calls.trunks.monitor import Monitor, announce
from splitter.calls.trunks.trunks import TrunkChange, Trunks
from splitter.calls.trunks.watch import reach
from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip.message import Request
from splitter.sip.parse import parse_message
from splitter.telemetry import metrics
from splitter.transport.resolver import Resolver
from splitter.transport.settings import ListenPoint, Network
from splitter.transport.targets import AUTO, HostName, Target
from tests.calls.kit import picked_up
from tests.counted import value
from tests.missing import MISSING
from tests.patience import PATIENCE_S, until
from tests.transport.nameserver import name_server
from tests.transport.scene import HOST, Scene, UdpPeer, scene
from tests.world import Weather, World

RULES = MonitorSettings(answer_limit_s=2.0, failures_down=3, successes_up=2)


class Watched:
    """A world whose trunks are watched, in virtual time. `changes` has (second, trunk, state)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.changes: list[tuple[int, str, TrunkState]] = []
        trunks = tuple(world.trunks.values())
        self.trunks = Trunks(trunks, RULES, 0.0, self._changed)
        self.monitor = Monitor(
            self.trunks,
            trunks,
            Routing(world.trunks, []),
            world.driver,
            Resolver((), 1.0),
            world.clock,
            IdSource(random.Random(1)),
            "splitter",
            lambda network: (("udp", "A"),),
            RULES,
        )

    def state(self, name: str) -> TrunkState:
        return self.trunks.state(self.world.trunks[name], self.world.now)[0]

    def _changed(self, change: TrunkChange) -> None:
        self.changes.append((int(self.world.now), change.trunk, change.state))


@contextmanager
def watched(**world: Any) -> Iterator[Watched]:
    with World(**world) as made:
        scene = Watched(made)
        scene.monitor.start()
        yield scene
        made.loop.leave()
        made.loop.run_until_complete(scene.monitor.stop())
        made.loop.enter()
        made.settle()


class TestOptionsInVirtualTime:
    def test_what_answers_stays_up_and_is_measured(self) -> None:
        with watched() as scene:
            scene.world.run(120.0)
            assert scene.changes == []
            timing = scene.trunks.timing("pbx")
            assert timing is not None
            assert 0.0 < timing[0] < 0.1

    def test_one_that_vanishes_is_down_within_the_bound_and_up_again_when_it_is_back(self) -> None:
        with watched() as scene:
            world = scene.world
            world.run(30.0)
            world.pbx.vanish()
            world.run(31.0)  # an interval, three answers missing, two short waits between
            assert [change[1:] for change in scene.changes] == [("pbx", TrunkState.DOWN)]
            assert scene.state("pbx2") is TrunkState.UP
            world.run(60.0)
            world.pbx.come_back()
            world.run(20.0)
            assert [change[1:] for change in scene.changes] == [("pbx", TrunkState.DOWN), ("pbx", TrunkState.UP)]

    def test_a_network_that_loses_a_fifth_takes_nobody_down(self) -> None:
        with watched(seed=5, weather=Weather(loss=0.2)) as scene:
            scene.world.run(1200.0)
            assert scene.changes == []  # OPTIONS are repeated too

    def test_each_is_asked_as_often_as_the_interval_says_and_not_in_step(self) -> None:
        with watched() as scene:
            before = value(metrics.trunks.PROBES, "pbx", "alive")
            scene.world.run(1000.0)
            asked = value(metrics.trunks.PROBES, "pbx", "alive") - before
            assert 95 <= asked <= 106

    def test_calls_go_on_beside_it(self) -> None:
        with watched() as scene:
            world = scene.world
            world.pbx2.vanish()
            caller = world.sbc.invite("12345")
            centre = world.pbx.take()
            picked_up(caller, centre)
            world.run(100.0)
            assert world.voice_faults(caller) == []
            caller.bye()
            centre.expect("BYE")
            caller.expect("200 BYE")


class Stage:
    """A driver on loopback, with trunks watched over it."""

    def __init__(self, sip: Scene, trunks: tuple[Trunk, ...], resolver: Resolver, settings: MonitorSettings) -> None:
        self.sip = sip
        clock = SystemClock()
        self.trunks = Trunks(trunks, settings, clock.now(), announce)
        self.routing = Routing({trunk.name: trunk for trunk in trunks}, [Route(re.compile(".*"), ("pbx",))])
        self.monitor = Monitor(
            self.trunks,
            trunks,
            self.routing,
            sip.driver,
            resolver,
            clock,
            IdSource(),
            "splitter",
            lambda network: (("udp", "A"),),
            settings,
        )
        self.trunk = trunks[0]

    def state(self) -> tuple[TrunkState, str]:
        return self.trunks.state(self.trunk, SystemClock().now())


@asynccontextmanager
async def stage(
    address: Address | HostName,
    servers: tuple[Address, ...] = (),
    settings: MonitorSettings | None = None,
    found_in_s: float = PATIENCE_S,
    **trunk: Any,
) -> AsyncIterator[Stage]:
    made = Trunk("pbx", Role.CENTRE, "access", (), address, **trunk)
    async with scene(("udp",)) as sip:
        resolver = Resolver(servers, found_in_s, MISSING)
        quick = settings or MonitorSettings(answer_limit_s=0.3, failures_down=2, successes_up=1)
        parts = Stage(sip, (made,), resolver, quick)
        try:
            yield parts
        finally:
            await parts.monitor.stop()


class Centre(UdpPeer):
    """Answers OPTIONS as it is told; `answer` None is silence."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: tuple[int, list[tuple[str, str]]] | None = (200, [])
        self.requests: list[Request] = []

    async def serve(self) -> None:
        while True:
            data, source = await self.got.get()
            request = parse_message(data)
            assert isinstance(request, Request)
            self.requests.append(request)
            if self.answer is not None:
                status, headers = self.answer
                response = request.respond(status, to_tag="centre", headers=headers)
                self.send(response.serialize(), Address(*source))


@asynccontextmanager
async def centre() -> AsyncIterator[Centre]:
    peer = await Centre.open()
    assert isinstance(peer, Centre)
    task = asyncio.create_task(peer.serve())
    try:
        yield peer
    finally:
        task.cancel()
        peer.transport.close()


class TestOnRealSockets:
    async def test_the_request_is_a_proper_options(self) -> None:
        async with centre() as peer, stage(peer.address) as parts:
            await parts.monitor.find()
            parts.monitor.start()
            await until(lambda: parts.state()[1] == "answers")
            request = peer.requests[0]
            assert (request.method, request.uri) == ("OPTIONS", f"sip:{peer.address}")
            assert request.max_forwards == 70
            assert request.headers.get("accept") == "application/sdp"
            assert request.cseq == (1, "OPTIONS")
            assert request.from_.uri == f"sip:splitter@{HOST}"
            assert parts.trunks.timing("pbx") is not None

    async def test_503_with_retry_after_is_left_alone_and_told_to_operators(self) -> None:
        async with centre() as peer, stage(peer.address, options_interval_s=1.0) as parts:
            peer.answer = (503, [("Retry-After", "300")])
            with capture_logs() as logs:
                await parts.monitor.find()
                parts.monitor.start()
                await until(lambda: parts.state()[0] is TrunkState.DRAINING)
            assert "left alone for 300 s" in parts.state()[1]
            assert [(line["trunk"], line["state"]) for line in logs if line["event"] == "trunk changed"] == [
                ("pbx", "draining")
            ]
            assert value(metrics.trunks.UP, "pbx") == 0
            assert parts.trunks.next_due() is not None
            assert len(peer.requests) == 1

    async def test_a_port_that_nobody_listens_on_is_down_before_its_time(self) -> None:
        async with centre() as peer:
            nobody = peer.address
        settings = MonitorSettings(answer_limit_s=15.0, failures_down=1)
        async with stage(nobody, settings=settings) as parts:  # ICMP says so
            await parts.monitor.find()
            parts.monitor.start()
            await until(lambda: parts.state()[0] is TrunkState.DOWN)

    async def test_it_stops_though_an_answer_is_missing(self) -> None:
        async with centre() as peer, stage(peer.address) as parts:
            peer.answer = None
            await parts.monitor.find()
            parts.monitor.start()
            await until(lambda: bool(peer.requests))
            await parts.monitor.stop()
            await parts.monitor.stop()

    async def test_a_transport_that_we_do_not_listen_on_is_a_failure_not_a_fault(self) -> None:
        async with stage(Address(HOST, 5060), transport="tcp") as parts:
            await parts.monitor.find()
            parts.monitor.start()
            await until(lambda: "no tcp listener" in parts.state()[1])


class TestNamesOnRealSockets:
    def zone(self, *servers: Address) -> dict[tuple[str, str], list[str] | int]:
        records = [f"{rank} 0 {server.port} s{rank}.example.com." for rank, server in enumerate(servers)]
        hosts: dict[tuple[str, str], list[str] | int] = {
            (f"s{rank}.example.com", "A"): [server.host] for rank, server in enumerate(servers)
        }
        return {("_sip._udp.pbx.example.com", "SRV"): records, **hosts}

    async def test_every_server_behind_a_name_is_found_asked_and_believed(self) -> None:
        async with (
            centre() as one,
            centre() as two,
            name_server(self.zone(one.address, two.address)) as dns,
            stage(HostName("pbx.example.com"), (dns.address,), transport=AUTO) as parts,
        ):
            flow = Flow("access", "udp", Address(HOST, 1), one.address)
            assert parts.routing.trunk_of(flow) is None
            await parts.monitor.find()
            parts.monitor.start()
            assert parts.trunks.targets(parts.trunk, 0.0, lambda below: 0) == [
                Target("udp", one.address),
                Target("udp", two.address),
            ]
            assert parts.routing.trunk_of(flow) is parts.trunk
            await until(lambda: bool(one.requests and two.requests))
            assert one.requests[0].uri == "sip:pbx.example.com"

    async def test_without_a_name_server_the_start_is_late_by_the_bound_and_the_trunk_is_down(self) -> None:
        async with (
            name_server() as dns,
            stage(HostName("pbx.example.com"), (dns.address,), found_in_s=0.5, transport=AUTO) as parts,
        ):
            dns.silent = {"*"}
            await parts.monitor.find()
            parts.monitor.start()
            state, reason = parts.state()
            assert state is TrunkState.DOWN
            assert "pbx.example.com" in reason

    async def test_an_answer_that_comes_later_brings_it_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.transport.resolver.pause", lambda failures, ttl_s: 0.05)
        async with (
            centre() as peer,
            name_server() as dns,
            stage(HostName("pbx.example.com"), (dns.address,), transport=AUTO) as parts,
        ):
            await parts.monitor.find()
            parts.monitor.start()
            assert parts.state()[0] is TrunkState.DOWN
            dns.zone = self.zone(peer.address)
            await until(lambda: parts.state() == (TrunkState.UP, "answers"))
            dns.zone = {}
            await until(lambda: "the last good answer is used" in parts.state()[1])
            assert parts.trunks.targets(parts.trunk, 0.0, lambda below: 0) == [Target("udp", peer.address)]

    def test_the_addresses_that_it_led_to_before_are_believed_for_a_while(self) -> None:
        trunk = Trunk("pbx", Role.CENTRE, "core", (), HostName("pbx.example.com"))
        strict = Trunk("other", Role.CENTRE, "core", (Peer(ip_network("10.0.0.9/32")),))
        routing = Routing({"pbx": trunk, "other": strict}, [])

        def found(host: str, network: str = "core") -> Trunk | None:
            return routing.trunk_of(Flow(network, "udp", Address("10.0.0.5", 5060), Address(host, 5060)))

        routing.learn("pbx", {"10.0.0.1"}, 0.0)
        assert (found("10.0.0.1"), found("10.0.0.2"), found("10.0.0.1", "access")) == (trunk, None, None)
        routing.learn("pbx", {"10.0.0.2", "10.0.0.9"}, 600.0)
        assert (found("10.0.0.1"), found("10.0.0.2"), found("10.0.0.9")) == (trunk, trunk, strict)
        routing.learn("pbx", {"10.0.0.2"}, 5 * 3600.0)
        assert (found("10.0.0.1"), found("10.0.0.2")) == (None, trunk)


class TestReach:
    def test_browsers_listeners_reach_no_trunk(self) -> None:
        listeners = tuple(ListenPoint(transport, Address("10.0.0.1", 5060)) for transport in ("udp", "ws", "tls"))
        listeners += (ListenPoint("udp", Address("2001:db8::1", 5060)),)
        assert reach(Network("core", listeners, "10.0.0.1")) == (("udp", "A"), ("tls", "A"), ("udp", "AAAA"))


class TestMeter:
    async def test_it_tells_how_late_the_loop_is_and_how_much_it_works(self) -> None:
        taken: list[tuple[float, float]] = []
        used = iter([0.0, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9])

        meter = Meter(lambda lag_s, cpu: taken.append((lag_s, cpu)), lambda: next(used))
        meter.start()
        await until(lambda: len(taken) >= 2)
        meter.stop()
        meter.stop()

        for (lag_s, cpu), spent_s in zip(taken, (0.1, 0.8), strict=False):
            assert lag_s >= 0.0
            assert cpu == pytest.approx(spent_s / (INTERVAL_S + lag_s))

    async def test_a_loop_that_is_held_up_is_late(self) -> None:
        taken: list[float] = []

        loop = asyncio.get_running_loop()
        meter = Meter(lambda lag_s, cpu: taken.append(lag_s))
        meter.start()
        end = loop.time() + INTERVAL_S + 0.15
        while loop.time() < end:
            pass
        await until(lambda: bool(taken))
        meter.stop()

        assert taken[0] >= 0.1
