"""How long packets of a stream are under way, by its sender reports (RFC 3550 §6.4.1): for the skew of two. Pure.

    transit = when a packet arrived, by our clock, less when it was captured, by the sender's

The two clocks have nothing to do with each other, so that a transit alone says nothing. The difference of two that have
the same sender, whose CNAME is the same, is the skew of its streams. Delay only ever adds to a transit: of the last
ones, the least is the best.
"""

from __future__ import annotations

from collections import deque

from splitter.rtp.packet import timestamp_delta
from splitter.rtp.rtcp import SenderReport

_KEPT = 8  # reports; half a minute as a rule
_PLAUSIBLE_S = 10.0  # between a report and the packet beside it
_NTP_SECOND = 1 << 32
LONGEST_S = 5.0
"""A greater skew is no skew, but clocks that disagree."""


class Transit:
    """The transits of one stream."""

    __slots__ = ("_last", "_ssrc")

    def __init__(self) -> None:
        self._ssrc = -1
        self._last: deque[float] = deque(maxlen=_KEPT)

    @property
    def least_s(self) -> float | None:
        """The least of the last ones; None before the first report."""
        return min(self._last, default=None)

    def report(self, report: SenderReport, arrived: float, timestamp: int, clock: int) -> None:
        """Take a sender report, and a packet near it.

        Args:
            arrived, timestamp: of the packet. clock: the rate of the timestamps.
        """
        if report.ssrc != self._ssrc:  # the stream begins anew: another clock, perhaps
            self._ssrc = report.ssrc
            self._last.clear()
        if not report.ntp or clock <= 0:
            return  # a sender without a clock says 0
        ahead_s = timestamp_delta(timestamp, report.rtp) / clock
        if abs(ahead_s) > _PLAUSIBLE_S:
            return
        took_s = arrived - (report.ntp / _NTP_SECOND + ahead_s)
        if self._last and abs(took_s - self._last[-1]) > LONGEST_S:
            self._last.clear()  # its clock was set
        self._last.append(took_s)


def skew_s(late: float | None, early: float | None) -> float | None:
    """Compute by how much one stream comes later than the other; None where that is unknown, or cannot be.

    Args:
        late, early: the transits of both; what the first is ahead of the second is negative.
    """
    if late is None or early is None or abs(late - early) > LONGEST_S:
        return None
    return late - early
