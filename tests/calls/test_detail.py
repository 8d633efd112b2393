"""The row about an ended call: what is in it, from a call of the world, and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import msgspec
import pytest

from splitter.calls.after.detail import COLUMNS, CallDetail, LegQuality, Stay, detail_of, to_csv
from splitter.calls.states import VideoState
from splitter.calls.view import (
    CallView,
    CarriedView,
    ConsentView,
    CourseView,
    RecordingView,
    SilenceView,
    StayView,
    VideoView,
)
from tests.calls.kit import connected, joined, ringing
from tests.web.kit import CALL, ended
from tests.world import World

COURSE = CourseView(
    1001.0, 1010.0, (StayView("desk-1", "webrtc", "8001", "", 1012.0, 1050.0),), 20.0, 31.5, ("opened",)
)
VOICE = CarriedView("caller", "audio", 990, 980, 10, 0, 0, 2.5, 4.31, 80.0, 20, 4.0, 4.1)
TALKED = replace(
    ended(CALL),
    course=COURSE,
    extension="8001",
    carried=(VOICE, CarriedView("centre", "audio", 980, 990), CarriedView("caller", "video", 900, 900)),
    video=VideoView(VideoState.OFF, "refused", "the caller declined"),
)


def cells(*rows: CallDetail) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(rows))))


class TestARow:
    def test_has_what_is_billed_and_reported(self) -> None:
        row = detail_of(TALKED)
        assert (row.caller, row.called, row.trunk, row.route, row.agent) == ("13800138000", "110", "sbc", "pbx", "8001")
        assert (row.wait_s, row.queue_s, row.voice_s) == (3.0, 7.0, 60.0)
        assert (row.from_caller_video_s, row.to_caller_video_s, row.video) == (20.0, 31.5, "caller only")
        assert (row.consent, row.consent_reason, row.links) == ("refused", "the caller declined", ("opened",))
        assert row.stays == (Stay("desk-1", "webrtc", "8001", 1012.0, 1050.0),)
        assert row.caller_leg == LegQuality(0.01, 2.5, 4.31, 0.0204, 4.0, 4.1, 80.0)
        assert row.centre_leg == LegQuality(0.0)
        assert (row.outcome, row.reason) == ("answered", "the caller hung up")
        assert row.no_voice == "" and row.no_video.startswith("nobody looked")

    def test_takes_silences_off_the_voice_of_their_side(self) -> None:
        silences = (SilenceView("centre", 1010.0, 1020.0, "x"), SilenceView("centre", 1053.0, None, "y"))
        row = detail_of(replace(TALKED, silences=silences))
        assert (row.from_caller_voice_s, row.from_centre_voice_s) == (60.0, 40.0)

    @pytest.mark.parametrize(
        ("status", "outcome"), [(487, "cancelled"), (486, "busy"), (480, "no-answer"), (503, "failed")]
    )
    def test_of_a_call_that_was_not_answered_says_so(self, status: int, outcome: str) -> None:
        row = detail_of(replace(ended(CALL), answered_at=None, end_status=status))
        assert (row.outcome, row.voice_s, row.wait_s, row.video) == (outcome, 0.0, None, "none")

    def test_of_an_older_version_has_less_in_it(self) -> None:
        """Rows of before know no course, silences, or what the other end reported; they are read all the same."""
        old = msgspec.to_builtins(ended(CALL))
        for name in ("course", "silences"):
            del old[name]
        row = detail_of(msgspec.json.decode(msgspec.json.encode(old), type=CallView))
        assert (row.voice_s, row.rang_at, row.video, row.stays) == (60.0, None, "", ())

    def test_is_read_by_a_version_that_knows_less(self) -> None:
        """The way back: what an older program does not know, it passes over."""

        class Older(msgspec.Struct):
            call_id: str
            answered_at: float | None

        assert msgspec.json.decode(msgspec.json.encode(TALKED), type=Older).call_id == TALKED.call_id


class TestCsv:
    def test_has_a_head_and_a_line_each(self) -> None:
        row, other = cells(detail_of(TALKED), detail_of(ended(CALL)))
        assert tuple(row) == COLUMNS
        assert row["started_at"] == "1970-01-01T00:16:40.000+00:00"
        assert row["stays"] == "desk-1 8001 1970-01-01T00:16:52.000+00:00/1970-01-01T00:17:30.000+00:00"
        assert (row["caller_from_mos"], row["caller_to_loss"], row["centre_to_mos"]) == ("4.31", "0.0204", "")
        assert other["rang_at"] == other["stays"] == other["recording"] == ""
        recording = RecordingView(id="rec-1", left_out=("centre", "phone-1"))
        consents = (ConsentView("guest-1", "v2", 1000.0),)
        recorded = detail_of(replace(TALKED, recording=recording, consents=consents, rating=4))
        found = cells(recorded)[0]
        assert [found[name] for name in ("recording", "left_out", "consents", "rating")] == [
            "rec-1",
            "centre; phone-1",
            "guest-1 v2",
            "4",
        ]
        assert other["rating"] == ""

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("=1+1", "'=1+1"),
            ("+8613800138000", "+8613800138000"),
            ("+cmd|x", "'+cmd|x"),
            ("@a", "'@a"),
            ('a,"b"\nc', 'a,"b"\nc'),
        ],
    )
    def test_is_no_formula_for_a_spreadsheet(self, text: str, kept: str) -> None:
        assert cells(detail_of(replace(TALKED, caller=text)))[0]["caller"] == kept


class TestTheCourseOfACall:
    def test_is_followed(self, world: World) -> None:
        caller, _ = connected(world)
        call_id = world.call_of(caller).talk.call_id
        world.run(5)
        seat = joined(world, caller)
        world.run(10)
        seat.bye()
        world.run(5)
        caller.bye()
        world.run(1)
        world.settle()
        row = detail_of(world.views[call_id])
        [stay] = row.stays
        assert stay.kind == "sip" and stay.from_at is not None and stay.to_at is not None
        assert stay.to_at - stay.from_at == pytest.approx(10, abs=1)
        assert row.voice_s == pytest.approx(20.3, abs=1)

    def test_of_one_that_is_given_up_has_its_ringing(self, world: World) -> None:
        caller, _ = ringing(world)
        [call_id] = world.views
        world.run(4)
        caller.cancel()
        world.run(1)
        world.settle()
        row = detail_of(world.views[call_id])
        assert row.outcome == "cancelled" and row.rang_at is not None and row.answered_at is None

    def test_knows_what_became_of_links(self, world: World) -> None:
        caller, _ = connected(world)
        call = world.call_of(caller)
        for state in ("queued", "sent", "opened"):
            call.talk.course.note_link("i-1", state)
        caller.bye()
        world.run(1)
        world.settle()
        assert detail_of(world.views[call.talk.call_id]).links == ("opened",)
