"""What the media of a call have carried, as operators see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.carried import by_voice, summed, with_skew
from splitter.calls.view import CarriedView
from splitter.media.ports.ends import StreamCount
from splitter.media.ports.voice import RelayReport

VOICE = StreamCount(packets_in=990, packets_out=1000, lost=10, jitter_ms=4.0, transit_s=7.03, cname="phone")
PICTURE = StreamCount(packets_in=900, jitter_ms=9.0, transit_s=7.15, cname="phone")
SIDES = (("caller", 0, "PCMA"), ("centre", 1, "PCMA"))


class TestBothEnds:
    def test_what_went_is_judged_by_what_the_other_end_says(self) -> None:
        told = replace(VOICE, round_trip_ms=80.0, lost_there=200, jitter_there_ms=30.0)
        caller, centre = by_voice(RelayReport("r", (told, VOICE)), SIDES)
        assert caller.mos > 4.2 > 3.0 > caller.mos_there > 1.0
        assert (caller.round_trip_ms, caller.lost_there) == (80.0, 200)
        assert (centre.mos_there, centre.lost_there, centre.round_trip_ms) == (0.0, -1, -1.0)

    def test_the_way_of_a_voice_is_both_legs(self) -> None:
        """One way from end to end: half of both round trips. 300 ms of it are felt, 60 are not."""
        near = replace(VOICE, round_trip_ms=60.0, lost_there=0, jitter_there_ms=1.0)
        far = replace(near, round_trip_ms=540.0)
        [alone, _], [beside, _] = (by_voice(RelayReport("r", pair), SIDES) for pair in ((near, near), (near, far)))
        assert beside.mos_there < alone.mos_there - 0.1

    def test_of_a_leg_that_moved_is_summed(self) -> None:
        first = CarriedView("caller", "audio", lost_there=3, round_trip_ms=50.0)
        assert summed([first, CarriedView("caller", "audio")])[0].lost_there == 3
        assert summed([first, CarriedView("caller", "audio", lost_there=4)])[0].lost_there == 7
        assert summed([first, CarriedView("caller", "audio")])[0].round_trip_ms == 50.0


class TestSkew:
    PARTS = (CarriedView("caller", "audio"), CarriedView("caller", "video"), CarriedView("desk-1", "video"))

    def test_is_of_the_callers_picture(self) -> None:
        voice, picture, desk = with_skew(self.PARTS, VOICE, PICTURE)
        assert (picture.skew_ms, picture.skew_uncertainty_ms) == (120.0, 33.0)
        assert voice.skew_ms is None and desk.skew_ms is None

    @pytest.mark.parametrize(
        ("voice", "picture"),
        [
            (None, PICTURE),
            (VOICE, None),
            (VOICE, replace(PICTURE, cname="other")),
            (replace(VOICE, transit_s=None), PICTURE),
            (VOICE, replace(PICTURE, transit_s=-4000.0)),
        ],
    )
    def test_is_unknown_where_the_reports_do_not_say(
        self, voice: StreamCount | None, picture: StreamCount | None
    ) -> None:
        assert with_skew(self.PARTS, voice, picture) == self.PARTS
