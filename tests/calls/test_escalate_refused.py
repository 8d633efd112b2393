"""A caller who is asked for video and does not give it, and questions that are not even asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.settings import CallSettings
from splitter.calls.states import Lack
from splitter.core.errors import MediaError, MediaUnavailable, NoPorts
from splitter.lab.offers import VideoLine
from tests.calls.kit import denied, ended, ringing, sdp, told
from tests.calls.question_kit import RAISE, asked, asked_call, codes, stands, view, voice_call
from tests.sdp.edits import replace_attributes
from tests.world import PeerCall, World


class TestRefused:
    @pytest.mark.parametrize("status", [480, 486, 603, 606])
    def test_by_a_person(self, status: int, world: World) -> None:
        caller, centre = voice_call(world)
        offer = sdp(asked(world, caller))
        caller.decline(status)
        world.run(0.2)
        shown = view(world, caller)
        assert (shown.state, shown.outcome, shown.supported) == ("off", "refused", None)
        assert str(status) in shown.reason and codes(world) == ["asking", "video-refused"]
        again = sdp(asked(world, caller))
        assert again.origin.version == offer.origin.version + 1, "after a refused offer too"
        assert again.media[1].formats == offer.media[1].formats
        caller.decline(status)
        world.run(0.2)
        stands(world, caller, centre)

    def test_by_port_0_which_is_the_best_way(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.accept(video="off")
        world.run(0.2)
        assert view(world, caller).outcome == "refused"
        again = sdp(asked(world, caller))
        assert [media.kind for media in again.media] == ["audio", "video"], "the slot is reused"
        caller.accept(video="off")
        world.run(0.2)
        stands(world, caller, centre)

    def test_a_refused_video_is_not_brought_up_by_an_offer_about_something_else(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.accept(video="off")
        world.run(0.2)
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        assert [media.port > 0 for media in sdp(caller.expect("INVITE")).media] == [True, False]
        caller.accept()
        world.run(0.2)
        centre.unread.clear()
        centre.reinvite(audio="sendonly")
        assert [media.port > 0 for media in sdp(caller.expect("INVITE")).media] == [True, False]
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.2)
        stands(world, caller, centre)

    @pytest.mark.parametrize("status", [488, 415])
    def test_by_a_phone_that_cannot(self, status: int, world: World) -> None:
        caller, centre = asked_call(world)
        caller.decline(status)
        world.run(0.2)
        shown = view(world, caller)
        assert (shown.state, shown.outcome, shown.supported) == ("off", "unsupported", False)
        assert denied(world, caller, RAISE) == (422, "unsupported")
        caller.hears_nothing(2)
        stands(world, caller, centre)

    def test_the_next_change_is_as_if_it_had_never_been_asked(self, world: World) -> None:
        """The refused line is not in the session; only the o= version has moved on."""
        caller, centre = voice_call(world)
        offer = sdp(asked(world, caller))
        caller.decline(603)
        world.run(0.1)
        centre.reinvite(audio="sendonly")
        held = sdp(caller.expect("INVITE"))
        assert [media.kind for media in held.media] == ["audio"]
        assert held.origin.version == offer.origin.version + 1
        caller.accept()
        centre.expect("200 re-INVITE")
        caller.reinvite(audio="recvonly", move=True)
        assert len(sdp(caller.expect("200 re-INVITE")).media) == 1
        world.run(0.1)
        assert world.voice_faults(caller) == []
        centre.unread.clear()
        ended(world, caller, centre)

    @pytest.mark.parametrize("status", [403, 420, 500, 501, 513])
    def test_anything_else_has_failed(self, status: int, world: World) -> None:
        caller, centre = asked_call(world)
        caller.decline(status)
        world.run(0.2)
        assert view(world, caller).outcome == "failed" and str(status) in view(world, caller).reason
        stands(world, caller, centre)

    def test_an_answer_that_cannot_be_used(self, world: World) -> None:
        """No description at all: the phone is told what stands, and the voice goes on."""
        caller, centre = asked_call(world)
        assert caller.pending is not None
        (txn, request), caller.pending = caller.pending, None
        caller.unacknowledged.add(txn)
        caller.peer.driver.respond(txn, request.respond(200, headers=caller.own_headers()))
        caller.on_reinvite = PeerCall.accept
        world.run(1)
        assert view(world, caller).outcome == "failed"
        stands(world, caller, centre)

    def test_a_picture_that_cannot_be_used(self, world: World) -> None:
        """High profile answers baseline: it is dropped at once."""
        caller, centre = voice_call(world)
        offer = sdp(asked(world, caller))
        answer = caller.terminal.answer(offer)
        number = answer.media[1].formats[0]
        video = replace_attributes(answer.media[1], "fmtp", f"{number} profile-level-id=64001f;packetization-mode=1")
        caller.on_reinvite = PeerCall.accept
        caller.accept(replace(answer, media=(answer.media[0], video)))
        world.run(1)
        assert view(world, caller).outcome == "failed"
        assert caller.terminal.way("video") is None
        stands(world, caller, centre)


class TestDenied:
    def test_without_media(self, world: World) -> None:
        caller, centre = voice_call(world)
        world.engine.stuck = {"open_room"}
        assert denied(world, caller, RAISE) == (503, "no-media")
        assert view(world, caller).state == "off"
        world.engine.stuck = set()
        world.run(2)
        stands(world, caller, centre)

    def test_without_ports(self, world: World) -> None:
        caller, centre = voice_call(world)
        world.engine.fault = lambda what, call: NoPorts("no free media ports") if what == "open_room" else None
        assert denied(world, caller, RAISE) == (503, "no-ports")
        world.engine.fault = lambda what, call: None
        world.engine.stuck = {"open_room"}
        assert denied(world, caller, RAISE) == (503, "no-media"), "nobody has said yet that there are none again"
        world.engine.stuck = set()
        world.run(2)
        stands(world, caller, centre)

    def test_for_what_keeps_the_caller_out_not_for_what_keeps_a_desk(self, world: World) -> None:
        caller, centre = voice_call(world)
        video = world.call_of(caller).video

        def added(name: str, fault: MediaError) -> Lack | None:
            world.engine.fault = lambda what, call: fault
            task = world.loop.create_task(video.add(name, "access"))
            world.run_until(task.done)
            return task.result()

        assert added("caller", NoPorts("no free media ports")) is Lack.PORTS
        assert added("desk-1", MediaUnavailable("full")) is Lack.MEDIA
        assert video.state.lack is Lack.PORTS
        world.engine.fault = lambda what, call: None
        stands(world, caller, centre)

    def test_while_it_is_asked_and_once_it_is_on(self, world: World) -> None:
        caller, centre = asked_call(world)
        assert denied(world, caller, RAISE) == (409, "asking")
        caller.accept()
        world.run(0.1)
        assert denied(world, caller, RAISE) == (409, "on")
        ended(world, caller, centre)

    def test_before_the_answer(self, world: World) -> None:
        caller, _centre = ringing(world, picture=VideoLine.NONE)
        assert denied(world, caller, RAISE) == (409, "not-connected")
        caller.cancel()
        world.run(1)
        world.settle()


class TestNobodyAnswers:
    def test_the_question_is_taken_back(self) -> None:
        with World(settings=CallSettings(consent_limit_s=45)) as world:
            caller, centre = asked_call(world)
            caller.ponder()
            began = world.now
            caller.expect("CANCEL", 60)
            assert world.now - began == pytest.approx(45, abs=0.1)
            world.run(0.2)
            shown = view(world, caller)
            assert (shown.state, shown.outcome) == ("off", "no-answer")
            assert codes(world) == ["asking", "video-no-answer"]
            stands(world, caller, centre)

    def test_a_200_that_crosses_the_cancel_is_followed_by_the_downgrade(self) -> None:
        with World(settings=CallSettings(consent_limit_s=10)) as world:
            caller, centre = asked_call(world)
            world.run(9.992)
            caller.on_reinvite = PeerCall.accept
            caller.accept()
            world.run(1)
            assert view(world, caller).outcome == "no-answer"
            assert caller.terminal.way("video") is None
            stands(world, caller, centre)

    def test_a_phone_that_has_gone_silent(self, world: World) -> None:
        """No response at all (408): the voice decides whether the call lives, as with a failed refresh."""
        caller, centre = voice_call(world)
        world.sbc.vanish()
        told(world, caller, RAISE)
        world.run(33)
        assert view(world, caller).outcome == "failed"
        world.sbc.come_back()
        world.run(1)
        assert world.voice_faults(caller) == []
        world.run(40)
        caller.unread.clear()
        stands(world, caller, centre)

    def test_and_whose_voice_has_ceased(self, world: World) -> None:
        caller, centre = voice_call(world)
        call_id = world.call_of(caller).talk.call_id
        world.engine.silent.add((call_id, 0))
        world.sbc.vanish()
        told(world, caller, RAISE)
        world.run(33)
        centre.expect("BYE")
        world.sbc.come_back()
        world.run(40)
        world.settle()

    def test_a_phone_that_does_not_know_the_call(self, world: World) -> None:
        caller, centre = asked_call(world)
        caller.decline(481)
        centre.expect("BYE")
        assert world.notices[-1].code == "video-failed"
        caller.bye()
        world.settle()
