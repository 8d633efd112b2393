"""Digits in place of voice packets (RFC 4733): what the receiver gets, and that the stream is the sender's own again."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from splitter.rtp.packet import HEADER
from splitter.rtp.telephone_event import KEYS, QUEUE_LIMIT, STALE_S, Digit, DigitStream

SSRC = 0xCA11


def voice(number: int, *, ssrc: int = SSRC, kind: int = 8, step: int = 160) -> bytes:
    return HEADER.pack(0x80, kind, number & 0xFFFF, number * step & 0xFFFFFFFF, ssrc) + b"\xd5" * 160


def five(duration_ms: int = 100, clock: int = 8000) -> Digit:
    return Digit(KEYS.index("5"), duration_ms, 101, clock)


class Line:
    """A stream that runs through: `said` are (sequence, timestamp, marker, event, end, duration), None for voice."""

    def __init__(self, *digits: Digit, step: int = 160, first: int = 0) -> None:
        self.digits = DigitStream()
        self.now = 0.0
        self.number = first
        self.step = step
        for digit in digits:
            assert self.digits.push(digit, self.now)

    def send(self, count: int = 1, **made: int) -> list[tuple[int, ...] | None]:
        said = []
        for _ in range(count):
            said.append(self.show(voice(self.number, step=self.step, **made)))
            self.number += 1
            self.now += 0.02
        return said

    def show(self, packet: bytes) -> tuple[int, ...] | None:
        sent = self.digits.take(memoryview(bytearray(packet)), self.now)
        if sent is None:
            return None
        first, kind, sequence, timestamp, ssrc = HEADER.unpack_from(sent)
        event, end, duration = struct.unpack("!BBH", sent[12:])
        assert (len(sent), first, kind & 0x7F) == (16, 0x80, 101)
        assert ssrc == HEADER.unpack_from(packet)[4]
        return sequence, timestamp, kind >> 7, event, end >> 7, duration


class TestOneDigit:
    def test_takes_the_place_of_the_voice_and_gives_it_back(self) -> None:
        line = Line(five(), first=40)
        assert line.send(12) == [
            (40, 6400, 1, 5, 0, 160),
            (41, 6400, 0, 5, 0, 320),
            (42, 6400, 0, 5, 0, 480),
            (43, 6400, 0, 5, 0, 640),
            (44, 6400, 0, 5, 1, 800),
            (45, 6400, 0, 5, 1, 800),
            (46, 6400, 0, 5, 1, 800),
            *[None] * 5,
        ]
        assert line.digits.idle

    def test_numbers_wrap(self) -> None:
        first = 0xFFFF_FFFF // 160 - 2
        said = Line(five(), first=first).send(7)
        assert [one and one[0] for one in said] == [(first + i) & 0xFFFF for i in range(7)]
        assert {one and one[1] for one in said} == {first * 160 & 0xFFFFFFFF}
        assert [one and one[5] for one in said] == [160, 320, 480, 640, 800, 800, 800]

    @pytest.mark.parametrize("clock", [8000, 16000, 48000])
    def test_lasts_as_long_whatever_the_clock(self, clock: int) -> None:
        said = [one for one in Line(five(200, clock), step=clock // 50).send(20) if one]
        assert len(said) == 12
        assert said[-1][5] == clock // 5

    def test_of_ten_seconds_ends_where_its_duration_does(self) -> None:
        said = [one for one in Line(five(10_000)).send(600) if one]
        assert said[-1][4:] == (1, 0xFFFF)

    def test_of_no_time_at_all_is_sent_all_the_same(self) -> None:
        assert [one and one[2:5] for one in Line(five(0)).send(4)] == [(1, 5, 1), (0, 5, 1), (0, 5, 1), None]

    def test_in_a_stream_that_pauses(self) -> None:
        """With silence suppression packets are far apart; the digit ends with the next ones."""
        line = Line(five())
        line.send()
        line.number += 100
        assert [one and one[4:] for one in line.send(4)] == [(1, 800), (1, 800), (1, 800), None]


class TestSeveral:
    def test_come_one_after_the_other_with_voice_between(self) -> None:
        said = Line(*(Digit(event, 60, 101, 8000) for event in (1, 1, 11))).send(40)
        runs = [one[3] if one else None for one in said]
        assert [event for event, before in zip(runs, [None, *runs], strict=False) if event != before] == [
            1, None, 1, None, 11, None,
        ]  # fmt: skip
        starts = [one[1] for one in said if one and one[2]]
        assert len(starts) == 3
        assert all(later - earlier >= 8 * 160 for earlier, later in pairwise(starts))

    def test_too_many_are_not_taken(self) -> None:
        line = Line(*[five()] * QUEUE_LIMIT)
        assert not line.digits.push(five(), 0.0)


class TestTheSendersOwn:
    def test_an_event_goes_through_and_ours_waits(self) -> None:
        line = Line(five())
        assert line.send(5, kind=101) == [None] * 5
        assert line.send()[0] is not None

    def test_a_packet_that_was_overtaken_stays_voice(self) -> None:
        line = Line(five(), first=10)
        line.send(2)
        assert line.show(voice(9)) is None

    def test_lost_packets_are_lost_events(self) -> None:
        line = Line(five())
        line.send(2)
        line.number += 2
        assert [one and one[4:] for one in line.send()] == [(1, 800)]

    def test_a_source_that_changes_gets_the_digit_anew(self) -> None:
        line = Line(five())
        line.send(3)
        assert line.show(voice(500, ssrc=7)) == (500, 80_000, 1, 5, 0, 160)

    def test_a_clock_that_is_set_back_gets_the_digit_anew(self) -> None:
        line = Line(five(200), first=100_000)
        line.send(3)
        line.number = 50
        said = [one for one in line.send(20) if one is not None]
        assert said[0][2] == 1 and said[-1][4:] == (1, 1600) and not line.send(5)[-1]

    @pytest.mark.parametrize(
        "packet",
        [b"", b"\x80\x08\0\1", b"\x80\xc8" + b"\0" * 26, b"\0\1" + b"\0" * 26, b"\x40" + b"\0" * 30],
        ids=["empty", "short", "rtcp", "stun", "version 1"],
    )
    def test_what_is_no_voice_is_left_alone(self, packet: bytes) -> None:
        assert Line(five()).show(packet) is None


class TestStale:
    def test_what_waited_too_long_for_a_voice_is_not_sent(self) -> None:
        line = Line(five(), five())
        line.now = STALE_S + 1
        assert line.send(3) == [None] * 3
        assert line.digits.idle

    def test_nor_the_rest_of_a_digit_whose_voice_ended(self) -> None:
        line = Line(five())
        line.send(2)
        line.now += STALE_S + 1
        assert line.send(2) == [None, None]
        assert line.digits.idle

    def test_a_digit_after_a_long_time_is_no_old_one(self) -> None:
        line = Line()
        line.now = 1000.0
        line.digits.push(five(), line.now)
        assert line.send()[0] is not None
