"""Voice first: whatever the media engine does to the picture, the voice and its signalling go on at once."""

from __future__ import annotations

import pytest

from splitter.calls.asks import Ask, DropVideo, RaiseVideo
from splitter.lab.offers import VideoLine
from splitter.media.ports.events import MediaEvent, PictureStopped
from tests.calls.kit import arrived, connected, denied, ended, joined, line, sdp, told
from tests.world import PeerCall, World
from tests.world.media import Room

FAST_UPDATE = (
    b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
)
VIDEO = {"open_room", "join", "set_participant", "leave", "request_key_frame"}


def room_of(world: World, caller: PeerCall) -> Room:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return room


def quick(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """A hold of the centre reaches the caller and comes back, and the call ends, without a wait for the engine."""
    began = world.now
    centre.reinvite(audio="sendonly")
    held = caller.expect("INVITE")
    assert line(sdp(held), "audio").direction == "sendonly"
    caller.accept()
    centre.expect("200 re-INVITE")
    assert world.now - began < 0.1
    world.run(0.05)
    assert world.voice_faults(caller) == []
    began = world.now
    caller.bye()
    centre.expect("BYE")
    assert world.now - began < 0.1
    world.run(5)
    world.settle()


class TestAnEngineThatHangsWithThePicture:
    def test_when_the_caller_has_changed_its_video(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.stuck = {"set_participant"}
        caller.reinvite(video="inactive")
        caller.expect("200 re-INVITE")
        quick(world, caller, centre)

    def test_when_the_call_was_answered_with_video(self, world: World) -> None:
        world.engine.stuck = {"set_participant"}
        caller, centre = arrived(world)
        centre.answer()
        assert line(sdp(caller.expect("200")), "video").port
        centre.expect("ACK")
        quick(world, caller, centre)

    def test_when_video_rings_early(self, world: World) -> None:
        """The caller gives up at the moment at which its early picture is being set up."""
        world.engine.stuck = {"set_participant"}
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        caller.expect("183")
        began = world.now
        caller.cancel()
        centre.expect("CANCEL")
        assert world.now - began < 0.1
        world.run(5)
        world.settle()

    def test_when_its_worker_has_died(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        room = room_of(world, caller)
        world.engine.stuck = VIDEO
        world.engine.lose_room(room)
        world.run(0.01)
        quick(world, caller, centre)

    def test_when_the_caller_agrees_to_video_and_when_it_is_dropped(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        told(world, caller, RaiseVideo("agent 7001"))
        caller.expect("INVITE")
        world.engine.stuck = {"set_participant"}
        caller.accept()
        world.run(0.1)
        told(world, caller, DropVideo("agent 7001"))
        caller.expect("UPDATE")
        world.run(0.1)
        quick(world, caller, centre)

    def test_when_key_frames_are_wanted_one_wish_at_a_time(self, world: World) -> None:
        caller, centre = connected(world)
        world.engine.stuck = {"request_key_frame"}
        for _ in range(20):
            caller.request("INFO", body=FAST_UPDATE, content_type="application/media_control+xml")
            caller.expect("200 INFO")
        assert world.engine.asked["request_key_frame"] == 1
        assert len(world.call_of(caller).jobs) == 1
        quick(world, caller, centre)


class TestARoomThatIsMadeAnew:
    @pytest.mark.parametrize("after_s", [0.0, 0.1, 0.3, 0.5, 0.59, 0.7])
    def test_takes_nobody_who_left_meanwhile(self, after_s: float, world: World) -> None:
        """The new room is open after 0.2 s, the caller has its ports after 0.4 s, the seat would have them at 0.6 s."""
        caller, centre = connected(world)
        seat = joined(world, caller)
        room = room_of(world, caller)
        world.engine.delay = lambda: 0.2
        world.engine.lose_room(room)
        world.run(after_s)
        seat.bye()
        world.run(3)
        world.engine.delay = lambda: 0.001
        assert set(room_of(world, caller).members) == {"caller"}
        caller.unread.clear()
        ended(world, caller, centre)

    def test_a_setting_that_the_engine_did_not_take_is_sent_again(self, world: World) -> None:
        caller, centre = connected(world)
        world.engine.stuck = {"set_participant"}
        caller.reinvite(video="sendonly")
        caller.expect("200 re-INVITE")
        world.run(2)
        world.engine.stuck = set()
        caller.reinvite(video="sendonly")
        caller.expect("200 re-INVITE")
        world.run(0.1)
        media = room_of(world, caller).members["caller"]
        assert media is not None and (media.sending, media.receiving) == (False, True)
        ended(world, caller, centre)


class TestAFaultOfOurs:
    """What a bug in the picture does: it is logged, the call goes on."""

    @pytest.mark.parametrize(
        ("ask", "picture", "where", "status"),
        [
            (RaiseVideo("agent 7001"), VideoLine.NONE, "_prepare", 500),
            (DropVideo("agent 7001"), VideoLine.VILTE, "_stop", None),  # it was answered before
        ],
    )
    def test_in_what_a_desk_asked(
        self,
        ask: Ask,
        picture: VideoLine,
        where: str,
        status: int | None,
        monkeypatch: pytest.MonkeyPatch,
        world: World,
    ) -> None:
        caller, centre = connected(world, picture=picture)
        monkeypatch.setattr(f"splitter.calls.flows.escalate.Escalation.{where}", broken)
        if status is None:
            told(world, caller, ask)
        else:
            assert denied(world, caller, ask) == (status, "fault")
        monkeypatch.undo()
        lives_on(world, caller, centre, "an ask failed")

    def test_in_the_question_itself(self, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        monkeypatch.setattr("splitter.calls.flows.escalate.line_to_offer", broken)
        told(world, caller, RaiseVideo("agent 7001"))
        world.run(0.1)
        assert world.call_of(caller).talk.video.view.outcome == "failed"
        monkeypatch.undo()
        lives_on(world, caller, centre, "the question for video failed")

    def test_in_what_the_engine_tells(self, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        caller, centre = connected(world)
        monkeypatch.setattr("splitter.calls.flows.presence._sends", broken)
        tell(world, caller, PictureStopped(world.call_of(caller).talk.call_id, "caller", "no packet for 5 s"))
        world.run(0.1)
        monkeypatch.undo()
        lives_on(world, caller, centre, "an event of the picture failed")


def broken(*args: object) -> None:
    raise ValueError("a bug")


def lives_on(world: World, caller: PeerCall, centre: PeerCall, logged: str) -> None:
    """The fault is in the log, and the call ends when its people want."""
    assert [entry["event"] for entry in world.logs if entry["log_level"] == "error"] == [logged]
    world.logs.clear()
    ended(world, caller, centre)


def tell(world: World, caller: PeerCall, event: MediaEvent) -> None:
    world.engine.tell(room_of(world, caller), event)


class TestThePicturesNews:
    def test_of_a_party_that_left_change_nothing(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        tell(world, caller, PictureStopped(world.call_of(caller).talk.call_id, "seat-9", "no packet for 5 s"))
        ended(world, caller, centre)
