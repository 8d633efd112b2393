"""Bit rates that follow what is lost (the loss-based part of draft-ietf-rmcat-gcc-02 §6). Pure.

Two directions: what we allow a peer to send to us, and what a peer turns out to be able to receive from us.
"""

from __future__ import annotations

_MUCH_LOST = 0.10  # of the packets: too much for repair, the rate goes down
_LITTLE_LOST = 0.02  # the rate goes up again
_BELIEVED_LOSS = 0.5  # of one report: there are peers that miscount after a change of the source
_UP = 1.08
_UP_KBPS = 10
_MARGIN = 0.95
_LEAST_KBPS = 64  # a picture of the smallest size at a few frames per second
_TELLING_KBPS = 150  # a stream this thin says nothing about the path


class Allowance:
    """What a sender may send us: at most the limit of whoever watches it, and less while much is lost on the way."""

    __slots__ = ("_kbps", "limit_kbps")

    def __init__(self) -> None:
        self.limit_kbps: int | None = None
        self._kbps: float | None = None  # what the path seems to carry; None: everything

    @property
    def kbps(self) -> int | None:
        """The rate now; None while nothing limits it."""
        if self._kbps is None or self.limit_kbps is None:
            return self.limit_kbps if self._kbps is None else round(self._kbps)
        return min(round(self._kbps), self.limit_kbps)

    @property
    def searching(self) -> bool:
        """Whether the path carries less than everything, and each report tries for more."""
        return self._kbps is not None

    def report(self, lost: float, received_kbps: float) -> None:
        """Take the report of the last interval: the fraction of packets lost, and the rate of those that came."""
        self._kbps = _follow(self._kbps, lost, received_kbps)
        if self._kbps is not None and self.limit_kbps is not None and self._kbps >= self.limit_kbps:
            self._kbps = None


class Capacity:
    """What a receiver can take beyond what its SDP says, from its reports.

    A browser's REMB is no measure of its own where little was sent: it grows by some percent per second from what came
    so far, and after a minute of a still picture it says 50 kbit/s. So it is believed only after it has kept up with
    a stream once, and while that stream goes on.

    Attributes:
        kbps: None while nothing says that there is a limit.
    """

    __slots__ = ("_credible", "_estimate", "kbps")

    def __init__(self) -> None:
        self.kbps: int | None = None
        self._estimate: float | None = None
        self._credible = False

    def told(self, kbps: int) -> None:
        """The peer sets a limit itself (TMMBR)."""
        self.kbps = kbps

    def report(self, lost: float, sent_kbps: float, limit_kbps: int) -> None:
        """Take the peer's report of an interval: the fraction lost, and what was sent. `limit_kbps`: what SDP says."""
        estimate = _follow(self._estimate, lost, sent_kbps * (1 - min(lost, _BELIEVED_LOSS)))
        self._set(estimate, limit_kbps)

    def estimated(self, kbps: int, sent_kbps: float, limit_kbps: int) -> None:
        """The peer's own estimate (REMB)."""
        if sent_kbps < _TELLING_KBPS:
            self._credible = False
        elif kbps >= sent_kbps:
            self._credible = True
            if self._estimate is not None:
                self._set(max(self._estimate, kbps), limit_kbps)
        elif self._credible:
            self._set(kbps, limit_kbps)

    def _set(self, estimate: float | None, limit_kbps: int) -> None:
        before, self._estimate = self._estimate, estimate
        if estimate is not None and estimate >= limit_kbps:
            self._estimate = None
        if before is not None or self._estimate is not None:
            self.kbps = None if self._estimate is None else max(_LEAST_KBPS, round(self._estimate))


def _follow(kbps: float | None, lost: float, carried_kbps: float) -> float | None:
    """Down to what got through when much is lost, up by steps when nothing is."""
    if lost > _MUCH_LOST and carried_kbps > 0:
        down = carried_kbps * _MARGIN
        return max(_LEAST_KBPS, down if kbps is None else min(kbps, down))
    if kbps is not None and lost < _LITTLE_LOST:
        return kbps * _UP + _UP_KBPS
    return kbps
