"""What the RTCP of both sides says of a relay that only passes it on."""

from __future__ import annotations

import pytest

from splitter.core.net import Address
from splitter.media.ports.ends import StreamCount
from splitter.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport, SourceDescription, build, ntp_time
from tests.media.relay.kit import CALLER, CENTRE, Call

NTP = ntp_time(1_700_000_000.0)
REPORT = build([ReceiverReport(2, (ReportBlock(1, 0, 25, 0, 80, NTP >> 16 & 0xFFFF_FFFF, 65536),))])


def said(call: Call, side: int, data: bytes, after_s: float = 0.0, source: Address | None = None) -> None:
    """A side sends RTCP; both talk meanwhile."""
    call.talk(after_s)
    peer = source or (CALLER, CENTRE)[side]
    call.host.pairs[side].on_rtcp(bytearray(data), Address(peer.host, peer.port + 1), call.host.time)


@pytest.fixture
def call() -> Call:
    """The caller has reported; the centre has not."""
    call = Call()
    call.talk(5)
    said(call, 0, build([SenderReport(1, NTP, 0, 250, 40_000)]))
    return call


def told(call: Call) -> list[StreamCount]:
    return list(call.relay.report().sides)


class TestWhatIsTold:
    def test_is_of_the_side_that_tells_it(self, call: Call) -> None:
        said(call, 1, REPORT, after_s=1.1)
        caller, centre = told(call)
        assert call.offload.engaged == 2, "with the voice in the kernel"
        assert centre.round_trip_ms == pytest.approx(100, abs=1)
        assert (centre.lost_there, centre.jitter_there_ms) == (25, 10.0)
        assert (caller.round_trip_ms, caller.lost_there, caller.jitter_there_ms) == (-1, -1, -1)

    def test_goes_on_as_it_came(self, call: Call) -> None:
        left = []
        call.relay.sides[0].rtcp.send = lambda data, to: left.append((bytes(data), to)) or True
        said(call, 1, REPORT + b"\x00")
        assert left == [(REPORT + b"\x00", Address(CALLER.host, CALLER.port + 1))]

    def test_by_strangers_is_not_heard(self, call: Call) -> None:
        said(call, 1, REPORT, source=Address("203.0.113.7", 5000))
        assert told(call)[1].lost_there == -1

    def test_is_known_until_the_end(self, call: Call) -> None:
        said(call, 1, REPORT, after_s=1.1)
        assert call.relay.close().sides[1].lost_there == 25


class TestTheTransitOfAVoice:
    def test_is_known_by_its_reports(self, call: Call) -> None:
        """The caller's clock says 0 at our 100 s, and its voice takes no time."""
        call.talk(1.1)  # the rate of its timestamps is known by now
        ntp = ntp_time(call.host.time - 100)
        said(call, 0, build([SenderReport(1, ntp, call.sequence * 160, 9, 9), SourceDescription(1, "phone")]))
        side = told(call)[0]
        assert side.cname == "phone" and side.transit_s is not None
        assert side.transit_s - (100 - 2_208_988_800) == pytest.approx(0, abs=0.001)
        assert told(call)[1].transit_s is None

    def test_is_not_told_by_another_stream(self, call: Call) -> None:
        said(call, 0, build([SenderReport(9, NTP, 0, 250, 40_000)]))
        before = told(call)[0].transit_s
        said(call, 0, build([SenderReport(9, NTP + (7 << 32), 0, 250, 40_000)]), after_s=1)
        assert told(call)[0].transit_s == before
