"""re-INVITEs of either side: absorbed or relayed, withdrawn, in glare, refused, and never answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.settings import CallSettings
from splitter.lab.offers import VideoLine
from splitter.sdp.model import Connection
from splitter.sdp.write import write
from tests.calls.kit import connected, drop_next, ended, joined, line, relay_target, sdp
from tests.sdp.edits import replace_attributes
from tests.world import PeerCall, World


def silent(call: PeerCall) -> None:
    """From now on the script answers re-INVITEs."""
    call.on_reinvite = lambda _: None


class TestHold:
    @pytest.mark.parametrize(("wanted", "answered"), [("sendonly", "recvonly"), ("inactive", "inactive")])
    def test_of_the_caller(self, wanted: str, answered: str, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.reinvite(audio=wanted)
        offer = sdp(centre.expect("INVITE"))
        assert [(media.kind, media.direction) for media in offer.media] == [("audio", wanted)]
        answer = sdp(caller.expect("200 re-INVITE"))
        assert line(answer, "audio").direction == answered
        assert line(answer, "video").port and line(answer, "video").direction == "sendrecv"
        caller.reinvite(audio="sendrecv")
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendrecv"
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        ended(world, caller, centre)

    def test_of_the_centre(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.reinvite(audio="sendonly")
        offer = sdp(caller.expect("INVITE"))
        assert [media.direction for media in offer.media] == ["sendonly", "sendrecv"]
        answer = sdp(centre.expect("200 re-INVITE"))
        assert [(media.kind, media.direction) for media in answer.media] == [("audio", "recvonly")]
        centre.reinvite(audio="sendrecv")
        caller.expect("INVITE")
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        ended(world, caller, centre)

    @pytest.mark.parametrize("side", ["caller", "centre"])
    def test_by_an_offer_that_does_not_name_its_formats(self, side: str, world: World) -> None:
        """pjproject#1411: m= and a null address alone; the numbers are known."""
        caller, centre = connected(world)
        holds, hears = (caller, centre) if side == "caller" else (centre, caller)
        before = holds.terminal.ours
        assert before is not None
        audio = line(before, "audio")
        bare = audio.without(("rtpmap", "fmtp")).with_(connection=Connection.to("0.0.0.0"))
        media = tuple(bare if one is audio else one for one in before.media)
        holds.reinvite(holds.terminal.given(write(replace(before, media=media))))
        offer = line(sdp(hears.expect("INVITE")), "audio")
        assert offer.direction == "sendonly" and offer.codecs == audio.codecs
        answer = line(sdp(holds.expect("200 re-INVITE")), "audio")
        assert answer.codecs and set(answer.codecs) <= set(audio.codecs)
        holds.reinvite(holds.terminal.given(write(before)))
        hears.expect("INVITE")
        holds.expect("200 re-INVITE")
        world.monitor.faults.clear()  # which does not know what the numbers have stood for
        ended(world, caller, centre)

    def test_video_on_hold_is_not_the_call_on_hold(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.reinvite(video="inactive")
        answer = sdp(caller.expect("200 re-INVITE"))
        assert [media.direction for media in answer.media] == ["sendrecv", "inactive"]
        centre.hears_nothing(1)
        ended(world, caller, centre)


class TestAbsorbed:
    def test_a_moved_address_of_the_caller(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        before = relay_target(world, caller, 0)
        caller.reinvite(move=True)
        caller.expect("200 re-INVITE")
        world.run(0.1)
        assert relay_target(world, caller, 0) == caller.terminal.local("audio") != before
        call = world.call_of(caller)
        room = world.engine.room_of(call.talk.call_id)
        assert room is not None and (media := room.members["caller"]) is not None
        assert media.remote.rtp == caller.terminal.local("video")
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_a_moved_address_of_the_centre(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.reinvite(move=True)
        centre.expect("200 re-INVITE")
        world.run(0.1)
        assert relay_target(world, caller, 1) == centre.terminal.local("audio")
        caller.hears_nothing(1)
        ended(world, caller, centre)

    def test_a_refresh_gets_the_same_description_and_changes_nothing(self, world: World) -> None:
        caller, centre = connected(world)
        asked = dict(world.engine.asked)
        first = caller.terminal.theirs
        caller.reinvite()
        again = sdp(caller.expect("200 re-INVITE"))
        assert first is not None and again.origin == first.origin
        centre.hears_nothing(1)
        assert {
            name: count - asked.get(name, 0) for name, count in world.engine.asked.items() if count != asked[name]
        } == {"point": 1, "set_participant": 1}, "its ports may be learned anew"
        ended(world, caller, centre)


class TestDowngrade:
    def test_and_back_five_times_leaks_nothing(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        ports = world.engine.ports
        lines: set[Any] = set()
        formats: set[Any] = set()
        for _ in range(5):
            caller.reinvite(video="off")
            answer = sdp(caller.expect("200 re-INVITE"))
            assert [media.port > 0 for media in answer.media] == [True, False]
            world.run(0.1)
            call = world.call_of(caller)
            assert (room := world.engine.room_of(call.talk.call_id)) is not None
            assert room.members["caller"] is None
            caller.reinvite(video="on")
            answer = sdp(caller.expect("200 re-INVITE"))
            world.run(0.1)
            assert room.members["caller"] is not None
            lines.add(len(answer.media))
            formats.add((line(answer, "video").port, line(answer, "video").formats))
        assert lines == {2} and len(formats) == 1
        assert world.engine.ports == ports
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_the_seat_stays(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        caller.reinvite(video="off")
        caller.expect("200 re-INVITE")
        seat.hears_nothing(1)
        assert seat.state == "confirmed"
        ended(world, caller, centre)

    def test_an_upgrade_of_a_voice_call_by_the_caller(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.VILTE, video_direction="inactive")
        caller.reinvite(video="sendrecv")
        answer = sdp(caller.expect("200 re-INVITE"))
        assert line(answer, "video").direction == "sendrecv"
        ended(world, caller, centre)

    def test_an_upgrade_whose_room_hangs_is_answered_without_video(self, world: World) -> None:
        world.engine.stuck = {"open_room", "join"}
        caller, _ = connected(world)
        caller.reinvite(video="on", audio="sendonly")
        before = world.now
        answer = sdp(caller.expect("200 re-INVITE"))
        assert answer.direction_of(0) == "recvonly" and world.now - before < 0.3
        ended_quietly(world, caller)


class TestWithoutOffer:
    def test_of_the_caller_gets_the_present_state(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.reinvite(offerless=True)
        offer = sdp(caller.expect("200 re-INVITE"))
        assert [media.port > 0 for media in offer.media] == [True, True]
        world.run(0.1)
        assert world.voice_faults(caller) == []
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_after_a_downgrade_it_does_not_bring_video_back(self, world: World) -> None:
        caller, centre = connected(world)
        caller.reinvite(video="off")
        caller.expect("200 re-INVITE")
        caller.reinvite(offerless=True)
        offer = sdp(caller.expect("200 re-INVITE"))
        assert [media.port > 0 for media in offer.media] == [True, False]
        ended(world, caller, centre)

    def test_of_the_centre(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.reinvite(offerless=True)
        offer = sdp(centre.expect("200 re-INVITE"))
        assert [media.kind for media in offer.media] == ["audio"]
        world.run(0.1)
        caller.hears_nothing(1)
        ended(world, caller, centre)

    def test_ends_a_hold_of_the_centre(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """Call control by a third party resumes like this; the caller hears of it."""
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendonly"
        centre.terminal.wish = "sendrecv"
        centre.reinvite(offerless=True)
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendrecv"
        world.run(0.2)
        ended(world, caller, centre)

    def test_does_not_end_a_hold_of_the_other_side(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.reinvite(audio="sendonly")
        caller.expect("200 re-INVITE")
        centre.expect("INVITE")
        centre.reinvite(offerless=True)
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "sendonly"
        world.run(0.2)
        ended(world, caller, centre)


class TestGlare:
    def test_the_centre_refuses_with_491(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.decline(491)
        caller.expect("491 re-INVITE")
        ended(world, caller, centre)

    def test_both_sides_at_once(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.reinvite(audio="sendonly")
        centre.reinvite(audio="sendonly")
        world.run(10)
        assert caller.settled and centre.settled
        assert any(what.startswith("491") for what in caller.heard + centre.heard)
        assert world.voice_faults(caller) == []
        ended_quietly(world, caller)

    def test_a_second_one_while_the_first_is_open(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """500 with Retry-After (RFC 3261 §14.2)."""
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        assert caller.dialog is not None
        first = caller.offering
        caller.reinvite(audio="inactive")
        refusal = caller.expect("500 re-INVITE").message
        assert refusal is not None and refusal.headers.get("retry-after") is not None
        caller.offering = first
        centre.accept()
        world.run(1)
        ended_quietly(world, caller)

    def test_the_callers_while_ours_is_open(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        silent(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        pending, caller.pending = caller.pending, None
        caller.reinvite(video="off")
        caller.expect("491 re-INVITE")
        caller.pending = pending
        caller.accept()
        centre.expect("200 re-INVITE")
        ended(world, caller, centre)


class TestRefused:
    @pytest.mark.parametrize("status", [488, 480, 603])
    def test_what_concerns_the_asker_is_passed_on(self, status: int, world: World) -> None:
        caller, centre = connected(world)
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.decline(status)
        caller.expect(f"{status} re-INVITE")
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [408, 500, 503, 401])
    def test_what_speaks_of_the_other_leg_is_not(self, status: int, world: World) -> None:
        caller, centre = connected(world)
        silent(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.decline(status)
        refusal = centre.expect("500 re-INVITE").message
        assert refusal is not None and refusal.headers.get("retry-after")
        centre.bye()
        world.settle()

    def test_481_ends_the_call(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.decline(481)
        world.run(1)
        assert "BYE" in caller.heard and "481 re-INVITE" not in caller.heard
        world.settle()

    def test_the_next_offer_follows_the_refused_ones_version(self, world: World) -> None:
        caller, centre = connected(world)
        silent(centre)
        caller.reinvite(audio="sendonly")
        refused = sdp(centre.expect("INVITE"))
        centre.decline(488)
        caller.expect("488 re-INVITE")
        caller.reinvite(audio="inactive")
        following = sdp(centre.expect("INVITE"))
        centre.accept()
        caller.expect("200 re-INVITE")
        assert following.origin.version == refused.origin.version + 1
        ended(world, caller, centre)

    def test_an_answer_without_a_description(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """The asker is told, and the side that took the offer is put back."""
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        assert centre.pending is not None
        (txn, request), centre.pending = centre.pending, None
        centre.unacknowledged.add(txn)
        centre.peer.driver.respond(txn, request.respond(200, headers=centre.own_headers()))
        centre.on_reinvite = PeerCall.accept
        caller.expect("488 re-INVITE")
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendrecv"
        world.run(1)
        assert world.voice_faults(caller) == []
        ended_quietly(world, caller)

    def test_a_payload_type_that_stands_for_another_codec_at_the_caller(self, world: World) -> None:
        caller, centre = connected(world)
        ours = centre.terminal.ours
        assert ours is not None
        audio = replace_attributes(replace_attributes(ours.media[0], "fmtp"), "rtpmap", "107 PCMA/8000")
        centre.reinvite(replace(ours, media=(audio.with_(formats=("107",)),), origin=ours.origin.next()))
        centre.expect("488 re-INVITE")
        caller.hears_nothing(1)
        ended(world, caller, centre)

    def test_the_voice_cannot_be_taken_out(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.reinvite(audio="off")
        centre.expect("488 re-INVITE")
        caller.hears_nothing(1)
        ended(world, caller, centre)


class TestNeverAnswered:
    @pytest.mark.parametrize("status", [None, 180])
    def test_a_consulted_side_that_takes_too_long(self, status: int | None) -> None:
        with World(settings=CallSettings(consult_limit_s=5.0)) as world:
            caller, centre = connected(world)
            silent(centre)
            if status is None:
                world.pbx.vanish()
            caller.reinvite(audio="sendonly")
            caller.expect("500 re-INVITE", 7)
            world.run(1)
            world.pbx.come_back()
            world.run(40)
            assert caller.settled
            caller.bye()
            world.settle()

    def test_an_answer_that_comes_after_all_is_undone(self) -> None:
        with World(settings=CallSettings(consult_limit_s=5.0)) as world:
            caller, centre = connected(world)
            silent(centre)
            caller.reinvite(audio="sendonly")
            centre.expect("INVITE")
            world.run(4.992)
            centre.on_reinvite = PeerCall.accept
            centre.accept()  # it crosses our CANCEL
            world.run(2)
            assert "500 re-INVITE" in caller.heard
            assert centre.heard.count("INVITE") == 3
            assert world.voice_faults(caller) == []
            ended_quietly(world, caller)

    def test_the_next_one_goes_through(self) -> None:
        with World(settings=CallSettings(consult_limit_s=5.0)) as world:
            caller, centre = connected(world)
            silent(centre)
            caller.reinvite(audio="sendonly")
            caller.expect("500 re-INVITE", 7)
            world.run(2)
            centre.on_reinvite = PeerCall.accept
            caller.reinvite(audio="inactive")
            caller.expect("200 re-INVITE")
            world.run(0.2)
            assert world.voice_faults(caller) == []
            ended_quietly(world, caller)


class TestWithdrawn:
    def test_cancel_takes_the_question_back(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        caller.withdraw()
        caller.expect("487 re-INVITE")
        centre.expect("CANCEL")
        world.run(1)
        ended(world, caller, centre)

    @pytest.mark.parametrize("after_ms", range(0, 26, 2))
    def test_at_any_moment_both_sides_agree_in_the_end(self, after_ms: int, world: World) -> None:
        """The CANCEL may cross the other side's 200, and ours: then what was before is offered again."""
        caller, centre = connected(world)
        caller.reinvite(audio="sendonly")
        world.run(after_ms / 1000)
        caller.withdraw()
        world.run(5)
        assert caller.settled and centre.settled
        assert world.voice_faults(caller) == []
        ended_quietly(world, caller)

    def test_an_answer_that_crossed_is_undone(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        caller.withdraw()
        world.run(0.008)
        centre.on_reinvite = PeerCall.accept
        centre.accept()
        world.run(2)
        assert "487 re-INVITE" in caller.heard
        offers = [heard for heard in centre.unread if heard.what == "INVITE"]
        assert [sdp(heard).direction_of(0) for heard in offers] == ["sendrecv"]
        assert world.voice_faults(caller) == []
        ended_quietly(world, caller)

    def test_one_that_was_put_aside(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        silent(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        centre.withdraw()
        centre.expect("487 re-INVITE")
        world.run(1)
        assert world.voice_faults(caller) == []
        ended_quietly(world, caller)


class TestAckOfAReinvite:
    def test_is_lost_for_a_while(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        drop_next(world, world.sbc, "ACK", times=4)
        caller.reinvite(audio="sendonly")
        caller.expect("200 re-INVITE")
        world.run(10)
        centre.reinvite(move=True)
        centre.expect("INVITE")
        centre.expect("200 re-INVITE")
        ended_quietly(world, caller)


def ended_quietly(world: World, caller: PeerCall) -> None:
    """Hang up where it does not matter what else was heard before."""
    caller.bye()
    world.run(1)
    world.settle()
