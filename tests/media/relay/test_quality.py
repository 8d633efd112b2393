"""Loss, jitter and the inferred clock rate, from synthetic streams."""

from __future__ import annotations

import random

import pytest

from splitter.media.relay.quality import SAMPLE, Quality


class Stream:
    """G.711-like packets each 20 ms, as the lane hands every SAMPLE-th on."""

    payload_type = 8

    def __init__(self, clock: int = 8000, sequence: int = 65_000, ssrc: int = 7) -> None:
        self.quality = Quality()
        self.clock, self.sequence, self.ssrc = clock, sequence, ssrc
        self.timestamp, self.received, self.at = 2**32 - 4000, 0, 0.0

    def send(self, packets: int, lose: set[int] | None = None, late_s: random.Random | None = None) -> None:
        for number in range(packets):
            if number not in (lose or ()):
                self.received += 1
                if self.received % SAMPLE == 0:
                    arrival = self.at + (late_s.uniform(0, 0.010) if late_s else 0)
                    header = (0x80, self.payload_type, self.sequence, self.timestamp, self.ssrc)
                    self.quality.sample(header, self.received, arrival)
            self.sequence = (self.sequence + 1) & 0xFFFF
            self.timestamp = (self.timestamp + self.clock // 50) & 0xFFFFFFFF
            self.at += 0.02


class TestLoss:
    def test_none_over_the_wrap_of_sequence_and_timestamp(self) -> None:
        stream = Stream()
        stream.send(3000)
        assert stream.quality.lost == 0

    def test_is_counted_in_full_though_packets_are_sampled(self) -> None:
        stream = Stream()
        stream.send(2000, lose={100, 101, 102, 700, 1500})
        assert stream.quality.lost == 5

    def test_a_new_stream_is_not_loss(self) -> None:
        stream = Stream()
        stream.send(500, lose={100})
        stream.ssrc, stream.sequence = 8, 12_345
        stream.send(500)
        assert stream.quality.lost == 1

    def test_a_jump_of_the_sequence_is_not_loss(self) -> None:
        stream = Stream()
        stream.send(500)
        stream.sequence = (stream.sequence + 20_000) & 0xFFFF
        stream.send(500)
        assert stream.quality.lost == 0

    def test_what_is_not_rtp_is_left_alone(self) -> None:
        quality = Quality()
        quality.sample((0x00, 0, 1, 1, 1), 16, 0.0)
        quality.sample((0x00, 0, 9000, 1, 1), 32, 0.3)
        assert quality.lost == 0


class TestJitter:
    def test_is_unknown_at_first(self) -> None:
        assert Quality().jitter_ms == -1

    @pytest.mark.parametrize("clock", [8000, 16_000, 48_000])
    def test_of_an_even_stream_is_nothing_at_any_clock_rate(self, clock: int) -> None:
        stream = Stream(clock)
        stream.send(1000)
        assert stream.quality.jitter_ms == pytest.approx(0, abs=0.01)

    def test_of_an_uneven_stream_is_its_mean_deviation(self) -> None:
        stream = Stream()
        stream.send(20_000, late_s=random.Random(3))
        assert stream.quality.jitter_ms == pytest.approx(10 / 3, rel=0.5)  # mean distance of two uniform delays

    def test_does_not_fall_for_a_clock_that_jumps(self) -> None:
        stream = Stream()
        stream.send(1000)
        stream.timestamp = 5
        stream.send(64)
        assert stream.quality.jitter_ms <= 1000


class TestWhatSourcesDo:
    """Streams that begin anew, jump, or carry digits: the counters go on telling the truth."""

    @pytest.mark.parametrize("back", [200, 5000, 30_000])
    def test_numbers_that_begin_anew_further_back_are_counted_on(self, back: int) -> None:
        stream = Stream(sequence=40_000)
        stream.send(1000, lose={100, 200})
        stream.sequence -= back
        stream.send(1000, lose={400, 500, 600})
        assert stream.quality.lost == 5

    @pytest.mark.parametrize("after", [30, 2000])
    def test_a_jump_of_the_timestamps_is_no_jitter_for_ever(self, after: int) -> None:
        """Announcement, then agent: in the first second the clock rate is not known yet."""
        stream = Stream()
        stream.send(after)
        stream.timestamp = (stream.timestamp + 100_000_000) & 0xFFFFFFFF
        stream.send(1000)
        assert 0 <= stream.quality.jitter_ms < 1

    def test_a_clock_rate_that_was_wrong_is_found_anew(self) -> None:
        stream = Stream(clock=8000)
        stream.send(500)
        stream.clock = 16_000
        stream.send(2000)
        assert 0 <= stream.quality.jitter_ms < 10

    def test_the_timestamps_of_digits_stand_still(self) -> None:
        """RFC 4733 §2.5.1.2: all packets of an event carry its begin."""
        stream = Stream()
        for _ in range(20):
            stream.send(100)
            timestamp, stream.payload_type, stream.clock = stream.timestamp, 101, 0
            stream.send(100)
            stream.timestamp, stream.payload_type, stream.clock = timestamp + 16_000, 8, 8000
        assert 0 <= stream.quality.jitter_ms < 1 and stream.quality.lost == 0

    def test_rtcp_on_the_same_port_is_no_stream(self) -> None:
        """RFC 5761: its bytes must not be taken for numbers of packets."""
        stream = Stream()
        stream.send(500, lose={100})
        stream.quality.sample((0x80, 200, 6, 99, 7), stream.received, stream.at)
        stream.send(500, lose={100})
        assert stream.quality.lost == 2 and 0 <= stream.quality.jitter_ms < 1
