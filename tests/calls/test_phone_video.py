"""The picture of phones that are invited with it: at once, declined, changed by the phone; the voices lose nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.asks import InvitePhone, RemovePhone, SetPhoneVideo, Show
from splitter.calls.dialling import Dialling
from splitter.calls.talk.phone_commands import FoundWay, PhoneCommand, SeekNextWay
from splitter.core.errors import MediaUnavailable
from tests.calls.kit import denied, told
from tests.calls.phone_video_kit import (
    AGENT,
    connected,
    invited,
    joined,
    lines,
    pictured,
    placeless,
    room_of,
    video,
    view_of,
)
from tests.calls.test_phones import ALL, EXTENSION, heard_by, over
from tests.world import World


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
