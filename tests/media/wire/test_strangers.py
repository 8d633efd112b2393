"""Who is told of as a stranger, and which hosts may be learned."""

from __future__ import annotations

import pytest

from splitter.media.wire.sources import NONE, Sources
from splitter.media.wire.strangers import Strangers
from tests.garbage import held_by

ONE, OTHER = ("203.0.113.9", 5000), ("203.0.113.10", 6000)


def told(strangers: Strangers, packets: int, *, gap_s: float = 0.02, begin: float = 100.0, taken: int = 0) -> object:
    """What is told within so many packets of one stranger."""
    found = [strangers.refused(ONE, taken, begin + gap_s * number) for number in range(packets)]
    return next((one for one in found if one is not None), None)


class TestAStranger:
    def test_is_told_of_with_its_packets_after_two_seconds(self) -> None:
        assert told(Strangers(), 100) is None
        assert told(Strangers(), 102) == (ONE, 101)

    def test_is_told_of_once(self) -> None:
        strangers = Strangers()
        assert told(strangers, 200)
        assert told(strangers, 200, begin=200.0) is None

    def test_is_told_of_again_once_the_peer_was_named_anew(self) -> None:
        strangers = Strangers()
        assert told(strangers, 200)
        strangers.signalled()
        assert told(strangers, 50, begin=200.0) is None
        assert told(strangers, 200, begin=201.0)

    def test_is_none_as_long_as_the_peer_speaks(self) -> None:
        strangers = Strangers()
        assert not any(strangers.refused(ONE, number // 10, 100 + number / 50) for number in range(1000))

    def test_is_told_of_when_the_peer_falls_silent(self) -> None:
        strangers = Strangers()
        assert not any(strangers.refused(ONE, number, 100 + number / 50) for number in range(500))
        assert told(strangers, 200, begin=110.0, taken=499)

    def test_that_sends_a_packet_now_and_then_is_no_stream(self) -> None:
        assert told(Strangers(), 9, gap_s=10) is None

    def test_that_sends_most_is_named(self) -> None:
        strangers = Strangers()
        for number in range(400):
            found = strangers.refused(OTHER if number % 3 else ONE, 0, 100 + number / 50)
            if found is not None:
                assert found[0] == OTHER
                return
        raise AssertionError

    def test_among_a_flood_of_sources_is_found_and_nothing_grows(self) -> None:
        strangers = Strangers()
        assert strangers.refused(ONE, 0, 100.0) is None
        found, held = [], 0
        for number in range(1000):
            found.append(strangers.refused(ONE if number % 2 else ("192.0.2.1", number), 0, 100 + number / 100))
            held = held or (number == 20 and held_by(strangers))
        assert [one[0] for one in found if one is not None] == [ONE]
        assert held_by(strangers) <= held


class TestSources:
    def test_none_believes_nobody(self) -> None:
        assert not NONE.admit("10.0.0.1")

    @pytest.mark.parametrize("host", ["10.1.0.7", "2001:db8::7"])
    def test_networks_are_believed(self, host: str) -> None:
        assert Sources(("10.1.0.0/24", "2001:db8::/64")).admit(host)

    @pytest.mark.parametrize("host", ["10.1.1.7", "2001:db8:1::7", "", "nonsense", "fe80::1%eth0"])
    def test_others_are_not(self, host: str) -> None:
        assert not Sources(("10.1.0.0/24", "2001:db8::/64")).admit(host)

    @pytest.mark.parametrize("host", ["10.1.1.7", "2001:db8:1::7"])
    def test_any_is_both_families(self, host: str) -> None:
        assert Sources(("0.0.0.0/0", "::/0")).admit(host)

    def test_a_flood_of_hosts_makes_nothing_grow(self) -> None:
        sources = Sources(("10.0.0.0/8",))
        assert all(sources.admit(f"10.0.0.{number}") for number in range(20))
        held = held_by(sources)
        assert all(sources.admit(f"10.0.{number // 256}.{number % 256}") for number in range(1000))
        assert held_by(sources) <= held
