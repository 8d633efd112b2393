"""Names looked up at a real name server on loopback: records, time to live, and every way in which it can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.transport import resolver as module
from splitter.transport.resolver import Resolver, pause
from splitter.transport.targets import AUTO, HostName, Located, Target, Wanted
from tests.missing import MISSING
from tests.patience import PATIENCE_S, patient
from tests.transport.nameserver import NameServer, name_server

ON_UVLOOP = pytest.mark.parametrize("runner", [uvloop.new_event_loop], ids=["uvloop"], indirect=True)
UDP, BOTH = (("udp", "A"),), (("udp", "A"), ("udp", "AAAA"), ("tcp", "A"))
SERVFAIL, REFUSED = 2, 5


def udp(host: str, port: int = 5060) -> Target:
    return Target("udp", Address(host, port))


def wanted(host: str = "example.com", port: int | None = None, reach=UDP) -> Wanted:  # type: ignore[no-untyped-def]
    return Wanted(HostName(host, port), AUTO, reach)


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    """A name server of ours."""
    async with name_server() as server:
        yield server


@pytest.fixture
async def resolver(server: NameServer) -> AsyncIterator[Resolver]:
    """One that asks it."""
    resolver = Resolver([server.address], PATIENCE_S, MISSING)
    yield resolver
    await resolver.stop()


@ON_UVLOOP
class TestLookingUp:
    async def test_naptr_to_srv_to_addresses(self, server: NameServer, resolver: Resolver) -> None:
        server.zone = {
            ("example.com", "NAPTR"): [
                '20 50 "s" "SIP+D2U" "" _sip._udp.example.com.',
                '10 50 "s" "SIP+D2T" "" _sip._tcp.example.com.',
            ],
            ("_sip._udp.example.com", "SRV"): ["10 60 5070 a.example.com.", "20 0 5080 b.example.com."],
            ("_sip._tcp.example.com", "SRV"): ["10 0 5090 a.example.com."],
            ("a.example.com", "A"): ["10.0.0.1"],
            ("a.example.com", "AAAA"): ["2001:db8::1"],
            ("b.example.com", "A"): ["10.0.0.2", "10.0.0.3"],
        }
        server.ttl = 77
        located = await resolver.locate(wanted(reach=BOTH))
        assert located.targets == (
            Target("tcp", Address("10.0.0.1", 5090)),
            udp("10.0.0.1", 5070),
            udp("2001:db8::1", 5070),
            udp("10.0.0.2", 5080),
            udp("10.0.0.3", 5080),
        )
        assert located.ttl_s == 77

    async def test_address_records_alone(self, server: NameServer, resolver: Resolver) -> None:
        server.zone = {("example.com", "A"): ["10.0.0.1"]}
        assert (await resolver.locate(wanted())).targets == (udp("10.0.0.1"),)
        assert (await resolver.locate(wanted(port=5066))).targets == (udp("10.0.0.1", 5066),)

    @pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED])
    async def test_a_server_that_fails_on_naptr_still_tells_srv(
        self, rcode: int, server: NameServer, resolver: Resolver
    ) -> None:
        server.zone = {
            ("example.com", "NAPTR"): rcode,
            ("_sip._udp.example.com", "SRV"): ["10 60 5070 a.example.com."],
            ("a.example.com", "A"): ["10.0.0.1"],
        }
        assert (await resolver.locate(wanted())).targets == (udp("10.0.0.1", 5070),)

    async def test_a_server_that_swallows_naptr_still_tells_srv_in_time(
        self, server: NameServer, resolver: Resolver
    ) -> None:
        resolver.limit_s = 3.0
        server.zone = {("example.com", "A"): ["10.0.0.1"]}
        server.silent = {"NAPTR"}
        assert (await resolver.locate(wanted())).targets == (udp("10.0.0.1"),)

    async def test_the_hosts_file_goes_before_the_dns(self, tmp_path: Path, server: NameServer) -> None:
        hosts = tmp_path / "hosts"
        hosts.write_text("# ours\n10.9.9.9  pbx PBX.example.com # the centre\nnonsense x\n\n2001:DB8::9 pbx\n")

        server.silent = {"*"}
        resolver = Resolver([server.address], PATIENCE_S, hosts)
        assert (await resolver.locate(wanted("pbx.example.com"))).targets == (udp("10.9.9.9"),)
        assert (await resolver.locate(wanted("pbx", reach=BOTH))).targets == (udp("10.9.9.9"), udp("2001:db8::9"))
        assert server.asked == []

    async def test_the_second_name_server_is_asked_when_the_first_is_dead(self, server: NameServer) -> None:
        server.zone = {("example.com", "A"): ["10.0.0.1"]}
        async with name_server() as dead:
            dead.silent = {"*"}
            resolver = Resolver([dead.address, server.address], 3.0, MISSING)
            assert (await resolver.locate(wanted(port=5060))).targets == (udp("10.0.0.1"),)
            assert dead.asked


@ON_UVLOOP
class TestFailing:
    @pytest.mark.parametrize(
        ("zone", "silent", "why"),
        [
            ({}, set(), "has no address that our listeners reach"),
            ({("example.com", "AAAA"): ["2001:db8::1"]}, set(), "has no address that our listeners reach"),
            ({("_sip._udp.example.com", "SRV"): SERVFAIL, ("example.com", "A"): ["10.0.0.1"]}, set(), "SRV of"),
            ({("example.com", "A"): SERVFAIL}, set(), "A of example.com"),
            ({("example.com", "A"): ["10.0.0.1"]}, {"*"}, "did not answer in 0.6 s|SRV of"),
        ],
    )
    async def test_the_reason_is_told(
        self,
        zone: dict[tuple[str, str], list[str] | int],
        silent: set[str],
        why: str,
        server: NameServer,
        resolver: Resolver,
    ) -> None:
        resolver.limit_s = 0.6 if silent else PATIENCE_S
        server.zone, server.silent = zone, silent
        with pytest.raises(PeerError, match=why) as caught:
            await resolver.locate(wanted())
        assert caught.value.status == 503

    async def test_a_dead_name_server_costs_no_more_than_the_bound(
        self, server: NameServer, resolver: Resolver
    ) -> None:
        resolver.limit_s = 0.4
        server.silent = {"*"}
        async with asyncio.timeout(patient(resolver.limit_s)):
            with pytest.raises(PeerError):
                await resolver.locate(wanted())

    @pytest.mark.parametrize("junk", [b"", b"\0" * 12, b"\xff" * 600])
    async def test_junk_from_the_name_server_is_a_failure_as_well(self, junk: bytes) -> None:
        class Junk(NameServer):
            def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
                assert self._transport is not None
                self._transport.sendto(data[:2] + junk, source)

        server = Junk()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
        with pytest.raises(PeerError):
            await Resolver([server.address], 0.4, MISSING).locate(wanted())
        transport.close()


class TestWatching:
    async def test_answers_are_renewed_when_they_run_out_and_failures_keep_them(
        self, monkeypatch: pytest.MonkeyPatch, server: NameServer, resolver: Resolver
    ) -> None:
        monkeypatch.setattr(module, "pause", lambda failures, ttl_s: 0.02)
        told: asyncio.Queue[Located | str] = asyncio.Queue()

        async def until(kind: type, test: Callable[[object], bool]) -> None:
            while not (isinstance(item := await told.get(), kind) and test(item)):
                pass

        server.zone = {("example.com", "A"): ["10.0.0.1"]}
        first = resolver.watch(wanted(), told.put_nowait, told.put_nowait)
        await first.told.wait()
        await until(Located, lambda located: located.targets == (udp("10.0.0.1"),))  # type: ignore[attr-defined]
        server.zone = {("example.com", "A"): ["10.0.0.2"]}
        await until(Located, lambda located: located.targets == (udp("10.0.0.2"),))  # type: ignore[attr-defined]
        server.zone = {("example.com", "A"): SERVFAIL}
        await until(str, lambda reason: "A of example.com" in reason)  # type: ignore[operator]
        server.zone = {("example.com", "A"): ["10.0.0.3"]}
        await until(Located, lambda located: located.targets == (udp("10.0.0.3"),))  # type: ignore[attr-defined]

    async def test_the_first_failure_is_told_as_soon_as_it_is_known(
        self, server: NameServer, resolver: Resolver
    ) -> None:
        reasons: list[str] = []
        await resolver.watch(wanted(), lambda located: None, reasons.append).told.wait()
        assert len(reasons) == 1

    def test_how_long_an_answer_is_used(self) -> None:
        assert [pause(0, ttl_s) for ttl_s in (0, 3, 300, 86_400, float("inf"))] == [5, 5, 300, 3600, 3600]

    def test_failures_in_a_row_are_asked_about_less_and_less_but_never_given_up(self) -> None:
        assert [pause(failures, 0) for failures in (1, 2, 3, 4, 5, 1000)] == [2, 4, 8, 16, 30, 30]
