"""The picture of an invited phone that comes, goes, or stays when others leave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import LeaveVoice, Remove, SetPhoneVideo
from tests.calls.kit import denied, told
from tests.calls.phone_video_kit import (
    AGENT,
    connected,
    joined,
    lines,
    pictured,
    placeless,
    room_of,
    video,
    view_of,
    voiced,
)
from tests.calls.test_phones import ALL, heard_by, over
from tests.world import PeerCall, World


def left_to_a_phone(world: World) -> tuple[PeerCall, PeerCall]:
    """A call that the agent has left to a phone with its picture; (caller, phone)."""
    caller, centre = connected(world)
    phone = joined(world, caller)
    told(world, caller, LeaveVoice(AGENT))
    centre.expect("BYE")
    world.run(1.0)
    return caller, phone


class TestLater:
    def test_it_is_asked_and_consents(self, world: World) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        asked = phone.expect("INVITE")
        assert lines(asked.session) == [("audio", True), ("video", True)]
        world.run(1.0)
        assert pictured(world, caller) and view_of(world, caller).video == "on" and heard_by(world, caller) == ALL
        assert denied(world, caller, SetPhoneVideo("phone-1", True, AGENT)) == (409, "on")
        assert not caller.unread and not centre.unread
        over(world, caller, centre, phone)

    @pytest.mark.parametrize("status", [0, 488, 603, 480])
    def test_it_is_asked_and_declines(self, world: World, status: int) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        phone.on_reinvite = (lambda call: call.decline(status)) if status else lambda call: call.accept(video="off")
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        phone.expect("INVITE")
        world.run(40.0)
        view = view_of(world, caller)
        assert view.video == "off" and "declined" in view.video_reason and placeless(world, caller)
        assert heard_by(world, caller) == ALL and not phone.unread, "it is asked once"
        over(world, caller, centre, phone)

    def test_it_is_asked_once_more_where_it_is_busy_with_an_offer_of_its_own(self, world: World) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        phone.on_reinvite = lambda call: call.decline(491)
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        phone.expect("INVITE")
        phone.on_reinvite = PeerCall.accept
        phone.expect("INVITE")
        world.run(1.0)
        assert pictured(world, caller)
        over(world, caller, centre, phone)

    def test_its_own_offer_of_video_is_the_answer(self, world: World) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        phone.on_reinvite = lambda call: call.decline(491)
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        asked = phone.expect("INVITE")
        session = phone.terminal.change()
        phone.reinvite(replace(session, media=(*session.media, video(asked.session).with_(port=50000))))
        assert lines(phone.expect("200 re-INVITE").session) == [("audio", True), ("video", True)]
        world.run(10.0)
        assert not phone.unread, "it is not asked again, and never for a second picture"
        assert pictured(world, caller) and view_of(world, caller).video == "on" and heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_who_does_not_answer_is_asked_no_longer(self, world: World) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        phone.on_reinvite = lambda call: call.ponder()
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        phone.expect("INVITE")
        phone.expect("CANCEL", 120.0)
        world.run(1.0)
        assert view_of(world, caller).video == "off" and "no answer" in view_of(world, caller).video_reason
        assert placeless(world, caller) and heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_the_question_is_taken_back_and_an_answer_that_crosses_it_is_undone(self, world: World) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        phone.on_reinvite = lambda call: call.ponder()
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        phone.expect("INVITE")
        phone.on_reinvite = PeerCall.accept
        told(world, caller, SetPhoneVideo("phone-1", False, AGENT))
        phone.accept()
        off = phone.expect("INVITE")
        assert lines(off.session) == [("audio", True), ("video", False)]
        world.run(1.0)
        assert view_of(world, caller).video == "off" and placeless(world, caller) and heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_it_goes_back_to_voice_and_into_the_picture_once_more(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        told(world, caller, SetPhoneVideo("phone-1", False, AGENT))
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", False)]
        world.run(1.0)
        assert view_of(world, caller).video == "off" and placeless(world, caller)
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", True)], "in the slot of before"
        world.run(1.0)
        assert pictured(world, caller) and heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_nobody_else_is_asked(self, world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, SetPhoneVideo("phone-1", True, AGENT)) == (404, "no-such-phone")
        phone = joined(world, caller)
        assert denied(world, caller, Remove("phone-1", AGENT)) == (409, "a-phone")
        over(world, caller, centre, phone)


class TestWhenTheAgentLeaves:
    def test_the_phone_and_its_picture_go_on_with_the_caller(self, world: World) -> None:
        caller, phone = left_to_a_phone(world)
        assert pictured(world, caller) and not phone.unread and not caller.unread
        caller.reinvite(audio="sendonly")  # what a pair does: the other side is told, and keeps its picture
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", True)]
        caller.expect("200 re-INVITE")
        caller.reinvite(audio="sendrecv")
        phone.expect("INVITE")
        caller.expect("200 re-INVITE")
        phone.reinvite(audio="sendonly", video="sendrecv", move=True)
        caller.expect("INVITE")
        assert lines(phone.expect("200 re-INVITE").session) == [("audio", True), ("video", True)]
        world.run(0.5)
        assert pictured(world, caller)
        world.engine.lose_room(room_of(world, caller))
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", True)]
        world.run(2.0)
        assert pictured(world, caller)
        over(world, caller, phone)

    def test_it_turns_its_picture_off_all_the_same(self, world: World) -> None:
        caller, phone = left_to_a_phone(world)
        phone.reinvite(video="off")
        phone.expect("200 re-INVITE")
        world.run(0.5)
        assert placeless(world, caller)
        over(world, caller, phone)

    def test_its_picture_can_be_taken_out(self, world: World) -> None:
        caller, phone = left_to_a_phone(world)
        told(world, caller, Remove("phone-1", AGENT))
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", False)]
        world.run(0.5)
        assert placeless(world, caller) and not caller.unread
        phone.reinvite(audio="sendonly")
        caller.expect("INVITE")
        assert lines(phone.expect("200 re-INVITE").session) == [("audio", True), ("video", False)]
        over(world, caller, phone)

    @pytest.mark.parametrize("crosses", [True, False])
    def test_while_the_phone_is_asked_which_is_taken_back(self, world: World, crosses: bool) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        phone.on_reinvite = lambda call: call.ponder()
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        phone.expect("INVITE")
        phone.on_reinvite = PeerCall.accept
        told(world, caller, LeaveVoice(AGENT))
        if crosses:
            phone.accept()
            assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", False)]
        centre.expect("BYE")
        world.run(1.0)
        call = world.call_of(caller)
        assert placeless(world, caller) and call.pending.empty and call.at_rest
        phone.unread.clear()
        caller.reinvite(audio="sendonly")
        phone.expect("INVITE")
        caller.expect("200 re-INVITE")
        over(world, caller, phone)
