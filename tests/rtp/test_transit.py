"""How long streams are under way, and what that says of two of one sender."""

from __future__ import annotations

import pytest

from splitter.rtp.rtcp import SenderReport, ntp_time
from splitter.rtp.transit import LONGEST_S, Transit, skew_s

BEGAN = 1_700_000_000.0  # by the sender's clock, when ours stood at 50


def reported(transit: Transit, at: float, delay_s: float, clock: int, first: int = 1000, ssrc: int = 1) -> None:
    """A report of `at`, and a packet that was captured 0.1 s later and took `delay_s`."""
    report = SenderReport(ssrc, ntp_time(BEGAN + at), (first + int(at * clock)) & 0xFFFFFFFF, 1, 1)
    timestamp = (first + int((at + 0.1) * clock)) & 0xFFFFFFFF
    transit.report(report, 50 + at + 0.1 + delay_s, timestamp, clock)


class TestSkew:
    @pytest.mark.parametrize("first", [1000, 0xFFFF_FF00])
    @pytest.mark.parametrize(("voice_s", "picture_s"), [(0.03, 0.18), (0.2, 0.05), (0.04, 0.04)])
    def test_is_what_one_takes_more_than_the_other(self, voice_s: float, picture_s: float, first: int) -> None:
        voice, picture = Transit(), Transit()
        for at in (0.0, 5.0, 10.0):
            reported(voice, at, voice_s, 8000, first)
            reported(picture, at + 1.3, picture_s, 90_000, 77)
        found = skew_s(picture.least_s, voice.least_s)
        assert found == pytest.approx(picture_s - voice_s, abs=0.001)

    def test_takes_the_packets_that_were_held_up_the_least(self) -> None:
        voice = Transit()
        for at, delay_s in ((0.0, 0.3), (5.0, 0.03), (10.0, 0.2)):
            reported(voice, at, delay_s, 8000)
        quick = Transit()
        reported(quick, 0.0, 0.03, 8000)
        assert voice.least_s == pytest.approx(quick.least_s, abs=0.001)

    def test_of_clocks_that_disagree_is_none(self) -> None:
        assert skew_s(1.0, None) is None and skew_s(None, 1.0) is None
        assert skew_s(LONGEST_S + 0.1, 0.0) is None and skew_s(-3.0, 1.0) == -4.0


class TestAReport:
    def test_without_a_clock_says_nothing(self) -> None:
        transit = Transit()
        transit.report(SenderReport(1, 0, 5, 1, 1), 10.0, 5, 8000)
        transit.report(SenderReport(1, 5, 5, 1, 1), 10.0, 5, 0)
        assert transit.least_s is None

    def test_far_from_the_packet_says_nothing(self) -> None:
        transit = Transit()
        transit.report(SenderReport(1, ntp_time(BEGAN), 0, 1, 1), 10.0, 8000 * 60, 8000)
        assert transit.least_s is None

    def test_of_another_stream_begins_anew(self) -> None:
        transit = Transit()
        reported(transit, 0.0, 0.03, 8000, ssrc=1)
        reported(transit, 5.0, 0.4, 8000, ssrc=2)
        other = Transit()
        reported(other, 5.0, 0.4, 8000, ssrc=2)
        assert transit.least_s == other.least_s
