"""Desks ask by API: WebRTC clients join a call's room, come back, leave; nothing of theirs touches the voice."""

from __future__ import annotations

from splitter.calls.view import PartyView
from tests.calls.kit import connected, ended, line, live, with_webrtc
from tests.world import PeerCall, World
from tests.world.media import Room


def room_of(world: World, caller: PeerCall) -> Room:
    room = world.engine.room_of(live(world, caller).call_id)
    assert room is not None
    return room


def parties(world: World, caller: PeerCall) -> list[PartyView]:
    return list(live(world, caller).view().parties)


class TestJoining:
    def test_answers_with_the_rooms_transport_and_leaves_the_voice_alone(self) -> None:
        with World() as world:
            caller, centre = connected(world)
            admitted = with_webrtc(world, caller)
            room = room_of(world, caller)
            video = line(admitted.answer, "video")
            assert admitted.name == "seat-1"
            assert video.get("ice-ufrag") == room.secure["seat-1"].ufrag
            assert video.port == room.local["seat-1"].rtp_port
            media = room.members["seat-1"]
            assert media is not None and media.remote is None and media.secure is not None
            assert media.secure.setup == "actpass" and media.send_format.payload_type == 108
            (party,) = parties(world, caller)
            assert (party.kind, party.state, party.extension, party.client) == ("webrtc", "connected", "7001", "tab-1")
            assert live(world, caller).showing == "seat-1"
            caller.hears_nothing(1)
            centre.hears_nothing(1)
            ended(world, caller, centre)
