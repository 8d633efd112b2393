"""What a receiver counts of one SSRC: loss, jitter, gaps (RFC 3550 §6.4.1, A.1, A.3, A.8). Pure."""

from __future__ import annotations

from enum import Enum

from splitter.rtp.rtcp import ReportBlock

_DROPOUT = 3000  # packets forward that are still the same stream (RFC 3550 A.1)
_MISORDER = 100  # packets back that are still a late one, unless their timestamp says otherwise
_AHEAD = 90_000  # timestamp units that such a packet may be ahead: pictures are not always sent in the order of time
_REPAIRED = 3000  # packets back that one may be which was sent again
_PAST = 30 * 90_000  # timestamp units that such a packet may be behind
_MASK = 0xFFFF_FFFF


class Order(Enum):
    """How a packet stands to those before it."""

    NEXT = "next"  # the one expected
    GAP = "gap"  # packets are missing before it
    LATE = "late"  # it was overtaken or sent again
    JUMP = "jump"  # so far away that the source must have restarted


class ReceivedStream:
    """Counters of one received SSRC. Extended sequence numbers begin at one cycle, so that none is ever negative.

    Attributes:
        ssrc: whose packets these are.
        highest: extended highest sequence number; 0 before the first packet.
        received: packets, late and repeated ones included.
        jitter: interarrival jitter in timestamp units.
    """

    __slots__ = (
        "_before",
        "_clock_rate",
        "_expected_before",
        "_first",
        "_received_before",
        "_report",
        "_transit",
        "highest",
        "jitter",
        "received",
        "ssrc",
    )

    def __init__(self, ssrc: int, clock_rate: int = 90_000) -> None:
        self.ssrc = ssrc
        self.highest = 0
        self.received = 0
        self.jitter = 0.0
        self._clock_rate = clock_rate
        self._first = 0
        self._before = 0  # highest before the latest gap
        self._transit: float | None = None
        self._expected_before = self._received_before = 0
        self._report: tuple[int, float] | None = None

    def follow(self, sequence: int, timestamp: int, now: float) -> int:
        """Count a packet if it is the one expected, as by far the most are.

        Returns: its extended number; 0 where it is another one, which is not counted.
        """
        extended = self.highest + 1
        if sequence != extended & 0xFFFF or extended == 1:
            return 0
        self.highest = extended
        self.received += 1
        self._spread(timestamp, now)
        return extended

    def order(self, sequence: int, ahead: int = 0) -> tuple[Order, int]:
        """Where a 16-bit sequence number stands, and its extended number. Counts nothing.

        RFC 3550 A.1 takes packets that are more than 100 behind for a source that restarted; but a packet that was
        asked for may be as late as the round trip is long, and a source that restarts may come out close to where it
        was. What tells them apart is the timestamp.

        Args:
            ahead: how far its timestamp is ahead of the newest one; not above 0 for a packet from the past.
        """
        highest = self.highest
        if highest == 0:
            return Order.NEXT, 0x1_0000 + sequence
        step = ((sequence - highest + 0x8000) & 0xFFFF) - 0x8000
        if step == 1:
            return Order.NEXT, highest + 1
        if 1 < step < _DROPOUT:
            return Order.GAP, highest + step
        limit = _AHEAD if step >= -_MISORDER else 1
        if -_REPAIRED <= step <= 0 and -_PAST < ahead < limit:
            return Order.LATE, highest + step
        return Order.JUMP, highest + step

    def count(self, sequence: int, timestamp: int, now: float) -> None:
        """Count a packet by its extended sequence number; `now` in seconds."""
        if sequence > self.highest:
            if self.highest == 0:
                self._first = sequence
            self.highest = sequence
            self._spread(timestamp, now)
        self.received += 1

    def _spread(self, timestamp: int, now: float) -> None:
        """Jitter as RFC 3550 A.8 has it; late packets are left out: they tell of retransmission, not of delay."""
        transit = now * self._clock_rate - timestamp
        before, self._transit = self._transit, transit
        if before is not None:
            change = abs(transit - before)
            if change > 0x8000_0000:  # the timestamp wrapped
                return
            self.jitter += (change - self.jitter) / 16

    @property
    def expected(self) -> int:
        """Packets that should have come."""
        return self.highest - self._first + 1 if self.highest else 0

    @property
    def lost(self) -> int:
        """Packets missing in all; never negative here."""
        return max(0, self.expected - self.received)

    @property
    def jitter_ms(self) -> float:
        """Jitter in milliseconds."""
        return 1000 * self.jitter / self._clock_rate

    def sender_report(self, ntp: int, now: float) -> None:
        """Remember when the source's last SR came."""
        self._report = (ntp >> 16 & _MASK, now)

    def block(self, now: float) -> ReportBlock:
        """A report block on what came since the last one (RFC 3550 A.3)."""
        expected = self.expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self.expected, self.received
        fraction = min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
        last, delay = 0, 0
        if self._report is not None:
            last, delay = self._report[0], int((now - self._report[1]) * 65536)
        # Extended as on the wire: the first cycle is 0 (§6.4.1).
        highest = max(0, self.highest - 0x1_0000) & _MASK
        return ReportBlock(self.ssrc, fraction, self.expected - self.received, highest, int(self.jitter), last, delay)
