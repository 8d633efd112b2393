"""Soft clients in browsers (JsSIP over WebSocket): a seat's INVITE whose offer is WebRTC's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import Desk, Join
from splitter.calls.settings import CallSettings
from splitter.core.errors import MediaUnavailable
from splitter.sdp.model import Session
from splitter.sdp.write import write
from tests.calls.kit import browser_offer, connected, ended, sdp, told
from tests.sdp.edits import replace_attributes
from tests.world import PeerCall, World
from tests.world.media import Room

# As JsSIP has it: session timers that it refreshes by UPDATE, methods it knows, and no name that leads anywhere.
HEADERS = [
    ("Allow", "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY"),
    ("Session-Expires", "90"),
    ("Supported", "timer,gruu,outbound"),
]
OFFER = browser_offer("chromium_audio_and_video")


def room_of(world: World, caller: PeerCall) -> Room:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return room


def dialled(world: World, caller: PeerCall, offer: Session = OFFER) -> PeerCall:
    """A soft client's INVITE that names the call."""
    return world.desk.invite(world.call_of(caller).talk.call_id, write(offer), number="7001", headers=HEADERS)


def answered(world: World, caller: PeerCall) -> tuple[PeerCall, Session]:
    """One that is in the call, and what it was answered."""
    seat = dialled(world, caller)
    answer = sdp(seat.expect("200"))
    world.run(0.2)
    return seat, answer


def renewed(seat: PeerCall, ufrag: str = "anew", fingerprint: str = "") -> Session:
    """Its next offer, after an ICE restart."""
    assert seat.terminal.sent is not None
    before = seat.terminal.sent
    video = replace_attributes(before.media[1], "ice-ufrag", ufrag)
    if fingerprint:
        video = replace_attributes(video, "fingerprint", fingerprint)
    return replace(before, origin=before.origin.next(), media=(before.media[0], video))


class TestJoining:
    def test_video_is_answered_and_audio_is_idle_in_the_same_bundle(self, world: World) -> None:
        caller, centre = connected(world)
        _, answer = answered(world, caller)
        room = room_of(world, caller)
        assert {media.port for media in answer.media} == {room.local["seat-1"].rtp_port}
        assert [media.direction for media in answer.media] == ["inactive", "sendrecv"]
        assert answer.get("group") == "BUNDLE 0 1"
        assert answer.media[1].get("ice-pwd") == room.secure["seat-1"].password
        media = room.members["seat-1"]
        assert media is not None and media.secure is not None and media.send_format.orientation_id == 13
        view = world.call_of(caller).view()
        (party,) = view.parties
        assert (party.kind, party.state, party.extension) == ("sip", "connected", "7001")
        assert [leg.name for leg in view.legs] == ["caller", "centre", "seat-1"] and view.extension == "7001"
        caller.hears_nothing(1)
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_beside_a_browser_that_joined_over_http(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        answered(world, caller)
        told(world, caller, Join(Desk("tab", "7002"), browser_offer(), "desks", by_rule=True))
        assert set(room_of(world, caller).secure) == {"seat-1", "desk-1"}
        ended(world, caller, centre)

    def test_an_offer_of_both_kinds_gets_plain_rtp(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        plain = world.desk.terminal().seat_offer()
        offer = replace(OFFER, media=(*OFFER.media, *plain.media), connection=plain.connection)
        answer = sdp(dialled(world, caller, offer).expect("200"))
        assert [bool(media.port) for media in answer.media] == [False, False, True]
        world.run(0.2)
        assert not room_of(world, caller).secure
        ended(world, caller, centre)


class TestTurnedAway:
    @pytest.mark.parametrize(
        ("name", "values", "words"),
        [
            ("rtpmap", ("96 VP8/90000",), "video has no H.264 baseline; it offers VP8"),
            ("fingerprint", ("sha-1 " + ":".join(["AB"] * 20),), "only sha-1, which is too weak"),
            ("fingerprint", (), "no a=fingerprint"),
            ("ice-ufrag", ("x" * 5000,), "no ICE credential"),
            ("rtcp-mux", (), "a=rtcp-mux"),
            ("setup", ("holdconn",), "a=setup is holdconn"),
        ],
    )
    def test_with_the_reason(self, name: str, values: tuple[str, ...], words: str, world: World) -> None:
        caller, centre = connected(world)
        video = replace_attributes(OFFER.media[1], name, *values)
        seat = dialled(world, caller, replace(OFFER, media=(OFFER.media[0], video)))
        message = seat.expect("488").message
        assert message is not None and words in (message.headers.get("warning") or "")
        assert not world.call_of(caller).view().parties and "join_secure" not in world.engine.asked
        ended(world, caller, centre)

    def test_no_ports(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.fault = lambda what, call: MediaUnavailable("full") if what == "join_secure" else None
        dialled(world, caller).expect("503")
        ended(world, caller, centre)


class TestReinvite:
    def test_a_refresh_changes_nothing(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, answer = answered(world, caller)
        seat.reinvite()
        again = sdp(seat.expect("200 re-INVITE"))
        world.run(0.1)
        assert again.media == answer.media and "restart_ice" not in world.engine.asked
        ended(world, caller, centre)

    def test_an_ice_restart(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, answer = answered(world, caller)
        seat.reinvite(renewed(seat))
        again = sdp(seat.expect("200 re-INVITE"))
        world.run(0.1)
        room = room_of(world, caller)
        assert again.media[1].get("ice-ufrag") == room.secure["seat-1"].ufrag != answer.media[1].get("ice-ufrag")
        assert again.media[1].get("fingerprint") == answer.media[1].get("fingerprint")
        media = room.members["seat-1"]
        assert media is not None and media.secure is not None and media.secure.ufrag == "anew"
        assert world.engine.asked["restart_ice"] == 1
        ended(world, caller, centre)

    def test_another_certificate_needs_another_call(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, _ = answered(world, caller)
        seat.reinvite(renewed(seat, fingerprint="sha-256 " + ":".join(["CD"] * 32)))
        seat.expect("488 re-INVITE")
        media = room_of(world, caller).members["seat-1"]
        assert media is not None and media.secure is not None and media.secure.ufrag != "anew"
        ended(world, caller, centre)

    def test_a_restart_that_no_worker_takes(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, _ = answered(world, caller)
        world.engine.fault = lambda what, call: MediaUnavailable("gone") if what == "restart_ice" else None
        seat.reinvite(renewed(seat))
        seat.expect("500 re-INVITE")
        world.engine.fault = lambda what, call: None
        seat.reinvite(renewed(seat, "more"))
        seat.expect("200 re-INVITE")
        ended(world, caller, centre)

    def test_a_pause_of_its_picture(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, _ = answered(world, caller)
        seat.reinvite(video="recvonly")
        assert sdp(seat.expect("200 re-INVITE")).media[1].direction == "sendonly"
        world.run(0.1)
        media = room_of(world, caller).members["seat-1"]
        assert media is not None and media.sending and not media.receiving
        ended(world, caller, centre)

    def test_without_an_offer(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, answer = answered(world, caller)
        seat.reinvite(offerless=True)
        offer = sdp(seat.expect("200 re-INVITE"))
        assert offer.media[1].get("ice-ufrag") == answer.media[1].get("ice-ufrag")
        ended(world, caller, centre)


class TestEnds:
    def test_bye_leaves(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, _ = answered(world, caller)
        seat.bye()
        seat.expect("200 BYE")
        world.run(0.1)
        assert set(room_of(world, caller).members) == {"caller"}
        assert world.call_of(caller).talk.state == "connected"
        ended(world, caller, centre)

    @pytest.mark.parametrize("after_ms", range(0, 40, 4))  # answered after some 20
    def test_cancel_at_any_moment(self, after_ms: int, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.delay = lambda: 0.005
        seat = dialled(world, caller)
        world.run(after_ms / 1000)
        seat.cancel()
        world.run(1)
        assert ("seat-1" in room_of(world, caller).members) == (seat.state == "confirmed") == (after_ms >= 20)
        assert not world.call_of(caller).pending.arriving
        ended(world, caller, centre)

    def test_cancel_is_answered_though_no_worker_answers(self, world: World) -> None:
        caller, centre = connected(world)
        world.engine.stuck = {"join_secure"}
        seat = dialled(world, caller)
        world.run(0.1)
        before = world.now
        seat.cancel()
        seat.expect("487")
        assert world.now - before < 0.5
        ended(world, caller, centre)

    def test_a_transport_that_stays_away_ends_it(self) -> None:
        with World(settings=CallSettings(rejoin_window_s=20)) as world:
            caller, centre = connected(world)
            seat, _ = answered(world, caller)
            world.engine.transport(room_of(world, caller), "seat-1", "interrupted", "nothing came for 5 s")
            world.run(19)
            assert seat.state == "confirmed"
            seat.expect("BYE", 2)
            world.run(0.1)
            assert set(room_of(world, caller).members) == {"caller"}
            ended(world, caller, centre)

    def test_a_dead_worker_ends_it_so_that_it_calls_again(self, world: World) -> None:
        caller, centre = connected(world)
        seat, _ = answered(world, caller)
        world.engine.lose_room(room_of(world, caller))
        message = seat.expect("BYE").message
        assert message is not None and "media lost" in (message.headers.get("reason") or "")
        caller.expect("INVITE")
        world.run(1)
        assert answered(world, caller)[1].media[1].port
        ended(world, caller, centre)

    def test_the_call_ends_while_it_arrives(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        world.engine.stuck = {"join_secure"}
        seat = dialled(world, caller)
        world.run(0.1)
        caller.bye()
        centre.expect("BYE")
        seat.expect("480")
        caller.expect("200 BYE")
        world.settle()


class TestSessionTimer:
    def test_its_refresh_by_update(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat, _ = answered(world, caller)
        seat.update(bare=True)
        seat.expect("200 UPDATE")
        world.run(0.1)
        assert room_of(world, caller).members["seat-1"] is not None
        ended(world, caller, centre)
