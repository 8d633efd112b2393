"""What legs say after they have left, and what waits for its turn: neither ends a voice that flows."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakSet

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.calls.events import CallEvent
from splitter.calls.leg_events import Acknowledged, OfferAccepted, OfferRefused, Refreshed, RefreshFailed
from splitter.calls.legs.port import ArrivedLeg
from splitter.core.errors import MediaUnavailable
from splitter.lab.offers import VideoLine
from splitter.sdp.parse import parse
from tests.calls.kit import asking, connected, ended, joined, told
from tests.world import World

VIDEO_ALONE = parse(
    b"v=0\r\no=- 1 1 IN IP4 10.3.0.5\r\ns=-\r\nc=IN IP4 10.3.0.5\r\nt=0 0\r\n"
    b"m=video 4000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
)


def late_words(key: str) -> list[CallEvent]:
    return [
        RefreshFailed(key, 481, "gone"),
        OfferRefused(key, 481, "gone"),
        Acknowledged(key, VIDEO_ALONE),
        OfferAccepted(key, VIDEO_ALONE),
    ]


class TestADeskThatHasLeft:
    @pytest.mark.parametrize("number", range(4))
    def test_ends_nothing_by_what_it_still_says(self, number: int, world: World) -> None:
        caller, centre = connected(world)
        seat = joined(world, caller)
        call = world.call_of(caller)
        key = call.legs.seats["seat-1"].key
        seat.bye()
        world.run(0.1)
        call.post(late_words(key)[number])
        world.run(0.1)
        assert call.talk.state == "connected"
        ended(world, caller, centre)

    def test_a_leg_of_long_ago_is_forgotten_and_so_is_what_it_says(self, world: World) -> None:
        caller, centre = connected(world)
        call = world.call_of(caller)
        legs = WeakSet[ArrivedLeg]()
        for number in range(1, 81):
            seat = world.desk.invite(call.talk.call_id, seat=True)
            seat.expect("200")
            legs.add(call.legs.seats[f"seat-{number}"])
            world.run(0.05)
            seat.bye()
            world.run(0.05)
        assert len(legs) < 70 and len(call.talk.past_legs) <= 32
        call.post(RefreshFailed("seat-1", 481, "gone"))
        world.run(0.1)
        assert call.talk.state == "connected"
        ended(world, caller, centre)


class TestTheRoomThatCannotBeHad:
    def test_lets_each_wait_once(self, world: World) -> None:
        """A desk asks for video, and the caller offers some of its own, while no place for it can be had."""
        caller, centre = connected(world, picture=VideoLine.NONE)
        world.engine.fault = lambda asked, _: MediaUnavailable("none") if asked == "open_room" else None
        task = asking(world, caller, RaiseVideo("agent 7001"))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        world.engine.delay = lambda: 0.05
        offer = caller.terminal.change()
        caller.reinvite(replace(offer, origin=offer.origin.next(), media=(*offer.media, VIDEO_ALONE.media[0])))
        caller.expect("200 re-INVITE")
        world.run(5)
        assert world.engine.asked["open_room"] <= 3
        ended(world, caller, centre)


class TestAnEarlyAnswerThatCannotBeUsed:
    def test_leaves_the_voice_as_it_was(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        told(world, caller, RaiseVideo("agent 7001"))
        caller.expect("INVITE")
        call = world.call_of(caller)
        question = call.pending.question
        assert question is not None
        call.caller.terms.local = call.caller.terms.sent  # as a reliable 183 with an answer does
        call.post(OfferAccepted(call.caller.key, parse(VIDEO_ALONE_AND_MORE), early=True))
        call.post(Refreshed(call.caller.key, offer_done=True))  # its 200 crosses our CANCEL
        world.run(0.2)
        assert call.talk.state == "connected" and call.talk.video.view.state == "off"
        now = call.caller.terms.local
        assert now is not None and not any(line.port for line in now.media if line.kind == "video")
        caller.unread.clear()
        ended(world, caller, centre)


VIDEO_ALONE_AND_MORE = b"v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 99\r\n"
