"""Loss and jitter of a relayed stream from a sample of its packets (RFC 3550 §6.4.1, A.3, A.8). Pure.

A relay need not read RTP to forward it. Every SAMPLE-th packet is enough: the sequence number cannot wrap unseen, and
the jitter formula holds for any two packets. The clock rate is not known here (the payload type is the peers' affair):
it is inferred from how fast timestamps run.
"""

from __future__ import annotations

from struct import Struct

SAMPLE = 16
"""Read the header of one packet in this many; a power of two."""

HEADER = Struct("!BBHII")
_CLOCKS = (8000, 16000, 32000, 48000, 90000)
_SETTLE_S = 1.0  # timestamps must run this long before the clock rate is inferred from them
_GAP = 3000  # a jump this wide is a new stream, not loss (RFC 3550 A.1: MAX_DROPOUT)
_BACK = 100  # and so is one this far back (MAX_MISORDER)
_NEAR = 0.15  # timestamps that run at no rate we know, give or take this, tell nothing yet
_JUMP_S = 1.0  # timestamps this far from the clock have jumped, or the rate is another one


class Quality:
    """One incoming stream. `lost` may be negative for a moment where packets are duplicated; it is clamped.

    Attributes:
        jitter_ms: -1 while unknown.
    """

    __slots__ = (
        "_clock",
        "_events",
        "_first",
        "_jitter",
        "_last",
        "_lost_before",
        "_packets_at_first",
        "_payload_type",
        "_ssrc",
        "_start",
        "lost",
    )

    def __init__(self) -> None:
        self._ssrc = -1
        self._first = 0
        self._last = 0
        self._packets_at_first = 0
        self._lost_before = 0
        self._clock = 0
        self._jitter = 0.0
        self._start: tuple[float, int] = (0.0, 0)
        self._payload_type = self._events = -1  # of the packet before; of one that stands still, as digits do
        self.lost = 0

    @property
    def clock(self) -> int:
        """The rate of the timestamps; 0 while it is not known."""
        return self._clock

    @property
    def latest(self) -> tuple[int, float, int]:
        """The SSRC, the arrival and the timestamp of the latest packet that was looked at, digits aside."""
        return self._ssrc, *self._start

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 if self._clock else -1.0

    def sample(self, header: tuple[int, int, int, int, int], packets: int, now: float) -> None:
        """Take one packet's header.

        Args:
            header: HEADER unpacked from its first 12 bytes.
            packets: packets received up to and with this one.
            now: its arrival, in seconds.
        """
        first_byte, kind, sequence, timestamp, ssrc = header
        if first_byte >> 6 != 2 or 192 <= kind <= 223:  # RTCP on the same port (RFC 5761 §4)
            return
        ahead = (sequence - self._last) & 0xFFFF
        if ssrc != self._ssrc or SAMPLE + _GAP < ahead < 0x1_0000 - SAMPLE - _BACK:
            self._restart(ssrc, sequence, packets, now, timestamp)
            return
        if ahead < 0x8000:
            self._last += ahead
        expected = self._last - self._first + 1
        received = packets - self._packets_at_first + 1
        self.lost = max(0, self._lost_before + expected - received)
        self._time(kind & 0x7F, timestamp, now)

    def _restart(self, ssrc: int, sequence: int, packets: int, now: float, timestamp: int) -> None:
        self._lost_before = self.lost
        self._ssrc, self._first, self._last, self._packets_at_first = ssrc, sequence, sequence, packets
        self._clock = 0
        self._jitter = 0.0
        self._start = (now, timestamp)

    def _time(self, payload_type: int, timestamp: int, now: float) -> None:
        """Follow the timestamps. Those of digits stand still as long as a key is held (RFC 4733 §2.5.1.2)."""
        if payload_type == self._events:
            return
        elapsed_s = now - self._start[0]
        ticks = (timestamp - self._start[1]) & 0xFFFFFFFF
        if payload_type != self._payload_type:
            self._payload_type = payload_type
        elif not ticks:
            self._events, self._payload_type = payload_type, -1
            return
        elif elapsed_s < _SETTLE_S:
            return
        elif self._clock:
            self._spread(abs(elapsed_s - ticks / self._clock))
        else:
            rate = ticks / elapsed_s
            nearest = min(_CLOCKS, key=lambda clock: abs(clock - rate))
            if abs(nearest - rate) < _NEAR * nearest:
                self._clock = nearest
        self._start = (now, timestamp)

    def _spread(self, deviation_s: float) -> None:
        if deviation_s > _JUMP_S:
            self._clock = 0
        else:
            self._jitter += (deviation_s - self._jitter) / 16
