"""Calls whose first offer lets no voice through, and how they open (RFC 3264 §6.1, §8.4, RFC 6337 §5.1, §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.lab.offers import VideoLine
from splitter.sdp.model import Connection, Session
from splitter.sdp.write import write
from tests.calls.kit import arrived, connected, ended, line, picked_up, sdp, told
from tests.calls.test_escalate_voice import flows
from tests.dialogs.kit import narrowed, response
from tests.world import PeerCall, World

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "inactive": lambda body: body.replace(b"a=sendrecv", b"a=inactive"),
    "sendonly": lambda body: body.replace(b"a=sendrecv", b"a=sendonly"),
    "recvonly": lambda body: body.replace(b"a=sendrecv", b"a=recvonly"),
    "inactive for the session": lambda body: body.replace(b"a=sendrecv\r\n", b"").replace(
        b"t=0 0\r\n", b"t=0 0\r\na=inactive\r\n"
    ),
    "sendonly for the session": lambda body: body.replace(b"a=sendrecv\r\n", b"").replace(
        b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\n"
    ),
    "0.0.0.0": lambda body: body.replace(b"c=IN IP4 10.1.0.5", b"c=IN IP4 0.0.0.0"),
    "::": lambda body: body.replace(b"c=IN IP4 10.1.0.5", b"c=IN IP6 ::"),
    "0.0.0.0 of the line": lambda body: body.replace(b"a=ptime", b"c=IN IP4 0.0.0.0\r\na=ptime"),
    "0.0.0.0 and inactive": lambda body: body.replace(b"c=IN IP4 10.1.0.5", b"c=IN IP4 0.0.0.0").replace(
        b"a=sendrecv", b"a=inactive"
    ),
}
CLOSED = pytest.mark.parametrize("form", FORMS)


def first_offer(world: World, form: str, picture: VideoLine = VideoLine.NONE) -> bytes:
    """A handset's offer in this form."""
    body = write(world.sbc.terminal().first_offer(picture=picture))
    if b"a=sendrecv" not in body:
        body = body.replace(b"\r\na=ptime", b"\r\na=sendrecv\r\na=ptime", 1)
    closed = FORMS[form](body)
    assert closed != body, body.decode()
    return closed


def opened(session: Session) -> Session:
    """The description with its lines open, at an address."""
    host = session.origin.address
    lines = tuple(
        replace(media, connection=None).with_direction("sendrecv") if media.port else media for media in session.media
    )
    attributes = tuple(item for item in session.attributes if item.name not in ("inactive", "sendonly"))
    return replace(session, connection=Connection.to(host), media=lines, attributes=attributes)


def both_open(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """Voice goes both ways, both sides agree on it, and nobody is told anything more."""
    world.run(1)
    assert flows(caller)[0] == flows(centre)[0] == "both", world.ladder(caller)
    assert world.voice_faults(caller) == []
    for call in (caller, centre):
        call.unread.clear()
        call.hears_nothing(2)
    ended(world, caller, centre)


def answered(world: World, form: str, picture: VideoLine = VideoLine.NONE) -> tuple[PeerCall, PeerCall]:
    """An answered call whose first offer was closed."""
    caller, centre = arrived(world, offer=first_offer(world, form, picture))
    picked_up(caller, centre)
    world.run(0.5)
    assert flows(caller)[0] != "both" or "0.0.0.0" in form or form == "::"
    assert not caller.unread and not centre.unread, "a closed call is left alone"
    return caller, centre


def early(world: World, form: str, headers: str = "supported") -> tuple[PeerCall, PeerCall]:
    """Both have heard a reliable answer to the closed offer."""
    caller, centre = arrived(world, offer=first_offer(world, form), reliable=headers)
    centre.ring(183, media=True, reliable=True)
    caller.expect("183")
    centre.expect("PRACK")
    world.run(0.1)
    return caller, centre


@CLOSED
class TestOpenedBeforeTheAnswer:
    def test_by_update(self, form: str, world: World) -> None:
        caller, centre = early(world, form)
        caller.update(caller.terminal.given(write(opened(narrowed(caller)))))
        caller.expect("200 UPDATE")
        picked_up(caller, centre)
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendrecv", "it never said no"
        both_open(world, caller, centre)

    def test_by_the_offer_in_prack(self, form: str, world: World) -> None:
        caller = world.sbc.invite(offer=first_offer(world, form), reliable="supported")
        caller.pracks = False
        centre = world.pbx.take()
        centre.ring(183, media=True)
        progress = caller.expect("183")
        caller.prack(response(progress), caller.terminal.given(write(opened(narrowed(caller)))))
        caller.expect("200 PRACK")
        picked_up(caller, centre)
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendrecv"
        both_open(world, caller, centre)

    def test_by_update_and_once_more(self, form: str, world: World) -> None:
        caller, centre = early(world, form)
        caller.update(caller.terminal.given(write(opened(narrowed(caller)))))
        caller.expect("200 UPDATE")
        caller.update(caller.terminal.given(write(opened(narrowed(caller)))))
        caller.expect("200 UPDATE")
        world.run(30)
        centre.answer()
        caller.expect("200")
        both_open(world, caller, centre)


@CLOSED
class TestOpenedInTheCall:
    def test_by_a_reinvite(self, form: str, world: World) -> None:
        caller, centre = answered(world, form)
        assert caller.terminal.ours is not None
        caller.reinvite(caller.terminal.given(write(opened(caller.terminal.ours))))
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendrecv"
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        both_open(world, caller, centre)

    def test_by_a_reinvite_without_an_offer(self, form: str, world: World) -> None:
        """A third party that sets up the call opens it so (RFC 3725)."""
        caller, centre = answered(world, form)
        assert caller.terminal.ours is not None
        caller.terminal.ours = opened(caller.terminal.ours)
        caller.reinvite(offerless=True)
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        both_open(world, caller, centre)

    def test_by_the_centre(self, form: str, world: World) -> None:
        """It may offer what it likes; the caller opens in its answer."""
        caller, centre = answered(world, form)
        assert caller.terminal.ours is not None
        centre.reinvite(audio="sendrecv")
        if "recvonly" not in form and flows(centre)[0] != "both":
            centre.expect("200 re-INVITE")
        both_open(world, caller, centre)


class TestWhoNeverSaidNo:
    def test_a_refresh_after_an_update_is_answered_openly(self, world: World) -> None:
        caller, centre = early(world, "inactive")
        caller.update(caller.terminal.given(write(opened(narrowed(caller)))))
        caller.expect("200 UPDATE")
        centre.answer()
        caller.expect("200")
        world.run(1)
        caller.unread.clear()
        caller.reinvite()
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        both_open(world, caller, centre)

    def test_a_centre_that_does_say_no_is_asked_once(self, world: World) -> None:
        """Its answer to an open offer is what it wants; the caller is told nothing that is not so."""
        caller, centre = early(world, "inactive")
        centre.terminal.wish = "inactive"
        caller.update(caller.terminal.given(write(opened(narrowed(caller)))))
        caller.expect("200 UPDATE")
        picked_up(caller, centre)
        centre.expect("INVITE")
        caller.hears_nothing(5)
        centre.hears_nothing(5)
        centre.reinvite(audio="sendrecv")
        caller.expect("INVITE")
        both_open(world, caller, centre)

    def test_a_centre_that_refuses_to_be_asked_is_asked_again_and_not_at_once(self, world: World) -> None:
        caller, centre = early(world, "inactive")
        centre.on_reinvite = lambda call: call.decline(488)
        caller.update(caller.terminal.given(write(opened(narrowed(caller)))))
        caller.expect("200 UPDATE")
        centre.answer()
        world.run(20)
        assert 2 <= centre.declined <= 5
        centre.on_reinvite = PeerCall.accept
        world.run(40)
        both_open(world, caller, centre)

    @pytest.mark.parametrize("wanted", ["sendonly", "inactive"])
    def test_a_hold_of_both_sides(self, wanted: str, world: World) -> None:
        """The centre holds in its answer to a held offer; each side opens for itself."""
        caller, centre = arrived(world, offer=first_offer(world, "sendonly"))
        centre.terminal.wish = wanted
        picked_up(caller, centre)
        assert caller.terminal.ours is not None
        caller.reinvite(caller.terminal.given(write(opened(caller.terminal.ours))))
        centre.expect("INVITE")
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == {"sendonly": "sendonly"}.get(wanted, wanted)
        world.run(0.1)
        centre.terminal.wish = "sendrecv"
        centre.reinvite(offerless=True)
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        both_open(world, caller, centre)

    def test_a_caller_without_an_offer_whose_centre_offers_a_closed_one(self, world: World) -> None:
        caller, centre = arrived(world, offer=b"")
        centre.answer(audio_direction="inactive")
        caller.expect("200")
        centre.expect("ACK")
        world.run(0.2)
        assert flows(caller)[0] == "nothing"
        centre.reinvite(offerless=True)
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "sendrecv", "the caller never said no"
        both_open(world, caller, centre)

    def test_early_media_of_a_closed_offer(self, world: World) -> None:
        caller, centre = arrived(world, offer=first_offer(world, "inactive"))
        centre.ring(183, media=True)
        assert sdp(caller.expect("183")).direction_of(0) == "inactive"
        picked_up(caller, centre)
        caller.reinvite(offerless=True)
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        both_open(world, caller, centre)


class TestThePicture:
    def test_that_was_offered_closed_opens_without_an_offer(self, world: World) -> None:
        caller, centre = arrived(world, picture=VideoLine.VILTE, audio_direction="inactive", video_direction="inactive")
        picked_up(caller, centre)
        caller.reinvite(offerless=True)
        offer = sdp(caller.expect("200 re-INVITE"))
        assert [media.direction for media in offer.media] == ["sendrecv", "sendrecv"]
        world.run(1)
        assert flows(caller) == ["both", "both"]
        call = world.call_of(caller)
        room = world.engine.room_of(call.talk.call_id)
        media = room.members["caller"] if room else None
        assert media is not None and media.sending and media.receiving
        both_open(world, caller, centre)

    @pytest.mark.parametrize(("wanted", "ways"), [("recvonly", (True, False)), ("sendonly", (False, True))])
    def test_what_the_caller_answers_to_our_offer_counts(
        self, wanted: str, ways: tuple[bool, bool], world: World
    ) -> None:
        """We offered both directions; the room follows what came of it."""
        caller, centre = connected(world)
        caller.on_reinvite = lambda call: call.accept(video=wanted)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(0.2)
        call = world.call_of(caller)
        room = world.engine.room_of(call.talk.call_id)
        media = room.members["caller"] if room else None
        assert media is not None and (media.sending, media.receiving) == ways
        caller.unread.clear()
        ended(world, caller, centre)

    def test_is_asked_for_while_the_voice_is_held(self, world: World) -> None:
        """The offer of video ends no hold, and the caller can end it afterwards."""
        caller, centre = answered(world, "sendonly")
        caller.terminal.wish = "sendonly"
        told(world, caller, RaiseVideo("agent 7001"))
        offer = sdp(caller.expect("INVITE"))
        assert [media.kind for media in offer.media] == ["audio", "video"]
        assert offer.media[0].direction == "recvonly"
        world.run(1)
        assert line(offer, "video").port and caller.terminal.way("video") is not None
        caller.unread.clear()
        caller.reinvite(audio="sendrecv")
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendrecv"
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "sendrecv"
        both_open(world, caller, centre)
