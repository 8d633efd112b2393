"""Which source may feed a lane, and where its answers go: symmetric RTP (RFC 4961) with a short memory. Pure.

The signalling names one address. Its host is law; its port may be wrong behind a NAT. So, while the window is open:

- a packet from exactly the signalled address settles the matter at once;
- `confirm` packets in a row from another port of the same host, of one SSRC, move us to that port, until the
  signalled one speaks up after all;
- what was accepted before the signalling moved stays accepted until the new address speaks (packets in flight).

The same address may be named again, at the answer or in a re-INVITE: a peer that was heard before, such as with early
media, may send from elsewhere afterwards. What is in force stays in force, and gives way to another port of its host
like a new address does; if it speaks itself, to `OUSTING` times as many packets without one of its own in between.

Where the trunk is configured so, other hosts are learned like another port of the named one; a named address that
speaks within the window still wins, and lasts. They oust nobody who is heard.

When the window closes, no other port is learned; only a new `signal` opens it again. A stray stream of the same host
(all calls of an SBC share one) would need to come in the window and in a row, and a closed port is not reused for a
while: this is what stands between two calls. If one was learned all the same, it gives way to the signalled address at
any time: after the window to `confirm` packets of it, so that a single forged one takes nobody's voice away.
"""

from __future__ import annotations

from dataclasses import dataclass

from splitter.media.wire.sources import NONE, Sources
from splitter.media.wire.strangers import Source

OUSTING = 5
"""How many times as many packets it takes to oust a port that is still heard: 0.3 s of a voice."""


@dataclass(frozen=True, slots=True)
class LatchRules:
    """Timing and strictness of relearning.

    Attributes:
        window_s: a port may move only this long after the signalling named the address.
        confirm_rtp: packets in a row before another port of the signalled host is believed.
        confirm_rtcp: the same for RTCP, which comes every few seconds: a row of several would miss the window.
    """

    window_s: float = 5.0
    confirm_rtp: int = 3
    confirm_rtcp: int = 1


class Latch:
    """The state of one lane.

    Attributes:
        current: the source accepted now, None until one has spoken.
        destination: where to send: `current`, else what the signalling named, else None.
        signalled: what the signalling named; None: nobody.
    """

    __slots__ = (
        "_again",
        "_candidate",
        "_confirm",
        "_heard",
        "_mark",
        "_named",
        "_open",
        "_previous",
        "_sources",
        "_streak",
        "current",
        "signalled",
    )

    def __init__(self, confirm: int) -> None:
        self._confirm = confirm
        self.signalled: Source | None = None
        self._previous: Source | None = None
        self._candidate: Source | None = None
        self._mark: int | None = None
        self._named: tuple[int | None, int] = (None, 0)  # of the signalled one after the window: its mark, its packets
        self._streak = 0
        self._sources = NONE
        self._open = False
        self._again = False  # the window was opened once more: `current` may be ousted
        self._heard = False  # and it has spoken since
        self.current: Source | None = None

    @property
    def destination(self) -> Source | None:
        return self.current or self.signalled

    @property
    def learning(self) -> bool:
        """Whether a packet may still change `current`."""
        return self._open or (self.current is None and self.signalled is not None)

    @property
    def contested(self) -> bool:
        """Whether `current` may give way to another port: each packet of its own is to be judged."""
        return self._again

    @property
    def displaced(self) -> bool:
        """Whether another source than the signalled one is accepted."""
        return self.current is not None and self.current != self.signalled

    def signal(self, remote: Source | None, sources: Sources = NONE) -> None:
        """The signalling named the remote (again): open the window. None: nobody may send, nothing is sent.

        Args:
            sources: hosts that may be learned besides the remote's.
        """
        if remote is None or remote != self.signalled:
            self._previous = self.current if remote is not None else None
            self.current = None
        self._again, self._heard = self.current is not None, False
        self.signalled = remote
        self._sources = sources
        self._candidate = None
        self._named = (None, 0)
        self._open = remote is not None

    def close_window(self) -> None:
        """Freeze what is in force."""
        self._open = self._again = False
        self._previous = None

    def judge(self, source: Source, mark: int | None) -> bool:
        """Whether to take a packet from `source`; may change `current`.

        Args:
            source: where it came from.
            mark: what its stream is known by (the SSRC); None for a packet that is no RTP or RTCP.
        """
        if source == self.current:
            self._heard, self._candidate = True, None
            return True
        if source == self.signalled:
            if not self._open and self.current is not None and not self._returns(mark):
                return False
            self.current = source
            self._open = self._again = False  # the peer sends from where it said: nothing is left to learn
            self._previous = None
            return True
        if not self._open or self.signalled is None:
            return False
        if source == self._previous:
            return self.current is None
        learns = self.current is None or self._again
        return learns and self._may_be(source[0]) and self._learn(source, mark)

    def believe(self, host: str) -> None:
        """Learn from this host as well: the peer's other stream comes from there."""
        if self.signalled is not None and host != self.signalled[0]:
            self._sources = Sources((host,))

    def _returns(self, mark: int | None) -> bool:
        """Whether the signalled one has sent enough to win after the window; others may send in between."""
        if mark is None:
            return False
        known, packets = self._named
        packets = packets + 1 if known == mark else 1
        self._named = (mark, packets)
        return packets >= self._confirm

    def _may_be(self, host: str) -> bool:
        """Whether the peer may be behind this host."""
        assert self.signalled is not None
        if host == self.signalled[0] or (self.current is not None and host == self.current[0]):
            return True
        return not self._heard and self._sources.admit(host)

    def _learn(self, source: Source, mark: int | None) -> bool:
        if mark is None:
            return False
        if source != self._candidate or mark != self._mark:
            self._candidate, self._mark, self._streak = source, mark, 0
        self._streak += 1
        if self._streak < self._confirm * (OUSTING if self._heard else 1):
            return False
        self.current = source
        self._previous = None
        self._again = self._heard = False
        return True
