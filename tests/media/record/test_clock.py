"""One clock from time stamps, sender reports and arrival: an hour in virtual time."""

from __future__ import annotations

from random import Random

import pytest

from splitter.media.record.clock import StreamClock

HOUR_S = 3600
MOST_APART_S = 0.040


class Sender:
    """A stream of a sender: its clock, how late it sends, and what the network makes of it."""

    def __init__(self, rate: int, seed: int, ppm: float = 0.0, made_s: float = 0.0, jitter_s: float = 0.0) -> None:
        self.rate, self.ppm, self.made_s, self.jitter_s = rate, ppm, made_s, jitter_s
        self.random = Random(seed)
        self.first = self.random.getrandbits(32)

    def timestamp(self, true_s: float) -> int:
        """Of what happened at this time of our clock."""
        return (self.first + round(true_s * (1 + self.ppm / 1e6) * self.rate)) & 0xFFFF_FFFF

    def arrival(self, true_s: float) -> float:
        return true_s + self.made_s + 0.03 + self.random.random() * self.jitter_s

    def ntp(self, true_s: float) -> int:
        """Of the sender's wall clock, which has its own zero and speed."""
        return int((3_900_000_000.5 + true_s * (1 + self.ppm / 1e6)) * 0x1_0000_0000)


def skew(voice: Sender, picture: Sender, reports: bool, hours: float = 1.0) -> tuple[float, float]:
    """Record both; the least and the most that the picture is later than the voice, once five seconds have passed."""
    voice_clock = StreamClock(voice.rate)
    picture_clock = StreamClock(picture.rate, voice_clock)
    apart: list[float] = []
    for step in range(int(hours * HOUR_S * 10)):
        now = step / 10
        heard = voice_clock.place(voice.timestamp(now), voice.arrival(now))
        seen = picture_clock.place(picture.timestamp(now), picture.arrival(now))
        if reports and step % 50 == 20:
            voice_clock.report(voice.ntp(now), voice.timestamp(now))
            picture_clock.report(picture.ntp(now), picture.timestamp(now))
        if now > 5:
            apart.append(seen - heard)
    return min(apart), max(apart)


class TestLipSync:
    @pytest.mark.parametrize("ppm", [-200.0, 0.0, 150.0])
    def test_an_hour_of_drift_and_jitter(self, ppm: float) -> None:
        voice, picture = Sender(8000, 1, ppm, 0.0, 0.02), Sender(90_000, 2, ppm, 0.0, 0.03)
        least, most = skew(voice, picture, reports=False)
        assert -MOST_APART_S < least <= most < MOST_APART_S

    def test_clocks_of_one_sender_that_differ(self) -> None:
        voice, picture = Sender(8000, 3, 120.0, 0.0, 0.02), Sender(90_000, 4, -80.0, 0.0, 0.02)
        least, most = skew(voice, picture, reports=False)
        assert -MOST_APART_S < least <= most < MOST_APART_S

    def test_reports_bind_a_picture_that_takes_long_to_be_made(self) -> None:
        voice, picture = Sender(8000, 5, 60.0, 0.02, 0.01), Sender(90_000, 6, 60.0, 0.25, 0.02)
        least, _ = skew(voice, picture, reports=True, hours=0.2)
        assert least > -MOST_APART_S
        late, _ = skew(Sender(8000, 5, 60.0, 0.02, 0.01), Sender(90_000, 6, 60.0, 0.25, 0.02), False, 0.05)
        assert late > 0.2  # without them it would be
        voice_clock, picture_clock = _settled(voice, picture, 120)
        apart = picture_clock.place(picture.timestamp(120.5), 120.8) - voice_clock.place(voice.timestamp(120.5), 120.6)
        assert abs(apart) < MOST_APART_S

    def test_reports_of_a_busy_sender_are_wrong_now_and_then(self) -> None:
        """It says of a frame what its clock is when it comes to that."""
        voice, picture = Sender(8000, 9, 60.0, 0.0, 0.01), Sender(90_000, 10, 60.0, 0.0, 0.02)
        real, said = voice.ntp, iter(range(10_000))
        voice.ntp = lambda true_s: real(true_s + (0.09 if next(said) % 3 == 1 else 0.002))  # type: ignore[method-assign]
        least, most = skew(voice, picture, reports=True, hours=0.2)
        assert -MOST_APART_S < least <= most < MOST_APART_S

    def test_reports_of_two_different_clocks_are_not_believed(self) -> None:
        voice, picture = Sender(8000, 7, jitter_s=0.01), Sender(90_000, 8, jitter_s=0.01)
        real = picture.ntp
        picture.ntp = lambda true_s: real(true_s) + (17 << 32)  # type: ignore[method-assign]
        least, most = skew(voice, picture, reports=True, hours=0.05)
        assert -MOST_APART_S < least <= most < MOST_APART_S


def _settled(voice: Sender, picture: Sender, seconds: int) -> tuple[StreamClock, StreamClock]:
    one = StreamClock(8000)
    other = StreamClock(90_000, one)
    for step in range(seconds * 10):
        now = step / 10
        one.place(voice.timestamp(now), voice.arrival(now))
        other.place(picture.timestamp(now), picture.arrival(now))
        if step % 50 == 20:
            one.report(voice.ntp(now), voice.timestamp(now))
            other.report(picture.ntp(now), picture.timestamp(now))
    return one, other


class TestTimeStamps:
    def test_that_jump_do_not_move_the_voice(self) -> None:
        """Music on hold, another source with the same SSRC."""
        clock = StreamClock(8000)
        for step in range(100):
            clock.place(160 * step, 10 + step / 50)
        for step in range(100):
            at = clock.place(5_000_000 + 160 * step, 12 + step / 50)
            assert abs(at - 12 - step / 50) < 0.01

    def test_that_stood_still_in_a_pause(self) -> None:
        """A clock that does not run while the call is on hold."""
        clock = StreamClock(8000)
        for step in range(100):
            clock.place(160 * step, 10 + step / 50)
        for step in range(100):
            at = clock.place(16_000 + 160 * step, 42 + step / 50)
            assert abs(at - 42 - step / 50) < 0.01

    def test_that_went_on_through_silence(self) -> None:
        clock = StreamClock(8000)
        for step in range(100):
            clock.place(160 * step, 10 + step / 50)
        assert clock.place(160 * 100 + 8000 * 30, 42.0) == pytest.approx(42.0, abs=0.01)

    def test_a_late_packet_keeps_its_place(self) -> None:
        clock = StreamClock(8000)
        for step in range(100):
            clock.place(160 * step, 10 + step / 50)
        assert clock.place(160 * 100, 12.3) == pytest.approx(12.0, abs=0.01)
