"""Why somebody was not heard or not seen: real traces of the virtual world, and what the media are said to have carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.after.diagnosis import Diagnosis, seen_by, why
from splitter.calls.asks import RaiseVideo
from splitter.calls.carried import AUDIO, VIDEO, summed
from splitter.calls.view import CallView, CarriedView, StrangerView
from splitter.lab.offers import VideoLine
from splitter.telemetry.trace import TraceEvent
from tests.calls.kit import connected, told, with_webrtc
from tests.world import PeerCall, World

HEARD = (CarriedView("caller", AUDIO, 500, 500), CarriedView("centre", AUDIO, 490, 500))


def video(name: str, came: int = 0, went: int = 0, key_frames: int = 3) -> CarriedView:
    return CarriedView(name, VIDEO, came, went, key_frames=key_frames if came else 0)


def over(world: World, caller: PeerCall) -> tuple[CallView, list[TraceEvent]]:
    """The call after its caller has hung up, and its trace."""
    call_id = world.call_of(caller).talk.call_id
    caller.unread.clear()
    caller.bye()
    world.run(40)
    return world.views[call_id], world.traces[call_id]


def judged(found: tuple[CallView, list[TraceEvent]], *carried: CarriedView, **more: Any) -> Diagnosis:
    view, trace = found
    return why(replace(view, **more), carried, trace)


def proof(events: Sequence[TraceEvent]) -> list[str]:
    return [event.text for event in events]


class TestVoice:
    def test_that_went_both_ways_is_fine(self, world: World) -> None:
        caller, _ = connected(world)
        voice = judged(over(world, caller), *HEARD).voice
        assert voice.fine and voice.words == (
            "voice went both ways: 500 packets from the caller and 490 packets from the centre"
        )
        assert [text.split(":")[0] for text in proof(voice.proof)] == ["voice"]

    def test_of_one_side_alone(self, world: World) -> None:
        caller, _ = connected(world)
        silent = (HEARD[0], replace(HEARD[1], packets_in=0))
        voice = judged(over(world, caller), *silent).voice
        assert not voice.fine and voice.words == "no voice came from the centre, and 500 packets from the caller"

    def test_that_came_from_where_nobody_said(self, world: World) -> None:
        caller, _ = connected(world)
        stranger = StrangerView("caller", AUDIO, "10.9.9.9:4000", "10.1.0.5:20000", 50)
        silent = (replace(HEARD[0], packets_in=0), HEARD[1])
        voice = judged(over(world, caller), *silent, strangers=(stranger,)).voice
        assert voice.words == (
            "no voice came from the caller, and 490 packets from the centre; what came from 10.9.9.9:4000 was not taken, "
            "for its SDP named 10.1.0.5:20000"
        )

    def test_that_nobody_counted(self, world: World) -> None:
        caller, _ = connected(world)
        assert "did not answer" in judged(over(world, caller)).voice.words


class TestACallThatWasNotAnswered:
    def test_says_who_refused_it_for_both(self, world: World) -> None:
        caller = world.sbc.invite("12345")
        world.pbx.take().refuse(486)
        caller.expect("486")
        world.settle()
        [(call_id, view)] = world.views.items()
        diagnosis = why(view, (), world.traces[call_id])
        assert diagnosis.voice.words == "no voice, for the call was not answered: pbx: 486 Busy Here"
        assert diagnosis.video.words == "no video, for the call was not answered: pbx: 486 Busy Here"
        assert proof(diagnosis.video.proof) == [
            "pbx refused: 486 Busy Here",
            "486 Busy Here",
            "ended: pbx: 486 Busy Here",
        ]
        assert seen_by(view) == "none"

    def test_and_still_rings_says_where(self, world: World) -> None:
        caller = world.sbc.invite("12345")
        centre = world.pbx.take()
        centre.ring(180)
        caller.expect("180")
        [(call_id, view)] = world.views.items()
        assert why(view, (), world.traces[call_id]).video.words == "no video yet: the call is ringing at pbx"
        centre.answer()
        caller.expect("200")


class TestVideo:
    def test_that_nobody_offered_nor_asked_for(self, world: World) -> None:
        caller, _ = connected(world, picture=VideoLine.NONE)
        found = judged(over(world, caller), *HEARD).video
        assert found.words == "the caller called by voice alone, and nobody has asked for video"
        assert proof(found.proof) == ["13900000000 calls 110: audio alone"]

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (488, "the caller was asked for video: the phone does not take this video (488)"),
            (603, "the caller was asked for video: the caller declined (603)"),
        ],
    )
    def test_that_was_asked_for_and_not_given(self, world: World, status: int, words: str) -> None:
        caller, _ = connected(world, picture=VideoLine.NONE)
        with_webrtc(world, caller)
        caller.on_reinvite = lambda _: None
        told(world, caller, RaiseVideo("agent 7001"))
        caller.expect("INVITE")
        caller.decline(status)
        world.run(1)
        found = judged(over(world, caller), *HEARD).video
        assert found.words == words
        assert proof(found.proof)[0] == "agent 7001 asks the caller for video" and len(found.proof) == 3

    def test_that_was_agreed_on_and_never_came(self, world: World) -> None:
        caller, _ = connected(world)
        found = judged(over(world, caller), *HEARD, video("caller")).video
        assert found.words == "video was agreed on, but no packet of the caller's came"

    def test_that_nobody_looked_at(self, world: World) -> None:
        caller, _ = connected(world)
        ended = over(world, caller)
        found = judged(ended, *HEARD, video("caller", 900)).video
        assert found.words == "nobody looked: the centre has not said which agent has the call, and no desk has joined"
        assert proof(found.proof)[-1].startswith("the centre named no agent")
        bound = judged(ended, *HEARD, video("caller", 900), extension="8001").video
        assert bound.words == "nobody looked: the desk of 8001 has not joined"

    def test_that_did_not_reach_the_desk(self, world: World) -> None:
        caller, _ = connected(world)
        with_webrtc(world, caller)
        found = judged(over(world, caller), *HEARD, video("caller", 900), video("desk-1")).video
        assert found.words == "desk-1 (7001) has joined, but no video reached it"
        assert any("transport" in text for text in proof(found.proof))

    def test_that_the_agent_did_not_send(self, world: World) -> None:
        caller, _ = connected(world)
        with_webrtc(world, caller)
        ended = over(world, caller)
        carried = (*HEARD, video("caller", 900, 900), video("desk-1", 0, 900))
        found = judged(ended, *carried).video
        assert found.words == "the caller was seen by desk-1 (7001), but no camera of an agent sent anything"
        assert seen_by(replace(ended[0], carried=carried)) == "caller only"

    def test_that_went_both_ways_is_fine(self, world: World) -> None:
        caller, _ = connected(world)
        with_webrtc(world, caller)
        ended = over(world, caller)
        carried = (*HEARD, video("caller", 900, 900), video("desk-1", 800, 900))
        found = judged(ended, *carried).video
        assert found.fine and found.words == "the caller was seen by desk-1 (7001), and saw the agent"
        assert seen_by(replace(ended[0], carried=carried)) == "both"

    def test_without_a_frame_to_begin_with(self, world: World) -> None:
        caller, _ = connected(world)
        with_webrtc(world, caller)
        carried = (*HEARD, video("caller", 900, 900, key_frames=0), video("desk-1", 800, 900))
        assert "no frame in it" in judged(over(world, caller), *carried).video.words


class TestCounts:
    def test_are_kept_when_the_call_ends(self, world: World) -> None:
        caller, _ = connected(world)
        with_webrtc(world, caller)
        view, _ = over(world, caller)
        assert {(one.name, one.kind) for one in view.carried} == {
            ("caller", AUDIO), ("centre", AUDIO), ("caller", VIDEO), ("desk-1", VIDEO),
        }  # fmt: skip
        assert all(one.packets_in for one in view.carried if one.kind == AUDIO)

    def test_say_how_well_the_voice_came(self, world: World) -> None:
        caller, _ = connected(world)
        view, _ = over(world, caller)
        assert {one.name: one.mos for one in view.carried if one.kind == AUDIO} == {"caller": 4.41, "centre": 4.41}

    def test_of_one_who_came_back_are_added_up(self) -> None:
        parts = [video("desk-1", 10, 20), video("caller", 1, 2), video("desk-1", 30, 40)]
        assert summed(parts) == (video("desk-1", 40, 60, key_frames=6), video("caller", 1, 2))
