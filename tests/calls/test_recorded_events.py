"""What happened in a call stands beside its recording, on its clock; and its recordings are found by how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.asks import Bind, MuteVoice, RaiseVideo
from splitter.calls.recording.changes import hold_of
from splitter.calls.settings import Transfers
from splitter.calls.states import RecordingAction
from splitter.calls.talk.aside import ChatSender
from splitter.media.record.index import RecordingQuery, search
from tests.calls.kit import connected, ended, told, with_webrtc
from tests.calls.question_kit import voice_call
from tests.calls.test_guests import SECRET, guest, write
from tests.calls.test_phones import joined
from tests.calls.test_recordings import Scene, ask
from tests.calls.test_transfers import hears, transferring
from tests.world import PeerCall, World


@pytest.fixture
def world() -> Iterator[World]:
    with World(trunk={"transfers": Transfers.REFER}) as made:
        yield made


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Scene:
    return Scene(world, tmp_path / "recordings", everything=True)


def events(scene: Scene) -> list[dict[str, Any]]:
    return [json.loads(line) for line in scene.events().splitlines()]


def said(scene: Scene, what: str) -> list[Any]:
    return [event["is"] for event in events(scene) if event["what"] == what]


def run(world: World, scene: Scene, seconds: int) -> None:
    """Let time pass for the calls and for the recorder."""
    for _ in range(seconds * 10):
        scene.stage.host.time += 0.1
        world.run(0.1)


class TestEvents:
    def test_of_hold_by_either_side_have_their_times(self, world: World, scene: Scene) -> None:
        caller, centre = connected(world)
        run(world, scene, 10)
        for phone in (caller, centre):
            phone.reinvite(audio="sendonly")
            run(world, scene, 5)
            phone.reinvite(audio="sendrecv")
            run(world, scene, 5)
        assert said(scene, "hold") == ["caller", "nobody", "centre", "nobody"]
        times = [event["at"] for event in events(scene) if event["what"] == "hold"]
        assert times == pytest.approx([10, 15, 20, 25], abs=0.3)

    def test_of_a_transfer_name_its_steps_and_the_new_leg(self, world: World, scene: Scene) -> None:
        _, centre, new = transferring(world)
        new.answer()
        hears(centre, "BYE")
        world.run(0.5)
        assert said(scene, "transfer") == ["transfer-begun", "transferred"]
        legs = [(event["name"], event["is"]) for event in events(scene) if event["what"] == "leg"]
        assert ("centre-2", "confirmed") in legs
        new.reinvite(audio="sendonly")
        world.run(1)
        assert said(scene, "hold") == ["centre"], "of the one who has the call now"
        assert len(scene.stage.files) == 1 and scene.tapped(), "the recording goes on through all of it"

    def test_of_people_who_come_go_and_are_muted(self, world: World, scene: Scene) -> None:
        caller, _ = connected(world)
        told(world, caller, Bind("7001", "cti"))
        desk = with_webrtc(world, caller).name
        joined(world, caller)
        told(world, caller, MuteVoice("phone-1", True, "agent 7001"))
        world.run(0.2)
        found = {(event["what"], event.get("name", ""), str(event["is"])) for event in events(scene) if "is" in event}
        assert {("extension", "", "7001"), ("party", desk, "joining"), ("phone", "phone-1", "joined")} <= found
        assert ("muted", "", "['phone-1']") in found

    def test_of_a_question_for_video_say_what_came_of_it(self, world: World, scene: Scene) -> None:
        caller, _ = voice_call(world)
        told(world, caller, RaiseVideo("agent 7001"))
        caller.expect("INVITE")
        caller.decline(603)
        world.run(1)
        told(world, caller, RaiseVideo("agent 7001"))
        caller.expect("INVITE")
        caller.accept()
        world.run(1)
        room = world.call_of(caller).talk.room.room
        assert room is not None and room.room_id in scene.tapped() and len(scene.stage.files) == 1
        states = [(event["is"], event["outcome"]) for event in events(scene) if event["what"] == "video"]
        assert states == [("asking", ""), ("off", "refused"), ("asking", ""), ("on", "accepted")]

    def test_of_chat_have_the_words_but_for_those_who_are_left_out(self, world: World, tmp_path: Path) -> None:
        scene = Scene(world, tmp_path / "recordings", everything=True, exclude=("expert",))
        caller, _ = connected(world)
        guest(world, caller)
        told(world, caller, write(SECRET))
        told(world, caller, write("hello", ChatSender.DESK))
        told(world, caller, replace(write("an expert's"), sender=ChatSender.EXPERT, party="expert-1"))
        ask(world, caller, RecordingAction.PAUSE)
        told(world, caller, write("card 4111"))
        world.run(0.2)
        assert said(scene, "message") == [SECRET, "hello"]
        assert not [event for event in world.trace_of(caller) if SECRET in event.text], "it stands there alone"


class TestFinding:
    def test_is_by_how_the_call_has_ended(self, world: World, scene: Scene) -> None:
        caller, centre = connected(world)
        world.run(1)
        assert search(scene.stage.folder, RecordingQuery())[0].call is None
        ended(world, caller, centre)
        (row,) = search(scene.stage.folder, RecordingQuery(outcome="answered", state="ended"))
        assert row.call is not None and row.call.reason
        for typed, found in [("+86 139-0000-0000", 1), ("013900000000", 1), ("13900000001", 0), ("110", 1), ("10", 0)]:
            assert len(search(scene.stage.folder, RecordingQuery(number=typed))) == found, f"{typed}; {row.caller}"
        ledger = "".join(path.read_text() for path in scene.stage.folder.glob("ledger/*.jsonl"))
        assert ledger.count('"kind":"concluded"') == 1
        for other in ("outcome", "video", "consent", "state"):
            assert not search(scene.stage.folder, replace(RecordingQuery(), **{other: "something else"}))  # type: ignore[arg-type]

    def test_is_so_though_the_recorder_was_away_at_its_end(self, world: World, scene: Scene) -> None:
        caller, centre = connected(world)
        ask(world, caller, RecordingAction.STOP, may_end=True)
        scene.link.fault = "the recorder is gone"
        ended(world, caller, centre)
        assert not search(scene.stage.folder, RecordingQuery(outcome="answered"))
        scene.link.fault = ""
        scene.recordings.on_back()
        assert search(scene.stage.folder, RecordingQuery(outcome="answered"))


def test_nobody_holds_a_call_that_is_not_answered(world: World) -> None:
    caller: PeerCall = world.sbc.invite()
    world.run(0.1)
    assert hold_of(world.call_of(caller).view()) == ""
