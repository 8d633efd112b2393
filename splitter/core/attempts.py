"""How often somebody may fail, or do what costs, before it has to wait. Pure: time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Attempts:
    """Failures by key, each forgotten over time; what is at its limit must wait.

    Args:
        limit: so many failures may be open at a time.
        fade_s: one is forgotten after so long.
        keys: the most that are remembered; keys come from the network, so the oldest are forgotten.
    """

    __slots__ = ("_fade_s", "_keys", "_limit", "_seen")

    def __init__(self, limit: int, fade_s: float, keys: int = 10_000) -> None:
        self._limit = limit
        self._fade_s = fade_s
        self._keys = keys
        self._seen: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: Hashable, now: float) -> float:
        """How long this one has to wait before its next attempt; 0 for not at all."""
        return max(0.0, (self._open(key, now) - self._limit + 1) * self._fade_s)

    def failed(self, key: Hashable, now: float) -> None:
        """One more failure."""
        self._seen[key] = (self._open(key, now) + 1, now)
        self._seen.move_to_end(key)
        if len(self._seen) > self._keys:
            self._seen.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """What failed before was a slip of the fingers."""
        self._seen.pop(key, None)

    def _open(self, key: Hashable, now: float) -> float:
        count, at = self._seen.get(key, (0.0, now))
        return max(0.0, count - (now - at) / self._fade_s)
