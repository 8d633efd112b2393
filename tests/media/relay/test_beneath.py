"""The kernel beneath a relay: when it has the voice, and that the relay is the same with it and without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.core.net import Address
from splitter.media.offload.ports import OffloadLost
from splitter.media.relay.beneath import LOOK_S, RETRY_S
from splitter.media.wire.latch import LatchRules
from splitter.rtp.telephone_event import Digit
from tests.media.offload.fake import FakeOffload
from tests.media.relay.kit import CALLER, CENTRE, Call, rtp


@pytest.fixture
def call() -> Call:
    return Call()


def whole(call: Call) -> bool:
    """Whether each side was sent everything, in order and once."""
    everything = list(range(1, call.sequence + 1))
    return call.heard == (everything, everything)


class TestEngaging:
    def test_comes_a_moment_after_both_sides_were_found(self, call: Call) -> None:
        call.talk(LOOK_S / 2)
        assert call.offload.engaged == 0
        call.talk(LOOK_S)
        assert [(flow.source, flow.destination) for flow in call.offload.flows] == [(CALLER, CENTRE), (CENTRE, CALLER)]
        assert [(flow.local.port, flow.out.port) for flow in call.offload.flows] == [(30_000, 30_002), (30_002, 30_000)]
        assert call.carried == [(True, "", False)]
        call.talk(5)
        assert whole(call)
        assert call.carried == [(True, "", False)], "it is told once"

    def test_waits_for_the_side_that_is_silent(self, call: Call) -> None:
        for number in range(200):
            call.host.pass_time(call.host.time + 0.02)
            call.say(0, rtp(number))
        assert call.offload.engaged == 0
        call.talk(2)
        assert call.offload.engaged == 2

    def test_waits_as_long_as_a_port_may_be_learned(self, call: Call) -> None:
        call.peers[0] = Address(CALLER.host, 4444)
        call.talk(LatchRules().window_s - 0.1)
        assert call.offload.engaged == 0
        call.talk(1)
        assert {flow.source for flow in call.offload.flows} == {call.peers[0], CENTRE}

    def test_is_all_or_nothing(self) -> None:
        call = Call(FakeOffload(limit=1))
        call.talk(3)
        assert call.offload.engaged == 0
        assert call.carried == [(False, "the kernel's map of flows is full", True)]
        assert whole(call)


class TestCounters:
    def test_are_those_of_a_relay_without_a_kernel(self) -> None:
        plain, under = Call(FakeOffload(limit=0)), Call()
        for call in (plain, under):
            call.talk(20)
        assert (plain.offload.engaged, under.offload.engaged) == (0, 2)
        without, beneath = (call.relay.report().sides for call in (plain, under))
        assert [replace(side, jitter_ms=0) for side in without] == [replace(side, jitter_ms=0) for side in beneath]
        assert [side.jitter_ms for side in beneath] == pytest.approx([side.jitter_ms for side in without], abs=0.001)
        assert plain.relay.close().sides[0].packets_out == under.relay.close().sides[0].packets_out == 1000

    def test_of_loss_as_well(self) -> None:
        reports = []
        for limit in (0, 100):
            call = Call(FakeOffload(limit=limit))
            for _ in range(20):
                call.talk(0.5)
                call.sequence += 3  # lost on the way to us
            call.talk(2)
            reports.append([(side.packets_in, side.lost) for side in call.relay.report().sides])
        assert reports[0] == reports[1]
        assert reports[0][0][1] == 60

    def test_are_up_to_date_at_any_time(self, call: Call) -> None:
        call.talk(LOOK_S * 3 + 0.14)
        assert call.relay.report().sides[0].packets_in == call.sequence
        call.talk(0.06)
        assert call.relay.close().sides[1].packets_out == call.sequence
        assert call.offload.engaged == 0


class TestTakingBack:
    def test_for_a_digit_which_is_heard(self, call: Call) -> None:
        call.talk(2)
        call.relay.send_digit(1, Digit(5, 100, 101, 8000))
        assert call.offload.engaged == 0
        call.talk(0.4)
        assert call.offload.engaged == 0, "it is not over"
        assert any(packet[1] & 0x7F == 101 for packet, _ in call.host.pairs[1].sent)
        call.talk(2)
        assert call.offload.engaged == 2
        assert whole(call)
        assert call.carried == [(True, "", False), (False, "a digit is sent", False), (True, "", False)]

    def test_for_a_digit_that_makes_no_sense_is_not_done(self, call: Call) -> None:
        call.talk(2)
        with pytest.raises(Exception, match="cannot be sent"):
            call.relay.send_digit(1, Digit(16, 100, 101, 8000))
        assert call.offload.engaged == 2

    def test_for_another_address_that_is_named(self, call: Call) -> None:
        call.talk(2)
        other = Address("192.0.2.9", 4008)
        call.point(0, other)
        assert call.offload.engaged == 0
        call.peers[0] = other
        call.talk(2)
        assert {flow.source for flow in call.offload.flows} == {other, CENTRE}
        assert whole(call)

    def test_for_a_side_that_is_pointed_nowhere(self, call: Call) -> None:
        call.talk(2)
        call.relay.set_remote(1, None)
        call.talk(2)
        assert call.offload.engaged == 0
        call.point(1, CENTRE)
        call.talk(2)
        assert call.offload.engaged == 2

    def test_for_the_named_one_that_comes_after_a_learned_one(self, call: Call) -> None:
        learned = Address(CALLER.host, 4444)
        call.peers[0] = learned
        call.talk(8)
        assert {flow.source for flow in call.offload.flows} == {learned, CENTRE}
        call.peers[0] = CALLER
        call.talk(0.1)
        assert call.offload.engaged == 0
        call.talk(2)
        assert {flow.source for flow in call.offload.flows} == {CALLER, CENTRE}
        assert [destination for _, destination in call.host.pairs[0].sent][-1] == CALLER

    def test_for_a_third_one_and_stays_where_it_is_mixed_or_renumbered(self, call: Call) -> None:
        call.talk(2)
        assert call.offload.engaged == 2
        third = call.relay.add_side("expert", "10.2.0.1")
        call.talk(1)
        assert call.offload.engaged == 2, "it points nowhere yet"
        call.point(third.number, Address("203.0.113.5", 6000))
        assert (call.offload.engaged, call.carried[-1]) == (0, (False, "the signalling says where expert is", False))
        call.talk(2)
        call.relay.remove_side(third.number)
        call.talk(5)
        assert call.offload.engaged == 0
        report = call.relay.report().sides
        assert [side.packets_in for side in report[:2]] == [call.sequence, call.sequence]
        call.relay.close()
        assert call.host.armed == 0

    def test_for_whoever_asks(self, call: Call) -> None:
        call.talk(2)
        call.relay.take_back("it is recorded")
        assert (call.offload.engaged, call.carried[-1]) == (0, (False, "it is recorded", False))
        call.relay.take_back("it is recorded")
        assert len(call.carried) == 2


class TestFaults:
    def test_of_the_network_bring_the_voice_back_within_a_second_and_let_it_go_again(self, call: Call) -> None:
        call.talk(2)
        call.offload.lost = "eth0 is down"
        call.talk(1)
        assert call.offload.engaged == 0
        assert call.carried[1:] == [(False, "eth0 is down", True)]
        call.offload.lost = ""
        call.talk(RETRY_S + 1)
        assert call.offload.engaged == 2
        assert whole(call)

    def test_of_the_offload_itself_touch_no_relay(self, call: Call) -> None:
        call.offload.breaks = RuntimeError("a bug")
        call.talk(3)
        assert call.offload.engaged == 0
        assert whole(call)
        call.offload.breaks = None
        call.talk(RETRY_S + 1)
        assert call.offload.engaged == 2

    def test_of_reading_counters_touch_no_report(self, call: Call) -> None:
        call.talk(2)
        call.offload.lost = "gone"
        with pytest.raises(OffloadLost):
            next(iter(call.offload.flows.values())).read()
        assert call.relay.report().sides[0].packets_in > 0

    def test_a_refusal_is_told_once(self, call: Call) -> None:
        call.offload.refuses = "eth0 is down"
        call.talk(5 * RETRY_S)
        assert call.carried == [(False, "eth0 is down", False)]
        call.offload.refuses = "no route"
        call.talk(2 * RETRY_S)
        assert call.carried[1:] == [(False, "no route", False)]
        assert whole(call)

    def test_packets_that_come_by_another_interface_end_it(self, call: Call) -> None:
        call.talk(2)
        call.past = True
        call.talk(3)
        (told,) = call.carried[1:]
        assert told[1].startswith(f"packets from {CALLER} come to the worker")
        call.talk(3 * RETRY_S)
        assert len(call.carried) == 2, "it is not tried again and again"
        call.past = False
        call.point(0, CALLER)
        call.talk(8)
        assert call.offload.engaged == 2
        assert whole(call)


class TestEnd:
    def test_leaves_no_timer_and_no_flow(self, call: Call) -> None:
        call.talk(2)
        call.relay.close()
        assert (call.host.armed, call.offload.engaged) == (0, 0)
        call.relay.take_back("it is over")
