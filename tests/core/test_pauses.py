"""Pauses: those that double, and those that peers ask for."""

from __future__ import annotations

import pytest

from splitter.core.pauses import doubled_s, retry_after_s


class TestDoubled:
    def test_doubles_up_to_the_most(self) -> None:
        assert [doubled_s(1.0, 10.0, tries) for tries in range(6)] == [1, 2, 4, 8, 10, 10]

    def test_however_long_it_goes_on(self) -> None:
        assert doubled_s(0.1, 1.0, 1_000_000) == 1.0

    def test_chance_takes_off_up_to_half(self) -> None:
        assert doubled_s(1.0, 10.0, 2, 1.0) == 2.0
        assert doubled_s(1.0, 10.0, 2, 0.5) == 3.0

    def test_a_first_pause_longer_than_the_most(self) -> None:
        assert doubled_s(300.0, 60.0, 0) == 60.0


class TestRetryAfter:
    """RFC 3261 §20.33, RFC 9110 §10.2.3."""

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("120", 120.0),
            (" 120 ", 120.0),
            ("18000;duration=3600", 18000.0),
            ("120 (I'm in a meeting)", 120.0),
            ("0", 0.0),
            ("", None),
            (None, None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("²", None),
            ("Tue, 01 Jan 2030 00:00:00 GMT", None),
        ],
    )
    def test_in_all_its_forms(self, value: str | None, seconds: float | None) -> None:
        assert retry_after_s(value) == seconds

    @pytest.mark.parametrize("value", ["86400", "4294967295", "9" * 400])
    def test_more_than_the_caller_waits_is_the_most(self, value: str) -> None:
        assert retry_after_s(value, 300.0) == 300.0

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),  # over
            ("Thu, 01 Jan 2970 00:00:00 GMT", 300.0),
            ("7", 7.0),
            ("Tue, 99 Foo 2024", None),
            ("Tue, 01 Jan 9999 00:00:00 -2359", 300.0),
            ("Tue, 01 Jan 2000 00:00:00 -9999999", None),
            ("", None),
        ],
    )
    def test_as_a_date_where_there_is_a_clock(self, value: str, seconds: float | None) -> None:
        assert retry_after_s(value, 300.0, wall=100.0) == seconds
