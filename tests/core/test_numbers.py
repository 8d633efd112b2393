"""Telephone numbers in all spellings: the same one is found, another one never."""

from __future__ import annotations

import pytest

from splitter.core.numbers import WantedNumber

MOBILE = ("+8613800138000", "008613800138000", "013800138000", "13800138000", "8613800138000")


def same(one: str, other: str) -> bool:
    """As it must be whichever of the two was typed."""
    there, back = WantedNumber(one).names(other), WantedNumber(other).names(one)
    assert there == back
    return there


class TestTheSame:
    @pytest.mark.parametrize("one", MOBILE)
    @pytest.mark.parametrize("other", MOBILE)
    def test_however_the_network_writes_it(self, one: str, other: str) -> None:
        assert same(one, other)

    @pytest.mark.parametrize(
        "typed",
        [
            *(
                "+86 138-0013-8000",
                "0086 (138) 0013.8000",
                " 138 0013 8000 ",
                "138–0013–8000",
                "138\u30000013\u30008000",
            ),
            *(
                "１３８００１３８０００",
                "＋86 138 0013 8000",
                "\u202d138 0013 8000\u202c",
                "138\t00138000",
                "138\u00a000138000",
            ),
            *("00138000", "0138000"),
        ],
    )
    def test_however_it_is_typed_or_pasted(self, typed: str) -> None:
        assert same(typed, "13800138000") and same(typed, "+8613800138000")

    @pytest.mark.parametrize(
        ("typed", "number"),
        [
            ("62345678", "+861062345678"),
            ("010-6234 5678", "+861062345678"),
            ("+44 (0)20 7946 0018", "02079460018"),
            ("06 1234 5678", "+390612345678"),
            ("110", "+110"),
            ("80-01", "8001"),
            ("anna", "anna"),
        ],
    )
    def test_of_many_countries(self, typed: str, number: str) -> None:
        assert same(typed, number)


class TestAnother:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("+861062345678", "+862162345678"),  # Beijing and Shanghai: the last eight digits are the same
            ("010 62345678", "021 62345678"),
            ("+13800138000", "+8613800138000"),  # both are whole
            ("13800138000", "13800138001"),
            ("138000", "13800138000"),  # too short to be the end of another
            ("110", "0110"),
            ("0110", "13800000110"),
            ("8001", "8002"),
            ("", "13800138000"),
            ("", ""),
            ("+", "13800138000"),
            ("0000000", "13800138000"),
            ("anna", "bert"),
            ("*31#13800138000", "13800138000"),
            ("13800138000" * 3, "13800138000"),
            ("1" * 10_000 + "13800138000", "13800138000"),
            ("١٣٨٠٠١٣٨٠٠٠", "13800138001"),
        ],
    )
    def test_number(self, one: str, other: str) -> None:
        assert not same(one, other)

    def test_ending_of_what_may_be_written_longer(self) -> None:
        assert WantedNumber("+86 138-0013-8000").ending == "0138000"
        assert WantedNumber("110").ending == WantedNumber("anna").ending == ""
