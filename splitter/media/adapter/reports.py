"""Reports of a voice that is transcoded: neither side's are about what the other one sends or gets. No I/O.

To the browser we report like any peer, of what we get of it and of what we send. To the relay we say of the browser
what it says of itself: how much of our stream it misses, and how long the way to it is; so the figures of the call's
two sides stay those of the two networks.
"""

from __future__ import annotations

from collections.abc import Iterable

from splitter.media.voice.stream import VoiceStream
from splitter.rtp import rtcp
from splitter.rtp.packet import HEADER, Buffer
from splitter.rtp.reports import PeerReports
from splitter.rtp.rtcp import (
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    ntp_time,
)
from splitter.rtp.statistics import Order, ReceivedStream

_MIDDLE = 0xFFFF_FFFF


class HeardStream:
    """What comes from one side, as it is reported to that side. `clock_rate`: of its timestamps."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._stream: ReceivedStream | None = None

    @property
    def ssrc(self) -> int | None:
        """SSRC of its packets; None before the first one."""
        return self._stream.ssrc if self._stream is not None else None

    def count(self, packet: Buffer, now: float) -> None:
        """Count a packet of RTP."""
        _, _, number, timestamp, ssrc = HEADER.unpack_from(packet)
        stream = self._stream
        if stream is None or stream.ssrc != ssrc:
            stream = self._stream = ReceivedStream(ssrc, self._clock_rate)
        if stream.follow(number, timestamp, now):
            return
        order, extended = stream.order(number)
        if order is Order.JUMP:
            stream = self._stream = ReceivedStream(ssrc, self._clock_rate)
            extended = stream.order(number)[1]
        stream.count(extended, timestamp, now)

    def note(self, messages: Iterable[RtcpPacket], now: float) -> None:
        """Take note of its sender reports."""
        for message in messages:
            if isinstance(message, SenderReport) and self._stream is not None and message.ssrc == self._stream.ssrc:
                self._stream.sender_report(message.ntp, now)

    def block(self, now: float) -> tuple[ReportBlock, ...]:
        """What came since the last time."""
        stream = self._stream
        return (stream.block(now),) if stream is not None and stream.received else ()


class BetweenReports:
    """The reports between a browser and the relay. `ratio`: timestamp units of the browser to one of the relay."""

    def __init__(self, ratio: int) -> None:
        self._ratio = ratio
        self._browser = PeerReports()
        self._fraction = 0
        self._sender: tuple[SenderReport, float] | None = None  # of whoever is behind the relay

    def from_browser(self, messages: list[RtcpPacket], ours: int, now: float) -> int | None:
        """Take in what the browser reports. Returns: how many percent of our stream it misses, where it says so."""
        self._browser.take(rtcp.build(messages), now)
        said = None
        for message in messages:
            if isinstance(message, SenderReport | ReceiverReport):
                for block in message.blocks:
                    if block.ssrc == ours:
                        self._fraction = block.fraction_lost
                        said = block.fraction_lost * 100 // 256
        return said

    def from_relay(self, messages: list[RtcpPacket], now: float) -> None:
        """Take in what comes by the relay."""
        for message in messages:
            if isinstance(message, SenderReport):
                self._sender = (message, now)

    def to_browser(self, stream: VoiceStream, heard: HeardStream, cname: str, wall: float, now: float) -> bytes:
        """Our report to the browser."""
        ntp = ntp_time(wall)
        self._browser.note_sent(stream.ssrc, ntp, now)
        return _report(stream, ntp, heard.block(now), cname)

    def to_relay(self, stream: VoiceStream, heard: HeardStream, cname: str, wall: float, now: float) -> bytes:
        """The browser's report, for whoever is behind the relay."""
        return _report(stream, ntp_time(wall), self._of_browser(heard, now), self._browser.cname or cname)

    def _of_browser(self, heard: HeardStream, now: float) -> tuple[ReportBlock, ...]:
        told, sender, ssrc = self._browser, self._sender, heard.ssrc
        if ssrc is None or told.lost < 0:
            return ()
        last, delay = 0, 0
        if sender is not None and sender[0].ssrc == ssrc and told.round_trip_s is not None:
            waited_s = now - sender[1] - told.round_trip_s  # so that what remains is the way to the browser
            if waited_s >= 0:
                last, delay = sender[0].ntp >> 16 & _MIDDLE, int(waited_s * 65536) & _MIDDLE
        jitter = max(0, told.jitter) // self._ratio
        return (ReportBlock(ssrc, self._fraction, told.lost, 0, jitter, last, delay),)


def _report(stream: VoiceStream, ntp: int, blocks: tuple[ReportBlock, ...], cname: str) -> bytes:
    sender = SenderReport(stream.ssrc, ntp, stream.timestamp, stream.packets, stream.octets, blocks)
    return rtcp.build([sender, SourceDescription(stream.ssrc, cname)])
