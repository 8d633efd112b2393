"""Bodies of mid-call and first INVITEs that are not what they should be (RFC 3261 §8.2.3, §20.12, §20.15)."""

from __future__ import annotations

import pytest

from splitter.lab.offers import VideoLine
from splitter.sdp.model import Attribute, Session
from splitter.sdp.write import write
from splitter.sip.message import Request
from tests.calls.kit import connected, ended, hung_up, line, picked_up, sdp
from tests.dialogs.kit import header, notes
from tests.world import PeerCall, World
from tests.world.user_agent import session_of


def in_h265(session: Session) -> Session:
    """The answer with a picture in a format that nobody offered."""
    lines = [
        media.with_(formats=("98",), attributes=(Attribute("rtpmap", "98 H265/90000"),))
        if media.kind == "video" and media.port
        else media
        for media in session.media
    ]
    return Session(session.origin, tuple(lines), connection=session.connection, times=session.times)


def answers_in_h265(call: PeerCall) -> None:
    assert call.pending is not None
    offer = session_of(call.pending[1])
    assert offer is not None
    call.accept(in_h265(call.terminal.answer(offer)))


def send_bare(call: PeerCall, body: bytes, *headers: tuple[str, str]) -> None:
    """A re-INVITE with this body, and no more headers than these."""
    assert call.dialog is not None
    lines = [*call.own_headers(), *headers]
    request: Request = call.dialog.request("INVITE", headers=lines, body=body)
    call.offer_cseq = request.cseq[0]
    call.offering = call.peer.driver.request(request, call.way(), call.on_event)


class TestWithoutContentType:
    def test_a_description_is_one_all_the_same(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        send_bare(caller, write(caller.terminal.change(move=True)))
        assert line(sdp(caller.expect("200 re-INVITE")), "video").port
        hung_up(world, caller, centre)


class TestOfAnotherKind:
    @pytest.mark.parametrize(
        ("headers", "wants"),
        [
            ((("Content-Type", "application/x-tar"),), ("accept", "application/sdp")),
            (
                (("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")),
                ("accept-encoding", "identity"),
            ),
        ],
    )
    def test_a_reinvite_gets_415_and_the_call_goes_on(
        self, headers: tuple[tuple[str, str], ...], wants: tuple[str, str], world: World
    ) -> None:
        caller, centre = connected(world)
        send_bare(caller, b"\x1f\x8b\x08", *headers)
        heard = caller.expect("415 re-INVITE")
        assert header(heard, wants[0]) == wants[1]
        ended(world, caller, centre)


class TestPicturesThatNobodyOffered:
    """RFC 3264 §6.1 leaves nothing to show; the voice must not pay for it."""

    def test_the_centre_may_hold_and_the_caller_hears_that_its_picture_is_off(self, world: World) -> None:
        caller, centre = connected(world)
        caller.on_reinvite = answers_in_h265
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        assert line(sdp(centre.expect("200 re-INVITE")), "audio").direction == "recvonly"
        told = sdp(caller.expect("INVITE"))
        assert (line(told, "video").port, line(told, "audio").direction) == (0, "sendonly")
        world.run(0.5)
        assert world.call_of(caller).talk.video.view.state == "off"
        assert "a format that was not offered" in notes(world, caller)
        ended(world, caller, centre)

    def test_nor_does_the_answer_to_a_delayed_offer(self, world: World) -> None:
        caller = world.sbc.invite(offer=b"")
        answer = caller.terminal.answer
        caller.terminal.answer = lambda offer, **wanted: in_h265(answer(offer, **wanted))  # type: ignore[method-assign]
        centre = world.pbx.take()
        picked_up(caller, centre)
        assert line(sdp(caller.expect("INVITE")), "video").port == 0
        world.run(0.5)
        ended(world, caller, centre)


class TestDeclinedPictures:
    def test_are_not_offered_again_when_something_else_changes(self, world: World) -> None:
        caller = world.sbc.invite(offer=b"", picture=VideoLine.NONE)
        answer = caller.terminal.answer
        caller.terminal.answer = lambda offer, **wanted: answer(offer, **{**wanted, "video": "off"})  # type: ignore[method-assign]
        centre = world.pbx.take()
        picked_up(caller, centre)
        world.run(0.2)
        centre.reinvite(audio="sendonly")
        assert line(sdp(caller.expect("INVITE")), "video").port == 0
        centre.expect("200 re-INVITE")
        ended(world, caller, centre)
