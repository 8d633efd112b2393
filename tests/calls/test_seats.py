"""Seats: they join the call they name and leave it again; nothing of theirs touches the voice."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.calls.leg_events import AckMissing, Ended
from splitter.core.errors import MediaUnavailable
from splitter.telemetry import metrics
from tests.calls.kit import connected, ended, joined, line, picked_up, ringing, sdp
from tests.counted import value
from tests.world import PeerCall, World


def room_of(world: World, caller: PeerCall) -> dict[str, object]:
    """Who is in the call's room, and with what media."""
    call = world.call_of(caller)
    room = world.engine.room_of(call.talk.call_id)
    assert room is not None
    return dict(room.members)


class TestJoining:
    def test_shows_both_to_each_other_and_leaves_the_voice_alone(self, world: World) -> None:
        caller, centre = connected(world)
        seat = joined(world, caller)
        members = room_of(world, caller)
        assert set(members) == {"caller", "seat-1"} and None not in members.values()
        call = world.call_of(caller)
        assert call.talk.video.showing == "seat-1"
        caller.hears_nothing(1)
        centre.hears_nothing(1)
        seat.bye()
        seat.expect("200 BYE")
        world.run(0.1)
        assert set(room_of(world, caller)) == {"caller"}
        assert call.talk.video.showing == "slate" and call.talk.state == "connected"
        ended(world, caller, centre)

    @pytest.mark.parametrize("dialled", ["+8613900000001", "008613900000001", "013900000001", "39-0000-0001"])
    def test_names_the_caller_in_any_spelling(self, dialled: str, world: World) -> None:
        caller, centre = world.sbc.invite(number="13900000001"), world.pbx.take()
        centre.answer()
        caller.expect("200")
        seat = world.desk.invite(dialled, seat=True)
        seat.expect("200")
        ended(world, caller, centre)

    @pytest.mark.parametrize("way", ["call id", "short code", "caller's number"])
    def test_names_the_call(self, way: str, world: World, caller: PeerCall, centre: PeerCall) -> None:
        call = world.call_of(caller)
        name = {"call id": call.talk.call_id, "short code": call.talk.short_code, "caller's number": caller.number}[way]
        seat = world.desk.invite(name, seat=True)
        answer = sdp(seat.expect("200"))
        assert [(media.kind, media.port > 0) for media in answer.media] == [("video", True)]
        ended(world, caller, centre)

    def test_before_the_answer(self, world: World) -> None:
        caller, centre = ringing(world)
        seat = joined(world, caller)
        picked_up(caller, centre)
        assert world.voice_faults(caller) == []
        caller.bye()
        seat.expect("BYE")
        world.settle()

    def test_several_seats(self, world: World, caller: PeerCall) -> None:
        before = value(metrics.calls.SEATS_JOINED)
        seats = [joined(world, caller) for _ in range(3)]
        assert value(metrics.calls.SEATS_JOINED) - before == 3
        seats[1].bye()
        world.run(0.1)
        assert set(room_of(world, caller)) == {"caller", "seat-1", "seat-3"}
        caller.bye()
        world.run(1)
        assert all(seat.state == "ended" for seat in seats)
        world.settle()
        assert value(metrics.calls.SEATS_JOINED) == before


class TestTurnedAway:
    def refused(self, world: World, called: str, status: str, **offered: Any) -> str:
        seat = world.desk.invite(called, **offered)
        message = seat.expect(status).message
        assert message is not None
        return message.headers.get("warning") or ""

    def test_an_unknown_call(self, world: World) -> None:
        self.refused(world, "nobody", "404", seat=True)
        world.settle()

    def test_a_number_with_two_calls(self, world: World) -> None:
        for _ in range(2):
            world.sbc.invite(number="13900000001")
            world.pbx.take()
        for dialled in ("13900000001", "+8613900000001"):
            assert "2 live calls" in self.refused(world, dialled, "485", seat=True)
        for view in world.calls.list():
            world.calls.hangup(view.call_id, "test over")
        world.settle()

    def test_no_video_in_the_offer(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        offer = b"v=0\r\no=- 1 1 IN IP4 10.3.0.5\r\ns=-\r\nc=IN IP4 10.3.0.5\r\nt=0 0\r\nm=audio 5006 RTP/AVP 8\r\n"
        self.refused(world, caller.number, "488", offer=offer)
        self.refused(world, caller.number, "488", offer=offer.replace(b"audio", b"video").replace(b" 8", b" 99"))
        world.run(0.1)
        assert set(room_of(world, caller)) == {"caller"}
        ended(world, caller, centre)

    def test_no_ports(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.fault = lambda what, call: MediaUnavailable("full") if what == "join" else None
        self.refused(world, caller.number, "503", seat=True)
        ended(world, caller, centre)

    def test_the_call_is_over_before_it_is_read(self, world: World) -> None:
        caller, centre = ringing(world)
        call = world.call_of(caller)
        caller.cancel()
        world.run(0.0049)
        seat = world.desk.invite(call.talk.call_id, seat=True)
        world.run(1)
        assert seat.status in (404, 480)
        world.settle()
        assert centre.state == "ended"


class TestFaultsStayAtTheSeat:
    def test_cancel_before_it_is_answered(self, world: World) -> None:
        caller, centre = ringing(world)
        world.engine.delay = lambda: 0.05
        call = world.call_of(caller)
        seat = world.desk.invite(call.talk.call_id, seat=True)
        world.run(0.015)
        seat.cancel()
        seat.expect("487")
        world.run(1)
        assert call.talk.state == "ringing" and not call.legs.seats
        assert set(room_of(world, caller)) == {"caller"}
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)

    @pytest.mark.parametrize("after_ms", range(0, 40, 4))
    def test_cancel_at_any_moment(self, after_ms: int, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.005
        call = world.call_of(caller)
        seat = world.desk.invite(call.talk.call_id, seat=True)
        world.run(after_ms / 1000)
        seat.cancel()
        world.run(1)
        assert call.talk.state == "connected" and centre.state == "confirmed"
        ended(world, caller, centre)

    def test_no_ack(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.wire.drop = lambda sent: sent.source == world.desk.address and sent.data[:3] == b"ACK"
        seat = joined(world, caller)
        seat.expect("BYE", 40)
        world.run(0.1)
        assert set(room_of(world, caller)) == {"caller"}
        ended(world, caller, centre)

    def test_bye_at_the_moment_its_missing_ack_is_noticed(self, world: World) -> None:
        """Both events wait in the inbox at once: the second one finds no seat any more."""
        caller, centre = connected(world)
        world.wire.drop = lambda sent: sent.source == world.desk.address and sent.data[:3] == b"ACK"
        seat = joined(world, caller)
        call = world.call_of(caller)
        leg = call.legs.seats["seat-1"]
        call.post(AckMissing(leg.key))
        call.post(Ended(leg.key, seat.invite))
        world.run(1)
        assert call.talk.state == "connected" and centre.state == "confirmed"
        ended(world, caller, centre)

    def test_its_reinvite_concerns_nobody_else(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        seat.reinvite(video="sendonly")
        answer = sdp(seat.expect("200 re-INVITE"))
        assert line(answer, "video").direction == "recvonly"
        caller.hears_nothing(1)
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_its_reinvite_while_the_call_rings(self, world: World) -> None:
        caller, centre = ringing(world)
        seat = joined(world, caller)
        seat.reinvite(move=True)
        seat.expect("200 re-INVITE")
        world.run(0.1)
        media = room_of(world, caller)["seat-1"]
        assert media is not None and media.remote.rtp == seat.terminal.local("video")  # type: ignore[attr-defined]
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)

    def test_its_reinvite_without_an_offer(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        seat.reinvite(offerless=True)
        offer = sdp(seat.expect("200 re-INVITE"))
        assert line(offer, "video").port
        world.run(0.1)
        assert room_of(world, caller)["seat-1"] is not None
        ended(world, caller, centre)

    @pytest.mark.parametrize("how", ["cancel", "refused", "operator"])
    def test_a_call_that_is_never_answered_ends_them_too(self, how: str, world: World) -> None:
        caller, centre = ringing(world)
        seat = joined(world, caller)
        call = world.call_of(caller)
        {  # type: ignore[no-untyped-call]
            "cancel": caller.cancel,
            "refused": lambda: centre.refuse(486),
            "operator": lambda: call.hang_up("an operator asked"),
        }[how]()
        seat.expect("BYE")
        world.settle()


class TestKeyFrames:
    BODY = (
        b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
    )

    def test_info_asks_the_room(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.request("INFO", body=self.BODY, content_type="application/media_control+xml")
        caller.expect("200 INFO")
        world.run(0.1)
        assert world.engine.asked["request_key_frame"] == 1
        ended(world, caller, centre)

    def test_other_info_is_refused_and_an_empty_one_is_not(self, world: World) -> None:
        caller, centre = connected(world)
        caller.request("INFO", body=b"<x/>", content_type="application/xml")
        caller.expect("415 INFO")
        caller.request("INFO")
        caller.expect("200 INFO")
        ended(world, caller, centre)
