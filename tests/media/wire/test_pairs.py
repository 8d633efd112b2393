"""Pairs of ports and their rest, in virtual time."""

from __future__ import annotations

import random

import pytest

from splitter.core.errors import MediaUnavailable, NoPorts
from splitter.core.net import Address
from splitter.media.wire.pairs import RESTED, PortLedger, PortPairs, Stragglers


def pairs(first: int = 30_000, last: int = 30_007, quarantine_s: float = 30) -> PortPairs:
    return PortPairs(first, last, quarantine_s, random.Random(1))


class TestPairs:
    @pytest.mark.parametrize(
        ("first", "last", "evens"),
        [(30_000, 30_003, {30_000, 30_002}), (30_001, 30_004, {30_002}), (30_000, 30_000, set())],
    )
    def test_are_even_and_whole_within_the_range(self, first: int, last: int, evens: set[int]) -> None:
        ports = pairs(first, last)
        assert {ports.take(0) for _ in evens} == evens
        with pytest.raises(MediaUnavailable):
            ports.take(0)

    def test_come_in_no_guessable_order(self) -> None:
        ports = pairs(30_000, 30_099)
        taken = [ports.take(0) for _ in range(50)]
        assert taken != sorted(taken)


class TestQuarantine:
    def test_a_closed_pair_rests_and_comes_back(self) -> None:
        ports = pairs(30_000, 30_001)
        port = ports.take(0)
        ports.rest(port, 100)
        with pytest.raises(MediaUnavailable):
            ports.take(129.9)
        assert ports.take(130) == port

    def test_the_refusal_says_when_to_come_again(self) -> None:
        ports = pairs(30_000, 30_001)
        ports.rest(ports.take(0), 100)
        with pytest.raises(MediaUnavailable) as refusal:
            ports.take(110)
        assert refusal.value.retry_after_s == 20

    def test_pairs_of_a_predecessor_are_withheld(self) -> None:
        ports = pairs(30_000, 30_003)
        ports.withhold([(30_000, 12.0)], now=0)
        assert ports.free(0) == 1
        assert ports.take(0) == 30_002
        assert ports.take(12) == 30_000


PEER, OTHER = Address("10.0.0.1", 4000), Address("10.0.0.1", 4002)


class TestUnderPressure:
    def test_what_has_rested_longest_is_taken_once_nothing_else_is_left(self) -> None:
        ports = pairs(30_000, 30_005)
        first, second, third = (ports.take(0) for _ in range(3))
        ports.rest(second, 10, [PEER])
        ports.rest(first, 20, [])
        assert (ports.free(20), ports.resting, ports.hurried) == (0, 2, 0)
        assert [ports.take(21), ports.take(21)] == [second, first]
        assert (ports.free(21), ports.resting, ports.hurried) == (0, 0, 2)
        with pytest.raises(NoPorts):
            ports.take(21)
        ports.rest(third, 30, [PEER])
        assert ports.take(60) == third and ports.hurried == 2, "it has rested"

    def test_who_may_still_send_to_it_is_told(self) -> None:
        ports = pairs(30_000, 30_001)
        port = ports.take(0)
        assert ports.late(port) == RESTED
        ports.rest(port, 100, [PEER, OTHER])
        assert ports.late(ports.take(110)) == Stragglers({PEER: 130, OTHER: 130})
        ports.rest(port, 200, [PEER])
        assert ports.late(ports.take(230)) == RESTED

    def test_those_before_its_last_user_are_told_as_well_and_not_for_ever(self) -> None:
        ports = pairs(30_000, 30_001)
        ports.rest(port := ports.take(0), 100, [PEER])
        ports.rest(ports.take(110), 120, [OTHER])
        late = ports.late(ports.take(121))
        assert [late.may_be(PEER, now) for now in (121, 130)] == [True, False] and late.may_be(OTHER, 149)
        ports.rest(port, 140, [])
        assert ports.late(ports.take(141)) == Stragglers({OTHER: 150}), "what is over is forgotten"

    def test_what_nobody_knows_the_last_user_of_rests_to_the_end(self) -> None:
        """A worker died, or a room broke: who sends to its ports is not known."""
        ports = pairs(30_000, 30_003)
        ports.withhold([(30_000, 12.0)], now=0)
        ports.rest(ports.take(0), 0)
        with pytest.raises(NoPorts) as refusal:
            ports.take(5)
        assert refusal.value.retry_after_s == 7 and ports.resting == 0

    def test_a_pair_that_came_back_is_nobody_elses(self) -> None:
        ports = pairs(30_000, 30_001)
        ports.rest(ports.take(0), 0, [PEER])
        ports.take_again(30_000)
        assert ports.late(30_000) == RESTED
        with pytest.raises(NoPorts):
            ports.take(1)


class TestPictures:
    def test_leave_to_voice_what_is_reserved(self) -> None:
        ports = PortPairs(30_000, 30_019, 30, random.Random(1), reserved=4)
        pictures = [ports.take(0, picture=True) for _ in range(6)]
        assert ports.for_pictures == 0
        with pytest.raises(NoPorts, match="kept for voice"):
            ports.take(0, picture=True)
        for _ in range(4):
            ports.take(0)
        ports.rest(pictures[0], 1, [])
        assert ports.for_pictures == 1 and ports.take(2, picture=True) == pictures[0]

    def test_have_half_of_the_pairs_whatever_is_reserved(self) -> None:
        ports = PortPairs(30_000, 30_019, 30, random.Random(1), reserved=4000)
        for _ in range(5):
            ports.take(0, picture=True)
        with pytest.raises(NoPorts):
            ports.take(0, picture=True)

    def test_have_what_voice_has_left(self) -> None:
        ports = PortPairs(30_000, 30_019, 30, random.Random(1), reserved=2)
        for _ in range(9):
            ports.take(0)
        assert ports.for_pictures == 1

    def test_that_come_back_are_counted(self) -> None:
        ports = PortPairs(30_000, 30_003, 30, random.Random(1), reserved=1)
        ports.take_again(30_000, picture=True)
        with pytest.raises(NoPorts):
            ports.take(0, picture=True)


class TestLedger:
    def test_ports_of_a_dead_worker_rest_from_its_death(self) -> None:
        ledger = PortLedger(quarantine_s=30)
        ledger.opened(30_000, 30_002)
        ledger.closed(90, 30_002)
        ledger.all_closed(100)
        assert sorted(ledger.resting(110)) == [(30_000, 20.0), (30_002, 10.0)]

    def test_what_has_rested_is_forgotten(self) -> None:
        ledger = PortLedger(quarantine_s=30)
        ledger.closed(0, 30_000)
        assert ledger.resting(30) == []
