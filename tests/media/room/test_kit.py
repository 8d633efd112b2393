"""The judge is judged: what decodes here must be able to fail."""

from __future__ import annotations

import av.error
import pytest

from tests.media.room.kit import Camera, Stage


class TestDecoding:
    def test_a_missing_packet_is_noticed(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(10)
        got = seat.got()
        assert len(seat.pictures(got)) == len(seat.pictures())
        for missing in (4, len(got) - 3):
            with pytest.raises(AssertionError, match="missing"):
                seat.pictures(got[:missing] + got[missing + 1 :])

    def test_a_missing_slice_is_noticed(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90, slices=500)), stage.join("seat-1")
        caller.show(10)
        got = seat.got()
        gone = len(got) - 3
        closed_up = [*got[:gone], *(one._replace(sequence=one.sequence - 1) for one in got[gone + 1 :])]
        with pytest.raises((AssertionError, av.error.FFmpegError)):
            seat.pictures(closed_up)

    def test_missing_parameter_sets_are_noticed(self) -> None:
        stage = Stage()
        camera = Camera(90, in_band=False)
        caller, seat = stage.join("caller", camera, parameter_sets=camera.parameter_sets), stage.join("seat-1")
        caller.show(3)
        got = [one for one in seat.got() if one.payload[0] & 0x1F not in (7, 8)]
        closed_up = [one._replace(sequence=index) for index, one in enumerate(got)]
        with pytest.raises((AssertionError, av.error.FFmpegError)):
            seat.pictures(closed_up)
