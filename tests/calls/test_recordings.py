"""The recording of a call: begun, paused, ended, taken up again; and never in the way of the voice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.calls.asks import Bind, InvitePhone, RecordCall
from splitter.calls.events import RecorderBack, RecorderSaid, RecordingTrouble
from splitter.calls.marks import tell_recorded
from splitter.calls.recording.recordings import Recordings
from splitter.calls.states import CallState, RecordingAction, RecordingState
from splitter.calls.view import CallView, Notice, RecordingView
from splitter.media.record.settings import RecordingSettings
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.telemetry import metrics
from tests.calls.browsers.kit import connected as web_call
from tests.calls.kit import asking, connected, denied, ended, told
from tests.calls.table import notes
from tests.media.record.kit import Stage, recordings_of
from tests.web.kit import CALL
from tests.world import PeerCall, World

START, PAUSE, RESUME, STOP = RecordingAction


class Scene:
    """A world whose gateway records."""

    def __init__(self, world: World, folder: Path, **rules: object) -> None:
        self.world = world
        self.stage = Stage(folder)
        self.recordings, self.link, self.taps = recordings_of(self.stage, **rules)
        world.ground.recordings = self.recordings
        world.bus.subscribe("recordings", CallView, self.recordings.on_call)
        world.bus.subscribe("recordings", Notice, self.recordings.on_notice)

    def state(self, caller: PeerCall) -> RecordingState:
        return self.world.call_of(caller).talk.recording.state

    def tapped(self) -> set[str]:
        return {media for media, tap in self.taps.set.items() if tap is not None}

    def events(self) -> str:
        return "".join(path.read_text() for path in self.stage.folder.glob("*/*.events.jsonl"))


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Scene:
    return Scene(world, tmp_path / "recordings")


def counted() -> float:
    return metrics.REGISTRY.get_sample_value("splitter_recordings_stopped_total") or 0.0


def ask(world: World, caller: PeerCall, action: RecordingAction, may_end: bool = False) -> None:
    told(world, caller, RecordCall(action, "agent", may_end))
    world.run(0.1)


class TestOnDemand:
    def test_begins_pauses_goes_on_and_ends(self, world: World, scene: Scene) -> None:
        caller, centre = connected(world)
        assert scene.state(caller) is RecordingState.OFF and not scene.tapped()
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        ask(world, caller, START)
        assert relay.handle.relay_id in scene.tapped()
        ask(world, caller, PAUSE)
        assert not scene.tapped() and scene.stage.row(f"{world.call_of(caller).talk.call_id}-1").state == "paused"
        ask(world, caller, RESUME)
        assert scene.tapped()
        ask(world, caller, STOP)
        assert not scene.tapped()
        ask(world, caller, START)
        recording = world.call_of(caller).view().recording
        assert recording.id.endswith("-2") and recording.possible
        ended(world, caller, centre)
        assert [row.state for row in _rows(scene)] == ["ended", "ended"]
        assert not scene.stage.studio.states

    def test_answers_who_wants_what_is_so_already(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        for action in (START, RESUME, PAUSE, PAUSE, RESUME, RESUME):
            told(world, caller, RecordCall(action, "agent"), limit_s=1.0)
        assert scene.tapped()

    def test_asks_again_for_what_was_refused(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        ask(world, caller, START)
        scene.link.fault = "the recorder does not answer"
        for _ in range(2):
            assert denied(world, caller, RecordCall(PAUSE, "agent")) == (503, "no-recorder")
        scene.link.fault = ""
        told(world, caller, RecordCall(PAUSE, "agent"), limit_s=1.0)
        assert scene.stage.row(f"{world.call_of(caller).talk.call_id}-1").state == "paused"

    def test_that_ends_at_once_is_ended_at_the_recorder_too(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        begun = asking(world, caller, RecordCall(START, "agent"))
        asking(world, caller, RecordCall(STOP, "agent"))
        world.run(1)
        assert not scene.stage.studio.states and "meanwhile" in str(begun.exception())

    def test_that_was_ended_is_not_stopped_by_what_the_recorder_says_late(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        scene.link.fault = "the recorder does not answer"
        asking(world, caller, RecordCall(START, "agent"))
        asking(world, caller, RecordCall(STOP, "agent"))
        world.run(1)
        assert scene.state(caller) is RecordingState.OFF

    def test_begun_anew_after_a_fault_ends_the_one_before(self, world: World, scene: Scene) -> None:
        caller, centre = connected(world)
        ask(world, caller, START)
        world.call_of(caller).post(RecordingTrouble("", "the disk is slow"))
        world.run(0.1)
        ask(world, caller, START)
        assert list(scene.stage.studio.states) == [f"{world.call_of(caller).talk.call_id}-2"]
        ended(world, caller, centre)
        assert not scene.stage.studio.states

    def test_is_refused_where_it_makes_no_sense(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        for action in (PAUSE, RESUME, STOP):
            assert denied(world, caller, RecordCall(action, "agent")) == (409, "not-recording")
        ask(world, caller, START)
        assert denied(world, caller, RecordCall(START, "agent")) == (409, "recording-already")

    def test_without_a_recorder_says_so_and_the_call_goes_on(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        scene.link.fault = "the disk of recordings is full"
        assert denied(world, caller, RecordCall(START, "agent")) == (503, "no-recorder")
        assert scene.state(caller) is RecordingState.STOPPED
        assert world.voice_faults(caller) == []

    def test_is_not_there_without_a_folder(self, world: World) -> None:
        caller, _ = connected(world)
        assert denied(world, caller, RecordCall(START, "agent")) == (409, "no-recording")
        assert not world.call_of(caller).view().recording.possible


def _rows(scene: Scene) -> list:  # type: ignore[type-arg]
    from splitter.media.record.index import everything

    return everything(scene.stage.folder)


class TestByConfiguration:
    @pytest.mark.parametrize("rules", [{"everything": True}, {"trunks": ("sbc",)}, {"trunks": ("pbx",)}])
    def test_begins_with_the_answer(self, world: World, tmp_path: Path, rules: dict[str, object]) -> None:
        scene = Scene(world, tmp_path / "recordings", **rules)
        caller, centre = connected(world)
        world.run(0.1)
        assert scene.state(caller) is RecordingState.RECORDING and scene.tapped()
        assert world.voice_faults(caller) == []
        ended(world, caller, centre)
        (row,) = _rows(scene)
        assert (row.state, row.route) == ("ended", "pbx")

    def test_of_a_desk_begins_once_it_has_the_call(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", desks=("8001",))
        caller, _ = connected(world)
        assert scene.state(caller) is RecordingState.OFF
        told(world, caller, Bind("8001", "cti"))
        world.run(0.1)
        assert scene.state(caller) is RecordingState.RECORDING

    def test_only_an_operator_ends_it_and_then_it_stays_so(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        caller, _ = connected(world)
        world.run(0.1)
        assert denied(world, caller, RecordCall(STOP, "agent")) == (403, "by-rule")
        ask(world, caller, STOP, may_end=True)
        world.run(1)
        assert scene.state(caller) is RecordingState.OFF

    def test_that_is_required_refuses_calls_that_cannot_be_recorded(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True, required=True)
        caller, _ = connected(world)
        scene.link.fault = "the recorder is gone"
        other = world.sbc.invite()
        assert other.expect("503").message.headers.get("retry-after") == "10"
        world.run(1)
        assert world.voice_faults(caller) == []  # the one that is answered goes on


class TestDeaths:
    def test_a_relay_and_a_room_that_moved_are_recorded_again(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        caller, _ = connected(world)
        world.run(0.2)
        before = scene.tapped()
        for worker in (0, 1):
            world.engine.kill(worker)
            world.run(3)
        after = scene.tapped() - before
        assert len([media for media in after if media.startswith("relay")]) >= 1
        assert scene.state(caller) is RecordingState.RECORDING

    def test_the_gateways_process_goes_and_the_next_one_carries_on(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        caller, centre = connected(world)
        world.run(1)
        scene.taps.set.clear()
        world.restart()
        world.run(1)
        assert scene.state(caller) is RecordingState.RECORDING
        assert scene.tapped()  # said again, whatever the workers still know
        assert len(scene.stage.files) == 1
        ended(world, caller, centre)
        assert [row.state for row in _rows(scene)] == ["ended"]

    def test_what_no_call_wants_any_longer_is_ended_at_the_recorder(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings")
        caller, _ = connected(world)
        ask(world, caller, START)
        view = world.call_of(caller).view()
        scene.link.left = frozenset(scene.stage.studio.states)
        scene.recordings.forget_unclaimed([view])
        assert scene.stage.studio.states
        off = replace(view, recording=replace(view.recording, state=RecordingState.OFF))
        scene.recordings.forget_unclaimed([off])  # the gateway died before it could tell of the end
        assert not scene.stage.studio.states

    def test_a_pause_outlives_the_process(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        caller, _ = connected(world)
        world.run(0.5)
        ask(world, caller, PAUSE)
        world.run(1)
        world.restart()
        world.run(1)
        assert scene.state(caller) is RecordingState.PAUSED and not scene.tapped()

    def test_the_recorder_goes_and_the_desk_is_told_both_times(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        caller, _ = connected(world)
        world.run(0.5)
        call, stopped = world.call_of(caller), counted()
        for _ in range(3):  # it is tried again and again
            call.post(RecordingTrouble("", "the recorder is gone"))
        world.run(0.1)
        assert scene.state(caller) is RecordingState.STOPPED and not scene.tapped()
        scene.stage.studio = scene.stage.started()
        call.post(RecorderBack())
        world.run(0.1)
        assert scene.state(caller) is RecordingState.RECORDING and scene.tapped()
        assert world.call_of(caller).view().recording.reason == "the recorder is back"
        assert len(scene.stage.files) == 2
        assert counted() == stopped + 1
        codes = [notice.code for notice in world.notices]
        assert codes.index("recording-stopped") < codes.index("recording-goes-on")
        assert world.voice_faults(caller) == []

    def test_a_fault_is_not_undone_by_a_yes_that_comes_late(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        call = world.call_of(caller)
        ask(world, caller, START)
        call.post(RecordingTrouble("", "it cannot be written"))
        call.post(RecorderSaid(f"{call.talk.call_id}-1", RecordingState.RECORDING, ""))
        world.run(1)
        assert scene.state(caller) is RecordingState.STOPPED and not scene.tapped()

    def test_a_recorder_that_was_slow_is_asked_again(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        scene.link.fault = "the recorder does not answer"
        caller, _ = connected(world)
        world.run(30)
        assert scene.state(caller) is RecordingState.STOPPED
        scene.link.fault = ""  # and it says nothing of that by itself
        world.run(61)
        assert scene.state(caller) is RecordingState.RECORDING and scene.tapped()
        codes = [notice.code for notice in world.notices if notice.code.startswith("recording")]
        assert codes == ["recording-stopped", "recording-goes-on"]  # once each, however often it was asked

    def test_a_tap_that_cannot_be_set_is_tried_again(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        scene.taps.fault = "the worker does not answer"
        caller, _ = connected(world)
        world.run(1)
        world.run(60)
        told = [text for text in notes(world, caller) if text == "relay-1 is not recorded: the worker does not answer"]
        assert len(told) == 1  # once each, however often it is tried
        assert "recording-incomplete" in [notice.code for notice in world.notices]
        scene.taps.fault = ""
        world.run(61)
        assert scene.tapped()


class TestHold:
    def test_by_either_side_leaves_one_recording_that_goes_on(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        caller, centre = connected(world)
        world.run(0.5)
        tapped = scene.tapped()
        for phone in (caller, centre):
            phone.reinvite(audio="sendonly")
            world.run(1)
            assert scene.state(caller) is RecordingState.RECORDING and scene.tapped() == tapped
            phone.reinvite(audio="sendrecv")
            world.run(1)
        assert len(scene.stage.files) == 1 and scene.state(caller) is RecordingState.RECORDING


class TestBesideIt:
    def test_stands_what_happened_in_the_call(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        caller, centre = connected(world)
        world.run(0.2)
        told(world, caller, Bind("8001", "cti"))
        world.run(0.2)
        ended(world, caller, centre)
        assert '"what":"extension","is":"8001"' in scene.events()
        assert _rows(scene)[0].agent == "8001"

    def test_stands_a_screenshot_that_was_taken_meanwhile(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        call_id = world.call_of(caller).talk.call_id
        scene.recordings.on_still(call_id, 1, b"before it")
        ask(world, caller, START)
        scene.recordings.on_still(call_id, 2, b"a picture")
        assert [path.name for path in scene.stage.folder.glob("*/*.png")] == [f"{call_id}-1.still-2.png"]


class TestWhoIsLeftOut:
    def test_is_named_by_taps_trace_and_ledger_and_has_no_screenshots(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True, exclude=("expert", "phone"))
        caller, centre = connected(world)
        world.run(0.2)
        call_id = world.call_of(caller).talk.call_id
        assert {tap.without for tap in scene.taps.set.values() if tap is not None} == {("expert", "phone")}
        assert any("nothing of: expert, phone" in note for note in notes(world, caller))
        for number, name in enumerate(("expert-1", "mosaic", "desk-1"), 1):
            scene.recordings.on_still(call_id, number, b"a picture", name)
        assert [path.name for path in scene.stage.folder.glob("*/*.png")] == [f"{call_id}-1.still-3.png"]
        ended(world, caller, centre)
        ledger = "".join(path.read_text() for path in scene.stage.folder.glob("ledger/*.jsonl"))
        assert '"without":["expert","phone"]' in ledger

    def test_stands_in_the_ledger_when_that_changes_in_the_middle(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True)
        connected(world)
        world.run(0.2)
        scene.recordings.adopt(replace(scene.recordings.settings, exclude=("guest",)))
        [call] = world.calls.live
        call.post(RecorderBack())
        world.run(0.2)
        assert '"what":"without","is":["guest"]' in scene.events()


class TestRules:
    def test_say_why(self) -> None:
        import re

        rules = RecordingSettings("x", "", False, ("sbc",), re.compile("11."), ("8001",))
        assert rules.reason_for(("sbc",), "", "") == "calls of trunk sbc are recorded"
        assert rules.reason_for(("web",), "110", "") == "calls to 110 are recorded"
        assert rules.reason_for(("web",), "12", "8001") == "calls of desk 8001 are recorded"
        assert rules.reason_for(("web",), "12", "8002") == ""
        assert RecordingSettings("", everything=True).reason_for(("sbc",), "", "") == ""


async def test_of_a_call_that_ends_before_the_recorder_answers_nothing_is_kept(tmp_path: Path) -> None:
    recordings, link, _ = recordings_of(Stage(tmp_path / "recordings"))
    recording = RecordingView(RecordingState.RECORDING, "call-1")
    view = replace(CALL, recording=recording)

    async def ask(*_: object) -> None:
        recordings.on_call(replace(view, state=CallState.ENDED))

    link.ask = ask  # type: ignore[method-assign, assignment]
    assert await recordings.say(view, "call-1", False) == ""
    link.asked.clear()
    recordings.on_still(view.call_id, 1, b"PNG")
    assert not link.asked, "it is of a call that has ended"


async def test_a_pause_is_kept_here_whatever_others_do(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "recordings")
    _, link, taps = recordings_of(stage)
    never: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    class Stuck:
        def say(self, *_: object) -> asyncio.Future[str]:
            return never

    recordings = Recordings(RecordingSettings(str(stage.folder)), link, taps, Stuck())  # type: ignore[arg-type]
    saying = asyncio.ensure_future(recordings.say(CALL, "call-1", True))
    while not link.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    never.set_result("")
    assert await saying == ""


class TestAWebCaller:
    def test_is_shown_that_it_is_recorded_and_only_while_it_is(self, world: World, scene: Scene) -> None:
        caller, centre = web_call(world)
        shown: list[bool] = []
        for action in (START, PAUSE, RESUME):
            told(world, centre, RecordCall(action, "8001"))
            world.run(0.2)
            shown.append(caller.view.recorded)
        assert shown == [True, False, True]
        world.restart()
        world.run(0.3)
        assert world.browsers.line(caller.call_id).view.recorded, "also by the gateway that comes after"


class TestACentre:
    @pytest.mark.parametrize(
        ("rules", "told_so"),
        [
            ({"everything": True, "tell_centre": True}, ["yes"]),
            ({"trunks": ("pbx",), "tell_centre": True}, ["yes"]),
            ({"trunks": ("sbc",), "tell_centre": True}, ["yes"]),
            ({"desks": ("8001",), "tell_centre": True}, []),
            ({"everything": True}, []),
        ],
    )
    def test_is_told_of_a_call_that_will_be_recorded(
        self, world: World, tmp_path: Path, rules: dict[str, object], told_so: list[str]
    ) -> None:
        Scene(world, tmp_path / "recordings", **rules)
        caller = world.sbc.invite(headers=[("X-Splitter-Recorded", "yes")])
        assert world.pbx.take().invite.headers.get_all("x-splitter-recorded") == told_so
        caller.cancel()
        world.settle()

    def test_that_has_a_phone_beside_is_recorded_by_the_rule_of_the_route_alone(self, world: World) -> None:
        connected(world)
        (call,) = world.live_calls()
        centre = call.centre
        assert centre is not None
        other = replace(centre.trunk, name="other")
        rules = RecordingSettings(folder="/recordings", trunks=("other",), tell_centre=True)
        invites = [Request("INVITE", "sip:8002@192.0.2.1", Headers([])) for _ in range(3)]
        tell_recorded(invites[0], call.talk, other, rules)
        tell_recorded(invites[1], call.talk, other, rules, beside=True)
        tell_recorded(invites[2], call.talk, other, replace(rules, trunks=(centre.trunk.name,)), beside=True)
        assert [one.headers.get_all("x-splitter-recorded") for one in invites] == [["yes"], [], ["yes"]]

    def test_that_is_called_in_later_is_told_what_is_so_then(self, world: World, tmp_path: Path) -> None:
        """Whatever the rules say: somebody has ended the recording."""
        scene = Scene(world, tmp_path / "recordings", everything=True, tell_centre=True)
        caller, _ = connected(world)
        ask(world, caller, STOP, may_end=True)
        assert scene.state(caller) is RecordingState.OFF
        told(world, caller, InvitePhone("8002", "agent 8001"))
        assert world.pbx.take().invite.headers.get_all("x-splitter-recorded") == []
