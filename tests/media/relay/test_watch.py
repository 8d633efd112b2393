"""A side of a relay from which nothing comes: when that is told, and with what."""

from __future__ import annotations

from itertools import pairwise

import pytest

from splitter.core.net import Address
from splitter.media.ports.events import PeerClaim, StrangerHeard, VoiceMissed, VoiceReturned
from splitter.media.relay.watch import AGAIN_S, FIRST_S, LOOK_S
from splitter.media.wire.pairs import Stragglers
from splitter.rtp.rtcp import ReceiverReport, RtcpPacket, SenderReport, build
from tests.media.relay.kit import CENTRE, PACKET_S, Call, rtp


def told(call: Call) -> list[VoiceMissed | VoiceReturned]:
    return [event for event in call.events if isinstance(event, VoiceMissed | VoiceReturned)]


def alone(call: Call, side: int, seconds: float) -> None:
    """One side talks, and the other one does not."""
    for _ in range(round(seconds / PACKET_S)):
        call.host.pass_time(call.host.time + PACKET_S)
        call.sequence += 1
        call.say(side, rtp(call.sequence, side + 1))


def reported(call: Call, message: RtcpPacket) -> None:
    """The centre reports."""
    call.host.pairs[1].on_rtcp(bytearray(build([message])), Address(CENTRE.host, CENTRE.port + 1), call.host.time)


@pytest.fixture
def call() -> Call:
    return Call()


class TestWhoHadOurPortBefore:
    """They may go on for a while; see `PortPairs`."""

    @pytest.mark.parametrize("late", [True, False])
    def test_are_no_strangers(self, call: Call, late: bool) -> None:
        former = Address(CENTRE.host, 7000)
        call.relay.sides[1].rtp.latch.doubt(Stragglers({former: call.host.time + 30} if late else {}))
        call.host.pass_time(call.host.time + 6)  # nor learned: the window is over
        for number in range(200):
            call.host.pass_time(call.host.time + PACKET_S)
            call.host.pairs[1].on_rtp(bytearray(rtp(number, 3)), former, call.host.time)
        told = [event.source for event in call.events if isinstance(event, StrangerHeard)]
        assert told == ([] if late else [former])
        assert call.relay.sides[1].rejected == 200


class TestASideThatIsNeverHeard:
    def test_is_told_after_some_seconds(self, call: Call) -> None:
        began = call.host.time
        alone(call, 0, FIRST_S + LOOK_S)
        [event] = told(call)
        assert event == VoiceMissed("call", "centre", began, event.lasted_s, True, PeerClaim.NOTHING)
        assert FIRST_S <= event.lasted_s < FIRST_S + LOOK_S

    def test_is_told_again_as_it_lasts_and_ever_less_often(self, call: Call) -> None:
        alone(call, 0, 200)
        times = [event.lasted_s for event in told(call) if isinstance(event, VoiceMissed)]
        assert times[:4] == pytest.approx([6, 12, 24, 48], abs=0.2)
        pauses = [late - early for early, late in pairwise(times[3:])]
        assert pauses == pytest.approx([AGAIN_S] * len(pauses), abs=LOOK_S) and len(pauses) > 3

    def test_is_told_when_it_comes(self, call: Call) -> None:
        alone(call, 0, 10)
        call.talk(2 * LOOK_S)
        assert isinstance(told(call)[-1], VoiceReturned) and len(told(call)) == 2

    def test_and_is_named_again_is_waited_for_again(self, call: Call) -> None:
        alone(call, 0, 4)
        call.point(1, CENTRE)
        alone(call, 0, 4)
        assert told(call) == []


class TestASideThatStops:
    def test_is_told_of_with_the_voice_in_the_kernel_too(self, call: Call) -> None:
        call.talk(10)
        assert call.offload.engaged == 2
        stopped = call.host.time
        alone(call, 0, 9)
        [event] = told(call)
        assert isinstance(event, VoiceMissed) and not event.never
        assert event.since == pytest.approx(stopped, abs=2 * LOOK_S)

    def test_and_is_not_pointed_any_more_is_nobody(self, call: Call) -> None:
        call.talk(10)
        call.relay.set_remote(1, None)
        alone(call, 0, 20)
        assert told(call) == []

    def test_is_not_taken_for_silent_where_the_worker_slept(self, call: Call) -> None:
        call.talk(10)
        call.host.time += 60
        call.talk(10)
        assert told(call) == []

    def test_leaves_no_timer_behind(self, call: Call) -> None:
        call.talk(10)
        call.relay.close()
        assert call.host.armed == 0


class TestItsRtcp:
    def test_says_that_it_is_there_and_quiet(self, call: Call) -> None:
        call.talk(10)
        alone(call, 0, 3)
        reported(call, ReceiverReport(2))
        alone(call, 0, 6)
        [event] = told(call)
        assert isinstance(event, VoiceMissed) and event.claim is PeerClaim.QUIET

    def test_says_that_it_sends_what_does_not_come(self, call: Call) -> None:
        """The first of its counts is of before, too: only what grows proves something."""
        call.talk(10)
        for sent in (500, 700, 900):
            alone(call, 0, 5)
            reported(call, SenderReport(2, 1 << 32, 0, sent, 0))
        alone(call, 0, 8)
        assert [event.claim for event in told(call) if isinstance(event, VoiceMissed)] == [
            PeerClaim.QUIET,
            PeerClaim.SENDS,
            *[PeerClaim.SENDS] * (len(told(call)) - 2),
        ]

    def test_of_a_side_that_was_never_heard_proves_it_at_once(self, call: Call) -> None:
        alone(call, 0, 3)
        reported(call, SenderReport(2, 1 << 32, 0, 150, 0))
        alone(call, 0, 4)
        [event] = told(call)
        assert isinstance(event, VoiceMissed) and event.claim is PeerClaim.SENDS

    def test_of_before_says_nothing(self, call: Call) -> None:
        call.talk(5)
        reported(call, SenderReport(2, 1 << 32, 0, 250, 0))
        call.talk(5)
        alone(call, 0, 9)
        [event] = told(call)
        assert isinstance(event, VoiceMissed) and event.claim is PeerClaim.NOTHING
