"""What a receiver counts, misses, and puts in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from splitter.rtp.cache import SentPackets
from splitter.rtp.losses import Losses
from splitter.rtp.reorder import OrderedPacket, Reorder
from splitter.rtp.repacketise import SingleUnits
from splitter.rtp.statistics import Order, ReceivedStream


def feed(reception: ReceivedStream, *sequences: int) -> None:
    for index, sequence in enumerate(sequences):
        _, extended = reception.order(sequence)
        reception.count(extended, 3000 * index, index / 30)


class TestReception:
    """RFC 3550 A.1, A.3, A.8."""

    def test_order(self) -> None:
        reception = ReceivedStream(1)
        feed(reception, 65_534)
        expected = [
            (65_535, Order.NEXT),
            (0, Order.GAP),
            (65_530, Order.LATE),
            (65_534, Order.LATE),
            (20_000, Order.JUMP),
        ]
        assert [(number, reception.order(number)[0]) for number, _ in expected] == expected

    def test_extended_over_the_wrap(self) -> None:
        reception = ReceivedStream(1)
        feed(reception, 65_534, 65_535, 0, 1)
        assert reception.block(1.0).highest == 0x1_0001
        assert reception.lost == 0 and reception.expected == 4

    @given(st.integers(0, 0xFFFF), st.lists(st.integers(-5, 5), max_size=60))
    def test_follow_is_order_and_count_in_one_for_the_expected_packet(self, first: int, steps: list[int]) -> None:
        one, other = ReceivedStream(1), ReceivedStream(1)
        feed(one, first)
        feed(other, first)
        sequence = first
        for at, step in enumerate([1, *steps, 1]):
            sequence = (sequence + step) & 0xFFFF
            order, extended = one.order(sequence)
            one.count(extended, 3000 * at, at / 29)
            followed = other.follow(sequence, 3000 * at, at / 29)
            assert followed == (extended if order is Order.NEXT else 0)
            if not followed:
                other.count(extended, 3000 * at, at / 29)
        assert one.block(1.0) == other.block(1.0)
        assert (one.jitter, one.received, one.highest) == (other.jitter, other.received, other.highest)

    def test_nothing_is_expected_before_the_first_packet(self) -> None:
        for sequence in (0, 1, 65_535):
            assert ReceivedStream(1).follow(sequence, 0, 0.0) == 0

    def test_fraction_lost_is_since_the_last_report(self) -> None:
        reception = ReceivedStream(1)
        feed(reception, 1, 2, 3, 5)
        assert reception.block(1.0).fraction_lost == 256 // 5
        feed(reception, 6, 7)
        block = reception.block(2.0)
        assert block.fraction_lost == 0 and block.lost == 1

    def test_duplicates_make_the_loss_negative_on_the_wire_only(self) -> None:
        reception = ReceivedStream(1)
        feed(reception, 1, 1, 1)
        assert reception.block(1.0).lost == -2 and reception.lost == 0

    def test_jitter_of_a_steady_stream_is_none(self) -> None:
        reception = ReceivedStream(1)
        feed(reception, *range(100))
        assert reception.jitter < 0.01
        for index in range(100, 200):
            _, extended = reception.order(index)
            reception.count(extended, 3000 * index, index / 30 + (0.01 if index % 2 else 0))
        assert 8 < reception.jitter_ms < 11

    def test_last_report_and_delay(self) -> None:
        reception = ReceivedStream(1)
        feed(reception, 1)
        assert (reception.block(1.0).last_sr, reception.block(1.0).delay) == (0, 0)
        reception.sender_report(0x1111_2222_3333_4444, 1.0)
        block = reception.block(1.5)
        assert (block.last_sr, block.delay) == (0x2222_3333, 32_768)


class TestLosses:
    def test_asked_for_again_and_given_up(self) -> None:
        losses = Losses(repair=True)
        assert losses.gap(100, 102, 10.0)
        losses.arrived(101, 10.01)
        asked, given_up = [], []
        for step in range(60):
            now = 10.0 + step / 100
            lost, gave_up = losses.due(now)
            asked += [(round(now - 10, 2), number) for number in lost]
            given_up += [round(now - 10, 2)] if gave_up else []
        assert {number for _, number in asked} == {100, 102}
        assert 3 <= len(asked) / 2 <= 4 and asked[0][0] == 0.02
        assert given_up == [0.35] and losses.next_timeout() is None

    def test_without_repair_it_is_only_given_up(self) -> None:
        losses = Losses(repair=False)
        losses.gap(5, 5, 10.0)
        at = losses.next_timeout()
        assert at is not None and 10.05 < at < 10.2
        assert losses.due(at) == ([], True)

    def test_too_many_are_not_repaired_one_by_one(self) -> None:
        losses = Losses(repair=True)
        assert not losses.gap(1, 500, 10.0)
        assert losses.next_timeout() is None

    def test_a_repair_tells_how_long_to_wait_for_the_next(self) -> None:
        losses = Losses(repair=True)
        losses.gap(1, 1, 10.0)
        assert losses.due(10.02) == ([1], False)
        losses.arrived(1, 10.32)
        losses.gap(5, 5, 11.0)
        assert losses.due(11.02) == ([5], False)
        assert losses.due(11.3) == ([], False) and losses.due(11.4) == ([5], False)

    def test_so_does_one_that_comes_when_it_was_given_up(self) -> None:
        losses = Losses(repair=True)
        losses.gap(1, 1, 10.0)
        assert losses.due(10.4) == ([], True)
        losses.arrived(1, 10.62)
        losses.gap(5, 5, 11.0)
        assert losses.due(11.02) == ([5], False)
        assert losses.due(11.7) == ([], False)

    def test_so_do_reports_of_the_round_trip(self) -> None:
        losses = Losses(repair=True)
        losses.round_trip_s = 0.3
        losses.gap(5, 5, 11.0)
        assert losses.due(11.02) == ([5], False)
        assert losses.due(11.35) == ([], False) and losses.due(11.4) == ([5], False)

    def test_nothing_is_waited_for_without_end(self) -> None:
        losses = Losses(repair=True)
        losses.round_trip_s = 30.0
        losses.gap(5, 5, 11.0)
        assert losses.due(11.02) == ([5], False)
        assert losses.due(12.0) == ([], True)


class TestReorder:
    @given(st.permutations(range(8)))
    def test_any_order_is_mended(self, order: list[int]) -> None:
        reorder = Reorder()
        out = reorder.push(OrderedPacket(99, 0, False, b"", False), 0.0)
        for number in order:
            out += reorder.push(OrderedPacket(100 + number, 0, False, b"", False), 0.01)
        assert [held.sequence for held in out] == list(range(99, 108))
        assert not any(held.gap for held in out)

    def test_a_missing_one_is_waited_for_only_so_long(self) -> None:
        reorder = Reorder(wait_s=0.1)
        out = reorder.push(OrderedPacket(1, 0, False, b"", False), 0.0)
        for number, now in ((3, 0.0), (4, 0.05), (5, 0.12), (2, 0.13), (6, 0.14)):
            out += reorder.push(OrderedPacket(number, 0, False, b"", False), now)
        assert [(held.sequence, held.gap) for held in out] == [
            (1, False),
            (3, True),
            (4, False),
            (5, False),
            (6, False),
        ]

    @given(st.lists(st.tuples(st.binary(max_size=12), st.integers(0, 40), st.booleans()), max_size=60))
    def test_any_payloads_can_be_repacketised(self, packets: list[tuple[bytes, int, bool]]) -> None:
        units = SingleUnits()
        for index, (payload, number, marker) in enumerate(packets):
            for unit in units.push(OrderedPacket(number, 0, marker, payload, False), index / 10):
                assert len(unit.payload) > 0


class TestCache:
    def test_two_generations(self) -> None:
        sent = SentPackets()
        sent.store(1, b"a")
        sent.rotate()
        sent.store(2, b"b")
        assert (sent.find(1), sent.find(2), sent.find(3)) == (b"a", b"b", None)
        sent.rotate()
        assert (sent.find(1), sent.find(2)) == (None, b"b")

    def test_bounded(self) -> None:
        sent = SentPackets()
        for number in range(60_000):
            sent.store(number, b"x")
        assert len(sent) <= 8192
