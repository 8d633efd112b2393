"""Taps on a relay and on a room: what goes through is copied, and goes through as ever."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from splitter.media.fast.form import choose_form
from splitter.media.ports.recording import RecordingTap
from splitter.media.record import batch
from tests.media.record.kit import ABOUT, Stage, played
from tests.media.relay.kit import Call
from tests.media.room.kit import SLATE_LUMA, Camera, about
from tests.media.room.kit import Stage as RoomStage

TAP = RecordingTap("call-1", "")


class TestARelay:
    @pytest.fixture
    def call(self) -> Call:
        return Call()

    @pytest.fixture
    def stage(self, call: Call, tmp_path: Path) -> Stage:
        stage = Stage(tmp_path / "recordings", call.host)  # type: ignore[arg-type]
        stage.studio.begin(ABOUT)
        return stage

    def test_both_voices_are_recorded_and_nobody_misses_a_packet(self, call: Call, stage: Stage) -> None:
        call.relay.record(TAP, stage.line)
        call.talk(2.0)
        call.host.pass_time(call.host.time + 1)
        stage.studio.end("call-1")
        assert call.heard == (list(range(1, 101)), list(range(1, 101)))
        assert {name: len(one.times) for name, one in played(stage.files[0]).items()} == {"caller": 100, "centre": 100}

    def test_who_is_left_out_is_heard_as_ever_and_not_copied(self, call: Call, stage: Stage) -> None:
        call.relay.record(replace(TAP, without=("centre",)), stage.line)
        call.talk(2.0)
        call.host.pass_time(call.host.time + 1)
        stage.studio.end("call-1")
        assert call.heard == (list(range(1, 101)), list(range(1, 101)))
        assert {name: len(one.times) for name, one in played(stage.files[0]).items()} == {"caller": 100}

    def test_who_is_left_out_in_the_middle_is_not_copied_from_then_on(self, call: Call, stage: Stage) -> None:
        for without in ((), ("caller",), ()):
            call.relay.record(replace(TAP, without=without), stage.line)
            call.talk(1.0)
        call.host.pass_time(call.host.time + 1)
        stage.studio.end("call-1")
        seen = played(stage.files[0])
        assert (len(seen["caller"].times), len(seen["centre"].times)) == (100, 150)
        assert max(after - before for before, after in pairwise(seen["caller"].times)) == pytest.approx(1.02, abs=0.05)

    def test_the_kernel_gives_the_voice_back_as_long_as_it_is_recorded(self, call: Call, stage: Stage) -> None:
        call.talk(1.0)
        assert len(call.offload.flows) == 2
        call.relay.record(TAP, stage.line)
        assert len(call.offload.flows) == 0
        call.talk(2.0)
        assert len(call.offload.flows) == 0
        call.relay.record(None)
        call.talk(2.0)
        assert len(call.offload.flows) == 2
        assert (False, "it is recorded", False) in call.carried

    def test_nothing_is_copied_any_more_once_that_was_said(self, call: Call, stage: Stage) -> None:
        call.relay.record(TAP, stage.line)
        call.talk(0.5)
        call.relay.record(None)
        stage.line.flush()
        sent = stage.line.sent
        call.talk(0.5)
        call.host.pass_time(call.host.time + 1)
        assert stage.line.sent == sent

    def test_a_fault_of_the_tap_costs_what_it_would_have_copied(
        self, call: Call, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call.relay.record(TAP, stage.line)
        monkeypatch.setattr(batch, "piece", lambda *_: 1 / 0)
        call.talk(1.0)
        assert call.heard == (list(range(1, 51)), list(range(1, 51)))
        assert stage.line.dropped >= 100

    def test_a_recorder_that_is_stuck_or_gone_is_not_noticed(self, call: Call, stage: Stage) -> None:
        call.relay.record(TAP, stage.line)
        call.talk(1.0)
        stage.stuck = True
        call.talk(20.0)
        stage.gone = True
        call.talk(1.0)
        assert call.heard == (list(range(1, 1101)), list(range(1, 1101)))
        assert stage.line.dropped > 0

    def test_a_relay_that_closes_ends_its_taps(self, call: Call, stage: Stage) -> None:
        call.relay.record(TAP, stage.line)
        call.talk(0.5)
        call.relay.close()
        call.host.pass_time(call.host.time + 1)
        assert not len(stage.line)


class TestARoom:
    @pytest.fixture(params=["python", "native"])
    def room(self, request: pytest.FixtureRequest) -> RoomStage:
        form = choose_form(request.param == "native")
        if form.name != request.param:
            pytest.skip(form.reason)
        return RoomStage(form=form)

    @pytest.fixture
    def stage(self, room: RoomStage, tmp_path: Path) -> Stage:
        stage = Stage(tmp_path / "recordings", room.loop)  # type: ignore[arg-type]
        stage.studio.begin(ABOUT)
        return stage

    def test_everybody_is_recorded_and_what_the_caller_was_shown(self, room: RoomStage, stage: Stage) -> None:
        caller = room.join("caller", Camera(150))
        room.loop.advance(1.0)
        room.room.record(TAP, stage.line)
        caller.show(15)
        desk = room.join("desk-1", Camera(100))
        for _ in range(15):
            desk.show(1)
            caller.show(1)
        room.loop.advance(0.5)
        stage.studio.end("call-1")
        seen = played(stage.files[0])
        assert set(seen) == {"caller", "desk-1", "shown to the caller"}
        assert len(seen["caller"].brightness) >= 28
        assert all(about(luma, 150) for luma in seen["caller"].brightness)
        assert all(about(luma, 100) for luma in seen["desk-1"].brightness)
        shown = seen["shown to the caller"].brightness
        assert about(shown[0], SLATE_LUMA) and about(shown[-1], 100)

    def test_of_who_is_left_out_nothing_is_there_also_not_as_the_caller_saw_it(
        self, room: RoomStage, stage: Stage
    ) -> None:
        caller = room.join("caller", Camera(150))
        room.room.record(replace(TAP, without=("desk",)), stage.line)
        room.loop.advance(1.0)
        caller.show(15)
        desk = room.join("desk-1", Camera(100))
        for _ in range(15):
            desk.show(1)
            caller.show(1)
        assert about(caller.pictures()[-1], 100), "the caller sees the desk"
        stage.line.flush()
        room.room.leave("desk-1")
        expert = room.join("expert-1", Camera(60))
        for _ in range(15):
            expert.show(1)
            caller.show(1)
        room.loop.advance(0.5)
        stage.studio.end("call-1")
        seen = played(stage.files[0])
        assert set(seen) == {"caller", "expert-1", "shown to the caller"}
        shown = seen["shown to the caller"].brightness
        assert about(shown[0], SLATE_LUMA) and about(shown[-1], 60)
        assert not any(about(luma, 100) for luma in shown)
        assert len(seen["caller"].brightness) >= 42

    @pytest.mark.parametrize("name", ["desk-1", "seat-2", "desk-1.screen", "mosaic"])
    def test_whom_a_kind_leaves_out(self, name: str) -> None:
        assert TAP.takes(name) and not replace(TAP, without=("desk",)).takes(name)
        assert all(
            replace(TAP, without=("desk",)).takes(one) for one in ("caller", "guest-1", "slate", "picture:desk-1")
        )

    @pytest.mark.parametrize("name", ["desk-1", "desk-1.2", "mosaic"])
    def test_whom_a_name_leaves_out(self, name: str) -> None:
        without = replace(TAP, without=("desk-1", "caller"))
        assert not without.takes(name) and not without.takes("caller")
        assert all(without.takes(one) for one in ("desk-2", "desk-12", "seat-1", "centre", "slate"))

    def test_it_is_noticed_by_nobody(self, room: RoomStage, stage: Stage) -> None:
        """Each viewer gets every packet, in order, with the recorder stuck."""
        caller, desk = room.join("caller", Camera(150)), room.join("desk-1", Camera(100))
        for turn in range(60):
            if turn == 20:
                room.room.record(TAP, stage.line)
            if turn == 30:
                stage.stuck = True
            if turn == 50:
                room.room.record(None)
            desk.show(1)
            caller.show(1)
        for viewer, luma in ((caller, 100), (desk, 150)):
            assert viewer.numbers() == list(range(viewer.numbers()[0], viewer.numbers()[0] + len(viewer.numbers())))
            assert about(viewer.pictures()[-1], luma)

    def test_a_room_of_another_worker_goes_on_in_the_same_tracks(self, room: RoomStage, stage: Stage) -> None:
        """Its numbers begin anew, below those of before."""
        room.room.record(TAP, stage.line)
        caller = room.join("caller", Camera(150))
        caller.show(40)
        room.room.close()
        other = RoomStage()
        other.loop.time = room.loop.time
        other.room.record(TAP, stage.line)
        again = other.join("caller", Camera(100))
        for _ in range(30):
            again.show(1)
            room.loop.advance(1 / 15)
        stage.line.flush()
        stage.studio.end("call-1")
        seen = played(stage.files[0])
        assert set(seen) == {"caller", "shown to the caller"}
        assert sum(about(luma, 100) for luma in seen["caller"].brightness) >= 28
        assert len(seen["shown to the caller"].times) > 2

    def test_who_leaves_is_not_held(self, room: RoomStage, stage: Stage) -> None:
        room.join("caller", Camera(150))
        desk = room.join("desk-1", Camera(100))
        room.room.record(TAP, stage.line)
        desk.show(3)
        room.room.leave("desk-1")
        room.room.close()
        assert not len(stage.line)
