"""How much one token may have under way at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from splitter.telemetry import metrics
from splitter.web.http.errors import ApiError


class Turns:
    """Bounds work that costs much: decoding a picture, for one.

    Args:
        each: the most for one name.
        together: the most for all.
    """

    def __init__(self, each: int, together: int) -> None:
        self._each = each
        self._together = together
        self._busy: Counter[str] = Counter()

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        """Have a turn, for as long as the block lasts.

        Raises:
            ApiError: 429 where there is none.
        """
        if self._busy[name] >= self._each or self._busy.total() >= self._together:
            metrics.api.REFUSED.labels("rate").inc()
            raise ApiError(429, "too-many", "too many of these are under way", {"Retry-After": "1"})
        self._busy[name] += 1
        try:
            yield
        finally:
            self._busy[name] -= 1
            if not self._busy[name]:
                del self._busy[name]
