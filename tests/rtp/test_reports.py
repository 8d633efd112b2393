"""RFC 3550 §6.4.1: what reports that pass through say of both sides."""

from __future__ import annotations

import random

import pytest

from splitter.rtp.reports import MOST_OFTEN_S, SENT_KEPT, PeerReports
from splitter.rtp.rtcp import ReceiverReport, ReportBlock, RtcpPacket, SenderReport, build, ntp_time

NTP = ntp_time(1_700_000_000.5)
LSR = NTP >> 16 & 0xFFFF_FFFF
CALLER, CENTRE = 0xCA11, 0xCE47


def asked(reports: PeerReports, *messages: RtcpPacket, at: float, beyond: PeerReports | None = None) -> None:
    reports.take(build(messages), at, beyond)


def report(ssrc: int = CALLER, lsr: int = LSR, delay_s: float = 0.0, lost: int = 0, jitter: int = 0) -> ReceiverReport:
    return ReceiverReport(CENTRE, (ReportBlock(ssrc, 0, lost, 0, jitter, lsr, int(delay_s * 65536)),))


@pytest.fixture
def sides() -> tuple[PeerReports, PeerReports]:
    """The caller, whose sender report has gone to the centre at 10.0."""
    caller, centre = PeerReports(), PeerReports()
    asked(caller, SenderReport(CALLER, NTP, 160, 500, 80_000), at=10.0, beyond=centre)
    return caller, centre


class TestRoundTrip:
    def test_is_the_time_to_the_report_less_the_wait(self, sides: tuple[PeerReports, PeerReports]) -> None:
        caller, centre = sides
        asked(centre, report(delay_s=2.5), at=12.58, beyond=caller)
        assert centre.round_trip_s == pytest.approx(0.08, abs=0.001)
        assert caller.round_trip_s is None and caller.sent == 500

    def test_of_each_side_is_its_own(self, sides: tuple[PeerReports, PeerReports]) -> None:
        caller, centre = sides
        both = SenderReport(CENTRE, NTP, 0, 9, 9, report(delay_s=1.0).blocks)
        asked(centre, both, at=11.02, beyond=caller)
        asked(caller, report(CENTRE, delay_s=1.0), at=12.22)
        assert (centre.round_trip_s, caller.round_trip_s) == pytest.approx((0.02, 0.2), abs=0.001)

    def test_is_smoothed(self, sides: tuple[PeerReports, PeerReports]) -> None:
        _, centre = sides
        asked(centre, report(), at=10.1)
        asked(centre, report(delay_s=1.0), at=11.5)
        assert centre.round_trip_s == pytest.approx(0.2, abs=0.001)

    @pytest.mark.parametrize(
        "told",
        [report(delay_s=60.0), report(lsr=0), report(lsr=LSR ^ 1), report(ssrc=0xBAD), report(ssrc=0xBAD, lsr=0)],
    )
    def test_is_not_made_of_nonsense(self, sides: tuple[PeerReports, PeerReports], told: ReceiverReport) -> None:
        _, centre = sides
        asked(centre, told, at=12.0)
        assert centre.round_trip_s is None

    def test_of_an_hour_ago_is_none(self, sides: tuple[PeerReports, PeerReports]) -> None:
        _, centre = sides
        asked(centre, report(), at=3610.0)
        assert centre.round_trip_s is None


class TestWhatItMissed:
    def test_adds_up_over_its_streams(self, sides: tuple[PeerReports, PeerReports]) -> None:
        _, centre = sides
        assert centre.lost == -1
        asked(centre, report(lost=7, jitter=80), at=12.0)
        assert (centre.lost, centre.jitter) == (7, 80)
        asked(centre, report(ssrc=0xF00, lsr=0, lost=2), at=17.0)
        asked(centre, report(ssrc=0xF00, lsr=0, lost=3), at=22.0)
        assert centre.lost == 10

    def test_is_never_less_than_nothing(self, sides: tuple[PeerReports, PeerReports]) -> None:
        _, centre = sides
        asked(centre, report(lost=-40), at=12.0)
        assert centre.lost == 0


class TestHostilePeers:
    def test_cost_no_more_than_a_report_now_and_then(self, sides: tuple[PeerReports, PeerReports]) -> None:
        _, centre = sides
        for number in range(100):
            asked(centre, report(lost=number), at=12.0 + number * MOST_OFTEN_S / 100)
        assert centre.lost == 0 and centre.heard_at == pytest.approx(12.05, abs=0.001)

    def test_are_answered_about_their_latest_reports_alone(self) -> None:
        caller, centre = PeerReports(), PeerReports()
        for number in range(SENT_KEPT + 1):
            asked(caller, SenderReport(CALLER, NTP + (number << 32), 0, 0, 0), at=float(number), beyond=centre)
        asked(centre, report(), at=SENT_KEPT + 1.0)
        assert centre.round_trip_s is None
        asked(centre, report(lsr=LSR + (1 << 16)), at=SENT_KEPT + 2.0)
        assert centre.round_trip_s == SENT_KEPT + 1.0

    def test_may_send_anything(self) -> None:
        dice, reports = random.Random(1), PeerReports()
        whole = build([SenderReport(CALLER, NTP, 0, 1, 1, report(lost=3).blocks)])
        for number in range(2000):
            broken = bytearray(whole[: dice.randrange(len(whole) + 1)])
            for _ in range(dice.randrange(4)):
                if broken:
                    broken[dice.randrange(len(broken))] = dice.randrange(256)
            reports.take(broken, float(number), reports)
        assert reports.lost >= -1
