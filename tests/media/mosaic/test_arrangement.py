"""Where pictures of a mosaic stand, how large it is, and when it is too late: the rules, one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.media.mosaic.grid import Cell, cells, within
from splitter.media.mosaic.names import drawn
from splitter.media.mosaic.pace import Pace
from splitter.media.mosaic.size import size_of
from splitter.media.ports.mosaics import MosaicPlan
from splitter.sdp.video import VideoFormat

PHONE = VideoFormat(99, 1, "42e01f", 31, 3600, 108_000, bitrate_kbps=960)


class TestCells:
    @pytest.mark.parametrize(
        ("count", "width", "height", "expected"),
        [
            (2, 480, 640, ((0, 0), (0, 320))),
            (2, 640, 480, ((0, 0), (0, 240))),
            (3, 480, 640, ((0, 0), (0, 212), (0, 424))),
            (3, 640, 480, ((0, 0), (320, 0), (160, 240))),
            (4, 480, 640, ((0, 0), (240, 0), (0, 320), (240, 320))),
            (4, 176, 144, ((0, 0), (88, 0), (0, 72), (88, 72))),
        ],
    )
    def test_leave_most_room_to_cameras(
        self, count: int, width: int, height: int, expected: tuple[tuple[int, int], ...]
    ) -> None:
        assert tuple((one.x, one.y) for one in cells(count, width, height)) == expected

    @pytest.mark.parametrize(("width", "height"), [(640, 480), (1920, 1080), (480, 640), (16, 2000), (1919, 3)])
    def test_hold_a_whole_picture_in_their_middle(self, width: int, height: int) -> None:
        cell = Cell(10, 20, 240, 320)
        at = within(cell, width, height)
        assert at.x >= 10 and at.y >= 20 and at.x + at.width <= 250 and at.y + at.height <= 340
        assert not any(value % 2 for value in at) and min(at.width, at.height) >= 2


class TestSize:
    def test_is_what_a_phone_can_take(self) -> None:
        one = size_of(MosaicPlan((), (PHONE,)))
        assert (one.width, one.height, one.frame_rate, one.bitrate_kbps) == (480, 640, 15, 960)
        assert size_of(MosaicPlan((), (PHONE,), upright=False)).width == 640

    def test_keeps_to_a_level_and_a_bit_rate(self) -> None:
        small = replace(
            PHONE, profile_level_id="42e00b", max_macroblocks=396, max_macroblocks_per_s=3000, bitrate_kbps=128
        )
        one = size_of(MosaicPlan((), (PHONE, small)))
        assert one.width * one.height <= 396 * 256 and one.frame_rate <= 3000 // 396 and one.bitrate_kbps == 128
        asked = size_of(MosaicPlan((), (replace(PHONE, size=(320, 240)),)))
        assert (asked.width, asked.height) == (320, 240)


class TestPace:
    def test_a_picture_that_comes_a_little_late_is_none_too_late(self) -> None:
        pace, now = Pace(15, 0.0), 0.0
        for _ in range(200):
            pace.begin(now + 0.03)
            now = pace.due
        assert not pace.late and abs(pace.due - 200 / 15) < 0.001

    def test_every_second_picture_left_out_is_borne_and_two_of_three_are_not(self) -> None:
        for missed, late in ((1, False), (2, True)):
            pace = Pace(15, 0.0)
            for _ in range(100):
                pace.begin(pace.due + missed / 15 + 0.001)
            assert pace.late is late

    def test_a_short_stop_is_borne(self) -> None:
        pace = Pace(15, 0.0)
        pace.begin(1.0)
        for _ in range(60):
            pace.begin(pace.due)
        assert not pace.late


class TestNames:
    @pytest.mark.parametrize("name", ["8001", "a\nb", "x" * 500, "\u202eevil", "e\u0301"])
    def test_fit_in_their_cell(self, name: str) -> None:
        plane = drawn(name, "desk-1", 240, 160)
        assert plane is not None and plane.shape[0] <= 160 and plane.shape[1] <= 240
        assert plane.max() > 200 and not plane.shape[0] % 2 and not plane.shape[1] % 2

    def test_what_no_font_has_is_replaced(self) -> None:
        assert drawn("\ue123\ufffe", "desk-1", 240, 160) is not None
        assert drawn("", "desk-1", 240, 160) is None
        assert drawn("8001", "desk-1", 6, 6) is None
