"""What is kept of a stream that a viewer waits for: from the begin of a key frame on, in any order. No I/O.

A key frame is shown once all is there that it needs, and its first packet may come after the others: it was overtaken,
or lost and sent again. So the latest packets are kept even while none has begun.
"""

from __future__ import annotations

from splitter.media.room.kept import Kept
from splitter.media.room.keyframe import Start
from splitter.media.room.stream import Stream

_LIMIT = 256  # packets, which is more than a key frame has


class AwaitedKeyFrame:
    """The packets of one stream, by their numbers.

    Attributes:
        start: where the key frame among them begins; None while none has.
    """

    __slots__ = ("_dropped", "_generation", "_packets", "start")

    def __init__(self) -> None:
        self.start: Start | None = None
        self._packets: dict[int, Kept] = {}
        self._dropped = -1  # the highest number that there was no room for
        self._generation = -1

    def clear(self) -> None:
        """Another stream is awaited, or none."""
        self.start = None
        self._dropped = -1
        if self._packets:
            self._packets = {}

    @property
    def overfull(self) -> bool:
        """Whether there are more packets than a key frame can have."""
        return len(self._packets) > _LIMIT

    def keep(self, stream: Stream) -> bool:
        """Put the packet in hand aside.

        Returns: False where a key frame begins of which some packets are gone already: another one is needed.
        """
        if stream.generation != self._generation:
            self.clear()
            self._generation = stream.generation
        if stream.starts:
            begin = stream.key.start.sequence
            if begin <= self._dropped:
                self.clear()
                return False
            self.start = stream.key.start
            self._packets = {number: one for number, one in self._packets.items() if number >= begin}
        elif self.start is None and len(self._packets) >= _LIMIT:
            oldest = next(iter(self._packets))
            self._dropped = max(self._dropped, oldest)
            del self._packets[oldest]
        if self.start is None or stream.sequence >= self.start.sequence:
            self._packets.setdefault(stream.sequence, Kept.of(stream))
        return True

    def packets(self) -> list[Kept]:
        """The key frame and what followed, in order; none where none has begun."""
        if self.start is None:
            return []
        return [one for _, one in sorted(self._packets.items())]
