"""Buckets: how often something may happen, alone and by key."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.limits import Bucket, KeyedBuckets


class TestBucket:
    def test_a_seconds_worth_at_once_then_at_its_rate(self) -> None:
        bucket = Bucket.per_second(4)
        assert [bucket.permit(0.0) for _ in range(5)] == [True] * 4 + [False]
        assert bucket.wait_s(0.0) == pytest.approx(0.25)
        assert [bucket.permit(at) for at in (0.2, 0.25, 0.26, 0.5)] == [False, True, False, True]

    def test_less_than_one_a_second_still_lets_the_first_through(self) -> None:
        bucket = Bucket.per_second(0.1)
        assert [bucket.permit(at) for at in (0.0, 5.0, 10.0, 11.0)] == [True, False, True, False]

    @pytest.mark.parametrize("token_s", [1 / 49, 0.1, 3.0, 49.0, 60.0])
    def test_a_token_is_back_when_its_time_is_over_and_not_a_rounding_later(self, token_s: float) -> None:
        bucket = Bucket.full(1, token_s)
        assert bucket.permit(0.0)
        assert not bucket.permit(token_s * 0.999)
        bucket = Bucket.full(1, token_s)
        assert bucket.permit(0.0) and bucket.permit(token_s)

    @given(st.floats(0.1, 50), st.lists(st.floats(0, 2), max_size=60))
    def test_never_more_than_the_rate_and_a_seconds_worth(self, rate: float, gaps: list[float]) -> None:
        bucket, now, taken = Bucket.per_second(rate), 0.0, 0
        for gap in gaps:
            now += gap
            taken += bucket.permit(now)
        assert taken <= max(1.0, rate) + rate * now + 1e-6

    def test_what_was_spent_beyond_it_is_waited_for(self) -> None:
        bucket = Bucket.full(3, 10.0)
        for _ in range(5):
            bucket.spend(0.0)
        assert bucket.wait_s(0.0) == 30.0
        assert not bucket.permit(29.0)
        assert bucket.permit(30.1)

    def test_a_clock_that_steps_back_gives_nothing(self) -> None:
        bucket = Bucket.full(1, 1.0, 100.0)
        assert bucket.permit(100.0)
        assert not bucket.permit(50.0)

    def test_is_plain_data(self) -> None:
        bucket = Bucket.full(8, 2.0, 5.0)
        bucket.spend(6.0)
        assert msgspec.json.decode(msgspec.json.encode(bucket), type=Bucket) == bucket


class TestKeyedBuckets:
    def test_keys_do_not_take_from_each_other(self) -> None:
        buckets = KeyedBuckets(1, 1.0)
        assert all(buckets.permit(f"10.0.0.{i}", 0.0) for i in range(100))
        assert not buckets.permit("10.0.0.7", 0.0)

    def test_so_many_a_second_and_as_many_at_once(self) -> None:
        buckets = KeyedBuckets(10, 0.1)
        assert [buckets.permit("a", 0.0) for _ in range(12)] == [True] * 10 + [False] * 2
        assert [buckets.permit("a", 0.5) for _ in range(6)] == [True] * 5 + [False]
        assert sum(buckets.permit("a", 1.0 + i / 100) for i in range(1000)) == pytest.approx(100, abs=8)

    def test_at_the_limit_one_waits_until_something_has_faded(self) -> None:
        failures = KeyedBuckets(3, 10.0)
        for _ in range(3):
            assert failures.wait_s("a", 0.0) == 0
            failures.spend("a", 0.0)
        assert failures.wait_s("a", 0.0) == 10.0
        assert failures.wait_s("a", 4.0) == pytest.approx(6.0)
        assert failures.wait_s("a", 10.0) == 0
        assert failures.wait_s("b", 0.0) == 0, "others need not wait"

    def test_a_refill_forgives(self) -> None:
        failures = KeyedBuckets(1, 10.0)
        failures.spend("a", 0.0)
        failures.refill("a")
        failures.refill("nobody")
        assert failures.wait_s("a", 0.0) == 0

    def test_strangers_do_not_fill_the_memory(self) -> None:
        failures = KeyedBuckets(1, 10.0, most=100)
        for number in range(1000):
            failures.spend(str(number), 0.0)
            failures.wait_s(f"asked {number}", 0.0)
        assert len(failures) == 100
        assert failures.wait_s("999", 0.0) > 0
        assert failures.wait_s("0", 0.0) == 0

    def test_whoever_comes_again_is_remembered(self) -> None:
        buckets = KeyedBuckets(1, 10.0, most=2)
        buckets.permit("a", 0.0)
        buckets.permit("b", 0.0)
        buckets.permit("a", 1.0)
        buckets.permit("c", 1.0)
        assert not buckets.permit("a", 1.0)

    @given(st.lists(st.floats(0, 100), max_size=60))
    def test_over_time_no_more_fail_than_fade(self, gaps: list[float]) -> None:
        failures, now, seen = KeyedBuckets(3, 10.0), 0.0, 0
        for gap in gaps:
            now += gap
            if failures.wait_s("a", now) == 0:
                failures.spend("a", now)
                seen += 1
        assert seen <= 3 + now / 10.0 + 1e-6
