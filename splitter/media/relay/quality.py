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


class Quality:
    """One incoming stream. `lost` may be negative for a moment where packets are duplicated; it is clamped.

    Attributes:
        jitter_ms: -1 while unknown.
    """

    __slots__ = ("_clock", "_first", "_jitter", "_last", "_lost_before", "_packets_at_first", "_ssrc", "_start", "lost")

    def __init__(self) -> None:
        self._ssrc = -1
        self._first = 0
        self._last = 0
        self._packets_at_first = 0
        self._lost_before = 0
        self._clock = 0
        self._jitter = 0.0
        self._start: tuple[float, int] = (0.0, 0)
        self.lost = 0

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
        first_byte, _, sequence, timestamp, ssrc = header
        if first_byte >> 6 != 2:
            return
        ahead = (sequence - self._last) & 0xFFFF
        if ssrc != self._ssrc or SAMPLE + _GAP < ahead < 0x8000:
            self._restart(ssrc, sequence, packets, now, timestamp)
            return
        if ahead < 0x8000:
            self._last += ahead
        expected = self._last - self._first + 1
        received = packets - self._packets_at_first + 1
        self.lost = max(0, self._lost_before + expected - received)
        self._time(timestamp, now)

    def _restart(self, ssrc: int, sequence: int, packets: int, now: float, timestamp: int) -> None:
        self._lost_before = self.lost
        self._ssrc, self._first, self._last, self._packets_at_first = ssrc, sequence, sequence, packets
        self._clock = 0
        self._jitter = 0.0
        self._start = (now, timestamp)

    def _time(self, timestamp: int, now: float) -> None:
        elapsed_s = now - self._start[0]
        ticks = (timestamp - self._start[1]) & 0xFFFFFFFF
        if elapsed_s < _SETTLE_S:
            return
        if self._clock:
            deviation = abs(elapsed_s - ticks / self._clock)
            self._jitter += (min(deviation, 1.0) - self._jitter) / 16
        else:
            rate = ticks / elapsed_s
            self._clock = min(_CLOCKS, key=lambda clock: abs(clock - rate))
        self._start = (now, timestamp)
