"""Media workers die: the voice is moved, both sides hear of it, and the call lives."""

from __future__ import annotations

import pytest

from splitter.calls.call import Call
from splitter.calls.settings import CallSettings
from splitter.media.ports.events import RelayLost
from tests.calls.kit import arrived, connected, ended, joined, line, relay_target, ringing, sdp
from tests.world import PeerCall, World
from tests.world.media import Room


def live(world: World, caller: PeerCall) -> Call:
    call = world.call_of(caller)
    return call


def room_of(world: World, caller: PeerCall) -> Room:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return room


def lose_voice(world: World, caller: PeerCall) -> None:
    relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
    assert relay is not None
    world.engine.lose_relay(relay)


def lose_room(world: World, caller: PeerCall) -> None:
    world.engine.lose_room(room_of(world, caller))


def quietly(world: World, caller: PeerCall) -> None:
    caller.bye()
    world.run(1)
    world.settle()


class TestVoice:
    def test_both_sides_get_the_new_ports(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        lose_voice(world, caller)
        world.run(0.005)  # the peers have not even read the new offer
        assert relay_target(world, caller, 0) == caller.terminal.local("audio")
        assert relay_target(world, caller, 1) == centre.terminal.local("audio")
        offers = [sdp(caller.expect("INVITE")), sdp(centre.expect("INVITE"))]
        assert [media.kind for media in offers[0].media] == ["audio", "video"]
        assert [media.kind for media in offers[1].media] == ["audio"]
        world.run(1)
        ended(world, caller, centre)

    def test_a_hold_survives_it(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        caller.expect("INVITE")
        lose_voice(world, caller)
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendonly"
        world.run(1)
        assert world.voice_faults(caller) == []
        quietly(world, caller)

    @pytest.mark.parametrize("early_media", [True, False])
    def test_while_it_rings(self, early_media: bool, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=early_media)
        caller.expect("183")
        lose_voice(world, caller)
        world.run(0.5)
        centre.answer()
        caller.expect("200")
        world.run(2)
        assert world.voice_faults(caller) == []
        quietly(world, caller)

    def test_while_no_worker_is_ready_it_is_tried_again(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.down = {0, 1}
        lose_voice(world, caller)
        world.run(5)
        assert centre.heard.count("INVITE") == 1 and caller.state == "confirmed"
        world.engine.down = set()
        world.run(3)
        assert world.voice_faults(caller) == []
        assert centre.heard.count("INVITE") == 2
        quietly(world, caller)

    def test_a_reinvite_while_no_worker_is_ready_does_not_end_the_call(self, world: World) -> None:
        caller, centre = connected(world)
        world.engine.down = {0, 1}
        lose_voice(world, caller)
        world.run(0.1)
        caller.reinvite(audio="sendonly")
        caller.expect("200 re-INVITE")
        world.engine.down = set()
        world.run(3)
        assert world.voice_faults(caller) == []
        assert centre.state == "confirmed"
        quietly(world, caller)

    def test_while_it_rings_and_no_worker_is_ready(self, world: World) -> None:
        caller, centre = ringing(world)
        world.engine.down = {0, 1}
        lose_voice(world, caller)
        world.run(0.1)
        centre.answer()
        caller.expect("200")
        world.engine.down = set()
        world.run(4)
        assert world.voice_faults(caller) == []
        quietly(world, caller)

    def test_a_peer_whose_address_changed_meanwhile(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """The engine refuses the change, the worker being dead; the next one must get it."""
        world.engine.down = {0, 1}
        lose_voice(world, caller)
        world.run(0.1)
        centre.reinvite(move=True)
        centre.expect("200 re-INVITE")
        world.engine.down = set()
        world.run(3)
        assert world.voice_faults(caller) == []
        quietly(world, caller)

    def test_a_peer_that_does_not_answer_the_first_time(self) -> None:
        with World(settings=CallSettings(consult_limit_s=2.0)) as world:
            caller, centre = connected(world)
            centre.on_reinvite = lambda call: None
            lose_voice(world, caller)
            centre.expect("INVITE")
            centre.expect("CANCEL", 5)
            centre.on_reinvite = PeerCall.accept
            world.run(20)
            assert world.voice_faults(caller) == []
            quietly(world, caller)

    @pytest.mark.parametrize("status", [491, 500, 488])
    def test_a_peer_that_refuses_the_first_time(self, status: int, world: World) -> None:
        caller, centre = connected(world)
        centre.on_reinvite = lambda call: call.decline(status)
        lose_voice(world, caller)
        centre.expect("INVITE")
        centre.on_reinvite = PeerCall.accept
        world.run(10)
        assert world.voice_faults(caller) == []
        quietly(world, caller)


class TestRoom:
    def test_the_caller_and_the_seats_get_new_video_ports(self, world: World) -> None:
        caller, centre = connected(world)
        seat = joined(world, caller)
        assert seat.terminal.theirs is not None
        before = line(seat.terminal.theirs, "video").port
        lose_room(world, caller)
        offer = sdp(caller.expect("INVITE"))
        assert sdp(seat.expect("INVITE")).media[0].port != before
        world.run(1)
        room = room_of(world, caller)
        assert line(offer, "video").port == room.local["caller"].rtp_port
        assert None not in room.members.values() and set(room.members) == {"caller", "seat-1"}
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_is_made_anew_as_soon_as_there_is_a_worker(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.down = {0, 1}
        lose_room(world, caller)
        world.run(3)
        caller.hears_nothing(1)
        world.engine.down = set()
        sdp(caller.expect("INVITE"))
        world.run(1)
        room = room_of(world, caller)
        assert room.members["caller"] is not None
        ended(world, caller, centre)

    def test_a_seat_that_does_not_answer_holds_up_no_voice(self, world: World, caller: PeerCall) -> None:
        seat = joined(world, caller)
        seat.on_reinvite = lambda call: None
        lose_room(world, caller)
        caller.expect("INVITE")
        world.run(1)
        before = world.now
        caller.reinvite(audio="sendonly")
        caller.expect("200 re-INVITE")
        assert world.now - before < 1
        quietly(world, caller)

    def test_a_seat_that_forgot_the_call_leaves_it(self, world: World, caller: PeerCall) -> None:
        seat = joined(world, caller)
        seat.on_reinvite = lambda call: call.decline(481)
        lose_room(world, caller)
        world.run(2)
        call = world.call_of(caller)
        assert not call.legs.seats and call.talk.state == "connected"
        quietly(world, caller)

    @pytest.mark.parametrize("early_media", [True, False])
    def test_while_it_rings(self, early_media: bool, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=early_media)
        caller.expect("183")
        seat = joined(world, caller)
        lose_room(world, caller)
        world.run(0.5)
        centre.answer()
        caller.expect("200")
        world.run(2)
        room = room_of(world, caller)
        media = room.members["caller"]
        assert media is not None and media.remote.rtp == caller.terminal.local("video")
        way = caller.terminal.way("video")
        assert way is not None and way.target.port == room.local["caller"].rtp_port
        assert seat.heard.count("INVITE") == 1
        assert centre.heard.count("INVITE") == 1
        quietly(world, caller)


class TestWorker:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_one_dies_with_all_it_holds(self, workers: int, world: World) -> None:
        world.engine.workers = workers
        caller, centre = connected(world)
        joined(world, caller)
        for worker in range(workers):
            world.engine.kill(worker)
        world.run(10)
        assert world.voice_faults(caller) == []
        room = room_of(world, caller)
        assert set(room.members) == {"caller", "seat-1"} and None not in room.members.values()
        assert centre.state == "confirmed"
        quietly(world, caller)

    def test_an_event_of_a_relay_that_was_let_go(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        call = world.call_of(caller)
        relay = world.engine.relay_of(call.talk.call_id)
        assert relay is not None
        lose_voice(world, caller)
        world.run(1)
        call.post(RelayLost(call.talk.call_id, relay.handle.relay_id, "late"))
        world.run(1)
        assert centre.heard.count("INVITE") == 2
        quietly(world, caller)
