"""Sent packets, kept between one and a half and three seconds for retransmission (RFC 4585 §6.2.1). Pure."""

from __future__ import annotations

_GENERATION_LIMIT = 4096  # packets; about 20 Mbit/s, far above any picture here
_GENERATION_TICKS = 135_000  # of the timestamps' clock: one and a half seconds
_AHEAD = 1 << 31


class SentPackets:
    """Two generations of packets by sequence number: storing costs one assignment, forgetting costs nothing.

    The packets' own timestamps say when it is time for the next generation.
    """

    __slots__ = ("_begun", "_new", "_old")

    def __init__(self) -> None:
        self._new: dict[int, bytes] = {}
        self._old: dict[int, bytes] = {}
        self._begun = 0  # timestamp of the first of the newer ones

    def store(self, sequence: int, packet: bytes) -> None:
        """Keep a packet that was sent just now."""
        timestamp = int.from_bytes(packet[4:8])
        age = (timestamp - self._begun) & 0xFFFF_FFFF
        if self._new and _GENERATION_TICKS < age < _AHEAD:
            self.rotate()
            if age > 2 * _GENERATION_TICKS:
                self.rotate()  # there was a pause
        if not self._new:
            self._begun = timestamp
        self._new[sequence] = packet
        if len(self._new) >= _GENERATION_LIMIT:
            self.rotate()

    def find(self, sequence: int) -> bytes | None:
        """The packet as it was sent, or None where it was never sent or is too old."""
        return self._new.get(sequence) or self._old.get(sequence)

    def rotate(self) -> None:
        """Forget the older generation."""
        self._old = self._new
        self._new = {}

    def __len__(self) -> int:
        return len(self._new) + len(self._old)
