"""RTP from where SDP did not say: what the trace, the desks, the operator and the engine are told."""

from __future__ import annotations

import pytest

from splitter.calls.settings import MediaSources
from splitter.core.net import Address
from splitter.media.ports.events import MediaStarted, StrangerHeard
from tests.calls.kit import connected, joined, ringing
from tests.world import PeerCall, World

SOURCE = Address("203.0.113.9", 4000)


def hear(world: World, caller: PeerCall, end: str, kind: str = "audio", packets: int = 101) -> None:
    call = world.call_of(caller)
    held = world.engine.relay_of(call.talk.call_id) if kind == "audio" else world.engine.room_of(call.talk.call_id)
    assert held is not None
    world.engine.tell(held, StrangerHeard(call.talk.call_id, kind, end, SOURCE, packets))
    world.run(0.01)


def quietly(world: World, caller: PeerCall) -> None:
    caller.bye()
    world.run(1)
    world.settle()


class TestTheVoiceOfAStranger:
    @pytest.mark.parametrize(("end", "trunk"), [("caller", "sbc"), ("centre", "pbx")])
    def test_is_told_to_trace_desks_and_operators(self, end: str, trunk: str, world: World, caller: PeerCall) -> None:
        hear(world, caller, end)
        call = world.call_of(caller)
        [notice] = [notice for notice in world.notices if notice.code == "media-from-stranger"]
        assert (notice.call_id, notice.party) == (call.talk.call_id, end)
        assert "SDP" in notice.text and str(SOURCE) not in notice.text, "addresses are no business of desks"
        ladder = " ".join(world.ladder(caller).split())
        for word in (str(SOURCE), "101 packets", trunk, "media_sources", '"signalled"'):
            assert word in ladder
        [shown] = world.views[call.talk.call_id].strangers
        assert (shown.leg, shown.kind, shown.source, shown.packets) == (end, "audio", str(SOURCE), 101)
        assert ":" in shown.named
        [alarm] = call.services.strangers.alarms(world.clock.now())
        assert f"trunk {trunk}" in alarm
        assert str(SOURCE) in alarm
        quietly(world, caller)

    def test_is_told_while_it_rings(self, world: World) -> None:
        caller, _ = ringing(world)
        hear(world, caller, "caller")
        assert world.call_of(caller).view().strangers
        caller.cancel()
        world.run(1)
        world.settle()

    def test_is_forgotten_when_the_peer_is_heard(self, world: World, caller: PeerCall) -> None:
        hear(world, caller, "caller")
        call = world.call_of(caller)
        relay = world.engine.relay_of(call.talk.call_id)
        assert relay is not None
        world.engine.tell(relay, MediaStarted(call.talk.call_id, "audio", "caller", SOURCE))
        world.run(0.01)
        assert world.views[call.talk.call_id].strangers == ()
        quietly(world, caller)

    def test_stands_in_the_record_of_the_ended_call(self, world: World, caller: PeerCall) -> None:
        call_id = world.call_of(caller).talk.call_id
        hear(world, caller, "caller")
        quietly(world, caller)
        assert len(world.views[call_id].strangers) == 1


class TestThePictureOfAStranger:
    def test_of_the_caller_is_told(self, world: World, caller: PeerCall) -> None:
        hear(world, caller, "caller", "video")
        [shown] = world.call_of(caller).view().strangers
        assert (shown.leg, shown.kind) == ("caller", "video")
        assert "picture of the caller" in world.notices[-1].text
        quietly(world, caller)

    def test_of_a_seat_is_told_of_its_trunk(self, world: World, caller: PeerCall) -> None:
        joined(world, caller)
        hear(world, caller, "seat-1", "video")
        call = world.call_of(caller)
        assert [shown.leg for shown in call.view().strangers] == ["seat-1"]
        assert "trunk desk" in call.services.strangers.alarms(world.clock.now())[0]
        quietly(world, caller)

    def test_of_one_who_has_left_is_nothing(self, world: World, caller: PeerCall) -> None:
        hear(world, caller, "seat-7", "video")
        assert world.call_of(caller).view().strangers == ()
        quietly(world, caller)


class TestTheTrunksKey:
    @pytest.mark.parametrize(
        ("key", "caller_sources"),
        [
            (MediaSources.SIGNALLED, ()),
            (MediaSources.PEERS, ()),  # their own
            (MediaSources.ANY, ("0.0.0.0/0", "::/0")),
        ],
    )
    def test_reaches_relay_and_room(self, key: MediaSources, caller_sources: tuple[str, ...]) -> None:
        with World(trunk={"media_sources": key}) as world:
            caller, _ = connected(world)
            joined(world, caller)
            call = world.call_of(caller)
            relay, room = world.engine.relay_of(call.talk.call_id), world.engine.room_of(call.talk.call_id)
            assert relay is not None
            assert room is not None
            by_trunk = {
                "sbc": [relay.remote[0], getattr(room.members["caller"], "remote", None)],
                "pbx": [relay.remote[1]],
                "desk": [getattr(room.members["seat-1"], "remote", None)],
            }
            for name, ends in by_trunk.items():
                trunk = world.trunks[name]
                for end in ends:
                    assert end is not None
                    assert end.sources == trunk.sources
                    if key is MediaSources.PEERS:
                        assert end.sources == tuple(str(peer.network) for peer in trunk.peers)
                    else:
                        assert end.sources == caller_sources
            quietly(world, caller)
