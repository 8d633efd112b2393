"""How many calls from browsers there may be: of one address, of one customer, and in all. Pure: time is an argument.

All ways in count together: the API and SIP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

from splitter.core.limits import KeyedBuckets

MOST_CONNECTING = 200
"""Browsers whose media are on their way, and nobody was called for them yet. Half of them may be of strangers: their
offers cost nothing, and must not keep those away who have a token."""
OF_ONE_CUSTOMER = 2
"""Calls of one customer at a time: one may hang in a tab that was forgotten."""
_WIDER = 4
"""So many times what an address may is for the /56 around it: a line has often one, a telephone a /64."""

Whose = tuple[str, str]
"""The source and the customer of a call; "" for nobody that is known."""


class Crowded(Exception):
    """A refusal of one more call of a browser: there is no place.

    Attributes:
        whose: of whom there are so many as there may be.
    """

    def __init__(self, whose: str) -> None:
        super().__init__(f"{whose} have as many calls as there may be")
        self.whose = whose


class CallerLimits:
    """Counts of those who begin a call."""

    def __init__(self) -> None:
        self._begun: tuple[int, KeyedBuckets, KeyedBuckets] | None = None
        self._beginning: list[Whose] = []  # those that have no line yet

    def wait_s(self, source: str, per_minute: int, now: float) -> float:
        """Count a wish to call. Returns: the seconds that its address has to wait instead; 0 where it need not."""
        if self._begun is None or self._begun[0] != per_minute:
            wider = per_minute * _WIDER
            self._begun = per_minute, KeyedBuckets(per_minute, 60 / per_minute), KeyedBuckets(wider, 60 / wider)
        _, buckets, near = self._begun
        if buckets.permit(source, now) and near.permit(around(source), now):
            return 0.0
        return max(1.0, buckets.wait_s(source, now), near.wait_s(around(source), now))

    @contextmanager
    def place(
        self, whose: Whose, connecting: Iterable[Whose], called: Iterable[Whose], per_address: int, full: bool
    ) -> Iterator[None]:
        """A place for one more call, until its line is there and counts by itself.

        Args:
            connecting: browsers whose media are on their way. called: those for whom somebody was called.
            full: the trunk has as many calls as it may.
        Raises:
            Crowded: there is none.
        """
        coming, there = [*self._beginning, *connecting], list(called)
        strangers = sum(not customer for _, customer in coming)
        full = full or len(coming) >= MOST_CONNECTING
        if full or (not whose[1] and strangers >= MOST_CONNECTING // 2):
            raise Crowded("all web callers")
        if _has_enough(whose, [*coming, *there], per_address):
            raise Crowded("you")
        self._beginning.append(whose)
        try:
            yield
        finally:
            self._beginning.remove(whose)


def around(source: str) -> str:
    """The /56 around an IPv6 source; another one stands for itself alone."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    return str(IPv6Address(int(address) >> 72 << 72)) if isinstance(address, IPv6Address) else source


def _has_enough(whose: Whose, there: list[Whose], most: int) -> bool:
    """True where an address, the network around it or a customer has as many calls as it may."""
    source, customer = whose
    near = sum(around(one) == around(source) for one, _ in there)
    of_source = sum(one == source for one, _ in there)
    of_customer = sum(one == customer for _, one in there) if customer else 0
    return of_source >= most or near >= _WIDER * most or of_customer >= OF_ONE_CUSTOMER
