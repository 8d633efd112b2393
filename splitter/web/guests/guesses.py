"""How often codes of one address may be wrong, and whether somebody tries many. Pure: time is an argument.

A code has 50 bits: of a thousand links that hold, whoever tries a thousand codes a second finds the first after some 18
years. So what strangers do in all closes no door to those who have a link; it is told as an alarm.
"""

from __future__ import annotations

from splitter.core.limits import Bucket, KeyedBuckets

EACH, EACH_S = 10, 30.0
"""Wrong codes of one address, and the seconds until it may try one more."""
NOTICEABLE, NOTICEABLE_S = 300, 0.2
"""So many wrong ones at once, or one each so many seconds for long, are told as an alarm."""
_LONGEST_S = 300.0  # until the alarm ends, after the last of them


class Guesses:
    """Wrong codes that were tried lately."""

    def __init__(self) -> None:
        self._each = KeyedBuckets(EACH, EACH_S)
        self._all = Bucket.full(NOTICEABLE, NOTICEABLE_S)

    def wait_s(self, source: str, now: float) -> float:
        """Seconds until this source may try a code; 0 for now."""
        return self._each.wait_s(source, now)

    def miss(self, source: str, now: float) -> None:
        """Count a wrong code."""
        self._each.spend(source, now)
        if self._all.wait_s(now) < _LONGEST_S:
            self._all.spend(now)

    def alarm(self, now: float) -> str:
        """What an operator should know; "" for nothing."""
        owed_s = self._all.wait_s(now)
        return "somebody guesses links: see splitter_links_total" if owed_s > 0 else ""
