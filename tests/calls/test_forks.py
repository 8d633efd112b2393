"""Forks of calls: begun with what is recorded, paused with it, ended with it; never in the way of a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import Bind, ForkCall, RecordCall
from splitter.calls.recording.fork_wiring import make_forks
from splitter.calls.recording.recordings import Recordings
from splitter.calls.recording.troubles import Troubles
from splitter.calls.siprec.wiring import RecorderNeeds
from splitter.calls.states import ForkWish, LegState, RecordingAction, RecordingState
from splitter.calls.view import CallView
from splitter.core.errors import LocalError
from splitter.media.forward import protocol as f
from splitter.media.forward.settings import ForkSettings
from splitter.media.record.protocol import RecorderAnswer, RecorderAsk
from splitter.media.record.settings import RecordingSettings
from splitter.telemetry import metrics
from tests.calls.kit import connected, denied, ended, told
from tests.calls.table import notes
from tests.media.record.kit import HandTaps, Stage, recordings_of
from tests.world import PeerCall, World

SENT, DOWN = f.ForkState.SENT, f.ForkState.DOWN


class HandLink:
    """The forwarder. As `ForwarderLink`, as far as forks know it."""

    taps = "forwarder-taps.sock"

    def __init__(self) -> None:
        self.fault = ""
        self.left: frozenset[str] = frozenset()
        self.forks: Any = None
        self.asked: list[RecorderAsk] = []

    async def arrived(self) -> None: ...

    async def ask(self, ask: RecorderAsk, limit_s: float = 1.0) -> RecorderAnswer:
        if self.fault:
            raise LocalError(self.fault)
        self.asked.append(ask)
        return f.ForwarderAnswer(1)

    def tell(self, ask: RecorderAsk) -> None:
        self.asked.append(ask)

    def tap(self, recording: str) -> object:
        from splitter.media.ports.recording import RecordingTap

        return RecordingTap(recording, self.taps)

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.asked if isinstance(one, kind)]


class Scene:
    """A world whose calls are forked; `folder`: and recorded here."""

    def __init__(self, world: World, stage: Stage | None = None, /, **rules: Any) -> None:
        self.world, self.link = world, HandLink()
        self.taps = HandTaps()
        folder = str(stage.folder) if stage is not None else ""
        settings = RecordingSettings(folder=folder, everything=True, forked=True)
        services, troubles = world.calls.services, Troubles(lambda: world.calls.live)
        around = RecorderNeeds(
            world.driver,
            services.routing,
            services.trunks,
            world.calls,
            world.recorder,
            world.clock,
            services.ids,
            world.browsers,
            "splitter",
            lambda: self.recordings,
        )
        fork = ForkSettings("wss://asr.example/calls", "secret", pictures="caller", **rules)

        def link_of(host: str, on_back: Any, on_trouble: Any, on_lines: Any, on_wanted: Any) -> Any:
            self.on_back, self.on_trouble = on_back, on_trouble
            return self.link

        forks = make_forks(fork, settings, link_of, around, troubles)
        recorder = recordings_of(stage)[1] if stage is not None else None
        self.forks = forks
        self.recordings = Recordings(settings, recorder, self.taps, None, forks)  # type: ignore[arg-type]
        world.ground.recordings = self.recordings
        world.bus.subscribe("recordings", CallView, self.recordings.on_call)

    def call(self) -> tuple[PeerCall, PeerCall, str]:
        caller, centre = connected(self.world)
        self.world.run(1)
        talk = self.world.call_of(caller).talk
        return caller, centre, talk.recording.id_for(talk.call_id)

    def see(self, recording: str, state: f.ForkState, words: str, sent: int = 0, dropped: int = 0) -> None:
        self.forks.see(recording, f.ForkSeen(state, words, sent, dropped))
        self.world.run(0.1)

    def state(self, caller: PeerCall) -> RecordingState:
        return self.world.call_of(caller).talk.recording.state


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


class TestAlone:
    def test_a_call_is_forked_from_the_answer_to_its_end(self, world: World) -> None:
        scene = Scene(world)
        caller, centre, recording = scene.call()
        (begun,) = scene.link.of(f.ForkRecording)
        shown = world.call_of(caller).view()
        assert (begun.recording, begun.paused) == (recording, False)
        assert begun.to == f.ForkPlace("wss://asr.example/calls", "secret", "", "caller")
        assert (begun.call["id"], begun.call["caller"]) == (shown.call_id, shown.caller)
        assert all(tap.socket == "forwarder-taps.sock" for tap in scene.taps.set.values()) and scene.taps.set
        scene.see(recording, SENT, "sent to wss://asr.example")
        assert "sent to wss://asr.example" in notes(world, caller)
        told(world, caller, Bind("8001", "test"))
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent"))
        told(world, caller, RecordCall(RecordingAction.RESUME, "agent"))
        assert [one.paused for one in scene.link.of(f.ForkRecording)] == [False, True, False]
        (event,) = scene.link.of(f.TellFork)
        assert (event.what, event.more, event.call["agent"]) == ("extension", {"is": "8001"}, "8001")
        ended(world, caller, centre)
        world.run(1)
        assert [one.recording for one in scene.link.of(f.EndFork)] == [recording]

    def test_a_receiver_that_is_down_costs_no_call_and_is_told_of(self, world: World) -> None:
        scene = Scene(world)
        caller, centre, recording = scene.call()
        scene.see(recording, DOWN, "wss://asr.example: it answers 503")
        assert scene.state(caller) is RecordingState.STOPPED
        assert any("it answers 503" in note for note in notes(world, caller))
        assert scene.recordings.alarms() == ["calls are not forked: 1 of 1, wss://asr.example: it answers 503"]
        assert not scene.link.of(f.EndFork), "it is to be tried again"
        scene.see(recording, SENT, "sent to wss://asr.example")
        world.run(1)
        assert scene.state(caller) is RecordingState.RECORDING and scene.recordings.alarms() == []
        ended(world, caller, centre)
        world.run(1)
        assert len(scene.link.of(f.EndFork)) == 1

    def test_another_forwarder_begins_anew(self, world: World) -> None:
        scene = Scene(world)
        caller, centre, recording = scene.call()
        scene.see(recording, SENT, "sent to wss://asr.example")
        scene.on_trouble("", "the forwarder is gone")
        scene.forks.lose("the forwarder is gone")
        world.run(1)
        assert scene.state(caller) is RecordingState.STOPPED
        scene.on_back()
        world.run(1)
        assert len(scene.link.of(f.ForkRecording)) == 2 and scene.state(caller) is RecordingState.RECORDING
        ended(world, caller, centre)

    def test_what_a_gateway_before_has_left_ends(self, world: World) -> None:
        scene = Scene(world)
        scene.link.left = frozenset(("gone-1",))
        scene.recordings.forget_unclaimed(())
        assert [one.recording for one in scene.link.of(f.EndFork)] == ["gone-1"]

    def test_its_wish_for_a_key_frame_reaches_the_room(self, world: World) -> None:
        scene = Scene(world)
        caller, centre, recording = scene.call()
        world.loop.call_soon(scene.forks.want, recording, "caller")
        world.run(0.1)
        assert {name for _, name in scene.taps.wanted} == {"caller"}
        ended(world, caller, centre)

    def test_what_was_dropped_is_counted_once(self, world: World) -> None:
        scene = Scene(world)
        before = _dropped()
        caller, centre, recording = scene.call()
        for dropped in (3, 5, 5):
            scene.see(recording, SENT, "sent to wss://asr.example", 10, dropped)
        assert notes(world, caller).count("sent to wss://asr.example") == 1
        ended(world, caller, centre)
        scene.see(recording, f.ForkState.ENDED, "", 12, 6)
        assert _dropped() - before == 6


class TestBesideARecorder:
    def test_what_is_kept_here_does_not_mind_who_listens(self, world: World, tmp_path: Any) -> None:
        stage = Stage(tmp_path / "recordings")
        scene = Scene(world, stage)
        caller, centre, recording = scene.call()
        scene.see(recording, DOWN, "wss://asr.example: it does not answer")
        assert scene.state(caller) is RecordingState.RECORDING
        assert "not forked: wss://asr.example: it does not answer" in notes(world, caller)
        assert all(tap.also == ("forwarder-taps.sock",) for tap in scene.taps.set.values())
        scene.forks.go_on()  # another forwarder
        assert len(scene.link.of(f.ForkRecording)) == 2
        ended(world, caller, centre)


class TestOnlySome:
    @pytest.fixture
    def stage(self, tmp_path: Any) -> Stage:
        return Stage(tmp_path / "recordings")

    def test_a_call_of_another_trunk_is_recorded_alone(self, world: World, stage: Stage) -> None:
        scene = Scene(world, stage, trunks=("elsewhere",))
        caller, centre, _ = scene.call()
        assert scene.state(caller) is RecordingState.RECORDING and not scene.link.asked
        ended(world, caller, centre)
        world.run(1)
        assert not scene.link.asked

    def test_one_of_the_trunk_is_forked(self, world: World, stage: Stage) -> None:
        route = Scene(world, stage, trunks=("pbx",))
        caller, centre, recording = route.call()
        assert [one.recording for one in route.link.of(f.ForkRecording)] == [recording]
        ended(world, caller, centre)
        world.run(1)
        (end,) = route.link.of(f.EndFork)
        assert "no longer forked" not in end.reason

    def test_by_the_trunks_that_carry_it_now(self, world: World, stage: Stage) -> None:
        scene = Scene(world, stage, trunks=("second",))
        caller, _, _ = scene.call()
        view = world.call_of(caller).view()
        first, *_, last = view.legs
        gone = replace(last, trunk="second", state=LegState.ENDED)  # the route that was tried before
        assert not scene.forks.wants(replace(view, legs=(gone, *view.legs)))
        other = replace(last, name="centre-2", trunk="second")  # to which the centre hands it
        assert not scene.forks.wants(replace(view, legs=(*view.legs, replace(other, state=LegState.EARLY))))
        assert scene.forks.wants(replace(view, legs=(replace(last, state=LegState.ENDED), first, other)))

    def test_as_long_as_the_desk_has_it(self, world: World, stage: Stage) -> None:
        scene = Scene(world, stage, desks=("8001",))
        caller, centre, recording = scene.call()
        assert not scene.link.asked
        told(world, caller, Bind("8001", "test"))
        world.run(1)
        assert [one.recording for one in scene.link.of(f.ForkRecording)] == [recording]
        told(world, caller, Bind("8002", "test"))
        world.run(1)
        assert [one.recording for one in scene.link.of(f.EndFork)] == [recording]
        assert scene.state(caller) is RecordingState.RECORDING
        ended(world, caller, centre)
        world.run(1)
        assert len(scene.link.of(f.EndFork)) == 1

    def test_on_demand(self, world: World, stage: Stage) -> None:
        scene = Scene(world, stage, on_demand=True)
        caller, centre, recording = scene.call()
        assert not scene.link.asked
        told(world, caller, RecordCall(RecordingAction.PAUSE, "agent"))
        told(world, caller, ForkCall(ForkWish.ON, "quality"))
        world.run(1)
        (begun,) = scene.link.of(f.ForkRecording)
        assert begun.paused and "fork: on, by quality" in notes(world, caller)
        told(world, caller, RecordCall(RecordingAction.RESUME, "agent"))
        assert [one.paused for one in scene.link.of(f.ForkRecording)] == [True, False]
        assert world.call_of(caller).view().recording.fork is ForkWish.ON
        told(world, caller, ForkCall(ForkWish.BY_RULE, "quality"))
        world.run(1)
        assert [one.recording for one in scene.link.of(f.EndFork)] == [recording]
        ended(world, caller, centre)

    def test_what_the_gateway_before_has_forked_ends_where_it_is_not_wanted(self, world: World, stage: Stage) -> None:
        scene = Scene(world, stage, on_demand=True)
        caller, centre, recording = scene.call()
        scene.link.left = frozenset((recording,))  # found late
        scene.forks.go_on()
        assert [one.recording for one in scene.link.of(f.EndFork)] == [recording]
        ended(world, caller, centre)

    def test_a_wish_that_cannot_be_is_refused(self, world: World, stage: Stage) -> None:
        scene = Scene(world, stage)
        caller, centre, _ = scene.call()
        told(world, caller, RecordCall(RecordingAction.STOP, "operator", may_end=True))
        assert denied(world, caller, ForkCall(ForkWish.ON, "quality")) == (409, "not-recording")
        ended(world, caller, centre)

    def test_where_nothing_else_records_there_is_none(self, world: World) -> None:
        scene = Scene(world)
        caller, centre, _ = scene.call()
        assert denied(world, caller, ForkCall(ForkWish.OFF, "quality")) == (409, "fork-alone")
        ended(world, caller, centre)


def _dropped() -> float:
    return metrics.REGISTRY.get_sample_value("splitter_fork_frames_total", {"outcome": "dropped"}) or 0.0
