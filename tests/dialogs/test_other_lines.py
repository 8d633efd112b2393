"""Peers that leave m-lines out, move them, or close the voice's line and open another (RFC 3264 §6, §8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.core.net import Address
from splitter.lab.offers import VideoLine
from splitter.sdp.model import Media, Session
from tests.calls.kit import arrived, connected, ended, hung_up, line, relay_target, sdp, told
from tests.dialogs.kit import notes, response
from tests.world import PeerCall, World
from tests.world.user_agent import session_of

CALLER, CENTRE = 0, 1


def voice_alone(session: Session) -> Session:
    """Without any line but the voice."""
    return replace(session, media=tuple(media for media in session.media if media.kind == "audio"))


def picture_first(session: Session) -> Session:
    return replace(session, media=session.media[::-1])


def fax_for_picture(session: Session) -> Session:
    return replace(session, media=(session.media[0], Media("image", 0, "udptl", ("t38",))))


def elsewhere(session: Session, port: int) -> Session:
    """The voice's line is closed, and goes on in another one at the end."""
    at = next(i for i, media in enumerate(session.media) if media.kind == "audio")
    voice = session.media[at]
    closed = Media("audio", 0, voice.proto, voice.formats)
    lines = [closed if i == at else media for i, media in enumerate(session.media)]
    origin = replace(session.origin, version=session.origin.version + 1)
    return replace(session, origin=origin, media=(*lines, voice.with_(port=port)))


def ports(session: Session) -> list[tuple[str, bool]]:
    return [(media.kind, bool(media.port)) for media in session.media]


class TestAnswersOfTheCaller:
    @pytest.mark.parametrize("careless", [voice_alone, picture_first, fax_for_picture])
    def test_the_centre_may_hold_and_resume(self, careless: object, world: World) -> None:
        caller, centre = connected(world)
        caller.on_reinvite = lambda call: call.accept(careless(call.terminal.answer(_offer(call))))  # type: ignore[operator]
        for direction, answer in (("sendonly", "recvonly"), ("sendrecv", "sendrecv")):
            centre.reinvite(audio=direction)
            caller.expect("INVITE")
            assert line(sdp(centre.expect("200 re-INVITE")), "audio").direction == answer
            world.run(0.5)
        assert "not those of our offer" in notes(world, caller)
        hung_up(world, caller, centre)  # whose terminals take lines by their place

    def test_video_that_is_left_out_is_declined(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        caller.on_reinvite = lambda call: call.accept(voice_alone(call.terminal.answer(_offer(call))))
        told(world, caller, RaiseVideo("agent 7001"))
        world.run(1.0)
        view = world.call_of(caller).talk.video.view
        assert (view.state, view.outcome) == ("off", "refused")
        caller.unread.clear()
        ended(world, caller, centre)

    def test_a_delayed_offer_is_answered_with_the_voice_alone(self, world: World) -> None:
        caller = world.sbc.invite(offer=b"")
        answer = caller.terminal.answer
        caller.terminal.answer = lambda offer, **wanted: voice_alone(answer(offer, **wanted))  # type: ignore[method-assign]
        centre = world.pbx.take()
        centre.answer()
        assert ports(sdp(caller.expect("200"))) == [("audio", True), ("video", True)]
        centre.expect("ACK")
        world.run(0.2)
        assert relay_target(world, caller, CALLER) == caller.terminal.local("audio")
        assert not caller.unread and world.call_of(caller).talk.answered_at is not None
        ended(world, caller, centre)


class TestAnswersOfTheCentre:
    def test_a_line_more_than_was_offered_is_no_voice(self, world: World) -> None:
        caller, centre = arrived(world)
        answer = centre.terminal.answer(centre.offered_session())
        centre.answer(replace(answer, media=(Media("video", 0, "RTP/AVP", ("99",)), *answer.media)))
        assert ports(sdp(caller.expect("200"))) == [("audio", True), ("video", True)]
        centre.expect("ACK")
        world.run(0.2)
        assert relay_target(world, caller, CENTRE) == Address(answer.address_of(0).host, answer.address_of(0).rtp_port)
        hung_up(world, caller, centre)  # whose terminals take lines by their place


class TestOffersOfTheCaller:
    @pytest.mark.parametrize("by", ["re-INVITE", "UPDATE"])
    def test_a_picture_that_is_left_out_is_off_and_comes_back(self, by: str, world: World) -> None:
        caller, centre = connected(world)
        session = voice_alone(caller.terminal.change(move=True))
        caller.reinvite(session) if by == "re-INVITE" else caller.update(session)
        assert ports(sdp(caller.expect(f"200 {by}"))) == [("audio", True)]
        world.run(0.2)
        assert relay_target(world, caller, CALLER) == caller.terminal.local("audio")
        assert world.call_of(caller).talk.video.view.state == "off"
        assert "1 m-lines follow 2" in notes(world, caller)
        told(world, caller, RaiseVideo("agent 7001"))
        assert ports(sdp(caller.expect("INVITE"))) == [("audio", True), ("video", True)]
        world.run(1.0)
        assert world.call_of(caller).talk.video.view.state == "on"
        caller.unread.clear()
        ended(world, caller, centre)

    def test_the_voice_goes_on_in_another_line(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.reinvite(elsewhere(caller.terminal.change(), 23456))
        heard = sdp(caller.expect("200 re-INVITE"))
        assert ports(heard) == [("audio", False), ("video", True), ("audio", True)]
        world.run(0.2)
        target = relay_target(world, caller, CALLER)
        assert target is not None and target.port == 23456
        centre.hears_nothing(0.5)
        centre.reinvite(audio="sendonly")
        assert ports(sdp(caller.expect("INVITE"))) == [("audio", False), ("video", True), ("audio", True)]
        centre.expect("200 re-INVITE")
        ended(world, caller, centre)

    @pytest.mark.parametrize("by", ["UPDATE", "PRACK"])
    def test_so_it_does_before_the_answer(self, by: str, world: World) -> None:
        caller = world.sbc.invite(reliable="supported")
        caller.pracks = by == "UPDATE"
        centre = world.pbx.take()
        centre.ring(183, media=True)
        rang = response(caller.expect("183"))
        world.run(0.2)
        assert caller.open_offer is not None
        offer = elsewhere(caller.open_offer, 23456)
        caller.update(offer) if by == "UPDATE" else caller.prack(rang, offer)
        assert ports(sdp(caller.expect(f"200 {by}"))) == [("audio", False), ("video", True), ("audio", True)]
        centre.answer()
        caller.expect("200")
        world.run(0.2)
        target = relay_target(world, caller, CALLER)
        assert target is not None and target.port == 23456
        ended(world, caller, centre)


class TestOffersOfTheCentre:
    def test_the_voice_goes_on_in_another_line(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.reinvite(elsewhere(centre.terminal.change(), 34567))
        assert ports(sdp(centre.expect("200 re-INVITE"))) == [("audio", False), ("audio", True)]
        world.run(0.2)
        target = relay_target(world, caller, CENTRE)
        assert target is not None and target.port == 34567
        caller.hears_nothing(0.5)
        ended(world, caller, centre)

    def test_so_it_does_before_the_answer(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True, reliable=True)
        centre.expect("PRACK")
        caller.expect("183")
        assert centre.terminal.ours is not None
        centre.update(elsewhere(centre.terminal.ours, 34567))
        assert ports(sdp(centre.expect("200 UPDATE"))) == [("audio", False), ("audio", True)]
        centre.answer()
        caller.expect("200")
        world.run(0.2)
        target = relay_target(world, caller, CENTRE)
        assert target is not None and target.port == 34567
        ended(world, caller, centre)


def _offer(call: PeerCall) -> Session:
    """The offer that waits for this call's answer."""
    assert call.pending is not None
    offer = session_of(call.pending[1])
    assert offer is not None
    return offer
