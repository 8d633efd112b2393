"""Offers in 2xx and answers in ACK (RFC 3261 §13.2.1), and everybody hanging up at every moment meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.lab.offers import Voice
from tests.dialogs.kit import arrived, connected, header, lose, nothing_left, picked_up, sdp
from tests.world import PeerCall, Weather, World

KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the caller makes none": ({}, {"offer": b""}),
    "the centre insists": ({"trunk": {"delayed_offer": True}}, {}),
    "both": ({"trunk": {"delayed_offer": True}}, {"offer": b""}),
}
MOMENTS_MS = (0, 3, 6, 9, 12, 15, 21, 26, 32)


def world_of(kind: str, **more: Any) -> World:
    return World(**KINDS[kind][0], **more)


def begin(world: World, kind: str) -> tuple[PeerCall, PeerCall]:
    caller = world.sbc.invite(**KINDS[kind][1])
    return caller, world.pbx.take()


def over(world: World, *calls: PeerCall) -> None:
    for call in calls:
        if call.state == "confirmed":
            call.bye()
    world.run(40.0)
    nothing_left(world, *calls)


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_is_connected(self, kind: str) -> None:
        with world_of(kind) as world:
            caller, centre = begin(world, kind)
            assert not centre.invite.body and "100rel" not in header(centre.invite, "supported")
            centre.ring(180)
            caller.expect("180")
            centre.answer()
            assert sdp(caller.expect("200")).media[0].port
            assert centre.expect("ACK").session is not None
            world.run(0.2)
            assert world.voice_faults(caller) == []
            caller.bye()
            centre.expect("BYE")
            caller.expect("200 BYE")
            nothing_left(world, caller, centre)

    @pytest.mark.parametrize("after_ms", MOMENTS_MS)
    @pytest.mark.parametrize("who", ["caller cancels", "caller says BYE", "centre", "operator", "worker"])
    def test_ends_at_any_moment(self, kind: str, after_ms: int, who: str) -> None:
        with world_of(kind) as world:
            caller, centre = begin(world, kind)
            call = world.call_of(caller)
            centre.answer()
            world.run(after_ms / 1000)
            match who:
                case "caller cancels":
                    caller.cancel()
                case "caller says BYE":
                    caller.bye()
                case "centre":
                    centre.bye()
                case "operator":
                    world.calls.hangup(call.talk.call_id, "enough")
                case "worker":
                    world.engine.kill(0)
                    world.engine.kill(1)
            world.run(5.0)
            if who == "worker":
                assert caller.state == "confirmed" and world.voice_faults(caller) == []
            over(world, caller, centre)

    def test_nothing_in_common(self, kind: str) -> None:
        with world_of(kind) as world:
            caller, centre = begin(world, kind)
            body = b"v=0\r\no=- 1 1 IN IP4 10.2.0.5\r\ns=-\r\nc=IN IP4 10.2.0.5\r\nt=0 0\r\nm=video 4000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
            centre.answer(centre.terminal.given(body))
            world.run(5.0)
            assert caller.state == centre.state == "ended"
            over(world, caller, centre)

    def test_a_200_without_a_description(self, kind: str) -> None:
        with world_of(kind) as world:
            caller, centre = begin(world, kind)
            centre.respond_first(200, None, "", ())
            world.run(5.0)
            assert caller.state == centre.state == "ended"
            over(world, caller, centre)

    def test_lost_acks(self, kind: str) -> None:
        with world_of(kind) as world:
            caller, centre = begin(world, kind)
            lose(world, "ACK", times=4)
            centre.answer()
            world.run(10.0)
            assert caller.state == centre.state == "confirmed" and world.voice_faults(caller) == []
            over(world, caller, centre)

    @pytest.mark.parametrize("seed", range(3))
    def test_heavy_loss(self, kind: str, seed: int) -> None:
        with world_of(kind, seed=seed, weather=Weather(loss=0.3, jitter_s=0.1)) as world:
            caller = world.sbc.invite(**KINDS[kind][1])
            centre = world.pbx.take(40)
            centre.ring(180)
            centre.answer()
            world.run(60.0)
            assert caller.state == "confirmed" and world.voice_faults(caller) == []
            caller.bye()
            world.run(60.0)
            world.settle(200)

    def test_a_reinvite_afterwards(self, kind: str) -> None:
        with world_of(kind) as world:
            caller, centre = begin(world, kind)
            picked_up(caller, centre)
            world.run(0.2)
            caller.reinvite(audio="sendonly")
            assert sdp(centre.expect("INVITE")).direction_of(0) == "sendonly"
            assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "recvonly"
            centre.reinvite(offerless=True)
            assert sdp(centre.expect("200 re-INVITE")).media[0].port
            world.run(2.0)
            over(world, caller, centre)


class TestCentreThatInsists:
    def test_the_next_route_gets_an_ordinary_offer_if_it_wants_one(self) -> None:
        with World(trunk={"delayed_offer": True}) as world:
            caller = world.sbc.invite(voice=Voice.G711)
            world.pbx.take().refuse(503)
            second = world.pbx2.take()
            second.answer(voice=Voice.G711)
            caller.expect("200")
            second.expect("ACK")
            world.run(0.2)
            assert world.voice_faults(caller) == []
            over(world, caller, second)

    def test_offers_in_mid_call_are_as_ever(self) -> None:
        with World(trunk={"delayed_offer": True}) as world:
            caller, centre = connected(world)
            caller.reinvite(audio="inactive")
            assert sdp(centre.expect("INVITE")).direction_of(0) == "inactive"
            caller.expect("200 re-INVITE")
            over(world, caller, centre)

    def test_a_hold_keeps_the_clock_rate_that_the_centre_knows_its_digits_for(self) -> None:
        """It offered 101 for 16000, the caller means 8000; a number never changes its meaning (RFC 3264 §8.3.2)."""
        with World(trunk={"delayed_offer": True}) as world:
            caller, centre = arrived(world, voice=Voice.G711)
            centre.answer(voice=Voice.EVS)
            caller.expect("200")
            centre.expect("ACK")
            world.run(0.2)
            caller.reinvite(audio="sendonly")
            digits = [codec for codec in sdp(centre.expect("INVITE")).media[0].codecs if codec.payload_type == 101]
            assert [codec.clock for codec in digits] == [16000]
            caller.expect("200 re-INVITE")
            world.run(0.5)
            over(world, caller, centre)
