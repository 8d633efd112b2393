"""How often codes may be wrong: by one address, and in all. Pure: time is an argument.

A code has 50 bits: at the rate that is left here, one of a thousand links is found once in 7000 years.
"""

from __future__ import annotations

from splitter.core.limits import Bucket, KeyedBuckets

EACH, EACH_S = 10, 30.0
"""Wrong codes of one address, and the seconds until it may try one more."""
ALL, ALL_S = 1000, 0.2
NOTICEABLE = 300
"""So many wrong ones lately are told as an alarm."""


class Guesses:
    """Wrong codes that were tried lately."""

    def __init__(self) -> None:
        self._each = KeyedBuckets(EACH, EACH_S)
        self._all = Bucket.full(ALL, ALL_S)

    def wait_s(self, source: str, now: float) -> float:
        """Seconds until this source may try a code; 0 for now."""
        return max(self._each.wait_s(source, now), self._all.wait_s(now))

    def miss(self, source: str, now: float) -> None:
        """Count a wrong code."""
        self._each.spend(source, now)
        self._all.spend(now)

    def alarm(self, now: float) -> str:
        """What an operator should know; "" for nothing."""
        self._all.wait_s(now)
        wrong = ALL - self._all.left
        return f"somebody guesses links: {wrong:.0f} wrong ones lately" if wrong >= NOTICEABLE else ""
