"""How often something may happen: a bucket of tokens, alone or one for each key. Pure: time is an argument.

How much may be under way at a time is another question (`web.http.turns`), how much of the event loop
(`web.door.turnstile`) and how many log lines of a kind, with a count of those held back (`transport.quiet`), two more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """A bucket of tokens that fills again with time. Plain data: it can be written down with what it belongs to.

    Attributes:
        size: tokens of a full one; as many may be taken at once.
        token_s: seconds until one token has come back.
        left: tokens at `counted_at`; below zero where more was spent than there was.
    """

    size: float
    token_s: float
    left: float
    counted_at: float = 0.0

    @classmethod
    def full(cls, size: float, token_s: float, now: float = 0.0) -> Bucket:
        """A bucket of which nothing was taken."""
        return cls(float(size), token_s, float(size), now)

    @classmethod
    def per_second(cls, rate: float, now: float = 0.0) -> Bucket:
        """A full bucket of `rate` tokens a second, with at most one second's worth at once and never less than one."""
        return cls.full(max(1.0, rate), 1 / rate, now)

    def permit(self, now: float) -> bool:
        """Take a token; False where there is none, and then nothing is taken."""
        self._fill(now)
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def spend(self, now: float) -> None:
        """Take a token whether there is one or not: what has happened counts, and what is owed is waited for."""
        self._fill(now)
        self.left -= 1.0

    def wait_s(self, now: float) -> float:
        """Seconds until there is a token; 0 where there is one."""
        self._fill(now)
        return max(0.0, (1.0 - self.left) * self.token_s)

    def _fill(self, now: float) -> None:
        self.left = min(self.size, self.left + max(0.0, now - self.counted_at) / self.token_s)
        self.counted_at = now


class KeyedBuckets:
    """Buckets of one size, one for each key.

    Args:
        size, token_s: of each bucket.
        most: buckets that are remembered. Keys come from the network, so the one that was not used for longest is
            forgotten, which fills it.
    """

    __slots__ = ("_buckets", "_most", "_size", "_token_s")

    def __init__(self, size: float, token_s: float, most: int = 10_000) -> None:
        self._size = size
        self._token_s = token_s
        self._most = most
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def permit(self, key: Hashable, now: float) -> bool:
        """Take a token of this key; False where there is none."""
        return self._bucket_of(key, now).permit(now)

    def spend(self, key: Hashable, now: float) -> None:
        """Take a token of this key whether there is one or not."""
        self._bucket_of(key, now).spend(now)

    def wait_s(self, key: Hashable, now: float) -> float:
        """Seconds until there is a token of this key; 0 where there is one. Nothing is remembered of the question."""
        bucket = self._buckets.get(key)
        return bucket.wait_s(now) if bucket is not None else 0.0

    def refill(self, key: Hashable) -> None:
        """Forget what was taken with this key."""
        self._buckets.pop(key, None)

    def __len__(self) -> int:
        return len(self._buckets)

    def _bucket_of(self, key: Hashable, now: float) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        bucket = self._buckets[key] = Bucket.full(self._size, self._token_s, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket
