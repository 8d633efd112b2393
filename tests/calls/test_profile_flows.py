"""What handsets and networks of the IMS do to calls, each flow from its beginning to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitter.lab.offers import VideoLine
from splitter.sdp.model import Attribute, Media, Origin, Session
from splitter.sdp.write import write
from splitter.sip.message import Request, Response
from tests.calls.kit import connected, ended, joined, line, relay_target, sdp
from tests.calls.table import header
from tests.world import Heard, PeerCall, World
from tests.world.peer import session_of


def silent(call: PeerCall) -> None:
    """From now on the script answers re-INVITEs."""
    call.on_reinvite = lambda _: None


def held_by_centre(world: World) -> tuple[PeerCall, PeerCall]:
    """The centre holds, and the caller has our re-INVITE before it, unanswered."""
    caller, centre = connected(world)
    silent(caller)
    centre.reinvite(audio="sendonly")
    caller.expect("INVITE")
    return caller, centre


def flows(call: PeerCall) -> list[str]:
    """What this peer does with voice and picture, by what both sides said."""
    names = {(True, True): "both", (True, False): "sends", (False, True): "hears", (False, False): "nothing"}
    ways = [call.terminal.way(kind) for kind in ("audio", "video")]
    return ["off" if way is None else names[way.sends, way.receives] for way in ways]


def picture(world: World, caller: PeerCall) -> bool:
    """The room sends the caller a picture and takes its own."""
    call = world.call_of(caller)
    room = world.engine.room_of(call.talk.call_id)
    media = room.members.get("caller") if room else None
    return media is not None and media.sending and media.receiving


def in_order(world: World, *calls: PeerCall) -> None:
    """Whatever came is read; voice is connected as both sides agreed; the caller hangs up and nothing is left."""
    world.run(1)
    assert all(call.settled for call in calls)
    assert world.voice_faults(calls[0]) == []
    for call in calls:
        call.unread.clear()
    ended(world, *calls)


class TestUpdateInsideAPendingReinvite:
    """The handset answers our re-INVITE in a reliable 183, asks its user, and changes its mind in an UPDATE (RFC 6141)."""

    @pytest.mark.parametrize("change", [{"video": "off"}, {"move": True}, {"audio": "inactive"}, {}])
    def test_is_200_once_ours_was_answered(self, change: dict[str, Any], world: World) -> None:
        caller, centre = held_by_centre(world)
        caller.progress()
        caller.expect("PRACK")
        centre.expect("200 re-INVITE")
        caller.update(**change)
        caller.expect("200 UPDATE")
        caller.accept()
        in_order(world, caller, centre)
        assert "491 UPDATE" not in caller.heard

    def test_takes_the_picture_away_and_brings_it_back(self, world: World) -> None:
        caller, centre = held_by_centre(world)
        caller.progress()
        caller.expect("PRACK")
        for video, shown in (("off", False), ("on", True)):
            caller.update(video=video)
            caller.expect("200 UPDATE")
            world.run(0.1)
            assert picture(world, caller) is shown
        caller.accept()
        world.run(0.1)
        assert flows(caller) == ["hears", "both"]
        in_order(world, caller, centre)

    def test_is_491_before(self, world: World) -> None:
        caller, centre = held_by_centre(world)
        caller.update(video="off")
        caller.expect("491 UPDATE")
        caller.accept()
        in_order(world, caller, centre)


class TestUpgradeCrossesTheHold:
    """The handset takes its video up while the centre puts the call on hold: both must come about."""

    @pytest.mark.parametrize("after_ms", range(-24, 25, 3))
    def test_at_any_moment(self, after_ms: int, world: World) -> None:
        caller, centre = connected(world, video_direction="inactive")
        assert not picture(world, caller)
        seat = joined(world, caller)
        if after_ms < 0:
            centre.reinvite(audio="sendonly")
        else:
            caller.reinvite(video="sendrecv")
        world.run(abs(after_ms) / 1000)
        if after_ms < 0:
            caller.reinvite(video="sendrecv")
        else:
            centre.reinvite(audio="sendonly")
        world.run(2)
        for call, change in ((caller, {"video": "sendrecv"}), (centre, {"audio": "sendonly"})):
            if call.heard.count("491 re-INVITE"):  # who met glare tries again (RFC 3261 §14.1)
                call.reinvite(**change)  # type: ignore[arg-type]
                world.run(2)
        assert flows(caller) == ["hears", "both"]
        assert flows(centre) == ["sends", "off"]
        assert picture(world, caller)
        assert seat.state == "confirmed"
        centre.unread.clear()
        centre.reinvite(audio="sendrecv")
        centre.expect("200 re-INVITE")
        world.run(0.2)
        assert flows(caller) == ["both", "both"]
        in_order(world, caller, centre)

    def test_a_line_that_was_not_there_is_appended(self, world: World) -> None:
        """A voice call of a handset that has no m=video yet: the upgrade appends one (RFC 3264 §8.1)."""
        caller, centre = connected(world, picture=VideoLine.NONE)
        voice = caller.terminal.ours
        assert voice is not None
        other = world.sbc.terminal().first_offer()
        upgraded = replace(voice, media=(*voice.media, line(other, "video")), attributes=other.attributes)
        caller.reinvite(caller.terminal.note(upgraded))
        answer = sdp(caller.expect("200 re-INVITE"))
        assert [(media.kind, bool(media.port)) for media in answer.media] == [("audio", True), ("video", True)]
        world.run(0.2)
        assert picture(world, caller)
        centre.hears_nothing(1)
        in_order(world, caller, centre)


class TestSrvcc:
    """The handset leaves the 4G network: a gateway of the circuit network takes its place (TS 23.216, TS 24.237)."""

    def to_circuit(self, call: PeerCall, session: Session | None = None) -> Session:
        """The voice in a circuit codec, at another address; no video."""
        ours = session or call.terminal.ours
        assert ours is not None
        media = []
        for one in ours.media:
            if one.kind == "audio":
                media.append(_circuit(one))
            else:
                media.append(Media(one.kind, 0, one.proto, one.formats))
        return replace(ours, media=tuple(media), origin=ours.origin.next())

    @pytest.mark.parametrize("with_seat", [True, False])
    def test_options_then_a_reinvite_to_a_circuit_codec(self, with_seat: bool, world: World) -> None:
        caller, centre = connected(world)
        seat = joined(world, caller) if with_seat else None
        caller.request("OPTIONS")
        options = caller.expect("200 OPTIONS")
        assert header(options, "accept") == ["application/sdp"]
        assert "UPDATE" in header(options, "allow")[0]
        caller.reinvite(caller.terminal.given(write(self.to_circuit(caller))))
        offer = sdp(centre.expect("INVITE"))
        assert [(media.kind, [codec.name for codec in media.codecs]) for media in offer.media] == [("audio", ["PCMA"])]
        answer = sdp(caller.expect("200 re-INVITE"))
        assert [bool(media.port) for media in answer.media] == [True, False]
        assert [codec.name for codec in answer.media[0].codecs] == ["PCMA"]
        world.run(0.2)
        assert relay_target(world, caller, 0) == caller.terminal.local("audio")
        assert not picture(world, caller)
        if seat is not None:
            assert seat.state == "confirmed", "the agent stays, with the slate towards nobody"
        in_order(world, caller, centre)

    def test_under_the_gateways_own_origin(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """Its o= line is another one: the peer has changed, and the dialog has not."""
        circuit = replace(self.to_circuit(caller), origin=Origin.of("198.51.100.99", 4711))
        caller.terminal.sent = circuit
        caller.reinvite(circuit)
        answer = sdp(caller.expect("200 re-INVITE"))
        assert [bool(media.port) for media in answer.media] == [True, False]
        in_order(world, caller, centre)

    def test_a_centre_that_lacks_the_codec_leaves_the_call_as_it_was(self, world: World) -> None:
        caller, centre = connected(world)
        centre.on_reinvite = lambda call: call.decline(488)
        before = caller.terminal.ours
        caller.reinvite(self.to_circuit(caller))
        caller.expect("488 re-INVITE")
        assert caller.terminal.ours == before
        world.run(0.2)
        assert picture(world, caller)
        in_order(world, caller, centre)

    def test_and_back_again(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        packet = caller.terminal.ours
        assert packet is not None
        caller.reinvite(caller.terminal.given(write(self.to_circuit(caller))))
        caller.expect("200 re-INVITE")
        back = caller.terminal.note(packet)
        caller.reinvite(back)
        answer = sdp(caller.expect("200 re-INVITE"))
        assert [bool(media.port) for media in answer.media] == [True, True]
        assert answer.media[0].codecs[0].name == "AMR-WB"
        world.run(0.2)
        assert picture(world, caller)
        in_order(world, caller, centre)


class TestNewContact:
    """A handset that has moved its signalling alone: the same description under the same o= version (RFC 3261 §12.2)."""

    @pytest.mark.parametrize("method", ["re-INVITE", "UPDATE", "bare UPDATE"])
    def test_is_where_everything_goes_from_then_on(self, method: str, world: World) -> None:
        caller, centre = connected(world)
        asked = dict(world.engine.asked)
        version = caller.terminal.sent and caller.terminal.sent.origin
        caller.peer.name = "moved"  # its Contact
        if method == "re-INVITE":
            caller.reinvite()
        else:
            caller.update(bare=method == "bare UPDATE")
        heard = caller.expect(f"200 {method.split()[-1]}")
        assert caller.terminal.sent is not None and caller.terminal.sent.origin == version
        if heard.session is not None:
            assert heard.session == _first_answer(world, caller)
        touched = {name for name, count in world.engine.asked.items() if count != asked[name]}
        assert touched <= {"point", "set_participant"}, "its ports may be learned anew, the rest is untouched"
        centre.hears_nothing(1)
        centre.reinvite(audio="sendonly")
        assert _target(caller.expect("INVITE")) == "sip:moved@10.1.0.5:5060"
        centre.expect("200 re-INVITE")
        world.run(0.1)
        centre.bye()
        assert _target(caller.expect("BYE")) == "sip:moved@10.1.0.5:5060"
        world.settle()

    def test_in_what_it_answers(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.peer.name = "moved"
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        centre.expect("200 re-INVITE")
        world.run(0.1)
        centre.bye()
        assert _target(caller.expect("BYE")) == "sip:moved@10.1.0.5:5060"
        world.settle()


class Test491OnOneLegOnly:
    """Glare between us and one side is no affair of the other, unless the other asked for the change."""

    def test_of_our_own_offer_the_other_side_hears_nothing(self, world: World) -> None:
        caller, centre = connected(world)
        caller.on_reinvite = lambda call: call.decline(491)
        call = world.call_of(caller)
        relay = world.engine.relay_of(call.talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        world.run(0.5)
        assert caller.declined == 1
        assert world.centre_of(caller) is centre and centre.settled
        caller.on_reinvite = PeerCall.accept
        world.run(5)
        assert centre.heard.count("INVITE") == 2, "it was told its new port once"
        assert "491 re-INVITE" not in centre.heard
        in_order(world, caller, centre)

    def test_of_a_relayed_offer_who_asked_tries_again(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.on_reinvite = lambda call: call.decline(491)
        centre.reinvite(audio="sendonly")
        centre.expect("491 re-INVITE")
        world.run(0.1)
        assert flows(caller) == ["both", "both"] and flows(centre) == ["both", "off"]
        centre.terminal.wish = "sendrecv"
        assert world.voice_faults(caller) == []
        caller.on_reinvite = PeerCall.accept
        world.run(2.5)
        centre.reinvite(audio="sendonly")
        world.run(1)
        assert flows(caller) == ["hears", "both"] and flows(centre) == ["sends", "off"]
        in_order(world, caller, centre)

    def test_of_a_seat_nobody_hears(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        seat.on_reinvite = lambda call: call.decline(491)
        call = world.call_of(caller)
        room = world.engine.room_of(call.talk.call_id)
        assert room is not None
        world.engine.lose_room(room)
        world.run(3)
        assert seat.declined
        assert centre.heard.count("INVITE") == 1
        seat.on_reinvite = PeerCall.accept
        world.run(5)
        assert seat.settled and picture(world, caller)
        in_order(world, caller, centre)


# ---- looks ----


def _circuit(media: Media) -> Media:
    """The voice of a gateway of the circuit network, at another port."""
    kept = [item for item in media.attributes if item.name not in ("rtpmap", "fmtp", "acfg")]
    pcma = Attribute("rtpmap", "8 PCMA/8000")
    return media.with_(port=media.port + 400, formats=("8",), attributes=(*kept, pcma))


def _first_answer(world: World, caller: PeerCall) -> Session | None:
    messages = (sent.message for sent in world.wire.sent[caller.sip_call_id])
    return next(session_of(one) for one in messages if isinstance(one, Response) and session_of(one) is not None)


def _target(heard: Heard) -> str:
    assert isinstance(heard.message, Request)
    return heard.message.uri
