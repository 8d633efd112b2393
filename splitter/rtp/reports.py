"""Reports of a peer on how it hears us: its RTCP, read as it passes through (RFC 3550 §6.4). Pure.

Reports that are forwarded between two peers answer each other. Whoever forwards them stands between the two: from a
sender report that went to a peer to the peer's report about it is one round trip, less the time that the peer says it
waited (§6.4.1: LSR and DLSR). Peers write what they like: whatever cannot be is passed over.
"""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.rtp.packet import Buffer
from splitter.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport, SourceDescription, parse

SENT_KEPT = 8
"""Sender reports that a report may still be about."""

MOST_OFTEN_S = 0.05
"""Datagrams that come closer together are not read: a peer reports once in some seconds."""

_LONGEST_S = 30.0  # what took longer is no round trip, but a peer that counts wrong
_EARLY_S = 0.05  # clocks of peers are coarse: a round trip a little below nothing is nothing
_GAIN = 1 / 4
_LONGEST_JITTER = 1 << 20  # timestamp units; some seconds
_BLOCKS = 4  # of one report that are looked at


class PeerReports:
    """The reports of one peer.

    Attributes:
        round_trip_s: to it and back, smoothed; None while unknown.
        lost: packets that it missed, of all streams that it was sent; -1 while unknown.
        jitter: as it says, in units of the timestamps that it gets; -1 while unknown.
        sent: packets that it says it has sent; -1 while unknown. It may begin anew.
        heard_at: when its latest RTCP came; None before the first.
        latest: its latest sender report, and when that came; None before the first.
        cname: as it calls itself; "" while unknown.
    """

    __slots__ = (
        *("_due", "_lost_before", "_sent", "_ssrc"),
        *("cname", "heard_at", "jitter", "latest", "lost", "round_trip_s", "sent"),
    )

    def __init__(self) -> None:
        self.round_trip_s: float | None = None
        self.lost = self.jitter = self.sent = -1
        self.heard_at: float | None = None
        self.latest: tuple[SenderReport, float] | None = None
        self.cname = ""
        self._sent: dict[tuple[int, int], float] = {}  # SSRC and LSR of sender reports that it got, and when
        self._ssrc: int | None = None  # of the stream that it reported on
        self._lost_before = 0
        self._due = float("-inf")

    def note_sent(self, ssrc: int, ntp: int, now: float) -> None:
        """Note that a sender report was sent to it."""
        if len(self._sent) >= SENT_KEPT:
            del self._sent[next(iter(self._sent))]
        self._sent[ssrc, _middle(ntp)] = now

    def take(self, data: Buffer, now: float, beyond: PeerReports | None = None) -> None:
        """Read a datagram of its RTCP.

        Args:
            beyond: the peer that it is forwarded to; None for nobody.
        """
        self.heard_at = now
        if now < self._due:
            return
        self._due = now + MOST_OFTEN_S
        try:
            messages = parse(data)
        except PeerError:
            return
        for message in messages:
            if isinstance(message, SenderReport):
                self.sent, self.latest = message.packets, (message, now)
                if beyond is not None:
                    beyond.note_sent(message.ssrc, message.ntp, now)
            elif isinstance(message, SourceDescription):
                self.cname = message.cname or self.cname
            if isinstance(message, SenderReport | ReceiverReport):
                for block in message.blocks[:_BLOCKS]:
                    self._take_block(block, now, len(message.blocks) == 1)

    def _take_block(self, block: ReportBlock, now: float, alone: bool) -> None:
        sent_at = self._sent.get((block.ssrc, block.last_sr)) if block.last_sr else None
        if sent_at is None and block.ssrc != self._ssrc and not alone:
            return  # it gets something else besides
        if sent_at is not None:
            self._time(now - sent_at - block.delay / 65536)
        if block.ssrc != self._ssrc:
            self._ssrc, self._lost_before = block.ssrc, max(self.lost, 0)
        self.lost = self._lost_before + max(block.lost, 0)
        self.jitter = min(block.jitter, _LONGEST_JITTER)

    def _time(self, took_s: float) -> None:
        if not -_EARLY_S <= took_s <= _LONGEST_S:
            return
        took_s = max(took_s, 0.0)
        before = self.round_trip_s
        self.round_trip_s = took_s if before is None else before + (took_s - before) * _GAIN


def _middle(ntp: int) -> int:
    """The part of a time that reports repeat: LSR."""
    return ntp >> 16 & 0xFFFF_FFFF
