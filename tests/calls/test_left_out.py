"""Somebody in a call of whom nothing is recorded from now on, whatever dies, comes again or takes another's place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.calls.asks import Bind, LeaveOut, LeaveVoice, RecordCall, Remove
from splitter.calls.events import RecorderBack
from splitter.calls.settings import CallSettings
from splitter.calls.states import RecordingAction, RecordingState
from splitter.calls.talk.left_out import names, person
from tests.calls.kit import asking, connected, denied, told, with_webrtc
from tests.calls.table import notes
from tests.calls.test_phones import OUTSIDE, joined
from tests.calls.test_recordings import Scene
from tests.world import PeerCall, World


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Scene:
    return Scene(world, tmp_path / "recordings", everything=True)


def leave_out(world: World, caller: PeerCall, party: str, out: bool = True) -> None:
    told(world, caller, LeaveOut(party, "agent 8001", out), limit_s=1.0)
    world.run(0.1)


def without(scene: Scene) -> set[tuple[str, ...]]:
    """Who is left out of what is copied."""
    return {tap.without for tap in scene.taps.set.values() if tap is not None}


def shown(world: World, caller: PeerCall) -> tuple[str, ...]:
    return world.call_of(caller).view().recording.left_out


class TestAVoice:
    def test_is_left_out_and_taken_in_again(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        joined(world, caller)
        leave_out(world, caller, "phone-1")
        assert without(scene) == {("phone-1",)} and shown(world, caller) == ("phone-1",)
        assert scene.state(caller) is RecordingState.RECORDING and len(scene.stage.files) == 1
        assert '"what":"without","is":["phone-1"],"reason":"phone-1 is left out: agent 8001"' in scene.events()
        assert "nothing of phone-1 is recorded from now on: agent 8001" in notes(world, caller)
        ledger = "".join(path.read_text() for path in scene.stage.folder.glob("ledger/*.jsonl"))
        assert '"is":["phone-1"],"reason":"phone-1 is left out: agent 8001"' in ledger
        leave_out(world, caller, "phone-1", out=False)
        assert without(scene) == {()} and not shown(world, caller)
        assert '"what":"without","is":[]' in scene.events()

    def test_is_known_again_when_its_number_is_written_otherwise(self, world: World) -> None:
        caller, _ = connected(world)
        joined(world, caller)
        talk = world.call_of(caller).talk
        phone = talk.phones["phone-1"]
        phone.number = "+8613911112222"
        left = person(talk, "phone-1")
        assert left is not None
        talk.phones["phone-2"] = replace(phone, name="phone-2", number="0139 1111 2222")
        talk.phones["phone-3"] = replace(phone, name="phone-3", number="13911113333")
        assert names(talk, (left,)) == ("phone-1", "phone-2")
        del talk.phones["phone-2"], talk.phones["phone-3"]

    def test_is_not_said_to_be_so_before_no_copy_is_made(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        world.run(0.2)
        scene.taps.fault = "the worker does not answer"
        assert denied(world, caller, LeaveOut("caller", "agent 8001")) == (503, "no-recorder")
        assert shown(world, caller) == ("caller", "guest"), "it is tried again"
        scene.taps.fault = ""
        world.run(61)
        assert without(scene) == {("caller", "guest")}

    def test_is_copied_nowhere_when_that_is_said_while_the_recorder_has_failed(
        self, world: World, scene: Scene
    ) -> None:
        caller, _ = connected(world)
        world.run(0.2)
        scene.link.fault = "the recorder does not answer"
        task, seen = asking(world, caller, LeaveOut("caller", "agent 8001")), list[set[tuple[str, ...]]]()
        task.add_done_callback(lambda _: seen.append(without(scene)))
        world.run(0.2)
        assert task.result() is None and seen == [set()]

    def test_may_be_left_out_in_a_pause_though_the_recorder_has_failed(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent 8001"))
        scene.link.fault = "the recorder is gone"
        leave_out(world, caller, "caller")
        scene.link.fault = ""
        told(world, caller, RecordCall(RecordingAction.RESUME, "agent 8001"))
        world.run(0.1)
        assert without(scene) == {("caller", "guest")} == {live.without for live in scene.stage.studio.abouts}

    def test_may_be_left_out_before_anything_is_recorded(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings")
        caller, _ = connected(world)
        leave_out(world, caller, "caller")
        told(world, caller, RecordCall(RecordingAction.START, "agent 8001"))
        world.run(0.1)
        assert without(scene) == {("caller", "guest")}
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent 8001"))
        leave_out(world, caller, "centre")
        assert without(scene) == set()
        told(world, caller, RecordCall(RecordingAction.RESUME, "agent 8001"))
        world.run(0.1)
        assert without(scene) == {("caller", "centre", "guest")}

    def test_of_two_who_are_left_out_at_once_both_are(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        world.run(0.2)
        asks = [asking(world, caller, LeaveOut(name, "agent 8001")) for name in ("caller", "centre")]
        world.run(0.5)
        assert all(ask.done() and ask.exception() is None for ask in asks)
        assert without(scene) == {("caller", "centre", "guest")}

    def test_of_nobody(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        assert denied(world, caller, LeaveOut("phone-7", "agent 8001")) == (404, "no-such-party")

    def test_that_the_configuration_leaves_out_stays_out(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True, exclude=("phone",))
        caller, _ = connected(world)
        joined(world, caller)
        leave_out(world, caller, "caller")
        assert without(scene) == {("phone", "caller", "guest")}
        assert denied(world, caller, LeaveOut("phone-1", "agent", False)) == (409, "left-out-by-rule")


class TestDeaths:
    def test_of_a_worker_the_recorder_and_the_gateway_change_nothing(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        world.run(0.2)
        leave_out(world, caller, "caller")
        for worker in (0, 1):
            world.engine.kill(worker)
            world.run(3)
        assert without(scene) == {("caller", "guest")}
        scene.stage.studio = scene.stage.started()
        world.call_of(caller).post(RecorderBack())
        world.run(0.2)
        scene.taps.set.clear()
        world.restart()
        world.run(1)
        assert without(scene) == {("caller", "guest")} and shown(world, caller) == ("caller", "guest")
        assert all(live.without == ("caller", "guest") for live in scene.stage.studio.abouts)

    @pytest.mark.parametrize("action", [RecordingAction.PAUSE, RecordingAction.STOP])
    def test_right_after_the_answer_forgets_nothing_of_it(
        self, world: World, scene: Scene, action: RecordingAction
    ) -> None:
        caller, _ = connected(world)
        world.run(0.5)
        for ask in (LeaveOut("caller", "agent 8001"), RecordCall(action, "agent 8001", True)):
            told(world, caller, ask)
            before = scene.state(caller)
            world.kill()
            world.begin_again()
            world.run(0.5)
            assert scene.state(caller) is before and shown(world, caller) == ("caller", "guest")


class TestWhoComesAgain:
    def test_by_another_phone_leg_of_the_same_number(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        phone = joined(world, caller)
        leave_out(world, caller, "phone-1")
        phone.bye()
        world.run(1)
        joined(world, caller)
        assert without(scene) == {("phone-1", "phone-2")}
        leave_out(world, caller, "phone-2", out=False)
        assert without(scene) == {()}

    def test_the_agent_whose_browser_was_begun_anew(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        told(world, caller, Bind("7001", "cti"))
        leave_out(world, caller, "centre")
        name = with_webrtc(world, caller).name
        world.run(0.1)
        assert without(scene) == {tuple(sorted(("centre", name)))}
        told(world, caller, Remove(name, "it crashed"))
        other = with_webrtc(world, caller, "tab-2").name
        world.run(0.1)
        assert other != name and without(scene) == {tuple(sorted(("centre", other)))}

    def test_the_agent_who_has_handed_the_voice_on_and_still_looks(self, tmp_path: Path) -> None:
        with World(settings=CallSettings(leave_on_transfer=False)) as world:
            scene = Scene(world, tmp_path / "recordings", everything=True)
            caller, _ = connected(world)
            told(world, caller, Bind("7001", "cti"))
            name = with_webrtc(world, caller).name
            leave_out(world, caller, "centre")
            told(world, caller, Bind("7002", "cti"))
            world.run(0.1)
            assert without(scene) == {tuple(sorted(("centre", name)))}
            leave_out(world, caller, "centre", out=False)
            assert without(scene) == {(name,)}, "it is a person of its own by now"
            leave_out(world, caller, name, out=False)
            assert without(scene) == {()}

    def test_alone_goes_with_whom_it_was_left_out_for(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        told(world, caller, Bind("7001", "cti"))
        name = with_webrtc(world, caller).name
        leave_out(world, caller, "centre")
        assert denied(world, caller, LeaveOut(name, "agent", False)) == (409, "left-out-with")
        assert without(scene) == {tuple(sorted(("centre", name)))} and "is recorded again" not in str(
            notes(world, caller)
        )
        leave_out(world, caller, "centre", out=False)
        assert without(scene) == {()}

    def test_in_the_place_of_the_centre(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        joined(world, caller, OUTSIDE)
        leave_out(world, caller, "phone-1")
        told(world, caller, LeaveVoice("agent 8001"))
        world.run(1)
        assert without(scene) == {("centre", "phone-1")}
        assert world.call_of(caller).view().phones[-1].outcome == "promoted"
        leave_out(world, caller, "centre", out=False)
        assert without(scene) == {()}, "it is the same person"

    def test_in_the_place_of_the_centre_by_the_configuration(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True, exclude=("phone",))
        caller, _ = connected(world)
        joined(world, caller, OUTSIDE)
        told(world, caller, LeaveVoice("agent 8001"))
        world.run(1)
        assert without(scene) == {("phone", "centre")}, "another relay knows it by this name"
