"""The stream of a mosaic: RTP towards the room, and what the room says of it by RTCP. No I/O: packets are returned."""

from __future__ import annotations

from random import getrandbits

from splitter.core.errors import PeerError
from splitter.media.mosaic.protocol import PAYLOAD_TYPE
from splitter.rtp import h264, rtcp
from splitter.rtp.feedback import Fir, Pli, Remb
from splitter.rtp.packet import HEADER, VERSION
from splitter.rtp.rtcp import SenderReport, SourceDescription, ntp_time

_PACKET_BYTES = 1200  # of a payload
_REPORT_S = 1.0


class OutgoingStream:
    """One stream.

    Attributes:
        ssrc: of it.
        wants_key_frame: the room asked for one; whoever makes it clears this.
        limit_kbps: as the room told; None before.
    """

    def __init__(self, now: float) -> None:
        self.ssrc = getrandbits(32)
        self.wants_key_frame = True
        self.limit_kbps: int | None = None
        self._sequence = getrandbits(15)
        self._clock = getrandbits(31)
        self._began = now
        self._packets = self._octets = 0
        self._reported = float("-inf")

    def packets(self, units: list[bytes], now: float) -> list[bytes]:
        """The packets of one picture."""
        payloads = [piece for unit in units for piece in h264.within(unit, _PACKET_BYTES)]
        timestamp, last = self._timestamp(now), len(payloads) - 1
        found = []
        for index, payload in enumerate(payloads):
            second = PAYLOAD_TYPE | (0x80 if index == last else 0)
            self._sequence = (self._sequence + 1) & 0xFFFF
            found.append(HEADER.pack(VERSION, second, self._sequence, timestamp, self.ssrc) + payload)
            self._octets += len(payload)
        self._packets += len(found)
        return found

    def report(self, now: float, wall: float) -> bytes | None:
        """A sender report where one is due: the room aligns the picture with the voice by it."""
        if now - self._reported < _REPORT_S or not self._packets:
            return None
        self._reported = now
        counts = (self._packets & 0xFFFF_FFFF, self._octets & 0xFFFF_FFFF)
        report = SenderReport(self.ssrc, ntp_time(wall), self._timestamp(now), *counts)
        return rtcp.build([report, SourceDescription(self.ssrc, "mosaic")])

    def take(self, data: bytes) -> None:
        """Take RTCP of the room."""
        try:
            messages = rtcp.parse(data)
        except PeerError:
            return
        for message in messages:
            match message:
                case Pli() | Fir():
                    self.wants_key_frame = True
                case Remb():
                    self.limit_kbps = message.bits_per_s // 1000
                case _:
                    pass

    def _timestamp(self, now: float) -> int:
        return (self._clock + round((now - self._began) * 90_000)) & 0xFFFF_FFFF


def key_frame_request(ours: int, theirs: int) -> bytes:
    """Ask a source for a key frame (RFC 4585 §6.3.1)."""
    return rtcp.build([rtcp.ReceiverReport(ours), SourceDescription(ours, "mosaic"), Pli(ours, theirs)])
