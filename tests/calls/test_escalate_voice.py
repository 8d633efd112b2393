"""The caller is being asked for video, and the voice needs something at the same time: the voice goes first."""

from __future__ import annotations

import pytest

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import DropVideo, RaiseVideo
from splitter.calls.settings import CallSettings
from splitter.lab.offers import VideoLine
from splitter.sip.message import Request
from tests.calls.kit import asking, connected, denied, ended, joined, sdp, told
from tests.calls.question_kit import asked, asked_call, codes, picture, silent, stands, view, voice_call
from tests.dialogs.test_replaces import replacing
from tests.world import PeerCall, World

RAISE, DROP = RaiseVideo("agent 7001"), DropVideo("agent 7001")


def flows(call: PeerCall) -> list[str]:
    """What this peer does with voice and picture, by what both sides said."""
    names = {(True, True): "both", (True, False): "sends", (False, True): "hears", (False, False): "nothing"}
    ways = [call.terminal.way(kind) for kind in ("audio", "video")]
    return ["off" if way is None else names[way.sends, way.receives] for way in ways]


def wanted(world: World, caller: PeerCall) -> None:
    """A desk asks for video; whether it is denied does not matter."""
    asking(world, caller, RAISE).add_done_callback(lambda task: task.exception())


def in_order(world: World, *calls: PeerCall) -> None:
    """Nothing is under way, the voice is connected as both sides agreed, and nothing is left at the end."""
    world.run(1)
    assert all(call.settled for call in calls)
    assert world.voice_faults(calls[0]) == []
    for call in calls:
        call.unread.clear()
    ended(world, *calls)


class TestAHoldOfTheCentre:
    def test_takes_the_question_back_and_it_is_asked_again(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.ponder()
        world.run(5)
        centre.reinvite(audio="sendonly")
        began = world.now
        caller.expect("CANCEL")
        held = sdp(caller.expect("INVITE"))
        assert [media.direction for media in held.media] == ["sendonly"]
        caller.accept()
        centre.expect("200 re-INVITE")
        assert world.now - began < 0.1, "the voice did not wait"
        again = sdp(caller.expect("INVITE"))
        assert [media.kind for media in again.media] == ["audio", "video"]
        assert again.media[0].direction == "sendonly"
        assert view(world, caller).state == "asking"
        caller.accept()
        world.run(0.2)
        assert flows(caller) == ["hears", "both"] and view(world, caller).outcome == "accepted"
        in_order(world, caller, centre)

    def test_the_second_time_it_is_withdrawn(self, world: World) -> None:
        caller, centre = asked_call(world)
        for audio in ("sendonly", "sendrecv"):
            centre.reinvite(audio=audio)
            caller.expect("CANCEL")
            caller.expect("INVITE")
            caller.accept()
            centre.expect("200 re-INVITE")
            world.run(0.1)
            if audio == "sendonly":
                caller.expect("INVITE")
        assert (view(world, caller).state, view(world, caller).outcome) == ("off", "withdrawn")
        stands(world, caller, centre)

    def test_an_answer_that_crosses_the_cancel_is_welcome(self, world: World) -> None:
        """The question was taken back for the voice's sake, not because video is not wanted."""
        caller, centre = asked_call(world)
        centre.reinvite(audio="sendonly")
        world.run(0.004)
        caller.on_reinvite = PeerCall.accept
        caller.accept()
        world.run(2)
        assert view(world, caller).outcome == "accepted"
        assert flows(caller) == ["hears", "both"] and flows(centre) == ["sends", "off"]
        assert picture(world, caller)
        in_order(world, caller, centre)

    @pytest.mark.parametrize("after_ms", range(-20, 21, 2))
    def test_at_any_moment_both_come_about(self, after_ms: int, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        joined(world, caller)
        if after_ms < 0:
            centre.reinvite(audio="sendonly")
        else:
            wanted(world, caller)
        world.run(abs(after_ms) / 1000)
        if after_ms < 0:
            wanted(world, caller)
        else:
            centre.reinvite(audio="sendonly")
        world.run(8)
        assert view(world, caller).outcome == "accepted" and picture(world, caller)
        assert flows(caller) == ["hears", "both"] and flows(centre) == ["sends", "off"]
        in_order(world, caller, centre)

    def test_that_does_not_concern_the_caller_is_absorbed(self, world: World) -> None:
        caller, centre = asked_call(world)
        centre.reinvite(move=True)
        centre.expect("200 re-INVITE")
        caller.hears_nothing(1)
        assert view(world, caller).state == "asking"
        caller.accept()
        in_order(world, caller, centre)

    def test_a_resume_without_an_offer_reaches_the_caller(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        caller.expect("INVITE")
        silent(caller)
        asked(world, caller)
        caller.on_reinvite = PeerCall.accept
        centre.terminal.wish = "sendrecv"
        centre.reinvite(offerless=True)
        centre.expect("200 re-INVITE")
        world.run(1)
        assert flows(caller) == ["both", "both"]
        in_order(world, caller, centre)


class TestTheVoiceGoesOn:
    def test_another_leg_of_the_centre_takes_over(self, world: World) -> None:
        """An attended transfer inside the centre (RFC 3891) with the same codec need not disturb the question."""
        caller, centre = asked_call(world)
        second = replacing(world, centre)
        second.expect("200")
        centre.expect("BYE")
        caller.hears_nothing(1)
        assert view(world, caller).state == "asking"
        caller.accept()
        world.run(0.2)
        assert view(world, caller).state == "on" and world.voice_faults(caller) == []
        caller.bye()
        second.expect("BYE")
        world.run(1)
        world.settle()

    def test_a_media_worker_dies(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.on_reinvite = PeerCall.accept
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        world.run(2)
        assert "CANCEL" in caller.heard
        assert view(world, caller).outcome == "accepted"
        in_order(world, caller, centre)

    def test_the_room_dies_while_the_caller_is_asked(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.on_reinvite = PeerCall.accept
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None
        world.engine.lose_room(room)
        world.run(6)
        found = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert found is not None and caller.terminal.way("video") is not None
        assert caller.terminal.way("video").target.port == found.local["caller"].rtp_port
        assert view(world, caller).state == "on" and picture(world, caller)
        in_order(world, caller, centre)

    def test_seats_join_and_digits_pass(self, world: World) -> None:
        caller, centre = asked_call(world)
        seat = joined(world, caller)
        assert seat.state == "confirmed"
        caller.request("INFO", body=b"Signal=5\r\nDuration=160\r\n", content_type="application/dtmf-relay")
        centre.expect("INFO")
        caller.expect("200 INFO")
        caller.accept()
        in_order(world, caller, centre)

    def test_the_session_is_refreshed_by_update(self) -> None:
        with World(settings=CallSettings(session_expires_s=90, consent_limit_s=100)) as world:
            caller, centre = voice_call(world)
            caller.keeps_time = centre.keeps_time = True
            caller.reinvite()
            caller.expect("200 re-INVITE")
            caller.keeps_time = False
            world.call_of(caller).after(5, Alarm(AlarmKind.REFRESH, "caller"))
            asked(world, caller)
            world.run(8)
            assert any(isinstance(heard.message, Request) and heard.what == "UPDATE" for heard in caller.unread)
            assert view(world, caller).state == "asking"
            caller.accept()
            world.run(0.2)
            assert view(world, caller).state == "on"
            caller.unread.clear()
            caller.bye()
            world.run(1)
            world.settle()

    def test_a_refused_hold_during_the_question_is_told_to_the_centre(self, world: World) -> None:
        caller, centre = asked_call(world)
        centre.reinvite(audio="sendonly")
        caller.expect("CANCEL")
        caller.expect("INVITE")
        caller.decline(488)
        centre.expect("488 re-INVITE")
        centre.terminal.wish = "sendrecv"
        caller.expect("INVITE")
        caller.decline(603)
        world.run(0.2)
        assert view(world, caller).outcome == "refused"
        stands(world, caller, centre)


class TestGlare:
    def test_491_is_asked_again_in_its_window(self, world: World) -> None:
        """RFC 3261 §14.1: who does not own the Call-ID waits up to two seconds."""
        caller, centre = asked_call(world)
        began = world.now
        caller.decline(491)
        caller.expect("INVITE")
        assert world.now - began <= 2.1
        caller.accept()
        world.run(0.2)
        assert view(world, caller).outcome == "accepted"
        assert codes(world).count("video-accepted") == 1
        ended(world, caller, centre)

    def test_three_times_and_it_has_failed(self, world: World) -> None:
        caller, centre = voice_call(world)
        caller.on_reinvite = lambda call: call.decline(491)
        told(world, caller, RAISE)
        world.run(20)
        assert caller.declined == 3 and view(world, caller).outcome == "failed"
        stands(world, caller, centre)

    def test_500_with_retry_after_is_obeyed(self, world: World) -> None:
        caller, centre = asked_call(world)
        began = world.now
        caller.decline(500, [("Retry-After", "7")])
        caller.expect("INVITE")
        assert world.now - began == pytest.approx(7, abs=0.1)
        assert view(world, caller).state == "asking"
        caller.accept()
        world.run(0.2)
        assert view(world, caller).outcome == "accepted"
        ended(world, caller, centre)

    def test_both_sides_upgrade_at_once_and_the_callers_own_attempt_wins(self, world: World) -> None:
        """It owns the Call-ID and tries again first; ours need not be asked any more, and counts as accepted."""
        caller, centre = connected(world)
        caller.reinvite(video="off")
        caller.expect("200 re-INVITE")
        world.run(0.1)
        wanted(world, caller)
        caller.reinvite(video="on")
        world.run(1)
        assert "glare" in caller.heard and "491 re-INVITE" in caller.heard
        assert view(world, caller).state == "asking"
        world.run(2.9)
        caller.unread.clear()
        caller.reinvite(video="on")
        caller.expect("200 re-INVITE")
        world.run(10)
        assert view(world, caller).outcome == "accepted" and picture(world, caller)
        assert "INVITE" not in [heard.what for heard in caller.unread], "it was not asked any more"
        in_order(world, caller, centre)

    def test_and_where_the_caller_does_not_try_again_it_is_asked(self, world: World) -> None:
        caller, centre = connected(world)
        caller.reinvite(video="off")
        caller.expect("200 re-INVITE")
        world.run(0.1)
        wanted(world, caller)
        caller.reinvite(video="on")
        world.run(10)
        assert view(world, caller).outcome == "accepted" and picture(world, caller)
        in_order(world, caller, centre)

    @pytest.mark.parametrize("after_ms", range(-12, 13, 2))
    def test_at_any_moment_video_is_on_in_the_end(self, after_ms: int, world: World) -> None:
        caller, centre = connected(world)
        caller.reinvite(video="off")
        caller.expect("200 re-INVITE")
        world.run(0.1)
        if after_ms < 0:
            caller.reinvite(video="on")
        else:
            wanted(world, caller)
        world.run(abs(after_ms) / 1000)
        if after_ms < 0:
            wanted(world, caller)
        elif caller.settled:
            caller.reinvite(video="on")
        world.run(12)
        assert view(world, caller).state == "on" and picture(world, caller)
        assert flows(caller) == ["both", "both"]
        in_order(world, caller, centre)

    def test_the_callers_hold_meets_the_question(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        wanted(world, caller)
        caller.reinvite(audio="sendonly")
        world.run(3)
        if "491 re-INVITE" in caller.heard:
            caller.reinvite(audio="sendonly")
        world.run(5)
        assert flows(caller) == ["sends", "both"] and flows(centre) == ["hears", "off"]
        in_order(world, caller, centre)


class TestAskedAgain:
    def test_while_the_old_question_is_being_cancelled(self, world: World) -> None:
        caller, centre = asked_call(world)
        told(world, caller, DROP)
        told(world, caller, RAISE)
        assert denied(world, caller, RAISE) == (409, "asking")
        caller.expect("CANCEL")
        caller.expect("INVITE")
        caller.accept()
        world.run(0.2)
        assert view(world, caller).outcome == "accepted"
        in_order(world, caller, centre)

    def test_while_the_phone_has_not_heard_of_the_downgrade_yet(self, world: World) -> None:
        caller, centre = connected(world)
        told(world, caller, DROP)
        assert denied(world, caller, RAISE) == (409, "dropping")
        world.run(0.2)
        told(world, caller, RAISE)
        world.run(0.2)
        assert view(world, caller).state == "on" and picture(world, caller)
        in_order(world, caller, centre)
