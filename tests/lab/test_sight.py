"""What a receiver saw: scenes in order, counters that rise or do not."""

import numpy as np
import pytest

from splitter.lab.picture import draw, luma_of
from splitter.lab.sight import BLACK, FLAT, STILL, Sight, moved

STILL_LUMA = np.tile(np.repeat(np.array([40, 200], dtype=np.uint8), 20), (240, 8))


def _seen(sender: int, counter: int, clock_ms: int = 0) -> np.ndarray:
    return luma_of(draw(sender, counter, clock_ms))


class TestScenes:
    def test_slate_then_seat_then_slate(self) -> None:
        sight = Sight()
        frames = [STILL_LUMA] * 3 + [_seen(7, n) for n in range(5)] + [STILL_LUMA] * 2
        for number, luma in enumerate(frames):
            sight.frame(luma, number * 0.1)
        assert [(s.what, s.frames) for s in sight.scenes] == [(STILL, 3), ("sender 7", 5), (STILL, 2)]
        assert sight.now_showing == STILL
        assert sight.in_words() == "still 0.2 s, sender 7 0.4 s, still 0.1 s"
        assert sight.still is not None

    def test_black_and_flat_are_not_stills(self) -> None:
        sight = Sight()
        sight.frame(np.full((240, 320), 16, dtype=np.uint8), 0)
        sight.frame(np.full((240, 320), 128, dtype=np.uint8), 1)
        assert [s.what for s in sight.scenes] == [BLACK, FLAT]
        assert (sight.black, sight.stills) == (1, 0)

    def test_nothing(self) -> None:
        assert Sight().now_showing == "nothing"
        assert Sight().in_words() == "nothing"


class TestCounters:
    def test_rising_skipped_repeated_backward(self) -> None:
        sight = Sight()
        for counter in (10, 11, 12, 15, 15, 14, 16):
            sight.frame(_seen(7, counter), counter)
        seen = sight.senders[7]
        assert (seen.frames, seen.rising, seen.skipped, seen.repeated, seen.backward) == (7, 4, 3, 1, 1)
        assert (seen.first, seen.last) == (10, 16)
        assert sight.rising(7) == 4
        assert sight.rising(8) == 0

    def test_rotated_frames_are_counted(self) -> None:
        sight = Sight()
        sight.frame(np.rot90(_seen(7, 1)), 0)
        sight.frame(_seen(7, 2), 1)
        assert sight.senders[7].rotated == 1

    def test_gap_and_delay(self) -> None:
        sight = Sight()
        for now, drawn, clock in ((0.0, 100, 140), (0.1, 200, 210), (2.1, 300, 395)):
            sight.frame(_seen(7, drawn, drawn), now, clock)
        assert sight.longest_gap_s == pytest.approx(2.0)
        assert sight.worst_delay_ms == 95


class TestMoved:
    def test_frozen_and_moving(self) -> None:
        assert moved(_seen(7, 1), _seen(7, 1000))
        assert not moved(STILL_LUMA, STILL_LUMA.copy())
        assert moved(STILL_LUMA, STILL_LUMA[:200])
