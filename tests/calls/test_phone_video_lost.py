"""What dies while a phone has its picture in a call: rooms, workers, dialogs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import LeaveVoice, SetPhoneVideo
from splitter.calls.peers.messages import session_of
from splitter.core.errors import MediaUnavailable
from splitter.sdp.model import Attribute
from tests.calls.kit import told
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
    voiced,
)
from tests.calls.test_phones import ALL, heard_by, over, relay
from tests.world import PeerCall, World


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
