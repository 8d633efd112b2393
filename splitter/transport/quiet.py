"""Log lines that a flood cannot multiply. Pure: time is an argument."""

from __future__ import annotations

from collections import OrderedDict


class Quiet:
    """Lets one line per key and interval through, and counts what it held back.

    Args:
        interval_s: between two lines of one key.
        keys: the most that are remembered; keys come from the network, so the oldest are forgotten.
        lines: the most of all keys together in one interval: a flood may come from many sources.
    """

    __slots__ = ("_began", "_interval_s", "_keys", "_lines", "_seen", "_written")

    def __init__(self, interval_s: float = 10.0, keys: int = 1024, lines: int = 40) -> None:
        self._interval_s = interval_s
        self._keys = keys
        self._lines = lines
        self._began = 0.0
        self._written = 0
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def permit(self, key: str, now: float) -> int | None:
        """Permit a line: how many of its kind were held back before it, or None for no."""
        seen = self._seen.get(key)
        if seen is not None and now - seen[0] < self._interval_s:
            self._seen[key] = (seen[0], seen[1] + 1)
            return None
        if now - self._began >= self._interval_s:
            self._began, self._written = now, 0
        if self._written >= self._lines:
            return None
        self._written += 1
        self._seen[key] = (now, 0)
        self._seen.move_to_end(key)
        if len(self._seen) > self._keys:
            self._seen.popitem(last=False)
        return seen[1] if seen else 0
