"""INVITEs without an offer, of the caller and towards the centre."""

from __future__ import annotations

from tests.calls.kit import arrived, ended, line, ringing, sdp
from tests.world import PeerCall, World


def offered(world: World) -> tuple[PeerCall, PeerCall]:
    """A caller without an offer, called on to a centre that has answered with its own."""
    caller, centre = arrived(world, offer=b"")
    assert not centre.invite.body
    centre.answer()
    return caller, centre


class TestCallerWithoutOffer:
    def test_gets_the_centres_audio_and_our_video(self, world: World) -> None:
        caller, centre = offered(world)
        offer = sdp(caller.expect("200"))
        assert [media.kind for media in offer.media] == ["audio", "video"]
        centre.expect("ACK")
        world.run(0.2)
        ended(world, caller, centre)

    def test_hangs_up_before_the_answer(self, world: World) -> None:
        caller, centre = ringing(world, offer=b"")
        caller.cancel()
        caller.expect("487")
        centre.expect("CANCEL")
        world.settle()

    def test_never_acknowledges(self, world: World) -> None:
        world.wire.drop = lambda sent: sent.source == world.sbc.address and sent.data[:3] == b"ACK"
        caller, centre = offered(world)
        caller.expect("200")
        caller.expect("BYE", 60)
        world.run(1)
        assert centre.state == "ended"
        world.settle()

    def test_the_voice_moves_while_its_ack_is_awaited(self, world: World) -> None:
        lost = world.wire.drop = lambda sent: sent.source == world.sbc.address and sent.data[:3] == b"ACK"
        assert lost is not None
        caller, centre = offered(world)
        caller.expect("200")
        call = world.call_of(caller)
        relay = world.engine.relay_of(call.talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        world.run(0.1)
        world.wire.drop = lambda sent: False
        centre.expect("ACK")
        world.run(3)
        assert world.voice_faults(caller) == []
        caller.bye()
        world.run(1)
        world.settle()


class TestCentreThatMustOffer:
    def test_the_callers_offer_answers_it(self) -> None:
        with World(trunk={"delayed_offer": True}) as world:
            caller, centre = arrived(world)
            assert not centre.invite.body
            centre.answer()
            answer = sdp(caller.expect("200"))
            assert line(answer, "video").port
            answered = sdp(centre.expect("ACK"))
            assert [media.kind for media in answered.media] == ["audio"]
            world.run(0.2)
            ended(world, caller, centre)
