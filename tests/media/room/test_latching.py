"""Whose packets are taken: the host of SDP alone, its port learned briefly (symmetric RTP)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaStarted, StrangerHeard
from splitter.media.wire.latch import Latch, LatchRules, Verdict
from splitter.media.wire.pairs import Stragglers
from splitter.rtp import rtcp
from splitter.rtp.feedback import Pli
from splitter.rtp.packet import Packet, build
from tests.media.room.kit import SLATE_LUMA, Camera, Peer, Stage, about


def caller_and_seat() -> tuple[Stage, Peer, Peer]:
    stage = Stage()
    return stage, stage.join("caller", Camera(90)), stage.join("seat-1")


class TestLatching:
    def test_another_host_is_rejected_and_counted(self) -> None:
        stage, caller, seat = caller_and_seat()
        for data in caller.packets():
            caller.deliver(data, Address("127.0.0.99", caller.rtp.port))
        stage.loop.advance(1.0)
        assert not stage.of(MediaStarted)
        assert about(seat.pictures()[-1], SLATE_LUMA)
        assert stage.room.report().participants[0].stream.rejected >= 3

    def test_another_port_is_learned_and_no_packet_is_lost(self) -> None:
        stage, caller, seat = caller_and_seat()
        behind_nat = Address(caller.rtp.host, 61_000)
        for _ in range(5):
            for data in caller.packets():
                caller.deliver(data, behind_nat)
            stage.loop.advance(1 / 15)
        assert [event.source for event in stage.of(MediaStarted)] == [behind_nat]
        assert caller.pair.settled == [behind_nat], "the short cut goes there, and is told of once"
        stage.loop.advance(0.2)
        there = [data for data, to, _ in caller.pair.rtp if to == behind_nat]
        assert there[0][12] & 0x1F == 7, "our packets go there as well, from a key frame on"
        pictures = seat.pictures()
        assert sum(about(luma, 90) for luma in pictures) == 5

    def test_one_stray_packet_of_the_same_host_decides_nothing(self) -> None:
        stage, caller, _ = caller_and_seat()
        stray = caller.packets()[0]
        for _ in range(2):
            caller.deliver(stray, Address(caller.rtp.host, 61_000))
        caller.show(3)
        assert [event.source for event in stage.of(MediaStarted)] == [caller.rtp]
        assert caller.pair.rtp[-1][1] == caller.rtp

    def test_never_after_it_settled(self) -> None:
        stage, caller, _ = caller_and_seat()
        caller.show(3)
        taken = stage.room.report().participants[0].stream.packets_in
        for _ in range(3):
            for data in caller.packets():
                caller.deliver(data, Address(caller.rtp.host, 61_000))
        count = stage.room.report().participants[0].stream
        assert count.packets_in == taken and count.rejected >= 3

    def test_never_after_the_window(self) -> None:
        stage, caller, _ = caller_and_seat()
        stage.loop.advance(30.0)
        for data in caller.packets():
            caller.deliver(data, Address(caller.rtp.host, 61_000))
        assert not stage.of(MediaStarted)
        caller.show(1)
        assert [event.source for event in stage.of(MediaStarted)] == [caller.rtp], "the signalled port is always right"

    def test_old_port_until_media_comes_from_the_new_one(self) -> None:
        stage, caller, seat = caller_and_seat()
        caller.show(3)
        old, new = caller.rtp, Address(caller.rtp.host, 52_000)
        moved = replace(caller.media, remote=RemoteEnd(new, Address(new.host, new.port + 1)))
        stage.room.set_participant("caller", moved)
        caller.show(3)
        assert sum(about(luma, 90) for luma in seat.pictures()) == 6
        caller.rtp = new
        caller.show(3)
        caller.rtp = old
        caller.show(3)
        assert sum(about(luma, 90) for luma in seat.pictures()) == 9
        assert caller.pair.rtp[-1][1] == new

    def test_a_refresh_keeps_what_was_learned(self) -> None:
        stage, caller, _ = caller_and_seat()
        caller.rtp = Address(caller.rtp.host, 61_000)
        caller.show(3)
        stage.room.set_participant("caller", caller.media)
        stage.loop.advance(1.0)
        assert caller.pair.rtp[-1][1] == caller.rtp
        caller.show(3)
        assert stage.room.report().participants[0].stream.rejected == 0

    def test_named_again_another_port_of_the_peer_takes_over(self) -> None:
        """After early media, or a hold: the same description, and the picture comes from elsewhere."""
        stage, caller, seat = caller_and_seat()
        caller.show(3)
        stage.room.set_participant("caller", caller.media)
        caller.show(1)  # on its way when it was named again
        caller.rtp = Address(caller.rtp.host, 61_000)
        caller.show(16)
        stage.loop.advance(0.5)
        heard = len(seat.got())
        caller.camera.key_frame()
        caller.show(3)
        assert len(seat.pictures(seat.got()[heard:])) == 3
        assert caller.pair.rtp[-1][1] == caller.rtp

    def test_named_again_a_stray_stream_takes_nothing_from_one_that_is_heard(self) -> None:
        stage, caller, _ = caller_and_seat()
        caller.show(3)
        stage.room.set_participant("caller", caller.media)
        heard = caller.rtp
        for _ in range(10):
            caller.show(1)
            for data in caller.packets()[:4]:
                caller.deliver(data, Address(caller.rtp.host, 61_000))
        assert caller.pair.rtp[-1][1] == heard
        assert len(stage.of(MediaStarted)) == 1

    def test_named_again_asks_for_no_key_frame(self) -> None:
        stage, caller, _ = caller_and_seat()
        caller.show(3)
        stage.loop.advance(0.5)
        asked = stage.room.report().participants[0].key_frame_requests_out
        stage.room.set_participant("caller", caller.media)
        stage.loop.advance(0.5)
        assert stage.room.report().participants[0].key_frame_requests_out == asked

    def test_rtcp_of_another_host_is_rejected(self) -> None:
        stage, caller, _ = caller_and_seat()
        before = len(caller.got())
        stage.loop.advance(0.5)
        sent = len(caller.got())
        caller.feed(Pli(1, caller.got()[0].ssrc), source=Address("127.0.0.99", 9))
        assert len(caller.got()) == sent > before
        assert stage.room.report().participants[0].stream.rejected == 1

    def test_rtcp_of_whoever_had_our_port_before_is_rejected(self) -> None:
        stage = Stage()
        former = Address("127.0.0.1", 61_001)
        stage.loop.late = Stragglers({former: stage.loop.time + 30})
        caller = stage.join("caller", Camera(90))
        assert caller.rtp.host == former.host, "the same SBC"
        stage.loop.advance(0.9)
        sent = len(caller.got())
        caller.feed(Pli(1, caller.got()[0].ssrc), source=former)
        assert len(caller.got()) == sent and stage.room.report().participants[0].stream.rejected == 1
        caller.feed(Pli(1, caller.got()[0].ssrc), source=Address(former.host, 61_003))
        assert len(caller.got()) > sent

    def test_rtcp_on_the_rtp_port_is_understood(self) -> None:
        stage, caller, _ = caller_and_seat()
        stage.loop.advance(0.9)
        sent = len(caller.got())
        caller.deliver(rtcp.build([rtcp.ReceiverReport(1), Pli(1, caller.got()[0].ssrc)]))
        assert len(caller.got()) > sent

    def test_wrong_payload_types_are_dropped(self) -> None:
        stage, caller, seat = caller_and_seat()
        for data in caller.packets():
            caller.deliver(data[:1] + bytes((data[1] ^ 0x02,)) + data[2:])
        assert not stage.of(MediaStarted)
        caller.camera.key_frame()
        caller.show(2)
        assert about(seat.pictures()[-1], 90)


def strays(caller: Peer, port: int, count: int = 3) -> None:
    """Packets of another call that the same host still sends to our port."""
    for index in range(count):
        one = Packet(
            False, caller.media.receive_format.payload_type, 700 + index, 3000 * index, 0xEEEE, b"\x41\x9astray"
        )
        caller.deliver(build(one), Address(caller.rtp.host, port))


class TestAStrayStreamBeforeTheCaller:
    """All calls of an SBC come from one host: what is left of another call may be there before the caller is."""

    @pytest.mark.parametrize("after_s", [0.0, 3.0, 60.0])
    @pytest.mark.parametrize("count", [1, 3, 40])
    def test_the_port_that_sdp_named_wins_whenever_it_speaks(self, after_s: float, count: int) -> None:
        stage, caller, seat = caller_and_seat()
        strays(caller, 50_000, count)
        stage.loop.advance(after_s)
        caller.show(20)
        assert sum(about(luma, 90) for luma in seat.pictures()) >= 15
        assert caller.pair.rtp[-1][1] == caller.rtp
        assert caller.pair.settled[-1] == caller.rtp

    def test_it_is_what_it_was_when_strays_go_on(self) -> None:
        stage, caller, seat = caller_and_seat()
        strays(caller, 50_000)
        for _ in range(20):
            caller.show(1)
            strays(caller, 50_000)
        assert sum(about(luma, 90) for luma in seat.pictures()) >= 15
        assert caller.pair.rtp[-1][1] == caller.rtp
        assert stage.room.report().participants[0].stream.rejected == 60

    def test_a_caller_behind_a_nat_is_found_when_the_strays_end(self) -> None:
        _, caller, seat = caller_and_seat()
        strays(caller, 50_000)
        caller.rtp = Address(caller.rtp.host, 61_000)
        caller.show(20)
        assert sum(about(luma, 90) for luma in seat.pictures()) >= 15
        assert caller.pair.rtp[-1][1] == caller.rtp

    def test_packets_that_were_held_of_the_stray_are_not_the_callers(self) -> None:
        stage, caller, _ = caller_and_seat()
        strays(caller, 50_000, 2)
        caller.show(1)
        assert stage.room.participant("caller").stream.ssrc == caller.ssrc
        assert stage.room.participant("caller").stream.lost_before == 0


class TestLatchRules:
    HERE, THERE, ELSEWHERE = (Address("192.0.2.1", port) for port in (4000, 5000, 6000))

    def latch(self) -> Latch:
        one = Latch(LatchRules(5.0, doubts=True))
        one.expect(self.HERE, 0.0)
        return one

    def learn(self, one: Latch, source: Address, now: float) -> list[Verdict]:
        return [one.judge(source, now) for _ in range(3)]

    def test_a_learned_port_holds_while_it_sends(self) -> None:
        one = self.latch()
        assert self.learn(one, self.THERE, 1.0)[-1] is Verdict.ACCEPT
        for _ in range(10):
            assert one.judge(self.ELSEWHERE, 1.1) is Verdict.HOLD
            assert one.judge(self.ELSEWHERE, 1.1) is Verdict.HOLD
            assert one.judge(self.THERE, 1.1) is Verdict.ACCEPT
        assert not one.settled

    def test_a_learned_port_is_settled_when_the_window_is_over(self) -> None:
        one = self.latch()
        self.learn(one, self.THERE, 1.0)
        assert one.judge(self.THERE, 5.1) is Verdict.ACCEPT and one.settled
        assert self.learn(one, self.ELSEWHERE, 5.2) == [Verdict.REJECT] * 3
        assert one.destination == self.THERE

    def test_after_the_window_the_named_port_wins_by_several_packets(self) -> None:
        """A single forged one takes the picture from nobody."""
        one = self.latch()
        self.learn(one, self.THERE, 1.0)
        assert one.judge(self.THERE, 5.1) is Verdict.ACCEPT and one.settled
        assert one.judge(self.HERE, 6.0) is Verdict.HOLD
        assert one.judge(self.THERE, 6.1) is Verdict.ACCEPT and one.destination == self.THERE
        assert one.judge(self.HERE, 6.2) is Verdict.HOLD and one.judge(self.HERE, 6.3) is Verdict.ACCEPT
        assert one.destination == self.HERE and one.settled
        assert self.learn(one, self.THERE, 6.4) == [Verdict.REJECT] * 3

    def test_the_named_port_never_moves_once_it_has_spoken(self) -> None:
        one = self.latch()
        assert one.judge(self.HERE, 0.1) is Verdict.ACCEPT and one.settled
        assert self.learn(one, self.THERE, 0.2) == [Verdict.REJECT] * 3

    def test_a_repeated_description_opens_the_window_and_keeps_the_port(self) -> None:
        one = self.latch()
        self.learn(one, self.THERE, 1.0)
        one.expect(self.HERE, 60.0)
        assert one.judge(self.THERE, 60.1) is Verdict.ACCEPT
        for _ in range(4):
            assert self.learn(one, self.ELSEWHERE, 60.2) == [Verdict.HOLD] * 3, "the other one may still be there"
        assert self.learn(one, self.ELSEWHERE, 60.3)[-1] is Verdict.ACCEPT
        assert one.destination == self.ELSEWHERE

    def test_a_repeated_description_lets_the_named_port_be_left(self) -> None:
        one = self.latch()
        assert one.judge(self.HERE, 1.0) is Verdict.ACCEPT
        one.expect(self.HERE, 60.0)
        assert self.learn(one, self.THERE, 60.1)[-1] is Verdict.ACCEPT, "silent since"
        one.expect(self.HERE, 120.0)
        assert one.judge(self.HERE, 120.1) is Verdict.ACCEPT and one.settled, "it always wins"
        one.expect(self.HERE, 180.0)
        assert one.judge(self.HERE, 185.1) is Verdict.ACCEPT and one.settled
        assert self.learn(one, self.THERE, 185.2) == [Verdict.REJECT] * 3


class TestMediaSources:
    ELSEWHERE = Address("203.0.113.9", 40_000)

    def caller_elsewhere(self, *sources: str) -> tuple[Stage, Peer, Peer]:
        stage, caller, seat = caller_and_seat()
        assert caller.media.remote is not None
        believed = replace(caller.media, remote=replace(caller.media.remote, sources=sources))
        stage.room.set_participant("caller", believed)
        caller.rtp = self.ELSEWHERE
        return stage, caller, seat

    def test_a_believed_host_is_learned_and_answered(self) -> None:
        stage, caller, seat = self.caller_elsewhere("203.0.113.0/24")
        caller.show(5)
        assert [event.source for event in stage.of(MediaStarted)] == [self.ELSEWHERE]
        assert sum(about(luma, 90) for luma in seat.pictures()) == 5
        stage.loop.advance(0.2)
        assert caller.pair.rtp[-1][1] == self.ELSEWHERE
        assert not stage.of(StrangerHeard)

    def test_its_rtcp_is_believed_as_well(self) -> None:
        stage, caller, _ = self.caller_elsewhere("0.0.0.0/0")
        caller.show(3)
        stage.loop.advance(0.5)
        rejected = stage.room.report().participants[0].stream.rejected
        caller.feed(Pli(1, caller.got()[0].ssrc), source=Address(self.ELSEWHERE.host, 40_001))
        assert stage.room.report().participants[0].stream.rejected == rejected

    def test_its_rtcp_still_is_after_a_refresh(self) -> None:
        stage, caller, _ = self.caller_elsewhere("0.0.0.0/0")
        caller.show(3)
        assert caller.media.remote is not None
        same = replace(caller.media, remote=replace(caller.media.remote, sources=("0.0.0.0/0",)))
        stage.room.set_participant("caller", same)
        stage.loop.advance(0.5)
        rejected = stage.room.report().participants[0].stream.rejected
        caller.feed(Pli(1, caller.got()[0].ssrc), source=Address(self.ELSEWHERE.host, 40_001))
        assert stage.room.report().participants[0].stream.rejected == rejected

    def test_a_second_one_does_not_take_its_place(self) -> None:
        stage, caller, _ = self.caller_elsewhere("0.0.0.0/0")
        caller.show(3)
        for _ in range(10):
            for data in caller.packets():
                caller.deliver(data, Address("198.51.100.66", 666))
        stage.loop.advance(0.2)
        assert caller.pair.rtp[-1][1] == self.ELSEWHERE

    def test_one_beyond_the_networks_is_not(self) -> None:
        stage, caller, _ = self.caller_elsewhere("198.51.100.0/24")
        caller.show(5)
        assert not stage.of(MediaStarted)


class TestStrangers:
    def test_a_stream_from_elsewhere_is_told_of_after_two_seconds(self) -> None:
        stage, caller, _ = caller_and_seat()
        caller.rtp = Address("203.0.113.9", 40_000)
        caller.show(15)
        assert not stage.of(StrangerHeard)
        caller.show(40)
        [told] = stage.of(StrangerHeard)
        assert (told.kind, told.end, told.source) == ("video", "caller", caller.rtp)
        assert told.packets >= 30

    def test_so_is_a_port_that_was_not_learned_in_time(self) -> None:
        stage, caller, _ = caller_and_seat()
        stage.loop.advance(30.0)
        caller.rtp = Address(caller.rtp.host, 61_000)
        caller.show(50)
        assert [told.source for told in stage.of(StrangerHeard)] == [caller.rtp]

    def test_nobody_is_told_of_whoever_had_our_port_before(self) -> None:
        former = Address("203.0.113.9", 40_000)
        stage = Stage()
        stage.loop.late = Stragglers({former: stage.loop.time + 30})
        caller = stage.join("caller", Camera(90))
        caller.rtp = former
        caller.show(55)
        assert not stage.of(StrangerHeard)

    def test_nobody_is_told_while_the_caller_is_seen(self) -> None:
        stage, caller, _ = caller_and_seat()
        for _ in range(50):
            for data in caller.packets():
                caller.deliver(data, Address("203.0.113.9", 40_000))
            caller.show(1)
        assert not stage.of(StrangerHeard)
        assert stage.of(MediaStarted)

    def test_nor_where_the_caller_is_to_send_nothing(self) -> None:
        stage, caller, _ = caller_and_seat()
        stage.room.set_participant("caller", replace(caller.media, receiving=False))
        caller.rtp = Address("203.0.113.9", 40_000)
        caller.show(60)
        assert not stage.of(StrangerHeard)


class TestAddresses:
    def test_ipv6_is_compared_as_an_address_not_as_text(self) -> None:
        latch = Latch(LatchRules())
        latch.expect(Address("2001:DB8:0:0::1", 4000), 0.0)
        assert latch.judge(Address("2001:db8::1", 4000), 1.0) is Verdict.ACCEPT


class TestAnyDatagram:
    """Whatever comes, the room stands."""

    @given(st.lists(st.tuples(st.booleans(), st.binary(max_size=80), st.integers(0, 3)), max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_bytes(self, datagrams: list[tuple[bool, bytes, int]]) -> None:
        stage, caller, seat = caller_and_seat()
        caller.show(1)
        for is_rtp, data, kind in datagrams:
            if kind == 0:
                data = b"\x80" + bytes((caller.media.receive_format.payload_type,)) + data
            elif kind == 1:
                head = caller.packets()[0][:12]
                data = head + data
            elif kind == 2:
                data = bytes((0x81, 200 + len(data) % 7, 0, len(data) // 4)) + data[: len(data) // 4 * 4]
            if is_rtp:
                caller.deliver(data)
            else:
                caller.pair.on_rtcp(memoryview(bytearray(data)), caller.media.remote.rtcp, stage.loop.time)
            stage.loop.advance(0.05)
        assert seat.got()
        stage.room.close()
