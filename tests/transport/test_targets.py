"""RFC 3263 and RFC 2782 without a network: what is asked, what is made of the answers, in which order it is used."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from splitter.core.net import Address
from splitter.transport.targets import (
    AUTO,
    DnsAnswer,
    DnsQuestion,
    HostName,
    Located,
    LocatedServer,
    Naptr,
    Srv,
    Target,
    Wanted,
    fixed,
    locate,
)

BOTH = (("udp", "A"), ("tcp", "A"))
Zone = dict[tuple[str, str], tuple[list[Naptr | Srv | str], float | None]]


def found(wanted: Wanted, zone: Zone) -> tuple[Located, list[list[DnsQuestion]]]:
    """Run the procedure over a zone. Returns: what it found, and the questions by rounds."""
    rounds: list[list[DnsQuestion]] = []
    steps = locate(wanted)
    try:
        questions = next(steps)
        while True:
            rounds.append(questions)
            answers = []
            for question in questions:
                records, ttl_s = zone.get(tuple(question), ([], None))  # type: ignore[arg-type]
                answers.append(DnsAnswer(tuple(records), ttl_s))
            questions = steps.send(answers)
    except StopIteration as end:
        return end.value, rounds


def wanted(host: str = "example.com", port: int | None = None, transport: str = AUTO, reach=BOTH) -> Wanted:  # type: ignore[no-untyped-def]
    return Wanted(HostName(host, port), transport, reach)


def udp(host: str, port: int = 5060) -> Target:
    return Target("udp", Address(host, port))


class TestSection4_1SelectingATransport:
    def test_naptr_names_the_transports_that_we_have_in_its_order(self) -> None:
        zone: Zone = {
            ("example.com", "NAPTR"): (
                [
                    Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
                    Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
                    Naptr(100, 50, "S", "sip+d2u", "_sip._udp.other.example.com"),
                ],
                100.0,
            ),
            ("_sip._tcp.example.com", "SRV"): ([Srv(0, 1, 5062, "a.example.com")], 90.0),
            ("_sip._udp.other.example.com", "SRV"): ([Srv(0, 1, 5064, "a.example.com")], 80.0),
            ("a.example.com", "A"): (["10.0.0.1"], 70.0),
        }
        located, rounds = found(wanted(), zone)
        assert located.targets == (Target("tcp", Address("10.0.0.1", 5062)), udp("10.0.0.1", 5064))
        assert located.ttl_s == 70
        assert rounds[1] == [("_sip._tcp.example.com", "SRV"), ("_sip._udp.other.example.com", "SRV")]

    def test_without_naptr_srv_is_asked_for_each_of_our_transports(self) -> None:
        zone: Zone = {
            ("_sip._tcp.example.com", "SRV"): ([Srv(0, 1, 5062, "a.example.com")], 90.0),
            ("a.example.com", "A"): (["10.0.0.1"], 700.0),
        }
        located, rounds = found(wanted(), zone)
        assert rounds[1] == [("_sip._udp.example.com", "SRV"), ("_sip._tcp.example.com", "SRV")]
        assert located.targets == (Target("tcp", Address("10.0.0.1", 5062)),)
        assert located.ttl_s == 90

    def test_naptr_of_nothing_that_we_do_leaves_srv(self) -> None:
        zone: Zone = {
            ("example.com", "NAPTR"): ([Naptr(1, 1, "s", "SIPS+D2T", "_sips._tcp.example.com")], 100.0),
            ("_sip._udp.example.com", "SRV"): ([Srv(0, 0, 5060, "a.example.com")], 90.0),
            ("a.example.com", "A"): (["10.0.0.1"], 70.0),
        }
        assert found(wanted(), zone)[0].targets == (udp("10.0.0.1"),)

    def test_an_explicit_transport_asks_for_its_srv_alone(self) -> None:
        rounds = found(wanted(transport="tcp"), {("example.com", "A"): (["10.0.0.1"], 5.0)})[1]
        assert rounds == [[("_sip._tcp.example.com", "SRV")], [("example.com", "A")]]

    def test_an_explicit_port_asks_for_addresses_alone_and_means_udp(self) -> None:
        located, rounds = found(wanted(port=5070), {("example.com", "A"): (["10.0.0.1"], 5.0)})
        assert rounds == [[("example.com", "A")]]
        assert located.targets == (udp("10.0.0.1", 5070),)


class TestSection4_2DeterminingPortAndAddress:
    def test_without_srv_the_address_records_and_the_default_port(self) -> None:
        located, _ = found(wanted(), {("example.com", "A"): (["10.0.0.1", "10.0.0.2"], 5.0)})
        assert located.targets == (udp("10.0.0.1"), udp("10.0.0.2"))

    def test_srv_that_says_not_here_is_believed(self) -> None:
        zone: Zone = {
            ("_sip._udp.example.com", "SRV"): ([Srv(0, 0, 0, ".")], 90.0),
            ("example.com", "A"): (["10.0.0.1"], 70.0),
        }
        assert found(wanted(), zone)[0].targets == ()

    def test_addresses_in_the_families_in_which_that_transport_listens(self) -> None:
        zone: Zone = {
            ("_sip._udp.example.com", "SRV"): ([Srv(0, 0, 5060, "a.example.com")], 9.0),
            ("_sip._tcp.example.com", "SRV"): ([Srv(0, 0, 5060, "a.example.com")], 9.0),
            ("a.example.com", "A"): (["10.0.0.1"], 9.0),
            ("a.example.com", "AAAA"): (["2001:DB8::1"], 9.0),
        }
        located, _ = found(wanted(reach=(("udp", "AAAA"), ("udp", "A"), ("tcp", "A"))), zone)
        assert located.targets == (
            udp("2001:db8::1"),
            udp("10.0.0.1"),
            Target("tcp", Address("10.0.0.1", 5060)),
        )

    def test_a_server_without_an_address_is_left_out(self) -> None:
        zone: Zone = {
            ("_sip._udp.example.com", "SRV"): ([Srv(0, 0, 1, "a.example.com"), Srv(1, 0, 2, "b.example.com")], 9.0),
            ("b.example.com", "A"): (["10.0.0.2"], 9.0),
        }
        assert found(wanted(), zone)[0].targets == (udp("10.0.0.2", 2),)

    def test_no_listener_no_question(self) -> None:
        located, rounds = found(wanted(transport="tcp", reach=(("udp", "A"),)), {})
        assert (located.targets, rounds) == ((), [])

    def test_a_thousand_servers_are_not_all_remembered(self) -> None:
        records: list[Naptr | Srv | str] = [Srv(0, 0, 5060, f"{n}.example.com") for n in range(1000)]
        _, rounds = found(wanted(transport="udp"), {("_sip._udp.example.com", "SRV"): (records, 9.0)})
        assert len(rounds[1]) == 16


class TestRfc2782Order:
    def test_lower_priority_values_go_first(self) -> None:
        located = Located(
            (LocatedServer((0, 20), 9, (udp("10.0.0.2"),)), LocatedServer((0, 10), 1, (udp("10.0.0.1"),)))
        )
        assert located.order(lambda below: below - 1) == [udp("10.0.0.1"), udp("10.0.0.2")]

    @pytest.mark.parametrize(("weights", "share"), [((60, 20, 20), 0.6), ((1, 1, 1), 1 / 3), ((100, 1, 1), 0.98)])
    def test_equals_are_drawn_by_weight(self, weights: tuple[int, ...], share: float) -> None:
        servers = tuple(LocatedServer((0, 0), weight, (udp(f"10.0.0.{n}"),)) for n, weight in enumerate(weights))
        rng = random.Random(7)
        firsts = Counter(Located(servers).order(rng.randrange)[0] for _ in range(4000))
        assert firsts[udp("10.0.0.0")] / 4000 == pytest.approx(share, abs=0.03)

    def test_weight_zero_has_a_very_small_chance_beside_others(self) -> None:
        servers = (LocatedServer((0, 0), 0, (udp("10.0.0.1"),)), LocatedServer((0, 0), 9, (udp("10.0.0.2"),)))
        marks = range(901)
        firsts = Counter(Located(servers).order(lambda below, mark=mark: mark)[0] for mark in marks)  # type: ignore[misc]
        assert firsts == {udp("10.0.0.1"): 1, udp("10.0.0.2"): 900}

    def test_where_no_server_has_a_weight_all_are_equal(self) -> None:
        servers = tuple(LocatedServer((0, 0), 0, (udp(f"10.0.0.{n}"),)) for n in range(3))
        firsts = Counter(Located(servers).order(lambda below, mark=mark: mark % below)[0] for mark in range(3))  # type: ignore[misc]
        assert len(firsts) == 3

    def test_every_server_is_in_every_order(self) -> None:
        servers = tuple(LocatedServer((0, n % 2), n, (udp(f"10.0.0.{n}"), udp(f"10.0.1.{n}"))) for n in range(6))
        rng = random.Random(7)
        for _ in range(50):
            assert sorted(Located(servers).order(rng.randrange)) == sorted(Located(servers).targets)

    def test_addresses_of_one_server_take_turns(self) -> None:
        located = Located((LocatedServer((0, 0), 0, (udp("10.0.0.1"), udp("10.0.0.2"))),))
        assert {located.order(random.Random(seed).randrange)[0].address.host for seed in range(20)} == {
            "10.0.0.1",
            "10.0.0.2",
        }

    def test_the_same_seed_gives_the_same_order(self) -> None:
        servers = tuple(LocatedServer((0, 0), 5, (udp(f"10.0.0.{n}"),)) for n in range(5))
        assert Located(servers).order(random.Random(3).randrange) == Located(servers).order(random.Random(3).randrange)

    def test_a_numeric_address_leads_to_itself_without_a_draw(self) -> None:
        def never(below: int) -> int:
            raise AssertionError("drawn")

        assert fixed(udp("10.0.0.1")).order(never) == [udp("10.0.0.1")]
