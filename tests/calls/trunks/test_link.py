"""One server's health in virtual time: hysteresis, 503 with Retry-After, latency and jitter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.calls.settings import MonitorSettings
from splitter.calls.trunks.link import Alive, Faulty, HeldOff, Link, TrunkState, judge
from splitter.core.net import Address
from splitter.sip.headers import Headers
from splitter.transport.targets import Target

RULES = MonitorSettings(failures_down=3, successes_up=2)
TARGET = Target("udp", Address("10.0.0.1", 5060))
NO = Faulty("no answer")


def link(interval_s: float = 10.0) -> Link:
    return Link(TARGET, RULES, interval_s, 0.0)


def heard(one: Link, *news: Alive | Faulty | HeldOff, start: float = 1.0) -> Link:
    for step, item in enumerate(news):
        one.hear_news(item, start + step)
    return one


class TestHysteresis:
    def test_it_is_used_before_anything_is_known(self) -> None:
        assert link().state is TrunkState.UP

    def test_failures_in_a_row_take_it_down_and_no_fewer(self) -> None:
        one = heard(link(), NO, NO)
        assert one.state is TrunkState.UP
        one.hear_news(NO, 3.0)
        assert (one.state, one.since, one.reason) == (TrunkState.DOWN, 3.0, "no answer")

    def test_an_answer_between_starts_the_count_again(self) -> None:
        assert heard(link(), NO, NO, Alive(), NO, NO).state is TrunkState.UP

    def test_answers_in_a_row_bring_it_up_and_no_fewer(self) -> None:
        one = heard(link(), NO, NO, NO, Alive())
        assert one.state is TrunkState.DOWN
        one.hear_news(Alive(), 5.0)
        assert (one.state, one.since) == (TrunkState.UP, 5.0)

    def test_a_failure_between_starts_that_count_again_too(self) -> None:
        one = heard(link(), NO, NO, NO, Alive(), NO, Alive())
        assert one.state is TrunkState.DOWN
        assert heard(one, Alive(), start=9.0).state is TrunkState.UP

    def test_after_it_came_up_it_takes_as_many_failures_again(self) -> None:
        one = heard(link(), NO, NO, NO, Alive(), Alive(), NO, NO)
        assert one.state is TrunkState.UP

    def test_one_that_is_not_watched_is_never_held_to_be_down(self) -> None:
        assert heard(link(0), *[NO] * 50).state is TrunkState.UP

    @given(st.lists(st.sampled_from([Alive(), NO])))
    def test_the_state_is_what_the_last_runs_say(self, news: list[Alive | Faulty]) -> None:
        state, run, last = TrunkState.UP, 0, None
        for item in news:
            run, last = (run + 1, item) if item == last else (1, item)
            if item == NO and run >= 3:
                state = TrunkState.DOWN
            elif item == Alive() and run >= 2:
                state = TrunkState.UP
        assert heard(link(), *news).state is state


class TestDraining:
    def test_retry_after_is_kept_to_whatever_else_is_heard(self) -> None:
        one = heard(link(), HeldOff("503", 30.0))
        assert (one.state, one.held, one.ends_at) == (TrunkState.DRAINING, True, 31.0)
        heard(one, Alive(), NO, NO, NO, NO, start=5.0)
        assert (one.state, one.held) == (TrunkState.DRAINING, True)
        one.tick(30.9)
        assert one.held
        one.tick(31.0)
        assert (one.state, one.held, one.since) == (TrunkState.UP, False, 31.0)

    def test_without_retry_after_it_drains_until_it_answers_otherwise(self) -> None:
        one = heard(link(), HeldOff("503"))
        assert (one.state, one.held, one.ends_at) == (TrunkState.DRAINING, False, None)
        assert heard(one, Alive(), start=9.0).state is TrunkState.UP

    def test_one_that_drains_and_then_dies_is_down(self) -> None:
        assert heard(link(), HeldOff("503"), NO, NO, NO).state is TrunkState.DOWN

    def test_a_day_is_not_believed(self) -> None:
        assert heard(link(), HeldOff("503", 86_400.0)).ends_at == 601.0

    def test_one_that_is_not_watched_is_left_alone_too(self) -> None:
        assert heard(link(0), HeldOff("503", 30.0)).held


class TestAsking:
    def test_at_once_then_by_the_interval(self) -> None:
        one = link()
        assert one.due == 0.0
        one.asked()
        assert one.due is None
        one.ask_again(1.0, 1.1)
        assert one.due == pytest.approx(12.0)

    def test_sooner_while_it_seems_to_change(self) -> None:
        one = heard(link(), NO)
        one.ask_again(1.0, 1.0)
        assert one.due == 3.0
        heard(one, NO, NO)
        one.ask_again(5.0, 1.0)
        assert one.due == 15.0  # it is down: no hurry
        heard(one, Alive(), start=15.0)
        one.ask_again(15.0, 1.0)
        assert one.due == 17.0

    def test_not_before_the_time_that_it_named(self) -> None:
        one = heard(link(), HeldOff("503", 30.0))
        one.ask_again(1.0, 1.0)
        assert one.due == 31.0

    def test_never_where_it_is_not_watched(self) -> None:
        assert link(0).due is None


class TestMeasuring:
    def test_the_first_time_stands_then_changes_come_in_slowly(self) -> None:
        one = heard(link(), Alive(0.1))
        assert (one.latency_s, one.jitter_s) == (0.1, 0.0)
        heard(one, Alive(0.18))
        assert (one.latency_s, one.jitter_s) == pytest.approx((0.11, 0.02))

    def test_a_steady_server_ends_without_jitter(self) -> None:
        one = heard(link(), Alive(0.5), *[Alive(0.02)] * 100)
        assert (one.latency_s, one.jitter_s) == pytest.approx((0.02, 0.0), abs=1e-4)

    def test_answers_to_invites_measure_nothing(self) -> None:
        assert heard(link(), Alive()).latency_s is None


class TestJudging:
    @pytest.mark.parametrize("status", [200, 401, 403, 404, 405, 481, 488, 501, 505, 600, 603])
    def test_any_word_of_its_own_is_a_sign_of_life(self, status: int) -> None:
        assert judge(status, "", Headers(), 0.01) == Alive(0.01)

    @pytest.mark.parametrize("status", [408, 500, 502, 504])
    def test_saying_that_it_cannot_work_is_not(self, status: int) -> None:
        assert judge(status, "Oh", Headers()) == Faulty(f"OPTIONS: {status} Oh")

    def test_503_holds_it(self) -> None:
        assert judge(503, "Full", Headers([("Retry-After", "30")])) == HeldOff("OPTIONS: 503 Full", 30.0)
        assert judge(503, "Full", Headers()) == HeldOff("OPTIONS: 503 Full", None)
