"""The picture of phones that are invited: with their INVITE or later, declined, dropped, moved; the voices lose nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import InvitePhone, LeaveVoice, Remove, RemovePhone, SetPhoneVideo, Show
from splitter.calls.dialling import Dialling
from splitter.calls.peers.messages import session_of
from splitter.calls.talk.phone_commands import FoundWay, PhoneCommand, SeekNextWay
from splitter.calls.view import PhoneView
from splitter.core.errors import MediaUnavailable
from splitter.lab.offers import Voice
from splitter.sdp.model import Attribute, Media, Session
from tests.calls.kit import connected as answered
from tests.calls.kit import denied, told
from tests.calls.test_phones import ALL, EXTENSION, OUTSIDE, heard_by, over, relay
from tests.world import PeerCall, World
from tests.world.media import Room

AGENT = "agent 8001"


def connected(world: World) -> tuple[PeerCall, PeerCall]:
    return answered(world, voice=Voice.G711)


def invited(world: World, caller: PeerCall, number: str = OUTSIDE) -> PeerCall:
    """A phone that is being called with video."""
    told(world, caller, InvitePhone(number, AGENT, video=True))
    return (world.sbc if number == OUTSIDE else world.pbx).take()


def joined(world: World, caller: PeerCall, *, video: str = "sendrecv") -> PeerCall:
    """A phone that is in the call, called with video."""
    phone = invited(world, caller)
    phone.ring(180)
    phone.answer(video=video)
    phone.expect("ACK")
    world.run_until(lambda: view_of(world, caller).state == "joined", 10.0)
    world.run(0.2)
    phone.unread.clear()
    return phone


def voiced(world: World, caller: PeerCall) -> PeerCall:
    """A phone that was called by voice."""
    told(world, caller, InvitePhone(OUTSIDE, AGENT))
    phone = world.sbc.take()
    phone.answer()
    phone.expect("ACK")
    world.run_until(lambda: view_of(world, caller).state == "joined", 10.0)
    return phone


def view_of(world: World, caller: PeerCall) -> PhoneView:
    return world.call_of(caller).view().phones[-1]


def room_of(world: World, caller: PeerCall) -> Room:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return room


def pictured(world: World, caller: PeerCall, name: str = "phone-1") -> bool:
    """Whether a phone's picture is carried, and desks know of it."""
    parties = {party.name: party.kind for party in world.call_of(caller).view().parties if party.state == "connected"}
    return room_of(world, caller).members.get(name) is not None and parties.get(name) == "phone"


def placeless(world: World, caller: PeerCall) -> bool:
    """Whether nothing of a phone's picture is left."""
    call = world.call_of(caller)
    return "phone-1" not in room_of(world, caller).members and call.talk.parties.get("phone-1") is None


def lines(session: Session | None) -> list[tuple[str, bool]]:
    assert session is not None
    return [(media.kind, media.port > 0) for media in session.media]


def video(session: Session | None) -> Media:
    assert session is not None
    return next(media for media in session.media if media.kind == "video")


def left_to_a_phone(world: World) -> tuple[PeerCall, PeerCall]:
    """A call that the agent has left to a phone with its picture; (caller, phone)."""
    caller, centre = connected(world)
    phone = joined(world, caller)
    told(world, caller, LeaveVoice(AGENT))
    centre.expect("BYE")
    world.run(1.0)
    return caller, phone


class TestWithItsInvite:
    def test_a_phone_is_a_voice_and_a_party(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        assert lines(phone.offered_session()) == [("audio", True), ("video", True)]
        assert pictured(world, caller) and heard_by(world, caller) == ALL
        assert (view_of(world, caller).video, view_of(world, caller).video_reason) == ("on", "")
        assert not caller.unread and not centre.unread, "the two notice nothing"
        over(world, caller, centre, phone)

    def test_it_is_shown_the_caller_and_seen_by_the_caller_where_that_is_chosen(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        room = world.call_of(caller).talk.room
        assert "phone-1" in room.aside, "the newest never takes the agent's place by itself"
        told(world, caller, Show("phone-1", AGENT))
        told(world, caller, Show("slate", AGENT, viewer="phone-1"))
        assert room.choices == {"caller": "phone-1", "phone-1": "slate"}
        phone.bye()
        world.run(0.2)
        assert room.choices == {} and placeless(world, caller)
        over(world, caller, centre)

    def test_what_it_can_take_is_kept(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        offer = phone.offered_session()
        answer = phone.terminal.answer(offer)
        line = video(answer).with_(
            attributes=tuple(
                one._replace(value=f"{answer.media[1].formats[0]} profile-level-id=42C00C;packetization-mode=1")
                if one.name == "fmtp"
                else one
                for one in video(answer).attributes
            )
        )
        phone.answer(session=replace(answer, media=(answer.media[0], line)))
        phone.expect("ACK")
        world.run(0.5)
        received = world.call_of(caller).talk.room.received_by("phone-1")
        assert received is not None and (received.level_idc, received.profile_level_id) == (12, "42c00c")
        over(world, caller, centre, phone)

    def test_declined_is_voice_alone_with_the_reason(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller, video="off")
        assert heard_by(world, caller) == ALL and placeless(world, caller)
        assert (view_of(world, caller).video, view_of(world, caller).video_reason) == (
            "off",
            "the phone has declined video",
        )
        assert not phone.unread
        over(world, caller, centre, phone)

    @pytest.mark.parametrize("status", [415, 488, 606])
    def test_a_network_that_takes_no_video_is_called_by_voice(self, world: World, status: int) -> None:
        caller, centre = connected(world)
        invited(world, caller).refuse(status)
        phone = world.sbc.take()
        assert lines(phone.offered_session()) == [("audio", True)]
        phone.answer()
        phone.expect("ACK")
        world.run(0.5)
        assert heard_by(world, caller) == ALL and str(status) in view_of(world, caller).video_reason
        over(world, caller, centre, phone)

    def test_the_centre_never_sees_video(self, world: World) -> None:
        caller, centre = connected(world)
        colleague = invited(world, caller, EXTENSION)
        assert lines(colleague.offered_session()) == [("audio", True)]
        colleague.answer()
        colleague.expect("ACK")
        world.run(0.5)
        assert view_of(world, caller).video_reason == "the centre is called by voice alone"
        assert denied(world, caller, SetPhoneVideo("phone-1", True, AGENT)) == (409, "voice-only")
        over(world, caller, centre, colleague)

    def test_nor_as_the_next_way_to_a_number(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        caller, centre = connected(world)
        call, carry_out = world.call_of(caller), Dialling.carry_out

        def next_leads_to_the_centre(dialling: Dialling, command: PhoneCommand[Any]) -> Any:
            if not isinstance(command, SeekNextWay):
                return carry_out(dialling, command)
            phone = call.pending.calling[command.name]
            return FoundWay(phone.trunk, phone.network, phone.transport, centre=True)

        monkeypatch.setattr(Dialling, "carry_out", next_leads_to_the_centre)
        invited(world, caller).refuse(503)
        again = world.sbc.take()
        assert lines(again.offered_session()) == [("audio", True)] and placeless(world, caller)
        again.answer()
        again.expect("ACK")
        world.run(0.5)
        over(world, caller, centre, again)

    def test_numbers_are_allowed_by_the_same_rules(self, world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, InvitePhone("900123456", AGENT, video=True)) == (403, "not-allowed")
        over(world, caller, centre)

    def test_without_a_place_in_the_room_it_is_called_by_voice(self, world: World) -> None:
        caller, centre = connected(world)
        fault = MediaUnavailable("no ports are left")
        world.engine.fault = lambda operation, call_id: fault if operation == "join" else None
        phone = invited(world, caller)
        assert lines(phone.offered_session()) == [("audio", True)]
        phone.answer()
        phone.expect("ACK")
        world.run(0.5)
        assert heard_by(world, caller) == ALL
        assert view_of(world, caller).video_reason == "no media resources for video"
        over(world, caller, centre, phone)

    def test_withdrawn_busy_or_ended_leaves_nothing(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        phone.ring(180)
        world.run(0.1)
        told(world, caller, RemovePhone("phone-1", AGENT))
        phone.expect("CANCEL")
        world.run(0.2)
        assert placeless(world, caller)
        invited(world, caller).refuse(486)
        world.run(0.5)
        assert set(room_of(world, caller).members) == {"caller"}
        phone = joined(world, caller)
        told(world, caller, RemovePhone("phone-3", AGENT))
        phone.expect("BYE")
        world.run(0.2)
        assert set(room_of(world, caller).members) == {"caller"}
        over(world, caller, centre)


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


class TestWhatThePhoneDoes:
    def test_holds_and_moves_with_its_picture(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        phone.reinvite(audio="sendonly", video="inactive")
        answer = phone.expect("200 re-INVITE").session
        assert lines(answer) == [("audio", True), ("video", True)]
        world.run(0.2)
        media = world.call_of(caller).talk.room.members["phone-1"].media
        assert media is not None and not media.sending and not media.receiving
        phone.reinvite(audio="sendrecv", video="sendrecv", move=True)
        phone.expect("200 re-INVITE")
        world.run(0.2)
        media = world.call_of(caller).talk.room.members["phone-1"].media
        assert media is not None and media.sending and media.receiving and heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_refreshes_its_session_by_update(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        phone.update(bare=True)
        phone.expect("200 UPDATE")
        phone.update()
        assert lines(phone.expect("200 UPDATE").session) == [("audio", True), ("video", True)]
        world.run(0.2)
        assert pictured(world, caller)
        over(world, caller, centre, phone)

    def test_turns_its_picture_off(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        phone.reinvite(video="off")
        phone.expect("200 re-INVITE")
        world.run(0.2)
        assert view_of(world, caller).video_reason == "the phone has turned video off" and placeless(world, caller)
        assert heard_by(world, caller) == ALL
        phone.reinvite(video="on")
        assert lines(phone.expect("200 re-INVITE").session) == [("audio", True), ("video", False)], "it has to be asked"
        over(world, caller, centre, phone)


class TestWhatDies:
    def test_workers_one_after_the_other(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        before = room_of(world, caller)
        world.engine.lose_room(before)
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", True)]
        world.run(2.0)
        assert pictured(world, caller) and room_of(world, caller) is not before and heard_by(world, caller) == ALL
        caller.unread.clear()
        over(world, caller, centre, phone)

    @pytest.mark.parametrize("leaves", [False, True])
    def test_the_voice_and_a_strange_answer_costs_the_picture_alone(self, world: World, leaves: bool) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        if leaves:
            told(world, caller, LeaveVoice(AGENT))
            centre.expect("BYE")
        world.run(0.5)

        def strangely(call: PeerCall) -> None:
            assert call.pending is not None
            offer = session_of(call.pending[1])
            assert offer is not None
            answer = call.terminal.answer(offer)
            strange = video(answer).with_(
                formats=("111",), attributes=(Attribute("rtpmap", "111 VP8/90000"), Attribute("sendrecv", None))
            )
            call.on_reinvite = PeerCall.accept
            call.accept(replace(answer, media=(answer.media[0], strange)))

        phone.on_reinvite = strangely
        world.engine.fault = lambda operation, _: MediaUnavailable("taken") if operation == "restore" else None
        world.engine.lose_relay(relay(world, caller))
        phone.expect("INVITE")
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", False)]
        world.run(1.0)
        assert placeless(world, caller)
        assert world.voice_faults(caller) == [] if leaves else heard_by(world, caller) == ALL
        over(world, caller, phone)

    def test_the_room_while_it_rings_which_is_told_once_it_answers(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        phone.ring(180)
        world.run(0.1)
        world.engine.lose_room(room_of(world, caller))
        world.run(1.0)
        phone.answer()
        phone.expect("ACK")
        told_ports = video(phone.expect("INVITE").session).port
        here = world.call_of(caller).talk.room.ours("phone-1")
        assert here is not None and told_ports == here.rtp_port
        world.run(1.0)
        assert pictured(world, caller)
        caller.unread.clear()
        over(world, caller, centre, phone)

    def test_a_worker_while_it_is_asked_and_the_voice_goes_first(self, world: World) -> None:
        caller, centre = connected(world)
        phone = voiced(world, caller)
        phone.on_reinvite = lambda call: call.ponder()
        told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
        phone.expect("INVITE")
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.fault = lambda operation, _: MediaUnavailable("taken") if operation == "restore" else None
        world.engine.lose_relay(relay)
        phone.expect("CANCEL")
        phone.on_reinvite = PeerCall.accept
        assert lines(phone.expect("INVITE").session)[0] == ("audio", True), "the voice moves"
        assert lines(phone.expect("INVITE").session) == [("audio", True), ("video", True)], "and it is asked again"
        world.run(2.0)
        assert pictured(world, caller) and heard_by(world, caller) == ALL
        for one in (caller, centre):
            one.unread.clear()
        over(world, caller, centre, phone)

    def test_the_gateway_and_the_picture_goes_on(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        assert world.restart().taken_up == 1
        world.run(0.5)
        assert pictured(world, caller) and heard_by(world, caller) == ALL and view_of(world, caller).video == "on"
        told(world, caller, SetPhoneVideo("phone-1", False, AGENT))
        phone.expect("INVITE")
        world.run(0.5)
        assert placeless(world, caller)
        over(world, caller, centre, phone)

    @pytest.mark.parametrize("rings", [True, False])
    def test_the_gateway_while_it_is_called_or_asked(self, world: World, rings: bool) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller) if rings else voiced(world, caller)
        if rings:
            phone.ring(180)
        else:
            phone.on_reinvite = lambda call: call.ponder()
            told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
            phone.expect("INVITE")
        world.run(0.5)
        assert world.restart().taken_up == 1
        world.run(5.0)
        assert placeless(world, caller)
        if rings:
            phone.expect("CANCEL")
            assert world.call_of(caller).view().phones == ()
        else:
            phone.on_reinvite = PeerCall.accept
            phone.accept()
            world.run(20.0)
            assert heard_by(world, caller) == ALL and view_of(world, caller).video == "off"
            told(world, caller, SetPhoneVideo("phone-1", True, AGENT))
            world.run(5.0)
            assert pictured(world, caller)
        caller.unread.clear()
        centre.unread.clear()
        over(world, caller, centre, *(() if rings else (phone,)))


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
