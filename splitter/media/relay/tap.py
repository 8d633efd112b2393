"""The RTCP port of a side: what it takes in is forwarded by its lane, and read on the way. Sends by its port."""

from __future__ import annotations

from splitter.core.net import Address
from splitter.media.relay.lane import Lane
from splitter.rtp.reports import PeerReports
from splitter.rtp.rtcp import SenderReport
from splitter.rtp.transit import Transit

_BESIDE_S = 2.0  # between a report and the latest packet that was looked at; a voice may pause


class RtcpTap:
    """The lane of RTCP, and what its peer reports.

    Attributes:
        beyond: the reports of the side that it is forwarded to; None where it goes nowhere.
        transit: of the voice.
    """

    __slots__ = ("_lane", "_voice", "beyond", "reports", "transit")

    def __init__(self, lane: Lane, voice: Lane) -> None:
        self._lane, self._voice = lane, voice
        self.transit = Transit()
        self.reports = PeerReports()
        self.beyond: PeerReports | None = None

    def on_packet(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        """Forward a datagram and read it, if its source is right."""
        before = self._lane.packets
        self._lane.on_packet(data, source, now)
        if self._lane.packets != before:
            before_it = self.reports.latest
            self.reports.take(data, now, self.beyond)
            if (latest := self.reports.latest) is not None and latest is not before_it:
                self._time(latest[0], now)

    def _time(self, report: SenderReport, now: float) -> None:
        """A sender report came: see how long the voice beside it was under way."""
        quality = self._voice.quality
        ssrc, arrived, timestamp = quality.latest
        if ssrc == report.ssrc and now - arrived <= _BESIDE_S:
            self.transit.report(report, arrived, timestamp, quality.clock)
