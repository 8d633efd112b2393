"""Who waits for the lease of a node, as its holder sees it: by numbers that count up, and its own clock. Pure."""

from __future__ import annotations

from collections.abc import Iterable


class Standbys:
    """The hosts that would go on in our place.

    Args:
        ttl_s: a host whose number has stood still for so long waits no longer.
    """

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._seen: dict[str, tuple[int, float]] = {}  # host → its number, and when that was new; -inf: at first sight
        self._last_at: float | None = None  # when somebody waited last, or we began to look

    def heard(self, beats: Iterable[tuple[str, int]], now: float) -> None:
        """Take note of their numbers."""
        before, seen = self._seen, dict[str, tuple[int, float]]()
        for host, beat in beats:
            known = before.get(host)
            new = known is not None and known[0] != beat
            seen[host] = (beat, now if new else known[1] if known is not None else float("-inf"))
        self._seen = seen  # in one step: the event loop reads it
        if self._last_at is None or self.living(now):
            self._last_at = now

    def living(self, now: float) -> tuple[str, ...]:
        """Hosts that wait now, by name."""
        return tuple(sorted(host for host, (_, at) in self._seen.items() if now - at <= self._ttl_s))

    def missing_s(self, now: float) -> float:
        """How long nobody has waited; 0.0 while somebody does, or nothing is known."""
        return 0.0 if self._last_at is None or self.living(now) else now - self._last_at
