"""From where a peer's packets are taken, and where ours go: symmetric RTP (RFC 4961) with a short memory. Pure.

The signalling names one address. Its host is law; its port may be wrong behind a NAT. So, within a window after it was
named:

- a packet from exactly the named address settles the matter at once;
- several packets in a row from another port of that host, of one SSRC, move us to that port; one stray packet of a
  neighbouring call on the same SBC decides nothing. Whoever can keep a copy holds these packets until the port is
  believed: the first one may carry the only parameter sets of the call;
- what was accepted before the signalling moved stays accepted until the new address speaks (packets in flight).

The same address may be named again, at the answer or in a re-INVITE: a peer that was heard before, such as with early
media, may send from elsewhere afterwards. What is in force stays in force, and gives way to another port of its host
like a new address does; if it speaks itself, to `OUSTING` times as many packets without one of its own in between.

Where the trunk is configured so, other hosts are learned like another port of the named one. They oust nobody who is
heard.

A stray stream may be there before the peer is, and be learned instead of it. The named address wins at any time: in the
window with its first packet, later with as many as it takes to learn a port, so that a single forged packet takes
nobody's media away. Where a peer sends all the time (*doubts*: video), a learned port also gives way to another one
while it is silent, as long as the window is open; a voice may pause, which says nothing.

When the window closes, no other port is learned; only being named again opens it. A closed port of ours is not reused
for a while: this is what stands between two calls. Where it had to be reused sooner, those who spoke to it before are
not learned (`doubt`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from splitter.core.net import Address, numeric
from splitter.media.wire.pairs import RESTED, Stragglers
from splitter.media.wire.sources import NONE, Sources

OUSTING = 5
"""How many times as many packets it takes to oust a port that is still heard: 0.3 s of a voice."""


def canonical(host: str) -> str:
    """An address as the kernel spells it; SDP may write IPv6 in other ways (RFC 5952)."""
    try:
        return str(numeric(host))
    except ValueError:
        return host


RESTORED_WINDOW_S = 30.0
"""The window of a port that was opened again on another machine: the network may take a while to find it there."""


@dataclass(frozen=True, slots=True)
class LatchRules:
    """Timing and strictness of relearning.

    Attributes:
        window_s: a port may move only this long after the signalling named the address.
        in_a_row: packets before another port of the named host is believed. RTCP comes every few seconds: a row of
            several would miss the window, so one is enough there.
        doubts: a learned port that is silent gives way to another one in the window.
    """

    window_s: float = 5.0
    in_a_row: int = 3
    doubts: bool = False


class Verdict(Enum):
    """What to do with a packet."""

    ACCEPT = "accept"
    HOLD = "hold"  # it counts once its port is believed; who can keep a copy, may
    REJECT = "reject"


class Latch:
    """The accepted source of one port of ours.

    Attributes:
        current: who is accepted; None until somebody has spoken.
        named: what the signalling named; None: nobody.
        settled: packets come from `current`, and no other port can be learned; the named one still wins.
    """

    __slots__ = (
        "_again",
        "_before",
        "_candidate",
        "_deadline",
        "_heard",
        "_last",
        "_late",
        "_returning",
        "_row",
        "_rules",
        "_sources",
        "current",
        "named",
        "settled",
    )

    def __init__(self, rules: LatchRules) -> None:
        self._rules = rules
        self.current: Address | None = None
        self.named: Address | None = None
        self.settled = False
        self._sources = NONE
        self._deadline = float("-inf")
        self._before: Address | None = None  # accepted before another address was named
        self._candidate: tuple[Address, int] | None = None  # and the mark of its stream
        self._row = 0
        self._returning = (-1, 0)  # the named one, after the window: the mark of its stream, its packets
        self._again = False  # the same was named again: even `named` may be left
        self._heard = False  # and `current` has spoken since
        self._late = RESTED
        self._last: Address | None = None  # accepted, whatever was named since

    @property
    def destination(self) -> Address | None:
        """Where to send; None while nobody is named."""
        return self.current or self.named

    def expect(self, remote: Address | None, now: float, sources: Sources = NONE) -> None:
        """The signalling names (again) where the peer sends from. None: nobody may send, nothing is sent.

        Args:
            sources: hosts that may be learned besides the remote's.
        """
        if remote is None:
            self._before = self.current = None
        else:
            remote = Address(canonical(remote.host), remote.port)
            if remote != self.named:
                self._before, self.current = self.current or self._before, None
        self._again, self._heard = self.current is not None, False
        self.named = remote
        self.settled = False
        self._sources = sources
        self._deadline = now + self._rules.window_s if remote is not None else float("-inf")
        self._candidate, self._row, self._returning = None, 0, (-1, 0)

    def doubt(self, late: Stragglers) -> None:
        """Learn none of these: they may still speak to whoever had our port before. One that is named is believed."""
        self._late = late

    def is_late(self, source: Address, now: float) -> bool:
        """Whether this is whoever spoke to another one at our port before: no stranger, nor anything to be told."""
        return source != self.named and self._late.may_be(source, now)

    @property
    def speakers(self) -> frozenset[Address]:
        """Addresses that may still send to our port when we have closed it."""
        known = (self.current, self.named, self._before, self._last)
        return frozenset(address for address in known if address is not None)

    def believe(self, host: str) -> None:
        """Learn from this host as well: the peer's other stream comes from there."""
        if self.named is not None and host != self.named.host:
            self._sources = Sources((host,))

    def judge(self, source: Address, now: float, mark: int | None = 0) -> Verdict:
        """Decide about a packet. Settles where that is due; a packet from the settled source need not be asked about.

        Args:
            mark: what its stream is known by (the SSRC); None for a packet of no stream: nothing is learned from it.
        """
        open_ = now <= self._deadline
        if source == self.current:
            self._heard = True
            self._take(source, settled=not open_ or (source == self.named and not self._again))
            return Verdict.ACCEPT
        if source == self.named:
            if self.current is not None and not open_ and not self._returns(mark):
                return Verdict.HOLD
            self._again = False
            self._take(source, settled=True)
            return Verdict.ACCEPT
        if not open_ or self.settled or self.named is None:
            return Verdict.REJECT
        if source == self._before:
            return Verdict.ACCEPT
        if mark is None or not self._may_be(source.host):
            return Verdict.REJECT
        if self.is_late(source, now):
            return Verdict.REJECT
        return self._learn(source, mark)

    def _returns(self, mark: int | None) -> bool:
        """Whether the named one has sent enough to win after the window; others may send in between."""
        if mark is None:
            return False
        known, packets = self._returning
        packets = packets + 1 if known == mark else 1
        self._returning = (mark, packets)
        return packets >= self._rules.in_a_row

    def _may_be(self, host: str) -> bool:
        """Whether the peer may be behind this host, and elsewhere than where it was found."""
        if self.current is None:
            return self.named is not None and (host == self.named.host or self._sources.admit(host))
        if not (self._again or self._rules.doubts):
            return False
        return host == self.current.host or (self._again and not self._heard and self._sources.admit(host))

    def _learn(self, source: Address, mark: int) -> Verdict:
        if (source, mark) != self._candidate:
            self._candidate, self._row = (source, mark), 0
        self._row += 1
        if self._row < self._rules.in_a_row * (OUSTING if self._again and self._heard else 1):
            return Verdict.HOLD
        self._again = False
        self._take(source, settled=False)
        return Verdict.ACCEPT

    def _take(self, source: Address, settled: bool) -> None:
        self.current, self._last, self.settled = source, source, settled
        self._before = self._candidate = None
        self._row = 0
