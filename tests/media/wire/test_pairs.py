"""Pairs of ports and their rest, in virtual time."""

from __future__ import annotations

import random

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.media.wire.pairs import PortLedger, PortPairs


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
