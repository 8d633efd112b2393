"""A host dies, is cut off, comes back: its calls go on, on the other one. With real processes in network namespaces.

Gaps are measured in packets on the wire: the longest silence of each stream that left the node's address.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from splitter.cluster.keeper import Keeper
from splitter.cluster.tenure import NodeStanding
from splitter.lab.gateway import GatewayProcess
from tests.cluster.site import VALKEY_PORT, Site, site
from tests.patience import PATIENCE_S, eventually, until

pytestmark = pytest.mark.interop

GAP_S = 3.0
SPLIT_S = 30.0
GRACE_S = 2 * PATIENCE_S  # of a restart that is to be waited for, however long it takes


def streams(one: Site) -> set[tuple[int, str, int]]:
    return set(one.sniffer.steady())


def went_on(one: Site, gap_s: float) -> None:
    """Assert that no stream was silent for longer, with allowance for a machine that stands still itself."""
    worst_s, allowed_s = max(stream.gap_s for stream in one.sniffer.steady().values()), gap_s + 10 * one.sniffer.stall_s
    assert worst_s < allowed_s, f"this process stood still for {one.sniffer.stall_s:.2f} s"


async def alarms(gateway: GatewayProcess) -> str:
    return " · ".join((await gateway.get("/v1/status"))["alarms"])


class TestAHostThatIsCutOff:
    async def test_its_calls_go_on_at_the_other_one_and_it_comes_back_as_a_standby(self) -> None:
        async with site() as one:
            a, b = one.hosts["A"].gateway, one.hosts["B"].gateway
            talking = await one.call()
            offers = len(talking.handset.call.offers_in)
            one.sniffer.reset()
            await until(lambda: len(streams(one)) == 4)
            before = one.sniffer.steady()
            one.net.cut("A")
            cut_at = time.monotonic()
            await b.reaches("running")
            await until(lambda: all(stream.last_at > cut_at + 1.0 for stream in before.values()))
            await talking.heard_again()
            assert streams(one) == set(before), "voice and video both ways, from the same ports"
            went_on(one, GAP_S)
            assert len(talking.handset.call.offers_in) == offers, "no peer had to be told"
            assert one.centre.find("reinvite") is None

            one.net.mend("A")
            await a.reaches("standby")
            await until(lambda: not one.net.has_address("A") and one.net.has_address("B"))
            assert "host B is this node now" in a.log_file.read_text()
            another = await one.call("13800000001", seat=False)
            for call in (talking, another):
                assert (await call.handset.hold()).accepted and (await call.handset.resume()).accepted
                await call.heard_again()
                await call.handset.hang_up()
            await eventually(lambda: nothing_left(b))
            await until(lambda: one.valkey.command("HLEN", "splitter:calls:a") == 0)  # a record goes after its call


async def nothing_left(gateway: GatewayProcess) -> bool:
    status = await gateway.get("/v1/status")
    return not any(status[name] for name in ("calls", "dialogs", "relays", "rooms", "ports"))


class TestASplitBrain:
    async def test_the_fence_decides_and_each_peer_hears_one_of_them(self) -> None:
        async with site() as one:
            a, b = one.hosts["A"].gateway, one.hosts["B"].gateway
            talking = await one.call()
            one.net.refuse("A", VALKEY_PORT)
            await b.reaches("running")
            await eventually(lambda: alone(a))
            await until(lambda: one.net.has_address("B") and not one.net.has_address("A"))
            await talking.heard_again()
            one.sniffer.reset()
            await asyncio.sleep(SPLIT_S)
            assert await a.state() == await b.state() == "running"
            senders = {mac for stream in one.sniffer.steady().values() for mac in stream.macs}
            assert senders == {one.net.mac("B")}
            went_on(one, 1.0)
            fence = one.valkey.command("HGET", "splitter:lease:a", "fence")

            one.net.allow("A", VALKEY_PORT)
            await a.reaches("standby")
            assert one.valkey.command("HGET", "splitter:lease:a", "fence") == fence
            assert one.valkey.command("HGET", "splitter:mark:a", "fence") == fence, "A has overwritten nothing"
            assert one.valkey.command("HLEN", "splitter:calls:a") == 1
            await talking.heard_again()
            await talking.handset.hang_up()


async def alone(gateway: GatewayProcess) -> bool:
    return "nothing is protected: Valkey" in await alarms(gateway)


class TestValkeyGoesWrong:
    async def test_calls_never_notice(self) -> None:
        async with site() as one:
            a, b = one.hosts["A"].gateway, one.hosts["B"].gateway
            talking = await one.call()
            await eventually(lambda: is_kept(one))
            one.sniffer.reset()
            one.valkey.command("FLUSHALL")
            await eventually(lambda: is_kept(one))

            one.valkey.kill()
            await eventually(lambda: alone(a))
            await eventually(lambda: says(b, "cannot stand in for node a"))
            assert (await talking.handset.hold()).accepted and (await talking.handset.resume()).accepted
            await asyncio.to_thread(one.valkey.start)
            await eventually(lambda: is_kept(one))

            one.valkey.pause()
            await eventually(lambda: alone(a))
            one.valkey.go_on()
            await eventually(lambda: is_kept(one))

            one.valkey.command("CONFIG", "SET", "maxmemory", "1")
            assert (await talking.handset.hold()).accepted
            await eventually(lambda: says(a, "out of memory"))
            one.valkey.command("CONFIG", "SET", "maxmemory", "0")
            assert (await talking.handset.resume()).accepted
            await eventually(lambda: is_kept(one))
            await talking.heard_again()
            assert (await a.state(), await b.state()) == ("running", "standby")
            went_on(one, 1.0)
            await eventually(lambda: is_quiet(a))
            await talking.handset.hang_up()


async def is_kept(one: Site) -> bool:
    """The call is in Valkey, complete."""
    mark = one.valkey.command("HGET", "splitter:mark:a", "number")
    return bool(one.valkey.command("HLEN", "splitter:calls:a") == 1 and mark is not None and int(mark) > 0)


async def is_quiet(gateway: GatewayProcess) -> bool:
    return "Valkey" not in await alarms(gateway)


async def says(gateway: GatewayProcess, words: str) -> bool:
    return words in await alarms(gateway)


class TestAHandOver:
    async def test_moves_the_calls_and_back(self) -> None:
        async with site() as one:
            a, b = one.hosts["A"].gateway, one.hosts["B"].gateway
            talking = await one.call()
            one.sniffer.reset()
            await eventually(lambda: stands_by(a, "B"))
            await a.post("/v1/hand-over")
            await b.reaches("running")
            await eventually(lambda: stands_by(b, "A"))
            await until(lambda: one.net.has_address("B") and not one.net.has_address("A"))
            await talking.heard_again()
            await b.post("/v1/hand-over")
            await a.reaches("running")
            await talking.heard_again()
            went_on(one, GAP_S)
            assert (await talking.handset.hold()).accepted and (await talking.handset.resume()).accepted
            await talking.handset.hang_up()

    async def test_nobody_is_there_to_take_it(self) -> None:
        async with site() as one:
            a, b = one.hosts["A"].gateway, one.hosts["B"].gateway
            await b.stop()
            await eventually(lambda: says(a, "nobody stands by for node a"))
            assert (await a.post("/v1/hand-over"))["error"]["status"] == 409


async def stands_by(gateway: GatewayProcess, host: str) -> bool:
    [node] = (await gateway.get("/v1/cluster"))["nodes"]
    return bool(node["standby"] == [host])


class TestARestart:
    async def test_of_a_killed_process_has_time_while_its_host_lives(self) -> None:
        """A process of another node shows that host A lives: nobody takes over, and no packet is lost."""
        async with site(grace_s=GRACE_S) as one:
            a, b = one.hosts["A"].gateway, one.hosts["B"].gateway
            talking = await one.call()
            settings = one.valkey.settings(node="b", host="A", prefix="splitter")
            sibling = Keeper(
                replace(settings, valkey=(one.valkey.url,), user="operator"), "1", a.configuration.parent / "sibling"
            )
            sibling.start()
            try:
                await until(lambda: sibling.standing is NodeStanding.ACTIVE)
                one.sniffer.reset()
                await a.kill()
                await asyncio.sleep(4.0)
                assert await b.state() == "standby"
                await a.start()
                await talking.heard_again()
                went_on(one, 0.5)
                assert await b.state() == "standby"
                await talking.handset.hang_up()
            finally:
                sibling.stop()

    async def test_in_place_is_no_reason_to_move(self) -> None:
        async with site(grace_s=GRACE_S) as one:
            a, b = one.hosts["A"].gateway, one.hosts["B"].gateway
            talking = await one.call()
            one.sniffer.reset()
            fence = one.valkey.command("HGET", "splitter:lease:a", "fence")
            await a.post("/v1/restart")
            await until(lambda: one.valkey.command("HGET", "splitter:lease:a", "fence") != fence)
            await a.reaches("running")
            await talking.heard_again()
            assert await b.state() == "standby"
            went_on(one, 0.5)
            await talking.handset.hang_up()

    async def test_a_killed_process_loses_its_node_to_the_other_host(self) -> None:
        """Nothing else says that host A lives: a host with one process is dead when that is."""
        async with site() as one:
            a, b = one.hosts["A"], one.hosts["B"].gateway
            talking = await one.call(seat=False)
            one.sniffer.reset()
            await a.gateway.kill()
            (a.folder / "track").write_text("1\n")  # systemd does so: ExecStopPost, see sipconf/keepalived
            await b.reaches("running")
            await talking.heard_again()
            went_on(one, GAP_S)
            await a.gateway.start("standby")
            await until(lambda: "no call has taken up" in a.gateway.log_file.read_text())
            await talking.heard_again()
            await talking.handset.hang_up()
