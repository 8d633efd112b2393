"""What a viewer's level and bit rate allow: larger pictures are kept from it, sources are told the least of all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.media.ports.events import SourceShown, SourceUnfit
from splitter.rtp.feedback import BitrateLimit, Tmmbr
from tests.media.room.kit import SLATE_LUMA, Camera, Peer, Stage, about

CIF: dict[str, Any] = {"max_macroblocks": 396, "bitrate_kbps": 384, "profile_level_id": "42e00c", "level_idc": 12}


def sizes(peer: Peer) -> list[tuple[int, int]]:
    """Sizes of the pictures other than the slate, runs as one."""
    found: list[tuple[int, int]] = []
    for luma, size in peer.decoded():
        if not about(luma, SLATE_LUMA) and (not found or found[-1] != size):
            found.append(size)
    return found


class TestAPictureThatIsTooLarge:
    """H.264 table A-1, MaxFS."""

    @pytest.mark.parametrize("mode", [0, 1])
    def test_the_slate_stays_until_it_fits(self, mode: int) -> None:
        stage = Stage()
        caller = stage.join("caller", packetization_mode=mode, **CIF)
        seat = stage.join("seat-1", Camera(200, (640, 480)))
        seat.show(30)
        assert {one.source for one in stage.of(SourceShown) if one.viewer == "caller"} == {"slate"}
        (unfit,) = stage.of(SourceUnfit)
        assert (unfit.viewer, unfit.source) == ("caller", "seat-1")
        assert "640x480" in unfit.reason and "1200 macroblocks" in unfit.reason and "396" in unfit.reason
        assert stage.room.report().participants[0].unfit == unfit.reason
        seat.camera = Camera(200, (320, 240))
        seat.show(10)
        assert about(caller.pictures()[-1], 200)
        assert sizes(caller) == [(320, 240)]
        assert stage.room.report().participants[0].unfit == ""

    def test_the_old_picture_stays(self) -> None:
        stage = Stage()
        caller = stage.join("caller", **CIF)
        first, second = stage.join("seat-1", Camera(120)), stage.join("seat-2", Camera(200, (640, 480)))
        stage.room.show("caller", "seat-1")
        first.show(5)
        second.show(5)
        stage.room.show("caller", "seat-2")
        for _ in range(60):
            first.show(1)
            for data in second.packets():
                second.deliver(data)
        assert about(caller.pictures()[-1], 120)
        assert len(stage.of(SourceUnfit)) == 1
        second.camera = Camera(200, (320, 240))
        for _ in range(5):
            first.show(1)
            second.show(1)
        assert about(caller.pictures()[-1], 200)

    def test_one_that_grows_gives_way_to_the_slate_and_comes_back(self) -> None:
        """A seat shares its desktop, then stops."""
        stage = Stage()
        caller, seat = stage.join("caller"), stage.join("seat-1", Camera(200))
        seat.show(8)
        seat.camera = Camera(160, (1920, 1088))
        seat.show(6)
        assert about(caller.pictures()[-1], SLATE_LUMA)
        assert len(stage.of(SourceUnfit)) == 1
        seat.camera = Camera(200)
        seat.show(8)
        shown = [(one.source, one.reason) for one in stage.of(SourceShown) if one.viewer == "caller"]
        assert [source for source, _ in shown] == ["slate", "seat-1", "slate", "seat-1"]
        assert "too large" in shown[2][1] and "fits again" in shown[3][1]
        assert sizes(caller) == [(320, 240)]
        assert about(caller.pictures()[-1], 200)

    def test_each_size_is_told_once(self) -> None:
        stage = Stage()
        stage.join("caller", **CIF)
        seat = stage.join("seat-1", Camera(200, (640, 480)))
        seat.show(10)
        seat.camera.key_frame()
        seat.show(10)
        seat.camera = Camera(200, (1280, 720))
        seat.show(10)
        assert ["640x480" in one.reason for one in stage.of(SourceUnfit)] == [True, False]

    def test_whoever_can_take_it_is_shown_it(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90, (1280, 720)))
        able, weak = stage.join("seat-1"), stage.join("seat-2", **CIF)
        caller.show(10)
        assert sizes(able) == [(1280, 720)]
        assert sizes(weak) == []
        assert [one.viewer for one in stage.of(SourceUnfit)] == ["seat-2"]

    def test_a_higher_level_negotiated_later_lets_it_in(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", **CIF), stage.join("seat-1", Camera(200, (640, 480)))
        seat.show(10)
        more = replace(caller.media.send_format, max_macroblocks=1620, profile_level_id="42e01e", level_idc=30)
        stage.room.set_participant("caller", replace(caller.media, send_format=more))
        seat.show(10)
        assert about(caller.pictures()[-1], 200)

    def test_a_size_that_only_sdp_tells(self) -> None:
        camera = Camera(200, (640, 480), in_band=False)
        stage = Stage()
        stage.join("caller", **CIF)
        seat = stage.join("seat-1", camera, parameter_sets=camera.parameter_sets)
        seat.show(5)
        assert len(stage.of(SourceUnfit)) == 1


class TestWhatSourcesAreTold:
    """RFC 5104 §4.2, and REMB: the least of those who watch."""

    def limits(self, stage: Stage) -> dict[str, int | None]:
        return {one.name: stage.room.participant(one.name).limit_kbps for one in stage.room.report().participants}

    def test_sdp_bounds(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90), bitrate_kbps=400)
        seat = stage.join("seat-1", Camera(200), bitrate_kbps=2000)
        caller.show(2)
        seat.show(2)
        assert self.limits(stage) == {"caller": 2000, "seat-1": 400}

    def test_the_level_bounds_too(self) -> None:
        stage = Stage()
        stage.join("caller", **{**CIF, "bitrate_kbps": 960})
        seat = stage.join("seat-1", Camera(200))
        seat.show(2)
        assert self.limits(stage)["seat-1"] == 384

    def test_the_least_of_several_viewers(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        stage.join("seat-1", bitrate_kbps=900)
        stage.join("seat-2", bitrate_kbps=500)
        caller.show(2)
        assert self.limits(stage)["caller"] == 500
        stage.room.leave("seat-2")
        assert self.limits(stage)["caller"] == 900

    def test_what_a_viewer_tells_later(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller"), stage.join("seat-1", Camera(200))
        seat.show(2)
        ours = caller.got()[0].ssrc
        for told, holds in ((250_000, 250), (5_000_000, 960), (1000, 32)):
            caller.feed(Tmmbr(caller.ssrc, (BitrateLimit(ours, told),)))
            seat.show(30)
            assert self.limits(stage)["seat-1"] == holds

    def test_a_seat_behind_a_picture_is_still_bound_by_the_caller(self) -> None:
        stage = Stage()
        stage.join("caller", bitrate_kbps=400)
        seat = stage.join("seat-1", Camera(200))
        seat.show(2)
        stage.room.show("caller", "slate")
        seat.show(2)
        assert self.limits(stage)["seat-1"] == 400


class TestReport:
    def test_says_what_is_sent(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90, (320, 240)))
        stage.join("seat-1")
        caller.show(90)
        report = stage.room.report().participants[0]
        assert (report.width, report.height) == (320, 240)
        assert 13 < report.frame_rate < 17
        stage.loop.advance(10)
        assert stage.room.report().participants[0].frame_rate == 0.0
