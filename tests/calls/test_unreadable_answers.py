"""A 2xx to an offer of ours whose description cannot be read: the offer is in force there, whatever we make of it."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.lab.offers import VideoLine
from splitter.sdp.write import write
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request
from tests.calls.kit import asking, connected, ended, joined, sdp, told
from tests.calls.test_escalate_voice import flows
from tests.world import PeerCall, World
from tests.world.user_agent import SDP, session_of

RAISE = RaiseVideo("agent 7001")
BODIES = {
    "no lines": b"garbage",
    "no version": b"o=- 1 1 IN IP4 10.2.0.5\r\ns=-\r\n",
    "no port": b"v=0\r\no=- 1 1 IN IP4 10.2.0.5\r\ns=-\r\nc=IN IP4 10.2.0.5\r\nt=0 0\r\nm=audio what RTP/AVP 107\r\n",
    "too few lines": b"v=0\r\no=- 1 1 IN IP4 10.2.0.5\r\ns=-\r\nc=IN IP4 10.2.0.5\r\nt=0 0\r\n",
    "empty": b"",
}
UNREADABLE = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


def mumble(call: PeerCall, body: bytes) -> None:
    """Take the pending re-INVITE with this instead of an answer; what was offered is in force at the peer."""
    assert call.pending is not None
    (txn, request), call.pending = call.pending, None
    offer = session_of(request)
    assert offer is not None
    call.terminal.agree(call.terminal.answer(offer), offer)
    call.unacknowledged.add(txn)
    lines = [*call.own_headers(), *call.timer_lines(request)]
    kind = SDP if body else None
    call.peer.driver.respond(txn, request.respond(200, headers=lines, body=body, content_type=kind))


def mumbles(call: PeerCall, body: bytes, times: int = 1) -> None:
    """So it does with the next re-INVITEs; then it answers again."""
    left = [times]

    def take(call: PeerCall) -> None:
        if left[0]:
            left[0] -= 1
            mumble(call, body)
        else:
            call.accept()

    call.on_reinvite = take


def lines_of(world: World, call: PeerCall) -> list[int]:
    """How many m-lines our offers to this peer had, one after the other."""
    offers = []
    for sent in world.wire.sent.get(call.sip_call_id, ()):
        message = sent.message
        if isinstance(message, Request) and message.method == "INVITE" and sent.source != call.peer.address:
            session = session_of(message)
            offers += [len(session.media)] if session is not None else []
    return offers


@UNREADABLE
class TestAHold:
    def test_of_the_caller_leaves_the_centre_as_it_was(self, body: bytes, world: World) -> None:
        caller, centre = connected(world)
        mumbles(centre, body)
        caller.terminal.wish = "sendrecv"
        caller.reinvite(caller.terminal.given(write(caller.terminal.change(audio="sendonly"))))
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendonly"
        assert caller.expect("488 re-INVITE")
        caller.terminal.wish = "sendrecv"
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendrecv", "it does not stay on hold"
        world.run(1)
        assert flows(centre)[0] == flows(caller)[0] == "both"
        centre.unread.clear()
        ended(world, caller, centre)

    def test_of_the_centre_leaves_the_caller_as_it_was(self, body: bytes, world: World) -> None:
        caller, centre = connected(world)
        mumbles(caller, body)
        centre.reinvite(audio="sendonly")
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendonly"
        assert centre.expect("488 re-INVITE")
        centre.terminal.wish = "sendrecv"
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendrecv"
        world.run(1)
        assert flows(caller) == ["both", "both"] and flows(centre)[0] == "both"
        caller.unread.clear()
        ended(world, caller, centre)

    def test_that_is_never_answered_readably_is_undone_all_the_same(self, body: bytes, world: World) -> None:
        caller, centre = connected(world)
        mumbles(centre, body, times=1000)
        caller.reinvite(audio="sendonly")
        assert caller.expect("488 re-INVITE")
        world.run(300)
        assert flows(centre)[0] == "both", "it took the offer that ends the hold"
        offers = [heard for heard in centre.heard if heard == "INVITE"]
        assert len(offers) <= 6, "and is not asked for ever"
        caller.terminal.wish = "sendrecv"
        centre.unread.clear()
        caller.unread.clear()
        ended(world, caller, centre)

    def test_the_next_one_succeeds(self, body: bytes, world: World, caller: PeerCall, centre: PeerCall) -> None:
        mumbles(centre, body)
        caller.reinvite(audio="sendonly")
        assert caller.expect("488 re-INVITE")
        world.run(1)
        centre.unread.clear()
        caller.reinvite(audio="sendonly")
        assert sdp(centre.expect("INVITE")).direction_of(0) == "sendonly"
        assert sdp(caller.expect("200 re-INVITE")).direction_of(0) == "recvonly"
        world.run(1)
        assert flows(caller)[0] == "sends" and flows(centre)[0] == "hears"
        assert not centre.unread
        ended(world, caller, centre)


@UNREADABLE
class TestTheQuestionForVideo:
    def test_may_be_asked_again(self, body: bytes, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        mumbles(caller, body)
        told(world, caller, RAISE)
        world.run(2)
        state = world.call_of(caller).talk.video.view
        assert (state.state, state.outcome) == ("off", "failed") and state.supported is not False
        told(world, caller, RAISE)
        world.run(2)
        assert world.call_of(caller).talk.video.view.state == "on" and flows(caller) == ["both", "both"]
        caller.unread.clear()
        ended(world, caller, centre)

    def test_its_line_stays_in_every_offer_after_it(self, body: bytes, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        mumbles(caller, body)
        told(world, caller, RAISE)
        world.run(2)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(1)
        counts = lines_of(world, caller)
        assert counts == sorted(counts) and counts[-1] == 2, "RFC 3264 §8: none is ever removed"
        caller.unread.clear()
        ended(world, caller, centre)

    def test_that_is_never_answered_readably(self, body: bytes, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        mumbles(caller, body, times=1000)
        caller.allow = "INVITE, ACK, CANCEL, BYE, INFO"
        for _ in range(2):
            asking(world, caller, RAISE)
            world.run(60)
            assert world.call_of(caller).talk.video.view.state == "off"
        counts = lines_of(world, caller)
        assert counts == sorted(counts) and len(counts) <= 10
        caller.unread.clear()
        ended(world, caller, centre)


class TestAnEarlyAnswer:
    def test_may_be_said_better_in_the_final_response(self, world: World) -> None:
        """In a reliable 183 (RFC 3262 §5); the phone's user consents afterwards."""
        caller, centre = connected(world, picture=VideoLine.NONE)
        caller.on_reinvite = lambda _: None
        told(world, caller, RAISE)
        caller.expect("INVITE")
        assert caller.pending is not None
        txn, request = caller.pending
        lines = [("Require", "100rel"), ("RSeq", "1"), *caller.own_headers()]
        caller.peer.driver.respond(txn, request.respond(183, headers=lines, body=b"garbage", content_type=SDP))
        world.run(1)
        assert world.call_of(caller).talk.video.view.state == "asking"
        caller.accept()
        world.run(1)
        assert world.call_of(caller).talk.video.view.state == "on" and flows(caller) == ["both", "both"]
        caller.unread.clear()
        ended(world, caller, centre)


class TestOffersOfOurOwn:
    @UNREADABLE
    def test_after_a_lost_worker_are_repeated_and_not_for_ever(self, body: bytes, world: World) -> None:
        caller, centre = connected(world)
        mumbles(centre, body, times=1000)
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        world.run(200)
        assert 2 <= centre.heard.count("INVITE") - 1 <= 4
        centre.unread.clear()
        caller.unread.clear()
        assert world.voice_faults(caller) == [], "it sends where it was told"
        ended(world, caller, centre)

    def test_to_a_seat(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        mumbles(seat, b"garbage", times=1000)
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None
        world.engine.lose_room(room)
        world.run(200)
        assert seat.state == "confirmed" and 1 <= seat.heard.count("INVITE") <= 4
        for call in (caller, centre, seat):
            call.unread.clear()
        ended(world, caller, centre)


class _Mumbling:
    """A dialog whose ACKs hold this instead of an answer."""

    def __init__(self, dialog: Dialog | None, body: bytes) -> None:
        self._dialog, self._body = dialog, body

    def __getattr__(self, name: str) -> object:
        return getattr(self._dialog, name)

    def ack(self, cseq: int, **_: Any) -> Request:
        assert self._dialog is not None
        return self._dialog.ack(cseq, body=self._body, content_type=SDP)


class TestAnAnswerInAck:
    @pytest.mark.parametrize("body", [b"garbage", BODIES["no port"], BODIES["too few lines"]])
    def test_is_asked_for_once_more(self, body: bytes, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """Nobody can be told that it cannot be used: both sides say once more what stands."""
        whole, caller.dialog = caller.dialog, _Mumbling(caller.dialog, body)  # type: ignore[assignment]
        caller.reinvite(offerless=True)
        offer = sdp(caller.expect("200 re-INVITE"))
        caller.dialog = whole
        again = sdp(caller.expect("INVITE"))
        assert [media.kind for media in again.media] == [media.kind for media in offer.media]
        caller.hears_nothing(60)
        assert flows(caller) == ["both", "both"]
        ended(world, caller, centre)
