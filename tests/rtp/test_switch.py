"""One SSRC out: continuity of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from splitter.rtp.packet import timestamp_delta
from splitter.rtp.switch import Switch

times = st.floats(0, 100, allow_nan=False)


def switch() -> Switch:
    return Switch(0xABC, 100, 1_000_000, 10.0)


class TestSequence:
    def test_contiguous_over_sources_and_insertions(self) -> None:
        one = switch()
        out = [one.take(), one.take()]
        one.begin(7000, 0, 11.0)
        out += [one.insert(7000), one.insert(7000), *(one.map_sequence(n) for n in (7000, 7001))]  # type: ignore[list-item]
        out += [one.insert(7002), one.map_sequence(7002)]  # type: ignore[list-item]
        one.begin(3, 0, 12.0)
        out += [one.map_sequence(3), one.take()]  # type: ignore[list-item]
        assert out == list(range(101, 111))

    def test_a_gap_stays_a_gap_and_late_packets_fit_into_it(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        assert [one.map_sequence(n) for n in (50, 53)] == [101, 104]
        assert one.insert(56) == 107
        assert one.map_sequence(56) == 108
        assert [one.map_sequence(n) for n in (51, 52, 54, 55)] == [102, 103, 105, 106]

    def test_what_came_before_the_source_was_shown_is_dropped(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        assert one.map_sequence(49) is None

    def test_dropped_packets_close_up(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        assert one.map_sequence(50) == 101
        one.drop(51)
        assert one.map_sequence(52) == 102
        one.drop(50)  # late: nothing changes
        assert one.map_sequence(53) == 103

    def test_wraps(self) -> None:
        one = Switch(1, 65_534, 0, 0.0)
        assert [one.take(), one.take(), one.take()] == [65_535, 0, 1]

    @given(
        st.lists(st.sampled_from(["map", "insert", "begin", "drop", "take", "lose"]), max_size=200),
        st.integers(0, 65_535),
    )
    def test_no_number_is_given_out_twice(self, steps: list[str], start: int) -> None:
        one = Switch(1, start, 0, 0.0)
        given_out: list[int] = []
        source = 0x1_0000
        one.begin(source, 0, 0.0)
        for step in steps:
            if step == "map":
                mapped = one.map_sequence(source)
                assert mapped is not None
                given_out.append(mapped)
                source += 1
            elif step == "insert":
                given_out.append(one.insert(source))
            elif step == "begin":
                source += 10_000
                one.begin(source, 0, 0.0)
            elif step == "drop":
                one.drop(source)
                source += 1
            elif step == "take":
                given_out.append(one.take())
                one.begin(source, 0, 0.0)
            else:
                source += 1
        assert len(set(given_out)) == len(given_out)
        ahead = [(number - start) & 0xFFFF for number in given_out]
        assert ahead == sorted(ahead)


class TestLate:
    """RFC 3711 §9.1: a number goes out once, in whatever order packets come, and however often."""

    def test_a_packet_that_comes_again_has_no_number(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        assert [one.map_sequence(n) for n in (50, 50, 52, 51, 51, 52)] == [101, None, 103, 102, None, None]

    def test_a_gap_behind_several_changes_of_the_shift_is_still_open(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        assert [one.map_sequence(n) for n in (50, 52)] == [101, 103]
        for sequence in range(53, 73, 2):
            assert one.map_sequence(sequence) is not None
            one.insert(sequence + 1)
            one.drop(sequence + 1)
        assert one.map_sequence(51) == 102

    def test_an_overtaken_packet_without_content_leaves_its_number(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        assert [one.map_sequence(n) for n in (50, 52)] == [101, 103]
        one.drop(51)
        assert one.late(51) == [102] and one.map_sequence(53) == 104

    def test_a_missing_packet_before_one_without_content_keeps_its_number(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        assert one.map_sequence(50) == 101
        one.drop(52)
        one.drop(53)
        assert [one.map_sequence(n) for n in (54, 51)] == [103, 102]

    def test_as_many_numbers_as_a_packet_will_be_divided_into(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        one.map_sequence(50)
        one.width = 2
        assert one.map_sequence(53) == 106
        assert one.late(52) == [104, 105] and one.late(51) == [102, 103] and one.late(51) == []

    def test_nothing_of_the_source_before(self) -> None:
        one = switch()
        one.begin(50, 0, 10.0)
        one.map_sequence(50)
        one.map_sequence(53)
        one.begin(52, 0, 11.0)
        assert one.late(51) == [] and one.map_sequence(52) == 105 and one.late(52) == []

    @given(st.data(), st.integers(0, 65_535), st.integers(1, 3))
    def test_what_comes_in_any_order_goes_out_once_and_in_order(
        self, data: st.DataObject, start: int, width: int
    ) -> None:
        """Packets by source number: lost, late, repeated, empty, divided, with others put before them."""
        one = Switch(1, start, 0, 0.0)
        one.begin(1000, 0, 0.0)
        given_out: list[tuple[int, tuple[int, int]]] = []
        highest = 999
        kinds = data.draw(st.lists(st.sampled_from(["media", "empty", "large", "led"]), min_size=2, max_size=60))
        order = data.draw(st.permutations([*range(len(kinds)), *data.draw(st.lists(st.integers(0, len(kinds) - 1)))]))
        for index in sorted(order, key=lambda index: index + data.draw(st.integers(0, 12))):
            source, kind = 1000 + index, kinds[index]
            if source <= highest:
                given_out += [(number, (source, part)) for part, number in enumerate(one.late(source))]
                continue
            if highest >= 1000:
                one.width = width
            highest = source
            if kind == "empty":
                one.drop(source)
                continue
            if kind == "led":
                given_out.append((one.insert(source), (source, -1)))
            mapped = one.map_sequence(source)
            assert mapped is not None
            given_out.append((mapped, (source, 0)))
            if kind == "large":
                given_out += [(one.insert(source + 1), (source, part)) for part in range(1, width)]
        numbers = [number for number, _ in given_out]
        assert len(set(numbers)) == len(numbers), "a number was given out twice"
        ahead = sorted(given_out, key=lambda one: (one[0] - start) & 0xFFFF)
        assert [what for _, what in ahead] == sorted(what for _, what in ahead), "not in the order of the source"


class TestTimestamp:
    def test_advances_with_the_time_at_a_switch(self) -> None:
        one = switch()
        one.begin(1, 555, 10.5)
        assert one.map_timestamp(555, 10.5) == 1_000_000 + 45_000
        assert one.map_timestamp(555 + 3000, 10.53) == 1_000_000 + 48_000
        one.begin(1, 99, 11.0)
        assert one.map_timestamp(99, 11.0) == 1_000_000 + 48_000 + round(0.47 * 90_000)

    def test_two_pictures_never_share_one(self) -> None:
        one = switch()
        assert one.tick(10.0) < one.tick(10.0) < one.tick(9.0)

    def test_reordered_pictures_keep_their_distance(self) -> None:
        one = switch()
        one.begin(1, 0, 10.0)
        base = one.map_timestamp(0, 10.0)
        assert one.map_timestamp(9000, 10.1) == base + 9000
        assert one.map_timestamp(6000, 10.1) == base + 6000
        assert one.numbers.timestamp == base + 9000 and one.rebased == 0

    def test_a_jump_is_tied_to_the_clock(self) -> None:
        one = switch()
        one.begin(1, 0, 10.0)
        base = one.map_timestamp(0, 10.0)
        for jump in (3_000_000_000, 500_000_000, 7):
            before = one.numbers.timestamp
            assert one.map_timestamp(jump, one.numbers.at + 0.1) == (before + 9000) & 0xFFFF_FFFF
        assert one.rebased == 3 and base

    @given(st.lists(st.tuples(st.integers(0, 0xFFFF_FFFF), st.floats(0, 5), st.booleans()), max_size=50))
    def test_never_back(self, steps: list[tuple[int, float, bool]]) -> None:
        one = switch()
        now = 10.0
        for timestamp, passed, begins in steps:
            now += passed
            before = one.numbers.timestamp
            if begins:
                one.begin(1, timestamp, now)
                assert timestamp_delta(one.map_timestamp(timestamp, now), before) > 0
            else:
                one.map_timestamp(timestamp, now)
            assert timestamp_delta(one.numbers.timestamp, before) >= 0

    def test_a_senders_report_is_translated_like_its_packets(self) -> None:
        one = switch()
        one.begin(1, 5000, 10.0)
        mapped = one.map_timestamp(5000, 10.0)
        assert one.translate(5000 + 900) == mapped + 900
