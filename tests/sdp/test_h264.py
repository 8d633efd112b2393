"""Six hex digits of H.264."""

from __future__ import annotations

import pytest

from splitter.sdp.h264 import DEFAULT_PROFILE_LEVEL_ID, family_of, level_of


class TestRfc6184Table5:
    @pytest.mark.parametrize(
        ("digits", "family"),
        [
            ("42c01f", "constrained baseline"),
            ("42e01f", "constrained baseline"),
            ("42e00c", "constrained baseline"),
            ("424015", "constrained baseline"),
            ("42f00b", "constrained baseline"),
            ("4d801f", "constrained baseline"),
            ("58c01f", "constrained baseline"),
            ("42001f", "baseline"),
            ("428014", "baseline"),
            ("58801f", "baseline"),
            ("4d001f", "main"),
            ("58001f", "extended"),
            ("64001f", "high"),
            ("640c1f", "high"),
            ("f4001f", "other"),
            ("", ""),
            ("42e01", ""),
            ("42e01g", ""),
            ("42e01f0", ""),
            ("42e01f\n", ""),
        ],
    )
    def test_family(self, digits: str, family: str) -> None:
        assert family_of(digits) == family


class TestLevels:
    @pytest.mark.parametrize(
        ("digits", "idc", "macroblocks", "rate"),
        [
            ("42c00c", 12, 396, 6000),
            ("42c016", 22, 1620, 20250),
            ("42c01e", 30, 1620, 40500),
            ("42e01f", 31, 3600, 108000),
            ("42e00b", 11, 396, 3000),
            ("42f00b", 9, 99, 1485),  # level 1b by constraint_set3
            ("64100b", 11, 396, 3000),  # the flag means something else in high profile
            ("42e009", 9, 99, 1485),
            ("42e017", 22, 1620, 20250),  # 2.3 does not exist: the next lower
            ("42e000", 10, 99, 1485),
            ("42e0ff", 52, 36864, 2073600),
        ],
    )
    def test_limits(self, digits: str, idc: int, macroblocks: int, rate: int) -> None:
        level = level_of(digits)
        assert (level.idc, level.max_macroblocks, level.max_macroblocks_per_s) == (idc, macroblocks, rate)

    def test_absent_means_baseline_level_1(self) -> None:
        assert family_of(DEFAULT_PROFILE_LEVEL_ID) == "baseline"
        assert level_of(DEFAULT_PROFILE_LEVEL_ID).idc == 10
