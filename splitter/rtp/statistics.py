"""What a receiver counts of one SSRC: loss, jitter, gaps (RFC 3550 §6.4.1, A.1, A.3, A.8). Pure."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(slots=True, eq=False)
class Arrivals:
    """The numbers of one received SSRC that move with each packet.

    Attributes:
        ssrc: whose packets these are.
        highest: extended highest sequence number; 0 before the first packet.
        received: packets, late and repeated ones included.
        jitter: interarrival jitter in timestamp units.
        transit: of the latest packet, in timestamp units against our clock. timed: there is one.
    """

    ssrc: int = 0
    highest: int = 0
    received: int = 0
    jitter: float = 0.0
    transit: float = 0.0
    timed: bool = False


class ReceivedStream:
    """Counters of one received SSRC. Extended sequence numbers begin at one cycle, so that none is ever negative.

    Args:
        numbers: where they are kept; whoever counts a packet for itself writes there.
    """

    __slots__ = (
        "_before",
        "_clock_rate",
        "_expected_before",
        "_first",
        "_numbers",
        "_received_before",
        "_report",
    )

    def __init__(self, ssrc: int, clock_rate: int = 90_000, numbers: Arrivals | None = None) -> None:
        self._numbers = numbers = numbers or Arrivals()
        numbers.ssrc = ssrc
        numbers.highest = numbers.received = 0
        numbers.jitter, numbers.timed = 0.0, False
        self._clock_rate = clock_rate
        self._first = 0
        self._before = 0  # highest before the latest gap
        self._expected_before = self._received_before = 0
        self._report: tuple[int, float] | None = None

    @property
    def ssrc(self) -> int:
        """SSRC of the packets."""
        return self._numbers.ssrc

    @property
    def highest(self) -> int:
        """Extended highest sequence number; 0 before the first packet."""
        return self._numbers.highest

    @property
    def received(self) -> int:
        """Packets, late and repeated ones included."""
        return self._numbers.received

    @property
    def jitter(self) -> float:
        """Interarrival jitter in timestamp units."""
        return self._numbers.jitter

    def follow(self, sequence: int, timestamp: int, now: float) -> int:
        """Count a packet if it is the one expected, as by far the most are.

        Returns: its extended number; 0 where it is another one, which is not counted.
        """
        numbers = self._numbers
        extended = numbers.highest + 1
        if sequence != extended & 0xFFFF or extended == 1:
            return 0
        numbers.highest = extended
        numbers.received += 1
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
        numbers = self._numbers
        if sequence > numbers.highest:
            if numbers.highest == 0:
                self._first = sequence
            numbers.highest = sequence
            self._spread(timestamp, now)
        numbers.received += 1

    def _spread(self, timestamp: int, now: float) -> None:
        """Jitter as RFC 3550 A.8 has it; late packets are left out: they tell of retransmission, not of delay."""
        numbers = self._numbers
        transit = now * self._clock_rate - timestamp
        timed, before = numbers.timed, numbers.transit
        numbers.transit, numbers.timed = transit, True
        if timed:
            change = abs(transit - before)
            if change > 0x8000_0000:  # the timestamp wrapped
                return
            numbers.jitter += (change - numbers.jitter) / 16

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
        return 1000 * self._numbers.jitter / self._clock_rate

    def sender_report(self, ntp: int, now: float) -> None:
        """Remember when the source's last SR came."""
        self._report = (ntp >> 16 & _MASK, now)

    def block(self, now: float) -> ReportBlock:
        """A report block on what came since the last one (RFC 3550 A.3)."""
        numbers, due = self._numbers, self.expected
        highest, received = numbers.highest, numbers.received
        expected = due - self._expected_before
        lost = expected - (received - self._received_before)
        self._expected_before, self._received_before = due, received
        fraction = min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
        last, delay = 0, 0
        if self._report is not None:
            last, delay = self._report[0], int((now - self._report[1]) * 65536)
        # Extended as on the wire: the first cycle is 0 (§6.4.1).
        highest = max(0, highest - 0x1_0000) & _MASK
        return ReportBlock(numbers.ssrc, fraction, due - received, highest, int(numbers.jitter), last, delay)
