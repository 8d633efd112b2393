"""What a receiver makes of packets that come out of order, late, twice or not at all."""

from splitter.lab.jitter import WAIT_S, JitterBuffer
from splitter.lab.wire import LabPacket


def packet(sequence: int, ssrc: int = 1) -> LabPacket:
    return LabPacket(99, False, sequence & 0xFFFF, 0, ssrc, b"x")


def played(buffer: JitterBuffer, *arrivals: tuple[int, float]) -> list[int]:
    return [one.sequence for sequence, at in arrivals for one in buffer.push(packet(sequence), at)]


class TestOrder:
    def test_what_is_in_order_goes_through_at_once(self) -> None:
        assert played(JitterBuffer(), (7, 0), (8, 0.1), (9, 5.0)) == [7, 8, 9]

    def test_two_changed_places(self) -> None:
        buffer = JitterBuffer()
        assert played(buffer, (1, 0), (3, 0.01), (2, 0.02), (4, 0.03)) == [1, 2, 3, 4]
        assert (buffer.mended, buffer.late) == (1, 0)

    def test_a_hole_is_waited_for(self) -> None:
        buffer = JitterBuffer()
        assert played(buffer, (1, 0), (3, 0), (4, WAIT_S - 0.01)) == [1]
        assert played(buffer, (2, WAIT_S - 0.005)) == [2, 3, 4]

    def test_and_given_up_in_the_end(self) -> None:
        buffer = JitterBuffer()
        assert played(buffer, (1, 0), (3, 0), (4, 0.1), (5, WAIT_S)) == [1, 3, 4, 5]
        assert played(buffer, (2, 0.3), (6, 0.3)) == [6]
        assert buffer.late == 1

    def test_a_second_hole_has_a_wait_of_its_own(self) -> None:
        buffer = JitterBuffer()
        assert played(buffer, (1, 0), (3, 0), (5, 0.1), (2, 0.15)) == [1, 2, 3]
        assert played(buffer, (6, 0.25)) == []
        assert played(buffer, (4, 0.3)) == [4, 5, 6]

    def test_twice(self) -> None:
        buffer = JitterBuffer()
        assert played(buffer, (1, 0), (1, 0), (3, 0), (3, 0), (2, 0)) == [1, 2, 3]
        assert buffer.late == 2


class TestNumbers:
    def test_go_round(self) -> None:
        assert played(JitterBuffer(), (65534, 0), (0, 0), (65535, 0), (1, 0)) == [65534, 65535, 0, 1]

    def test_of_another_source_begin_anew(self) -> None:
        buffer = JitterBuffer()
        buffer.push(packet(100), 0)
        assert [one.sequence for one in buffer.push(packet(7, ssrc=2), 0)] == [7]

    def test_that_jump_far_begin_anew(self) -> None:
        assert played(JitterBuffer(), (100, 0), (20_000, 0), (20_001, 0)) == [100, 20_000, 20_001]
