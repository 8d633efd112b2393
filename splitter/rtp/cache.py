"""Sent packets, kept between one and two seconds for retransmission (RFC 4585 §6.2.1). Pure."""

from __future__ import annotations

_GENERATION_LIMIT = 4096  # packets; about 40 Mbit/s, far above any picture here


class SentPackets:
    """Two generations of packets by sequence number: storing costs one assignment, forgetting costs nothing.

    `rotate` is called about once a second; what was stored before the last but one call is gone.
    """

    __slots__ = ("_new", "_old")

    def __init__(self) -> None:
        self._new: dict[int, bytes] = {}
        self._old: dict[int, bytes] = {}

    def store(self, sequence: int, packet: bytes) -> None:
        """Keep a packet that was sent just now."""
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
