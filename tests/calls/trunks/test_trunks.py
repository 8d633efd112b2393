"""Trunks in virtual time: the state of the whole, the order in which a call tries them, what operators see."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.settings import Choice, MonitorSettings, Role, Trunk
from splitter.calls.trunks.link import Alive, Faulty, HeldOff, TrunkState
from splitter.calls.trunks.trunks import TrunkChange, Trunks, weight
from splitter.core.net import Address
from splitter.transport.targets import HostName, Located, LocatedServer, Target

RULES = MonitorSettings(failures_down=2, successes_up=1)


def target(n: int) -> Target:
    return Target("udp", Address(f"10.0.0.{n}", 5060))


def trunk(n: int, address: Address | HostName | None = None, **settings: Any) -> Trunk:
    where = address or target(n).address
    return Trunk(f"pbx{n}", Role.CENTRE, "core", (), where, **settings)


ONE, TWO, THREE = trunk(1), trunk(2), trunk(3)
ALL = [(ONE, "110"), (TWO, "110"), (THREE, "9110")]
NAMED = trunk(4, HostName("pbx.example.com"))
TWO_SERVERS = Located((LocatedServer((0, 1), 0, (target(41),)), LocatedServer((0, 2), 0, (target(42),))), 60.0)


def never(below: int) -> int:
    raise AssertionError("nothing is to be drawn")


def watched(*trunks: Trunk, changed: Callable[[TrunkChange], None] = lambda change: None) -> Trunks:
    return Trunks(trunks or (ONE, TWO, THREE), RULES, 0.0, changed)


def fail(trunks: Trunks, one: Trunk, which: Target, now: float = 1.0, times: int = 2) -> None:
    for _ in range(times):
        trunks.hear_news(one, which, Faulty("no answer"), now)


def names(order: list[tuple[Trunk, str]]) -> list[str]:
    return [one.name for one, _ in order]


class TestOrder:
    def test_as_written_while_all_are_up_with_nothing_drawn(self) -> None:
        assert watched().order(ALL, Choice.ORDER, 1.0, never) == ALL

    def test_one_that_is_down_goes_to_the_end_and_stays_in(self) -> None:
        trunks = watched()
        fail(trunks, ONE, target(1))
        assert names(trunks.order(ALL, Choice.ORDER, 2.0, never)) == ["pbx2", "pbx3", "pbx1"]

    def test_all_down_are_all_tried_as_written(self) -> None:
        trunks = watched()
        for n, one in enumerate((ONE, TWO, THREE), 1):
            fail(trunks, one, target(n))
        assert names(trunks.order(ALL, Choice.ORDER, 2.0, never)) == ["pbx1", "pbx2", "pbx3"]

    def test_draining_without_a_time_goes_behind_the_dead(self) -> None:
        trunks = watched()
        trunks.hear_news(ONE, target(1), HeldOff("503"), 1.0)
        fail(trunks, TWO, target(2))
        assert names(trunks.order(ALL, Choice.ORDER, 2.0, never)) == ["pbx3", "pbx2", "pbx1"]

    def test_retry_after_is_left_alone_until_then(self) -> None:
        trunks = watched()
        trunks.hear_news(ONE, target(1), HeldOff("503", 30.0), 1.0)
        assert names(trunks.order(ALL, Choice.ORDER, 30.0, never)) == ["pbx2", "pbx3"]
        assert trunks.frees_in(ALL, 11.0) == 20.0
        assert names(trunks.order(ALL, Choice.ORDER, 31.0, never)) == ["pbx1", "pbx2", "pbx3"]
        assert trunks.frees_in(ALL, 31.0) == 0.0

    def test_of_trunks_that_nobody_watches_nothing_is_held_against_any(self) -> None:
        trunks = Trunks()
        fail(trunks, ONE, target(1), times=9)
        assert trunks.order(ALL, Choice.ORDER, 2.0, never) == ALL


class TestWeightedChoice:
    def measured(self, *latencies_s: float | None) -> Trunks:
        trunks = watched()
        for n, (one, latency_s) in enumerate(zip((ONE, TWO, THREE), latencies_s, strict=True), 1):
            if latency_s is not None:
                trunks.hear_news(one, target(n), Alive(latency_s), 1.0)
        return trunks

    def firsts(self, trunks: Trunks, draws: int = 6000) -> list[float]:
        rng = random.Random(5)
        counts = Counter(trunks.order(ALL, Choice.WEIGHTED, 2.0, rng.randrange)[0][0].name for _ in range(draws))
        return [counts[one.name] / draws for one in (ONE, TWO, THREE)]

    @pytest.mark.parametrize(
        ("latencies_s", "shares"),
        [
            ((0.01, 0.02, 0.04), (4 / 7, 2 / 7, 1 / 7)),
            ((0.02, 0.02, 0.02), (1 / 3, 1 / 3, 1 / 3)),
            ((None, None, None), (1 / 3, 1 / 3, 1 / 3)),
            ((0.01, 0.02, None), (4 / 9, 2 / 9, 3 / 9)),  # one not measured counts like the average
            ((0.00001, 0.001, 0.001), (1 / 3, 1 / 3, 1 / 3)),  # nobody is quicker than a millisecond
        ],
    )
    def test_the_share_is_one_over_the_latency(
        self, latencies_s: tuple[float | None, ...], shares: tuple[float, ...]
    ) -> None:
        assert self.firsts(self.measured(*latencies_s)) == pytest.approx(shares, abs=0.03)

    def test_jitter_counts_by_its_factor(self) -> None:
        assert weight(0.02, 0.1, 0.1) == pytest.approx(1 / 0.03)
        assert weight(0.02, 0.1, 0.0) == pytest.approx(1 / 0.02)

    def test_every_trunk_stays_in_the_order(self) -> None:
        trunks = self.measured(0.01, 0.02, 0.04)
        rng = random.Random(5)
        for _ in range(50):
            assert sorted(names(trunks.order(ALL, Choice.WEIGHTED, 2.0, rng.randrange))) == ["pbx1", "pbx2", "pbx3"]

    def test_one_that_is_down_is_not_drawn_however_quick(self) -> None:
        trunks = self.measured(0.001, 0.2, 0.2)
        fail(trunks, ONE, target(1))
        shares = self.firsts(trunks, 200)
        assert shares[0] == 0

    def test_a_seed_repeats_it(self) -> None:
        trunks = self.measured(0.01, 0.02, 0.04)
        runs = [
            [names(trunks.order(ALL, Choice.WEIGHTED, 2.0, rng.randrange)) for _ in range(20)]
            for rng in (random.Random(1), random.Random(1))
        ]
        assert runs[0] == runs[1]


class TestNames:
    def test_down_until_it_leads_somewhere(self) -> None:
        changes: list[TrunkChange] = []
        trunks = watched(NAMED, changed=changes.append)
        assert trunks.state(NAMED, 0.0) == (TrunkState.DOWN, "its name is not resolved yet")
        assert trunks.targets(NAMED, 0.0, never) == []
        assert trunks.located("pbx4", TWO_SERVERS, 1.0) == TWO_SERVERS.targets
        assert trunks.targets(NAMED, 2.0, never) == [target(41), target(42)]
        assert [(change.trunk, change.state) for change in changes] == [("pbx4", TrunkState.UP)]

    def test_the_last_good_answer_stays_when_the_dns_fails(self) -> None:
        trunks = watched(NAMED)
        trunks.located("pbx4", TWO_SERVERS, 1.0)
        trunks.unlocated("pbx4", "the DNS did not answer", 2.0)
        assert trunks.targets(NAMED, 1e6, never) == [target(41), target(42)]
        state, reason = trunks.state(NAMED, 1e6)
        assert state is TrunkState.UP
        assert "the last good answer is used" in reason
        trunks.located("pbx4", TWO_SERVERS, 3.0)
        assert "the last good answer" not in trunks.state(NAMED, 4.0)[1]

    def test_servers_that_stay_keep_their_state_and_others_are_forgotten(self) -> None:
        trunks = watched(NAMED)
        trunks.located("pbx4", TWO_SERVERS, 1.0)
        fail(trunks, NAMED, target(41))
        moved = Located((LocatedServer((0, 1), 0, (target(41),)), LocatedServer((0, 2), 0, (target(43),))))
        assert trunks.located("pbx4", moved, 2.0) == (target(43),)
        assert trunks.targets(NAMED, 3.0, never) == [target(43), target(41)]
        trunks.hear_news(NAMED, target(42), Alive(), 4.0)  # late news of one that is gone
        assert len(trunks.views(5.0, 5.0, lambda name: 0)[0].targets) == 2

    def test_servers_that_are_down_go_last_and_those_left_alone_not_at_all(self) -> None:
        trunks = watched(NAMED)
        trunks.located("pbx4", TWO_SERVERS, 1.0)
        fail(trunks, NAMED, target(41))
        assert trunks.targets(NAMED, 2.0, never) == [target(42), target(41)]
        trunks.hear_news(NAMED, target(42), HeldOff("503", 30.0), 2.0)
        assert trunks.targets(NAMED, 3.0, never) == [target(41)]
        assert trunks.targets(NAMED, 33.0, never) == [target(42), target(41)]

    def test_a_trunk_is_as_good_as_its_best_server(self) -> None:
        changes: list[TrunkChange] = []
        trunks = watched(NAMED, changed=changes.append)
        trunks.located("pbx4", TWO_SERVERS, 1.0)
        fail(trunks, NAMED, target(41), 2.0)
        assert trunks.state(NAMED, 2.0)[0] is TrunkState.UP
        assert "1 of 2 servers" in trunks.state(NAMED, 2.0)[1]
        fail(trunks, NAMED, target(42), 3.0)
        trunks.hear_news(NAMED, target(42), Alive(), 4.0)
        assert [change.state for change in changes] == [TrunkState.UP, TrunkState.DOWN, TrunkState.UP]


class TestAsking:
    def test_each_server_is_asked_once_and_again_when_it_is_time(self) -> None:
        trunks = watched(ONE, TWO)
        probes = trunks.due(0.0)
        assert [probe.trunk.name for probe in probes] == ["pbx1", "pbx2"]
        assert trunks.due(100.0) == []
        trunks.hear_news(ONE, target(1), Alive(0.01), 1.0)
        trunks.asked(probes[0], 1.0)
        assert trunks.next_due() == 11.0
        assert trunks.due(11.0) == probes[:1]

    def test_trunks_with_an_interval_of_zero_or_without_an_address_are_not_asked(self) -> None:
        quiet = trunk(1, options_interval_s=0.0)
        access = Trunk("sbc", Role.ACCESS, "access", ())
        trunks = watched(quiet, access)
        assert trunks.due(0.0) == []
        assert trunks.next_due() is None

    def test_the_end_of_a_pause_is_told_even_where_nobody_asks(self) -> None:
        changes: list[TrunkChange] = []
        trunks = watched(trunk(1, options_interval_s=0.0), changed=changes.append)
        trunks.hear_news(ONE, target(1), HeldOff("503", 30.0), 1.0)
        assert trunks.next_due() == 31.0
        trunks.due(31.0)
        assert [change.state for change in changes] == [TrunkState.DRAINING, TrunkState.UP]


class TestWhatOperatorsSee:
    def test_state_reason_since_calls_and_timing(self) -> None:
        trunks = watched(trunk(1, max_calls=7, calls_per_s=2.5), TWO)
        trunks.hear_news(ONE, target(1), Alive(0.0123), 5.0)
        fail(trunks, TWO, target(2), 40.0)
        first, second = trunks.views(100.0, 1100.0, {"pbx1": 3, "pbx2": 0}.__getitem__)
        assert (first.state, first.calls, first.max_calls, first.calls_per_s) == ("up", 3, 7, 2.5)
        assert (first.latency_ms, first.jitter_ms, first.address) == (12.3, 0.0, "10.0.0.1:5060")
        assert (second.state, second.reason, second.since) == ("down", "no answer", 1040.0)
        assert [(server.address, server.state) for server in second.targets] == [("udp 10.0.0.2:5060", "down")]
        assert trunks.alarms() == ("trunk pbx2 is down: no answer",)
        assert trunks.timing("pbx1") == (0.0123, 0.0)
        assert trunks.timing("pbx2") is None


class TestAnotherConfiguration:
    def adopted(self, trunks: Trunks, *wanted: Trunk, rules: MonitorSettings = RULES, now: float = 10.0) -> list[str]:
        trunks.adopt(wanted, rules, now)
        return [view.name for view in trunks.views(now, now, lambda name: 0)]

    def test_what_is_known_of_a_server_stays_whatever_else_changes(self) -> None:
        trunks = watched()
        fail(trunks, ONE, target(1))
        changed = replace(ONE, max_calls=7, options_interval_s=5.0)
        assert self.adopted(trunks, TWO, changed) == ["pbx2", "pbx1"], "in the new order, without the third"
        assert trunks.state(changed, 10.0)[0] is TrunkState.DOWN
        assert trunks.views(10.0, 10.0, lambda name: 0)[1].max_calls == 7

    def test_at_another_address_it_begins_anew(self) -> None:
        trunks = watched()
        fail(trunks, ONE, target(1))
        moved = replace(ONE, address=target(9).address)
        self.adopted(trunks, moved)
        assert trunks.state(moved, 10.0) == (TrunkState.UP, "not asked yet")
        assert [probe.target for probe in trunks.due(10.0)] == [target(9)]

    def test_news_of_one_that_was_taken_out_is_nobodys(self) -> None:
        trunks = watched(NAMED, ONE)
        trunks.located("pbx4", TWO_SERVERS, 0.0)
        probes = trunks.due(0.0)
        self.adopted(trunks, ONE)
        trunks.located("pbx4", TWO_SERVERS, 11.0)
        trunks.unlocated("pbx4", "no answer", 11.0)
        for probe in probes:
            trunks.asked(probe, 11.0)
        assert self.adopted(trunks, ONE, now=12.0) == ["pbx1"]

    def test_asking_begins_ends_and_is_hastened(self) -> None:
        trunks = watched(trunk(1, options_interval_s=0.0), trunk(2, options_interval_s=3600.0))
        for probe in trunks.due(0.0):
            trunks.asked(probe, 0.0)
        assert trunks.next_due() == 3600.0
        self.adopted(trunks, trunk(1, options_interval_s=5.0), trunk(2, options_interval_s=5.0))
        assert [(probe.trunk.name, probe.target) for probe in trunks.due(10.0)] == [("pbx1", target(1))]
        assert trunks.next_due() == 15.0, "not in an hour"
        self.adopted(trunks, trunk(1, options_interval_s=0.0), now=11.0)
        assert trunks.next_due() is None

    def test_one_that_is_watched_no_longer_is_not_down_for_ever(self) -> None:
        trunks = watched(ONE)
        fail(trunks, ONE, target(1))
        unwatched = replace(ONE, options_interval_s=0.0)
        self.adopted(trunks, unwatched)
        assert trunks.state(unwatched, 10.0)[0] is TrunkState.UP

    def test_rules_hold_for_the_next_failure(self) -> None:
        trunks = watched(ONE)
        self.adopted(trunks, ONE, rules=MonitorSettings(failures_down=1))
        fail(trunks, ONE, target(1), times=1)
        assert trunks.state(ONE, 10.0)[0] is TrunkState.DOWN
