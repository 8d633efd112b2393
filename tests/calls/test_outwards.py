"""Calls of the centre outwards: plain voice to a phone in the network, and from then on a call like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.calls.settings import CallSettings
from splitter.lab.offers import VideoLine
from tests.calls.kit import drop_next, header, line, picked_up, relay_target, sdp, told, with_webrtc
from tests.dialogs.test_replaces import replacing
from tests.world import PeerCall, World

NUMBER = "13912345678"


def dialled(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """The centre's call, and the phone that it comes to; (centre, phone)."""
    centre = world.pbx.invite(NUMBER, **{"number": "110", "picture": VideoLine.NONE, **offered})
    return centre, world.sbc.take()


def answered(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """An answered call outwards whose voice is connected; (centre, phone)."""
    centre, phone = dialled(world, **offered)
    phone.ring(180)
    centre.expect("180")
    picked_up(centre, phone)
    world.run(0.1)
    assert world.voice_faults(phone) == []
    return centre, phone


def over(world: World, centre: PeerCall, phone: PeerCall) -> None:
    """The phone hangs up; the centre hears of it and nothing is left."""
    phone.unread.clear()
    centre.unread.clear()
    phone.bye()
    centre.expect("BYE")
    phone.expect("200 BYE")
    world.settle()


class TestTheCall:
    def test_is_a_plain_voice_call_in_the_name_of_the_centre(self, world: World) -> None:
        centre, phone = dialled(world, picture=VideoLine.VILTE)
        offer = phone.offered_session()
        assert [media.kind for media in offer.media] == ["audio"], "the centre speaks voice alone"
        assert phone.invite.uri.startswith(f"sip:{NUMBER}@") and phone.invite.from_.user == "110"
        assert phone.invite.headers.get("x-splitter-call") is None, "the network is not told our names"
        phone.answer()
        answer = sdp(centre.expect("200"))
        assert [(media.kind, bool(media.port)) for media in answer.media] == [("audio", True), ("video", False)]
        world.run(0.1)
        assert world.voice_faults(phone) == []
        view = world.call_of(phone).view()
        assert (view.direction, view.caller, view.called, view.number) == ("out", "110", NUMBER, NUMBER)
        assert (view.route, {leg.name: leg.trunk for leg in view.legs}) == ("pbx", {"caller": "sbc", "centre": "pbx"})
        over(world, centre, phone)

    def test_to_a_number_without_a_route_is_refused(self, world: World) -> None:
        centre = world.pbx.invite("900123456", picture=VideoLine.NONE)
        centre.expect("403")
        world.settle()
        assert not world.sbc.arrived

    def test_of_a_caller_never_goes_outwards(self, world: World) -> None:
        caller = world.sbc.invite(NUMBER)
        caller.expect("404")
        world.settle()

    def test_hears_the_announcement_of_the_network(self, world: World) -> None:
        centre, phone = dialled(world)
        phone.ring(183, media=True)
        assert sdp(centre.expect("183")).media[0].port
        world.run(0.1)
        heard, listening = relay_target(world, phone, 0), relay_target(world, phone, 1)
        assert heard is not None and heard.port == phone.early_answers[""].media[0].port
        assert listening is not None and centre.open_offer and listening.port == centre.open_offer.media[0].port
        phone.answer()
        centre.expect("200")
        over(world, centre, phone)

    @pytest.mark.parametrize(("status", "told_as"), [(486, 486), (603, 603), (480, 480), (404, 404)])
    def test_that_is_refused_says_why(self, world: World, status: int, told_as: int) -> None:
        centre, phone = dialled(world)
        phone.refuse(status)
        centre.expect(str(told_as))
        world.settle()
        (view,) = world.views.values()
        assert view.state == "ended" and str(status) in view.end_reason

    def test_is_taken_back_by_the_centre(self, world: World) -> None:
        centre, phone = dialled(world)
        phone.ring(180)
        centre.expect("180")
        centre.cancel()
        phone.expect("CANCEL")
        centre.expect("487")
        world.settle()
        (view,) = world.views.values()
        assert view.end_reason == "the centre hung up before the answer"

    def test_without_an_offer_gets_the_one_of_the_phone(self, world: World) -> None:
        centre, phone = dialled(world, offer=b"")
        assert not phone.invite.body
        phone.answer()
        offer = sdp(centre.expect("200"))
        assert [media.kind for media in offer.media if media.port] == ["audio"]
        phone.expect("ACK")
        world.run(0.1)
        assert world.voice_faults(phone) == []
        over(world, centre, phone)

    def test_is_counted_among_the_calls_of_its_trunk(self) -> None:
        with World(settings=CallSettings(max_calls=1)) as world:
            centre, phone = answered(world)
            world.pbx.invite("13900000000", picture=VideoLine.NONE).expect("503")
            world.sbc.invite("110").expect("503")
            over(world, centre, phone)


class TestAfterwards:
    def test_video_is_asked_for_and_seen(self, world: World) -> None:
        centre, phone = answered(world)
        with_webrtc(world, phone)
        phone.on_reinvite = lambda _: None
        told(world, phone, RaiseVideo("agent 7001"))
        offer = sdp(phone.expect("INVITE"))
        assert line(offer, "video").port
        phone.accept()
        world.run(0.5)
        assert world.call_of(phone).view().video.state == "on"
        room = world.engine.room_of(world.call_of(phone).talk.call_id)
        assert room is not None and room.members["caller"].receiving
        centre.hears_nothing(1.0)
        assert world.voice_faults(phone) == []
        over(world, centre, phone)

    def test_hold_and_resume_pass_both_ways(self, world: World) -> None:
        centre, phone = answered(world)
        for holder, held in ((centre, phone), (phone, centre)):
            for direction in ("sendonly", "sendrecv"):
                holder.reinvite(audio=direction)
                assert sdp(held.expect("INVITE")).direction_of(0) == direction
                holder.expect("200 re-INVITE")
                world.run(0.5)
        assert world.voice_faults(phone) == []
        over(world, centre, phone)

    def test_the_centre_passes_it_on_inside(self, world: World) -> None:
        centre, phone = answered(world)
        second = replacing(world, centre)
        second.expect("200")
        centre.expect("BYE")
        world.run(0.2)
        assert world.voice_faults(phone) == []
        over(world, second, phone)

    def test_the_agent_who_dials_has_the_call(self, world: World) -> None:
        world.desks.attach("a socket", "7001", "tab-1", "webrtc", 0.0)
        centre, phone = answered(world, headers=[("P-Asserted-Identity", "<sip:7001@10.2.0.5>")])
        assert world.call_of(phone).view().extension == "7001"
        over(world, centre, phone)

    def test_lives_on_in_the_next_process(self, world: World) -> None:
        centre, phone = answered(world)
        assert world.restart().taken_up == 1
        assert world.voice_faults(phone) == []
        assert world.call_of(phone).view().direction == "out"
        centre.reinvite(audio="sendonly")
        assert sdp(phone.expect("INVITE")).direction_of(0) == "sendonly"
        centre.expect("200 re-INVITE")
        over(world, centre, phone)

    def test_that_rings_at_a_restart_is_over_on_both_sides(self, world: World) -> None:
        centre, phone = dialled(world)
        phone.ring(180)
        centre.expect("180")
        assert world.restart().ended == 1
        centre.expect("480")
        phone.expect("CANCEL")
        world.settle()


class TestWhatCrosses:
    def test_a_centre_that_gives_up_while_its_200_waits_ends_both_sides(self, world: World) -> None:
        centre, phone = dialled(world, reliable="require")
        drop_next(world, world.pbx, "PRACK", 100)
        phone.ring(183, media=True)
        world.run(0.2)
        phone.answer()
        world.run(0.2)
        centre.cancel()
        world.run(3)
        assert centre.status == 487 and "BYE" in phone.heard
        world.settle()

    def test_the_attempt_with_credentials_is_the_one_that_a_restart_cancels(self) -> None:
        with World(trunk={"username": "gw", "password": "x"}) as world:
            centre = world.pbx.invite(NUMBER, number="110", picture=VideoLine.NONE)
            asks = [("Proxy-Authenticate", 'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"')]
            world.sbc.take().respond_first(407, None, "", asks)
            world.run(1)
            phone = world.sbc.arrived[-1]
            phone.ring(180)
            world.run(0.5)
            assert world.restart().ended == 1
            world.run(2)
            assert centre.status == 480 and "CANCEL" in phone.heard

    def test_the_lines_of_a_phone_that_makes_the_offer_stay_in_its_order(self) -> None:
        with World(trunk={"delayed_offer": True}) as world:
            centre, phone = dialled(world)
            offer = phone.terminal.first_offer(picture=VideoLine.VILTE)
            phone.answer(phone.terminal.note(replace(offer, media=tuple(reversed(offer.media)))))
            world.run(0.5)
            phone.unread.clear()
            centre.reinvite(audio="sendonly")
            held = sdp(phone.expect("INVITE"))
            assert [(media.kind, bool(media.port)) for media in held.media] == [("video", False), ("audio", True)]

    def test_a_call_that_nobody_has_acknowledged_is_not_taken_up(self, world: World) -> None:
        centre, phone = dialled(world, offer=b"")
        drop_next(world, world.pbx, "ACK", 1)
        phone.answer()
        world.run(0.1)
        assert world.restart().taken_up == 0
        world.run(5)
        assert "BYE" in phone.heard and "BYE" in centre.heard


class TestPickups:
    def test_the_dialling_dialog_of_the_centre_cannot_be_replaced(self, world: World) -> None:
        """RFC 3891 §3: an early dialog that its own side began."""
        centre, phone = dialled(world)
        phone.ring(180)
        heard = centre.expect("180")
        tag = header(heard.message, "to").partition("tag=")[2]
        value = f"{centre.sip_call_id};to-tag={tag};from-tag={centre.invite.from_tag}"
        other = world.pbx.invite("anything", picture=VideoLine.NONE, headers=[("Replaces", value)])
        other.expect("481")
        phone.answer()
        centre.expect("200")
        over(world, centre, phone)
