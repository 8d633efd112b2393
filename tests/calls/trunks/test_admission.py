"""Limits and overload in virtual time."""

from __future__ import annotations

import random

import pytest

from splitter.calls.settings import OverloadSettings, Role, Trunk
from splitter.calls.trunks.admission import (
    Admission,
    Denied,
    LoadLevel,
    Overload,
    Permit,
    TrunkLimits,
    retry_after_headers,
)


def trunk(max_calls: int = 0, calls_per_s: float = 0.0, name: str = "pbx") -> Trunk:
    return Trunk(name, Role.CENTRE, "core", (), max_calls=max_calls, calls_per_s=calls_per_s)


class TestLimits:
    def test_calls_at_a_time_in_both_directions_together(self) -> None:
        limits, one = TrunkLimits(), trunk(max_calls=2)
        permits = [limits.take_place(one, 0.0), limits.take_place(one, 0.0)]
        denied = limits.take_place(one, 0.0)
        assert isinstance(denied, Denied)
        assert (denied.why, denied.reason) == ("trunk-calls", "pbx has 2 calls, which is its limit")
        assert isinstance(permits[0], Permit)
        permits[0].release()
        assert limits.calls("pbx") == 1
        assert isinstance(limits.take_place(one, 0.0), Permit)

    def test_giving_back_twice_does_no_harm(self) -> None:
        limits = TrunkLimits()
        permit = limits.take_place(trunk(), 0.0)
        assert isinstance(permit, Permit)
        limits.take_place(trunk(), 0.0)
        permit.release()
        permit.release()
        assert limits.calls("pbx") == 1

    def test_new_calls_per_second_with_the_time_to_wait(self) -> None:
        limits, one = TrunkLimits(), trunk(calls_per_s=0.5)
        assert isinstance(limits.take_place(one, 0.0), Permit)
        denied = limits.take_place(one, 0.5)
        assert isinstance(denied, Denied)
        assert (denied.why, denied.retry_after_s) == ("trunk-rate", 2)
        assert isinstance(limits.take_place(one, 2.0), Permit)

    def test_a_call_that_has_no_place_costs_no_token(self) -> None:
        limits, one = TrunkLimits(), trunk(max_calls=1, calls_per_s=1)
        permit = limits.take_place(one, 0.0)
        assert isinstance(permit, Permit)
        for at in (1.0, 2.0, 3.0):
            assert isinstance(limits.take_place(one, at), Denied)
        permit.release()
        assert isinstance(limits.take_place(one, 3.0), Permit)

    def test_trunks_do_not_share_theirs(self) -> None:
        limits = TrunkLimits()
        limits.take_place(trunk(max_calls=1, name="a"), 0.0)
        assert isinstance(limits.take_place(trunk(max_calls=1, name="b"), 0.0), Permit)


class TestOverload:
    SETTINGS = OverloadSettings(video_lag_s=0.1, refuse_lag_s=0.3, video_cpu=0.9, refuse_cpu=0.97, recover_s=3.0)

    def run(self, *samples: tuple[float, float], start: float = 0.0, overload: Overload | None = None) -> Overload:
        overload = overload or Overload(self.SETTINGS)
        for step, sample in enumerate(samples):
            overload.observe(*sample, start + step * 0.2)
        return overload

    def test_idle_costs_nothing(self) -> None:
        assert self.run(*[(0.001, 0.1)] * 50).level is LoadLevel.NONE

    def test_one_long_pause_is_no_load(self) -> None:
        assert self.run(*[(0.0, 0.1)] * 5, (4.0, 1.0), (2.0, 1.0), *[(0.0, 0.1)] * 5).level is LoadLevel.NONE

    @pytest.mark.parametrize(
        ("sample", "level"),
        [
            ((0.09, 0.89), LoadLevel.NONE),
            ((0.11, 0.1), LoadLevel.NO_VIDEO),
            ((0.01, 0.91), LoadLevel.NO_VIDEO),
            ((0.31, 0.1), LoadLevel.REFUSE),
            ((0.01, 0.98), LoadLevel.REFUSE),
        ],
    )
    def test_what_lasts_costs_video_first_and_then_calls(self, sample: tuple[float, float], level: LoadLevel) -> None:
        assert self.run(*[sample] * 5).level is level

    def test_it_rises_at_once(self) -> None:
        overload = self.run(*[(0.0, 0.1)] * 5)
        changes = [overload.observe(0.5, 0.5, 1.0 + step * 0.2) for step in range(5)]
        assert changes == [False, False, True, False, False]  # the third of five makes the median
        assert overload.level is LoadLevel.REFUSE
        assert "500 ms late" in overload.reason

    def test_it_recovers_step_by_step_and_only_well_below_the_thresholds(self) -> None:
        overload = self.run(*[(0.5, 0.5)] * 5)
        self.run(*[(0.2, 0.5)] * 100, start=1.0, overload=overload)
        assert overload.level is LoadLevel.REFUSE  # below 0.3, but not below half of it
        self.run(*[(0.08, 0.5)] * 30, start=21.0, overload=overload)
        assert overload.level is LoadLevel.NO_VIDEO  # below half of 0.3, not below half of 0.1
        self.run(*[(0.01, 0.5)] * 30, start=27.0, overload=overload)
        assert overload.level is LoadLevel.NONE

    def test_a_core_that_is_half_used_is_calm(self) -> None:
        overload = self.run(*[(0.01, 0.99)] * 5)
        self.run(*[(0.01, 0.6)] * 60, start=1.0, overload=overload)
        assert overload.level is LoadLevel.NONE

    def test_a_peak_while_it_recovers_starts_the_time_again(self) -> None:
        overload = self.run(*[(0.5, 0.5)] * 5)
        self.run(*[(0.01, 0.1)] * 12, start=1.0, overload=overload)
        self.run(*[(0.5, 0.5)] * 4, start=3.4, overload=overload)
        self.run(*[(0.01, 0.1)] * 14, start=4.2, overload=overload)
        assert overload.level is LoadLevel.REFUSE

    def test_it_never_leaps_from_refusing_to_nothing(self) -> None:
        rng = random.Random(3)
        overload, before = Overload(self.SETTINGS), LoadLevel.NONE
        for step in range(3000):
            loud = step // 200 % 2
            overload.observe(rng.choice((0.0, 0.15, 0.5)) * loud, 0.1, step * 0.2)
            assert overload.level >= before - 1
            before = overload.level


class TestAdmission:
    def test_overload_goes_before_the_limits_and_tells_when_to_come_back(self) -> None:
        admission = Admission(OverloadSettings(retry_after_s=5), lambda below: below - 1)
        assert isinstance(admission.admit(trunk(), 0.0), Permit)
        assert admission.video_fault() == ""
        for step in range(5):
            admission.overload.observe(1.0, 0.5, step * 0.2)
        denied = admission.admit(trunk(), 1.0)
        assert isinstance(denied, Denied)
        assert (denied.why, denied.retry_after_s) == ("overload", 10)
        assert admission.limits.calls("pbx") == 1
        assert "video is refused under load" in admission.video_fault()

    def test_retry_after_is_left_out_where_it_is_not_known(self) -> None:
        assert retry_after_headers(0) == []
        assert retry_after_headers(3) == [("Retry-After", "3")]
