"""Points, bans with an end, and rates."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from splitter.transport.bans import EVERYBODY, POINTS, Bans
from tests.garbage import held_by

HOST = "203.0.113.9"


def bans(**fields: Any) -> Bans:
    return Bans(**{"ban_after": 10, "window_s": 60.0, "ban_s": 600.0, **fields})


def banned(scores: Bans, host: str, now: float = 0.0) -> None:
    while scores.offend(host, "malformed", now) is None:
        pass


class TestPoints:
    @pytest.mark.parametrize("reason", [reason for reason, points in POINTS.items() if points])
    def test_each_reason_gets_a_source_banned_in_the_end(self, reason: str) -> None:
        scores = bans(ban_after=50)
        offences = 1
        while (ban := scores.offend(HOST, reason, 0.0)) is None:
            offences += 1
        assert (ban.source, ban.reason, ban.offences) == (HOST, reason, offences)
        assert (offences - 1) * POINTS[reason] < 50 <= offences * POINTS[reason]

    def test_a_rare_fault_never_does(self) -> None:
        scores = bans()  # 10 points fade in 60 s: a malformed message costs 12 s
        for i in range(1000):
            assert scores.offend(HOST, "malformed", i * 12.5) is None

    def test_sources_do_not_answer_for_each_other(self) -> None:
        scores = bans()
        for i in range(200):
            assert scores.offend(f"203.0.113.{i}", "malformed", 0.0) is None

    def test_an_unknown_reason_costs_a_point(self) -> None:
        scores = bans(ban_after=2)
        assert scores.offend(HOST, "something", 0.0) is None
        assert scores.offend(HOST, "something", 0.0) is not None

    def test_zero_points_are_never_too_many(self) -> None:
        scores = bans(ban_after=0)
        assert all(scores.offend(HOST, "oversize", 0.0) is None for _ in range(1000))


class TestBans:
    def test_hold_until_their_end(self) -> None:
        scores = bans()
        banned(scores, HOST, 1000.0)
        assert scores.holds(HOST, 1599.9)
        assert not scores.holds(HOST, 1600.0)
        assert len(scores) == 0

    def test_after_the_end_a_source_begins_without_points(self) -> None:
        scores = bans()
        banned(scores, HOST, 0.0)
        assert not scores.holds(HOST, 600.0)
        assert scores.offend(HOST, "malformed", 600.0) is None

    def test_are_listed_without_those_that_ended(self) -> None:
        scores = bans()
        for i, host in enumerate(("203.0.113.1", "203.0.113.2", "203.0.113.3")):
            banned(scores, host, i * 100.0)
        assert [ban.source for ban in scores.list(650.0)] == ["203.0.113.2", "203.0.113.3"]

    def test_can_be_lifted_and_the_points_go_too(self) -> None:
        scores = bans()
        banned(scores, HOST)
        assert scores.lift(HOST)
        assert not scores.holds(HOST, 1.0)
        assert not scores.lift(HOST)
        assert scores.offend(HOST, "malformed", 1.0) is None

    def test_one_address_of_ipv6_stands_for_its_64_bits(self) -> None:
        scores = bans()
        banned(scores, "2001:db8:1:2::1")
        assert scores.holds("2001:db8:1:2:ffff::9", 1.0)
        assert not scores.holds("2001:db8:1:3::1", 1.0)
        (ban,) = scores.list(1.0)
        assert ban.source == "2001:db8:1:2::/64"
        assert scores.lift(ban.source)

    def test_memory_is_bounded(self) -> None:
        scores = bans(most=100)
        held = []
        for i in range(1000):
            scores.offend(f"10.0.{i // 250}.{i % 250}", "malformed", 0.0)
            banned(scores, f"10.1.{i // 250}.{i % 250}")
            held.append(held_by(scores))
        assert len(scores) == 100
        assert held[-1] <= max(held[:200])


class TestSpared:
    def test_neighbours_are_never_banned(self) -> None:
        scores = bans(spared=[ip_network("10.0.0.0/24")])
        assert all(scores.offend("10.0.0.7", "oversize", 0.0) is None for _ in range(100))
        assert scores.spares("10.0.0.7")
        assert not scores.spares("10.0.1.7")

    def test_everybody_can_be(self) -> None:
        scores = bans(spared=EVERYBODY)
        assert all(scores.spares(host) for host in ("203.0.113.9", "2001:db8::1"))

    def test_one_that_becomes_a_neighbour_is_let_in_at_once(self) -> None:
        scores = bans()
        banned(scores, "10.0.0.7")
        banned(scores, "2001:db8::7")
        scores.spare(ip_network("10.0.0.7/32"))
        scores.spare(ip_network("2001:db8::7/128"))
        assert not scores.holds("10.0.0.7", 1.0)
        assert not scores.holds("2001:db8::7", 1.0)
        assert scores.offend("10.0.0.7", "oversize", 1.0) is None
