"""The RTCP port of a side: what it takes in is forwarded by its lane, and read on the way. Sends by its port."""

from __future__ import annotations

from splitter.core.net import Address
from splitter.media.relay.lane import Lane
from splitter.rtp.reports import PeerReports


class RtcpTap:
    """The lane of RTCP, and what its peer reports.

    Attributes:
        beyond: the reports of the side that it is forwarded to; None where it goes nowhere.
    """

    __slots__ = ("_lane", "beyond", "reports")

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.reports = PeerReports()
        self.beyond: PeerReports | None = None

    def on_packet(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        """Forward a datagram and read it, if its source is right."""
        before = self._lane.packets
        self._lane.on_packet(data, source, now)
        if self._lane.packets != before:
            self.reports.take(data, now, self.beyond)
