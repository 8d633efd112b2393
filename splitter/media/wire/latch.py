"""From where a participant's packets are taken, and where its own go (symmetric RTP, RFC 4961). Pure.

Only the host that SDP named may send, and those that the trunk is configured to believe. Its port may differ from SDP's
(a NAT in between) and is learned from the first valid packets after each `expect`, within a short window. Several
packets in a row are asked for before another port is believed, so that one stray packet of a neighbouring call on the
same SBC decides nothing; they are held meanwhile, for the first one may carry the only parameter sets of the call.

A stray stream may still be there before the peer is. So a port that was learned stays open to doubt: within the window
it gives way to another one that sends so many packets in a row while it is silent itself, and to the port that SDP
named at any time: in the window to its first packet, later to as many, lest a forged one takes the picture away. That
one, once it has spoken, never moves, until it is named again: who was heard before, such as
with early media, may send from elsewhere afterwards. So whoever is accepted then is open to doubt in the same way; if
it is still heard, it takes `OUSTING` times as many packets without one of its own in between, and these of its host.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import ip_address

from splitter.core.net import Address
from splitter.media.wire.sources import NONE, Sources


def canonical(host: str) -> str:
    """An address as the kernel spells it; SDP may write IPv6 in other ways (RFC 5952)."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host


OUSTING = 5
"""How many times as many packets it takes to oust a port that is still heard."""


class Verdict(Enum):
    """What to do with a packet."""

    ACCEPT = "accept"
    HOLD = "hold"  # keep a copy; it counts once the port is believed
    REJECT = "reject"


class Latch:
    """The accepted source of one port of ours.

    Attributes:
        source: who is accepted, or expected while nothing has come; also where our packets go.
        settled: valid packets come from `source`, and no other port can be learned; the one that SDP named still wins.
    """

    __slots__ = (
        "_again",
        "_before",
        "_candidate",
        "_deadline",
        "_found",
        "_heard",
        "_in_a_row",
        "_named",
        "_row",
        "_signalled",
        "_sources",
        "_window_s",
        "settled",
        "source",
    )

    def __init__(self, window_s: float, in_a_row: int = 3) -> None:
        self.source = self._signalled = Address("", 0)
        self.settled = False
        self._window_s = window_s
        self._deadline = 0.0
        self._before: Address | None = None
        self._candidate: Address | None = None
        self._row = 0
        self._named = 0  # packets of `_signalled` after the window, while another port is believed
        self._in_a_row = in_a_row
        self._found = False  # packets came from `source`
        self._again = False  # the same was named again: even `_signalled` may be left
        self._heard = False  # and `source` has spoken since
        self._sources = NONE

    def expect(self, remote: Address, now: float, sources: Sources = NONE) -> None:
        """SDP named (again) where the peer sends from; what was accepted so far stays so until the first new packet.

        The same address as before keeps the port that was learned, but lets it be learned anew.

        Args:
            sources: hosts that may be learned besides the remote's.
        """
        remote = Address(canonical(remote.host), remote.port)
        self._before = self.source if self._found else self._before
        self._again, self._heard = self._before is not None and remote == self._signalled, False
        if remote != self._signalled:
            self.source = self._signalled = remote
        self.settled = self._found = False
        self._sources = sources
        self._deadline = now + self._window_s
        self._named = 0
        self._candidate = None
        self._row = 0

    def judge(self, source: Address, now: float) -> Verdict:
        """Decide about a valid packet that is not from the settled source. Settles where that is due."""
        if self._again and source == self.source and now <= self._deadline:
            self._believe(self.source)
            self._heard = True
            return Verdict.ACCEPT
        if source == self._signalled:
            if self._found and source != self.source and now > self._deadline:
                self._named += 1
                if self._named < self._in_a_row:
                    return Verdict.HOLD
            self._believe(self._signalled)
            self.settled = True
            return Verdict.ACCEPT
        if source == self.source:
            self._believe(self.source)
            self.settled = now > self._deadline
            return Verdict.ACCEPT
        if source == self._before:
            return Verdict.ACCEPT
        if self.settled or now > self._deadline or not self._may_be(source[0]):
            return Verdict.REJECT
        if source != self._candidate:
            self._candidate = Address(*source)
            self._row = 0
        self._row += 1
        if self._row < self._in_a_row * (OUSTING if self._heard else 1):
            return Verdict.HOLD
        self._believe(self._candidate)
        self._again = self._heard = False
        return Verdict.ACCEPT

    def _may_be(self, host: str) -> bool:
        """Whether the peer may be behind this host; once it was found, it stays at its host."""
        if host == self.source.host:
            return True
        return not self._found and (host == self._signalled.host or self._sources.admit(host))

    def _believe(self, source: Address) -> None:
        self.source = source
        self._found = True
        self._before = self._candidate = None
        self._row = 0
