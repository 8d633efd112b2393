"""Many sources, one outgoing SSRC: sequence and timestamp continuity over every change of source. Pure.

A source's sequence numbers come in *extended* (64-bit, never wrapping, see `statistics`), so that "before" and "after"
are plain comparisons; what goes out is cut to 16 and 32 bits. A gap in the source stays a gap on the way out, so that
the receiver knows of the loss; packets of our own are squeezed in by shifting what follows.

A number goes out once. What a missing packet would have got stays open for it, and is taken when it comes late; a
packet that comes again finds its number taken. Under SRTP this is what keeps a key stream from being used twice
(RFC 3711 §9.1).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from splitter.rtp.packet import timestamp_delta

CLOCK_RATE = 90_000
_MASK = 0xFFFF_FFFF
BACK_LIMIT = CLOCK_RATE  # a picture may come this much earlier than the latest one (reordering), not more
AHEAD_LIMIT = 10 * CLOCK_RATE  # and this much later than the clock says
_OPEN_LIMIT = 1024  # numbers back that a late packet may still get; more would be read as one ahead
_SEGMENTS = 2048  # changes of the shift that are remembered for late packets
_LATEST = 1 << 62  # above every shift


@dataclass(slots=True, eq=False)
class Numbering:
    """The numbers of one outgoing stream that move with each packet.

    Attributes:
        ssrc: of the outgoing stream.
        sequence: the highest number given out, extended.
        timestamp: the latest given out. at: when that one was first given out, seconds.
        shift: from a source's number to ours, from the source's number `boundary` on.
        timestamp_shift: from a source's timestamp to ours.
    """

    ssrc: int = 0
    sequence: int = 0
    timestamp: int = 0
    at: float = 0.0
    shift: int = 0
    boundary: int = 0
    timestamp_shift: int = 0


class Switch:
    """Numbers for one outgoing stream.

    Attributes:
        numbers: those that move with each packet; whoever numbers a packet for itself writes there.
        rebased: how often a source's timestamps jumped and were tied to the clock anew.
        width: numbers that are left open for each missing packet: more than one where packets have to be divided.
    """

    __slots__ = ("_open", "_segments", "numbers", "rebased", "width")

    def __init__(self, ssrc: int, sequence: int, timestamp: int, now: float, numbers: Numbering | None = None) -> None:
        """Start with the numbers before the first packet; all of them should be random (RFC 3550 §5.1)."""
        self.numbers = numbers = numbers or Numbering()
        numbers.ssrc = ssrc
        numbers.sequence = 0x1_0000 + sequence
        numbers.timestamp, numbers.at = timestamp, now
        self.rebased = 0
        self.width = 1
        self._segments: list[tuple[int, int]] = []  # boundaries and shifts before that
        self._open: set[int] = set()  # numbers that packets which are missing may still get

    @property
    def ssrc(self) -> int:
        """SSRC of the outgoing stream."""
        return self.numbers.ssrc

    def begin(self, sequence: int, timestamp: int, now: float) -> None:
        """The source's packet with these numbers comes next: right behind all before it, at the time it is now."""
        numbers = self.numbers
        numbers.shift = numbers.sequence + 1 - sequence
        numbers.boundary = sequence
        self._segments.clear()
        self._open.clear()
        self.width = 1
        numbers.timestamp_shift = self.clock(now) - timestamp & _MASK

    def map_sequence(self, sequence: int) -> int | None:
        """The outgoing number (16 bits) of a source's packet; None if it has had one, or is from before `begin`."""
        if sequence >= self.numbers.boundary:
            mapped = sequence + self.numbers.shift
            if mapped == self.numbers.sequence + 1:
                self.numbers.sequence = mapped
                return mapped & 0xFFFF
            if mapped > self.numbers.sequence:
                self._leave_open(sequence)
                self.numbers.sequence = mapped = sequence + self.numbers.shift
                return mapped & 0xFFFF
        numbers = self.late(sequence)
        return numbers[0] if numbers else None

    def late(self, sequence: int) -> list[int]:
        """The numbers (16 bits, in order) that were left open for a packet that comes late; they are taken now."""
        first, end = self._mapped(sequence), self._mapped(sequence + 1)
        if first is None or end is None or not self._open:
            return []
        numbers = [number for number in range(first, end) if number in self._open]
        self._open.difference_update(numbers)
        return [number & 0xFFFF for number in numbers if number > self.numbers.sequence - _OPEN_LIMIT]

    def insert(self, before: int) -> int:
        """A number for a packet of our own in front of the source's packet `before`, which must not be sent yet."""
        self._leave_open(before)
        self.numbers.sequence = mapped = before + self.numbers.shift
        self._divide(before, self.numbers.shift + 1)
        return mapped & 0xFFFF

    def drop(self, sequence: int) -> None:
        """The source's packet `sequence` carries nothing and is not sent: what follows closes up.

        Where it comes late there is a number for it, which `late` tells: left open it would be a loss to the receiver.
        """
        if sequence >= self.numbers.boundary and sequence + self.numbers.shift > self.numbers.sequence:
            self._leave_open(sequence)
            self._divide(sequence + 1, self.numbers.shift - 1)

    def _mapped(self, sequence: int) -> int | None:
        """Our number, extended, of a packet of the source; None if nothing is known of it."""
        if sequence >= self.numbers.boundary:
            return sequence + self.numbers.shift
        index = bisect_right(self._segments, (sequence, _LATEST)) - 1
        return sequence + self._segments[index][1] if index >= 0 else None

    def _leave_open(self, sequence: int) -> None:
        """The packets between the latest one and `sequence` are missing."""
        first = self.numbers.sequence + 1 - self.numbers.shift
        if sequence - first > _OPEN_LIMIT // 2:
            self.numbers.sequence = sequence + self.numbers.shift - 1  # a gap that nobody mends
            return
        for missing in range(first, sequence):
            mapped = missing + self.numbers.shift
            self._open.update(range(mapped, mapped + self.width))
            if self.width > 1:
                self._divide(missing + 1, self.numbers.shift + self.width - 1)
        self.numbers.sequence = sequence + self.numbers.shift - 1
        if len(self._open) > _OPEN_LIMIT:
            self._open = {number for number in self._open if number > self.numbers.sequence - _OPEN_LIMIT}

    def _divide(self, boundary: int, shift: int) -> None:
        """From the source's number `boundary` on another shift holds."""
        if boundary != self.numbers.boundary:
            self._segments.append((self.numbers.boundary, self.numbers.shift))
            if len(self._segments) > 2 * _SEGMENTS:
                del self._segments[:_SEGMENTS]
        self.numbers.boundary, self.numbers.shift = boundary, shift

    def take(self) -> int:
        """The next number, for a stream whose packets are made here and not passed through."""
        self.numbers.sequence += 1
        return self.numbers.sequence & 0xFFFF

    def skip(self, count: int = 1) -> None:
        """Leave a gap: the receiver shall see that something is missing."""
        self.numbers.sequence += count

    def map_timestamp(self, timestamp: int, now: float) -> int:
        """The outgoing timestamp of a source's; one that jumps against the clock is tied to the clock anew."""
        mapped = timestamp + self.numbers.timestamp_shift & _MASK
        if mapped == self.numbers.timestamp:
            return mapped
        ahead = timestamp_delta(mapped, self.numbers.timestamp)
        if not -BACK_LIMIT < ahead <= (now - self.numbers.at) * CLOCK_RATE + AHEAD_LIMIT:
            self.rebased += 1
            mapped = self.clock(now)
            self.numbers.timestamp_shift = mapped - timestamp & _MASK
        elif ahead < 0:
            return mapped
        self.numbers.timestamp = mapped
        self.numbers.at = now
        return mapped

    def clock(self, now: float) -> int:
        """The timestamp of a picture taken now: the latest one plus the time since then, and never the same."""
        return self.numbers.timestamp + max(1, round((now - self.numbers.at) * CLOCK_RATE)) & _MASK

    def tick(self, now: float) -> int:
        """Give out the timestamp of a picture of our own."""
        self.numbers.timestamp = self.clock(now)
        self.numbers.at = now
        return self.numbers.timestamp

    def translate(self, timestamp: int) -> int:
        """What a source's timestamp (of its sender report) is in the outgoing stream."""
        return timestamp + self.numbers.timestamp_shift & _MASK
