"""What has happened, as far back as somebody who lost its connection may ask for. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """Happenings with rising numbers, from 1 on, without gaps; the oldest ones are forgotten.

    Args:
        most: how many are kept,
        age_s: and none for longer than this.
    """

    __slots__ = ("_age_s", "_kept", "_most", "seq")

    def __init__(self, most: int = 10_000, age_s: float = 600.0) -> None:
        self._most = most
        self._age_s = age_s
        self._kept: deque[tuple[float, T]] = deque()
        self.seq = 0

    def next_seq(self) -> int:
        """The number that the next one gets."""
        return self.seq + 1

    def append(self, happening: T, now: float) -> None:
        """Keep one more; it has the number that `next_seq` said."""
        self.seq += 1
        self._kept.append((now, happening))
        if len(self._kept) > self._most:
            self._kept.popleft()
        self.forget(now)

    def skip(self, to: int | None = None) -> None:
        """Something happened that nobody will ask for, or all up to `to`: it only has its number."""
        self.seq = self.seq + 1 if to is None else to
        self._kept.clear()

    def forget(self, now: float) -> None:
        """Let go of what is too old."""
        while self._kept and now - self._kept[0][0] > self._age_s:
            self._kept.popleft()

    def since(self, seq: int, now: float) -> list[T] | None:
        """What came after number `seq`; None where that is not known, or no longer."""
        self.forget(now)
        missed = self.seq - seq
        if not 0 <= missed <= len(self._kept):
            return None
        return [happening for _, happening in islice(self._kept, len(self._kept) - missed, None)]

    def __len__(self) -> int:
        return len(self._kept)
