"""Which trunk a source is, and where a number goes."""

from __future__ import annotations

import re
from ipaddress import ip_network

import pytest

from splitter.calls.routing import Neighbour, Routing, routable
from splitter.calls.settings import Peer, Role, Route, Trunk
from splitter.core.errors import LocalError
from splitter.core.keys import ValueProblem
from splitter.core.net import Address, Flow
from tests.garbage import held_by


def trunk(name: str, *peers: Peer, role: Role = Role.CENTRE, network: str = "core", address: str = "") -> Trunk:
    return Trunk(name, role, network, peers, address=Address(address, 5060) if address else None)


def flow(host: str, port: int = 5060, *, network: str = "core", transport: str = "udp") -> Flow:
    return Flow(network, transport, Address("10.0.0.1", 5060), Address(host, port))


def peer(network: str, port: int | None = None) -> Peer:
    return Peer(ip_network(network), port)


class TestSources:
    def test_a_network_is_one_trunk(self) -> None:
        routing = Routing({"pbx": trunk("pbx", peer("10.1.0.0/24"))}, [])
        found = routing.trunk_of(flow("10.1.0.77", 40_000))
        assert found is not None and found.name == "pbx"
        assert routing.trunk_of(flow("10.1.1.77")) is None

    def test_the_same_address_elsewhere_is_a_stranger(self) -> None:
        routing = Routing({"pbx": trunk("pbx", peer("10.1.0.5/32"))}, [])
        assert routing.trunk_of(flow("10.1.0.5", network="access")) is None

    def test_ports_tell_two_trunks_on_one_host_apart(self) -> None:
        trunks = {"a": trunk("a", peer("10.1.0.5/32", 5060)), "b": trunk("b", peer("10.1.0.5/32", 5080))}
        routing = Routing(trunks, [])
        assert [
            found and found.name for found in (routing.trunk_of(flow("10.1.0.5", p)) for p in (5060, 5080, 5090))
        ] == [
            "a",
            "b",
            None,
        ]

    def test_a_tcp_connection_may_come_from_any_port(self) -> None:
        routing = Routing({"a": trunk("a", peer("10.1.0.5/32", 5060))}, [])
        found = routing.trunk_of(flow("10.1.0.5", 49_152, transport="tcp"))
        assert found is not None and found.name == "a"

    def test_ipv6(self) -> None:
        routing = Routing({"a": trunk("a", peer("2001:db8::/64")), "b": trunk("b", peer("10.0.0.0/8"))}, [])
        found = routing.trunk_of(flow("2001:db8::5"))
        assert found is not None and found.name == "a"
        assert routing.trunk_of(flow("2001:db8:1::5")) is None

    def test_a_dialog_is_its_trunks_whichever_server_speaks(self) -> None:
        trunks = {"pbx": trunk("pbx", peer("10.1.0.0/24")), "other": trunk("other", peer("10.2.0.0/24"))}
        routing, mine = Routing(trunks, []), Neighbour(trunks["pbx"], "10.1.0.5")
        assert routing.is_of(flow("10.1.0.5"), mine) and routing.is_of(flow("10.1.0.6", 5099), mine)
        assert not routing.is_of(flow("10.2.0.5"), mine)
        assert not routing.is_of(flow("10.1.0.5", network="access"), mine)

    def test_a_source_may_be_of_two_trunks(self) -> None:
        trunks = {name: trunk(name, peer("10.1.0.5/32")) for name in ("first", "second")}
        assert Routing(trunks, []).is_of(flow("10.1.0.5"), Neighbour(trunks["second"], "10.1.0.5"))

    def test_ports_tell_dialogs_of_one_host_apart(self) -> None:
        trunks = {"a": trunk("a", peer("10.1.0.5/32", 5060)), "b": trunk("b", peer("10.1.0.5/32", 5080))}
        assert not Routing(trunks, []).is_of(flow("10.1.0.5", 5080), Neighbour(trunks["a"], "10.1.0.5"))

    def test_a_seat_is_a_stranger_to_other_seats(self) -> None:
        seats = trunk("seats", peer("0.0.0.0/0"), peer("::/0"), role=Role.SEAT)
        routing = Routing({"seats": seats}, [])
        assert routing.is_of(flow("198.51.100.7", 4099), Neighbour(seats, "198.51.100.7"))
        assert not routing.is_of(flow("198.51.100.8"), Neighbour(seats, "198.51.100.7"))
        assert routing.is_of(flow("2001:db8::77"), Neighbour(seats, "2001:db8::5"))

    def test_a_scanner_does_not_fill_the_memory(self) -> None:
        routing = Routing({"a": trunk("a", peer("10.1.0.5/32", 5060))}, [])
        for port in range(1, 10_002):
            routing.trunk_of(flow("198.51.100.9", port))
        held = held_by(routing)
        for port in range(10_002, 20_002):
            routing.trunk_of(flow("198.51.100.9", port))
        assert held_by(routing) <= held
        assert routing.trunk_of(flow("10.1.0.5")) is not None


TRUNKS = {name: trunk(name, address="10.1.0.5") for name in ("one", "two", "three")}


class TestNumbers:
    def routing(self, *routes: tuple[str, tuple[str, ...], str]) -> Routing:
        return Routing(TRUNKS, [Route(re.compile(called), names, number=number) for called, names, number in routes])

    def found(self, routing: Routing, called: str) -> list[tuple[str, str]]:
        return [(trunk.name, number) for trunk, number in routing.destinations(called)]

    def test_the_first_route_that_matches_counts(self) -> None:
        routing = self.routing(("110", ("one", "two"), ""), (r"\d+", ("three",), ""))
        assert self.found(routing, "110") == [("one", "110"), ("two", "110")]
        assert self.found(routing, "119") == [("three", "119")]

    def test_the_whole_number_must_match(self) -> None:
        assert self.found(self.routing(("110", ("one",), "")), "1100") == []

    def test_the_number_may_be_rewritten_by_groups(self) -> None:
        assert self.found(self.routing((r"\+86(1\d+)", ("one",), r"0\1")), "+86139") == [("one", "0139")]

    def test_nothing_matches(self) -> None:
        assert self.found(self.routing(), "110") == []


class TestRoutable:
    def test_a_centre_with_an_address(self) -> None:
        assert routable(trunk("a", address="10.1.0.5"))
        assert not routable(trunk("a"))
        assert not routable(trunk("a", role=Role.SEAT, address="10.1.0.5"))


class TestALoan:
    def test_makes_a_source_the_caller_of_a_trunk_until_it_is_taken_back(self) -> None:
        """It goes before whatever else the source may be, on this network and over UDP alone."""
        sbc, pbx = trunk("sbc", role=Role.ACCESS), trunk("pbx", peer("10.0.0.9/32"))
        routing = Routing({"sbc": sbc, "pbx": pbx}, [])
        lent = flow("10.0.0.9", 40_000)
        assert routing.trunk_of(lent) is pbx and not routing.is_lent(lent)
        routing.lend("sbc", lent.remote)
        assert (
            routing.trunk_of(lent) is sbc and routing.is_lent(lent) and routing.is_of(lent, Neighbour(sbc, "10.0.0.9"))
        )
        for other in (
            flow("10.0.0.9", 40_001),
            flow("10.0.0.9", 40_000, transport="tcp"),
            flow("10.0.0.9", 40_000, network="access"),
        ):
            assert routing.trunk_of(other) is not sbc and not routing.is_lent(other)
        routing.take_back(lent.remote)
        assert routing.trunk_of(lent) is pbx and not routing.is_lent(lent) and routing.loans == 0

    def test_is_of_a_trunk_where_callers_come_from(self) -> None:
        routing = Routing({"pbx": trunk("pbx")}, [])
        for name in ("pbx", "none"):
            with pytest.raises(LocalError, match="no trunk of role access"):
                routing.lend(name, Address("10.0.0.9", 40_000))
        assert routing.loans == 0

    def test_is_none_of_a_trunk_s_own_servers_whose_callers_are_people(self) -> None:
        sbc = trunk("sbc", peer("10.0.0.1"), peer("10.0.0.2", 5070), peer("10.1.0.0/24"), role=Role.ACCESS)
        routing = Routing({"sbc": sbc, "pbx": trunk("pbx", address="10.2.0.5")}, [])
        for host, port in (("10.0.0.1", 5060), ("10.0.0.2", 5070), ("10.2.0.5", 5060)):
            with pytest.raises(ValueProblem, match="itself"):
                routing.lend("sbc", Address(host, port))
        for host, port in (("10.0.0.1", 40_000), ("10.0.0.2", 5060), ("10.1.0.9", 5060)):
            routing.lend("sbc", Address(host, port))
        assert routing.loans == 3

    def test_of_a_trunk_that_is_taken_out_is_nobody(self) -> None:
        routing = Routing({"sbc": trunk("sbc", role=Role.ACCESS)}, [])
        routing.lend("sbc", Address("10.0.0.9", 40_000))
        routing.adopt({}, [])
        assert routing.trunk_of(flow("10.0.0.9", 40_000)) is None
