"""Who is shown what: real H.264 goes in, what comes out is decoded."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from splitter.core.errors import LocalError
from splitter.media.ports.events import MediaStarted, PictureStopped, SourceShown
from splitter.rtp import h264
from tests.media.room.kit import SLATE_LUMA, Camera, Stage, about


def steady(numbers: list[int]) -> bool:
    """Every number follows the one before it."""
    return all(later - earlier == 1 for earlier, later in pairwise(numbers))


class TestSlateFirst:
    def test_the_caller_sees_the_slate_at_once_and_keeps_seeing_it(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        assert caller.got(), "the first picture must not wait for a timer"
        stage.loop.advance(4.0)
        pictures = caller.pictures()
        assert 18 <= len(pictures) <= 24
        assert all(about(luma, SLATE_LUMA) for luma in pictures)
        assert steady(caller.numbers())

    def test_its_first_key_frame_is_repeated_soon(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        stage.loop.advance(0.5)
        assert [one.payload[0] & 0x1F for one in caller.got()].count(h264.SPS) == 2

    def test_slate_timestamps_follow_the_clock(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        stage.loop.advance(10.0)
        got = caller.pair.rtp
        first, last = caller.got()[0], caller.got()[-1]
        elapsed = got[-1][2] - got[0][2]
        assert abs(((last.timestamp - first.timestamp) & 0xFFFF_FFFF) - elapsed * 90_000) < 900

    def test_payload_type_and_destination_are_the_peers(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        assert {one.payload_type for one in caller.got()} == {caller.media.send_format.payload_type}
        assert {to for _, to, _ in caller.pair.rtp} == {caller.rtp}


class TestDefaultSources:
    def test_seat_sees_caller_and_caller_sees_seat(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        caller.show(5)
        seat = stage.join("seat-1", Camera(200))
        for _ in range(20):
            caller.show(1)
            seat.show(1)
        at_caller, at_seat = caller.pictures(), seat.pictures()
        assert about(at_caller[0], SLATE_LUMA) and about(at_caller[-1], 200)
        assert about(at_seat[0], SLATE_LUMA) and about(at_seat[-1], 90)
        assert steady(caller.numbers()) and steady(seat.numbers())
        shown = [(event.viewer, event.source) for event in stage.of(SourceShown)]
        assert shown == [("caller", "slate"), ("seat-1", "slate"), ("caller", "seat-1"), ("seat-1", "caller")]
        assert [event.end for event in stage.of(MediaStarted)] == ["caller", "seat-1"]

    def test_the_newest_seat_that_sends_is_shown_to_the_caller(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        first = stage.join("seat-1", Camera(120))
        first.show(5)
        second = stage.join("seat-2", Camera(200))
        first.show(5)
        assert about(caller.pictures()[-1], 120), "a seat that sends nothing is not shown"
        second.show(5)
        assert about(caller.pictures()[-1], 200)

    def test_who_is_aside_is_shown_by_choice_alone(self) -> None:
        stage = Stage()
        caller, owner = stage.join("caller"), stage.join("seat-1", Camera(120))
        owner.show(5)
        other = stage.join("seat-2", Camera(200), answered=False)
        stage.room.set_participant("seat-2", replace(other.media, aside=True))
        for _ in range(5):
            owner.show(1)
            other.show(1)
        assert about(caller.pictures()[-1], 120)
        stage.room.show("caller", "seat-2")
        other.show(5)
        assert about(caller.pictures()[-1], 200)
        stage.room.show("caller", "")
        owner.show(5)
        assert about(caller.pictures()[-1], 120)
        stage.room.set_participant("seat-2", other.media)
        other.show(5)
        assert about(caller.pictures()[-1], 200), "it has the call now"

    def test_who_leaves_is_replaced_by_the_slate_at_once(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        seat = stage.join("seat-1", Camera(200))
        seat.show(5)
        before = len(caller.got())
        report = stage.room.leave("seat-1")
        assert report is not None and report.stream.packets_in > 5 and report.key_frames_in == 1
        assert len(caller.got()) > before
        stage.loop.advance(1.0)
        assert about(caller.pictures()[-1], SLATE_LUMA)
        assert steady(caller.numbers())
        assert stage.events[-1] == SourceShown("c1", "caller", "slate", "seat-1 left")

    def test_when_the_newest_leaves_the_earlier_one_comes_back(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        first, second = stage.join("seat-1", Camera(120)), stage.join("seat-2", Camera(200))
        for _ in range(3):
            first.show(1)
            second.show(1)
        stage.room.leave("seat-2")
        first.show(10)
        assert about(caller.pictures()[-1], 120)

    def test_silence_brings_the_slate_and_a_notice(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        seat = stage.join("seat-1")
        caller.show(5)
        stage.loop.advance(8.0)
        assert [(event.participant, event.reason) for event in stage.of(PictureStopped)] == [
            ("caller", "no packet for 3 s")
        ]
        assert about(seat.pictures()[-1], SLATE_LUMA)
        caller.show(20)
        assert about(seat.pictures()[-1], 90)
        assert [event.end for event in stage.of(MediaStarted)] == ["caller", "caller"]


class TestGuests:
    """The caller's own browser, beside a phone that has no video or drops it."""

    def test_a_seat_sees_the_guest_while_the_phone_sends_nothing(self) -> None:
        stage = Stage()
        guest = stage.join("guest-1", Camera(90))
        seat = stage.join("seat-1", Camera(200))
        for _ in range(10):
            guest.show(1)
            seat.show(1)
        assert about(seat.pictures()[-1], 90)
        assert about(guest.pictures()[-1], 200), "and the guest sees the seat"
        caller = stage.join("caller", Camera(150))
        for _ in range(10):
            for one in (caller, guest, seat):
                one.show(1)
        assert about(seat.pictures()[-1], 150), "the phone goes before the browser"
        assert about(caller.pictures()[-1], 200), "and is never shown its own browser"

    def test_two_guests_are_not_shown_each_other(self) -> None:
        stage = Stage()
        first, second = stage.join("guest-1", Camera(90)), stage.join("guest-2", Camera(200))
        for _ in range(10):
            first.show(1)
            second.show(1)
        assert all(about(luma, SLATE_LUMA) for luma in (*first.pictures(), *second.pictures()))


class TestShow:
    def test_the_old_source_stays_until_the_key_frame_of_the_new_one(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        first, second = stage.join("seat-1", Camera(120)), stage.join("seat-2", Camera(200))
        stage.room.show("caller", "seat-1")
        first.show(3)
        second.show(3)
        assert about(caller.pictures()[-1], 120)
        stage.room.show("caller", "seat-2")
        for _ in range(6):  # its camera does not hear the request yet
            first.show(1)
            for data in second.packets():
                second.deliver(data)
        assert about(caller.pictures()[-1], 120)
        second.show(3)
        pictures = caller.pictures()
        assert about(pictures[-1], 200)
        assert not any(
            about(luma, SLATE_LUMA) for luma in pictures[pictures.index(next(p for p in pictures if about(p, 120))) :]
        )

    @pytest.mark.parametrize("mode", [0, 1])
    @pytest.mark.parametrize("lost_marker", [False, True])
    def test_a_picture_under_way_ends_first(self, mode: int, lost_marker: bool) -> None:
        stage = Stage()
        caller = stage.join("caller", packetization_mode=mode)
        first, second = stage.join("seat-1", Camera(120, slices=400)), stage.join("seat-2", Camera(200))
        first.limit = second.limit = 420
        stage.room.show("caller", "seat-1")
        first.show(3)
        second.show(3)
        stage.room.show("caller", "seat-2")
        second.camera.key_frame()
        pictures = len(caller.pictures())
        under_way, key_frame = first.packets(), second.packets()
        assert len(under_way) > 5 and len(key_frame) > 5
        for index in range(max(len(under_way), len(key_frame))):
            if index < len(key_frame):
                second.deliver(key_frame[index])
            if index < len(under_way) - lost_marker:
                first.deliver(under_way[index])
        second.show(5)
        if lost_marker:
            assert stage.events[-1] == SourceShown("c1", "caller", "seat-2", "asked for")
            return  # the one picture that lost its end cannot be whole
        seen = caller.pictures()[pictures:]
        assert [round(luma / 40) for luma in seen] == [3] + [5] * 6
        assert steady(caller.numbers())

    def test_without_a_key_frame_the_slate_comes_after_two_seconds(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        first, second = stage.join("seat-1", Camera(120)), stage.join("seat-2", Camera(200))
        stage.room.show("caller", "seat-1")
        first.show(3)
        second.show(3)
        stage.room.show("caller", "seat-2")
        asked = stage.loop.time
        while stage.loop.time < asked + 2.5:
            first.show(1)
            for data in second.packets():
                second.deliver(data)
        slate = [event for event in stage.of(SourceShown) if event.source == "slate"][-1]
        assert "no key frame from seat-2" in slate.reason
        assert about(caller.pictures()[-1], SLATE_LUMA)
        second.show(3)
        assert about(caller.pictures()[-1], 200), "it is shown as soon as it does send one"

    def test_slate_is_shown_on_request_and_the_rooms_choice_comes_back(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        seat = stage.join("seat-1", Camera(200))
        seat.show(3)
        stage.room.show("caller", "slate")
        seat.show(3)
        assert about(caller.pictures()[-1], SLATE_LUMA)
        stage.room.show("caller", "")
        seat.show(5)
        assert about(caller.pictures()[-1], 200)

    def test_a_source_that_is_not_there_is_no_error(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        stage.room.show("caller", "seat-9")
        stage.room.show("nobody", "caller")
        stage.loop.advance(1.0)
        assert about(caller.pictures()[-1], SLATE_LUMA)


class TestPause:
    def test_a_paused_participant_gets_and_gives_nothing(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1", Camera(200))
        caller.show(3)
        seat.show(3)
        stage.room.set_participant("caller", None)
        before = len(caller.got())
        caller.show(3)
        seat.show(3)
        assert len(caller.got()) == before
        assert about(seat.pictures()[-1], SLATE_LUMA)
        stage.room.set_participant("caller", caller.media)
        seat.show(10)
        assert about(caller.pictures()[-1], 200)
        assert steady(caller.numbers())


class TestLife:
    def test_close_gives_back_all_ports_and_timers(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1", Camera(200))
        caller.show(3)
        seat.show(3)
        report = stage.room.close()
        assert [one.name for one in report.participants] == ["caller", "seat-1"]
        assert [one.source for one in report.participants] == ["seat-1", "caller"]
        assert all(pair.closed for pair in stage.loop.pairs)
        assert stage.loop.armed == 0

    def test_names_are_checked(self) -> None:
        stage = Stage()
        stage.join("caller")
        for name in ("caller", "slate", "none", ""):
            with pytest.raises(LocalError):
                stage.room.join(name, "127.0.0.1")
        with pytest.raises(LocalError):
            stage.room.set_participant("seat-3", None)
        assert stage.room.leave("seat-3") is None
