"""The packet in hand of a stream, put aside. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from splitter.media.room.stream import Stream


class Kept(NamedTuple):
    """A packet in hand, put aside."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    sets: int
    idr: bool
    starts: bool
    orientation: int | None
    late: bool

    @classmethod
    def of(cls, stream: Stream) -> Kept:
        """A copy of the packet in hand."""
        return cls(
            stream.sequence,
            stream.timestamp,
            stream.marker,
            bytes(stream.payload),
            stream.sets,
            stream.idr,
            stream.starts,
            stream.orientation,
            stream.late,
        )

    def back_to(self, stream: Stream) -> None:
        """Have it in hand again."""
        stream.sequence, stream.timestamp, stream.marker, stream.payload = self[:4]
        stream.sets, stream.idr, stream.starts, stream.orientation, stream.late = self[4:]


def replay(stream: Stream, packets: list[Kept]) -> Iterator[None]:
    """Have these packets in hand, one after the other, and then the one again that is in hand now."""
    hand = Kept.of(stream)
    for one in packets:
        one._replace(late=False).back_to(stream)
        yield
    hand.back_to(stream)
