"""Many sources, one outgoing SSRC: sequence and timestamp continuity over every change of source. Pure.

A source's sequence numbers come in *extended* (64-bit, never wrapping, see `statistics`), so that "before" and "after"
are plain comparisons; what goes out is cut to 16 and 32 bits. A gap in the source stays a gap on the way out, so that
the receiver knows of the loss; packets of our own are squeezed in by shifting what follows.
"""

from __future__ import annotations

from splitter.rtp.packet import timestamp_delta

CLOCK_RATE = 90_000
_MASK = 0xFFFF_FFFF
_BACK_LIMIT = CLOCK_RATE  # a picture may come this much earlier than the latest one (reordering), not more
_AHEAD_LIMIT = 10 * CLOCK_RATE  # and this much later than the clock says


class Switch:
    """Numbers for one outgoing stream.

    Attributes:
        ssrc: of the outgoing stream.
        sequence: the highest number given out, extended.
        timestamp: the latest given out.
        at: the time when that one was first given out, seconds.
        rebased: how often a source's timestamps jumped and were tied to the clock anew.
    """

    __slots__ = (
        "_boundary",
        "_earlier_shift",
        "_floor",
        "_shift",
        "_timestamp_shift",
        "at",
        "rebased",
        "sequence",
        "ssrc",
        "timestamp",
    )

    def __init__(self, ssrc: int, sequence: int, timestamp: int, now: float) -> None:
        """Start with the numbers before the first packet; all of them should be random (RFC 3550 §5.1)."""
        self.ssrc = ssrc
        self.sequence = 0x1_0000 + sequence
        self.timestamp = timestamp
        self.at = now
        self.rebased = 0
        self._shift = self._earlier_shift = 0
        self._boundary = self._floor = 0
        self._timestamp_shift = 0

    def begin(self, sequence: int, timestamp: int, now: float) -> None:
        """The source's packet with these numbers comes next: right behind all before it, at the time it is now."""
        self._shift = self._earlier_shift = self.sequence + 1 - sequence
        self._boundary = self._floor = sequence
        self._timestamp_shift = self.clock(now) - timestamp

    def map_sequence(self, sequence: int) -> int | None:
        """The outgoing number of a source's packet (16 bits); None if it is from before `begin` or far too late."""
        if sequence >= self._boundary:
            mapped = sequence + self._shift
            if mapped > self.sequence:
                self.sequence = mapped
            return mapped & 0xFFFF
        if sequence >= self._floor:
            return sequence + self._earlier_shift & 0xFFFF
        return None

    def insert(self, before: int) -> int:
        """A number for a packet of our own in front of the source's packet `before`, which must not be sent yet."""
        if before != self._boundary:
            self._floor, self._earlier_shift, self._boundary = self._boundary, self._shift, before
        mapped = before + self._shift
        self._shift += 1
        self.sequence = max(self.sequence, mapped)
        return mapped & 0xFFFF

    def drop(self, sequence: int) -> None:
        """The source's packet `sequence` carries nothing and is not sent: what follows closes up."""
        after = sequence + 1
        if sequence < self._boundary:
            return  # a late one: its number stays a gap
        self._floor, self._earlier_shift, self._boundary = self._boundary, self._shift, after
        self._shift -= 1

    def take(self) -> int:
        """The next number, for a stream whose packets are made here and not passed through."""
        self.sequence += 1
        return self.sequence & 0xFFFF

    def skip(self, count: int = 1) -> None:
        """Leave a gap: the receiver shall see that something is missing."""
        self.sequence += count

    def map_timestamp(self, timestamp: int, now: float) -> int:
        """The outgoing timestamp of a source's; one that jumps against the clock is tied to the clock anew."""
        mapped = timestamp + self._timestamp_shift & _MASK
        if mapped == self.timestamp:
            return mapped
        ahead = timestamp_delta(mapped, self.timestamp)
        if not -_BACK_LIMIT < ahead <= (now - self.at) * CLOCK_RATE + _AHEAD_LIMIT:
            self.rebased += 1
            mapped = self.clock(now)
            self._timestamp_shift = mapped - timestamp
        elif ahead < 0:
            return mapped
        self.timestamp = mapped
        self.at = now
        return mapped

    def clock(self, now: float) -> int:
        """The timestamp of a picture taken now: the latest one plus the time since then, and never the same."""
        return self.timestamp + max(1, round((now - self.at) * CLOCK_RATE)) & _MASK

    def tick(self, now: float) -> int:
        """Give out the timestamp of a picture of our own."""
        self.timestamp = self.clock(now)
        self.at = now
        return self.timestamp

    def translate(self, timestamp: int) -> int:
        """What a source's timestamp (of its sender report) is in the outgoing stream."""
        return timestamp + self._timestamp_shift & _MASK
