"""RTP from where the signalling said nothing of: who sends it, and when somebody should be told. Pure.

A stray packet is nothing. A stream of them, while the peer itself sends nothing at all, is mostly the peer, from an
address that its SDP does not name: nobody hears it, and everybody should know why.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

TELL_AFTER_S = 2.0
_TELL_PACKETS = 10  # from one source; fewer in two seconds are no voice and no picture
_SOURCES = 8  # that are counted

Source = tuple[Any, ...]
"""A socket address as the kernel gives it: (host, port), or (host, port, 0, 0) for IPv6."""


class Strangers:
    """Strangers who send to one port of ours, as long as the peer does not."""

    __slots__ = ("_packets", "_since", "_taken", "_told")

    def __init__(self) -> None:
        self._packets: Counter[Source] = Counter()
        self._since = 0.0
        self._taken = -1
        self._told = False

    def signalled(self) -> None:
        """The signalling named the peer (again): whoever is wrong from now on is told anew."""
        self._taken = -1
        self._told = False

    def refused(self, source: Source, taken: int, now: float) -> tuple[Source, int] | None:
        """A packet of a stream was not taken.

        Args:
            source: where it came from.
            taken: packets of the peer so far.
        Returns: the stranger and how many packets it has sent, once, when it is time to tell.
        """
        if self._told:
            return None
        if taken != self._taken:  # the peer speaks
            self._taken, self._since = taken, now
            self._packets.clear()
        if source in self._packets or len(self._packets) < _SOURCES:
            self._packets[source] += 1
        if now - self._since < TELL_AFTER_S:
            return None
        most, packets = self._packets.most_common(1)[0]
        if packets < _TELL_PACKETS:
            return None
        self._told = True
        return most, packets
