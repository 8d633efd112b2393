"""How many datagrams of a kind are looked at in a second: some cost far more to read than to send. Pure."""

from __future__ import annotations

RTCP_DATAGRAMS = 100
"""Of one participant in a second: a receiver that loses much sends half as many."""
RTCP_BYTES = 1500
"""Of one datagram: no path carries more in one piece, and one in many pieces could ask for thousands of packets."""


class Pace:
    """Lets so many through in each second.

    Attributes:
        refused: those that were too many.
    """

    __slots__ = ("_count", "_from", "_most", "refused")

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._from = 0.0
        self.refused = 0

    def heeds(self, now: float) -> bool:
        """One more has come: whether to look at it."""
        if now - self._from >= 1:
            self._from, self._count = now, 0
        self._count += 1
        if self._count > self._most:
            self.refused += 1
            return False
        return True
