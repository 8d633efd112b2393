"""What waits for the receiver of a fork: words in order, and media that give way, the oldest first. Pure.

Whoever reads too slowly misses media, and is told how many; nobody waits for it. A picture that gave way takes those
with it that cannot be decoded without it.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

MEDIA_LIMIT_BYTES = 2 << 20
_FRAMES_LIMIT = 1000  # ten seconds of both voices
_WORDS_LIMIT = 500


class ForkFrame(NamedTuple):
    """A frame that waits. `stands_alone`: what follows can be decoded from here on."""

    stream: int
    stands_alone: bool
    data: bytes


class ForkQueue:
    """What waits.

    Args:
        wake: called when there is something.

    Attributes:
        sent: frames that were taken out. dropped: those that gave way.
        lost_words: events that nobody took.
        is_open: media are taken in; else they are dropped at once.
    """

    def __init__(self, wake: Callable[[], None], limit_bytes: int = MEDIA_LIMIT_BYTES) -> None:
        self._wake, self._limit_bytes = wake, limit_bytes
        self._items: deque[ForkFrame | str] = deque()
        self._bytes = self._frames = self._words = 0
        self._cut: set[int] = set()  # streams that wait for a frame that stands alone
        self._untold: Counter[int] = Counter()
        self.sent = self.dropped = self.lost_words = 0
        self.is_open = True

    @property
    def waiting_bytes(self) -> int:
        """Bytes of media that wait."""
        return self._bytes

    def say(self, words: dict[str, Any]) -> None:
        """Put words in."""
        if self._words >= _WORDS_LIMIT:
            oldest = next(item for item in self._items if isinstance(item, str))
            self._items.remove(oldest)
            self._words -= 1
            self.lost_words += 1
        self._items.append(json.dumps(words, ensure_ascii=False))
        self._words += 1
        self._wake()

    def put(self, frame: ForkFrame) -> bool:
        """Put a frame in. Returns: whether its stream goes on; else a frame that stands alone is wanted."""
        if frame.stands_alone:
            self._cut.discard(frame.stream)
        if not self.is_open or frame.stream in self._cut:
            self.miss(frame.stream)
            if not frame.stands_alone:
                self._cut.add(frame.stream)
            return not self.is_open
        self._items.append(frame)
        self._bytes += len(frame.data)
        self._frames += 1
        self._make_room()
        self._wake()
        return frame.stream not in self._cut

    def miss(self, stream: int) -> None:
        """Count a frame that was to be, and could not be made."""
        self.dropped += 1
        self._untold[stream] += 1

    def pop(self) -> bytes | str | None:
        """Take out what is to be sent next; None where nothing waits."""
        if self._untold and self._items:
            untold, self._untold = self._untold, Counter()
            return json.dumps({"type": "dropped", "frames": {str(number): count for number, count in untold.items()}})
        if not self._items:
            return None
        item = self._items.popleft()
        if isinstance(item, str):
            self._words -= 1
            return item
        self._bytes -= len(item.data)
        self._frames -= 1
        self.sent += 1
        return item.data

    def clear_media(self, count: bool = True) -> None:
        """Nothing of the media that wait is sent; pictures begin anew. `count`: it is a loss."""
        frames = [item for item in self._items if not isinstance(item, str)]
        self._items = deque(item for item in self._items if isinstance(item, str))
        self._bytes = self._frames = 0
        for frame in frames:
            self._cut.add(frame.stream)
            if count:
                self.miss(frame.stream)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        if self._bytes <= self._limit_bytes and self._frames <= _FRAMES_LIMIT:
            return
        # a quarter at once: this walks through all that waits
        most_bytes, most_frames = 3 * self._limit_bytes // 4, 3 * _FRAMES_LIMIT // 4
        kept: deque[ForkFrame | str] = deque()
        cut: set[int] = set()
        for item in self._items:
            if isinstance(item, str):
                kept.append(item)
                continue
            if item.stands_alone:
                cut.discard(item.stream)
            if self._bytes > most_bytes or self._frames > most_frames or item.stream in cut:
                self._bytes -= len(item.data)
                self._frames -= 1
                self.miss(item.stream)
                cut.add(item.stream)
            else:
                kept.append(item)
        self._items = kept
        self._cut |= cut
