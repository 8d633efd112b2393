"""The numbers of what one side hears, which go on without a break whatever it is made of (RFC 3550 §5.1). Pure.

A relay that was a mix once goes on under the same source: whoever hears it is not to notice where its packets are from.
"""

from __future__ import annotations

from splitter.rtp.packet import HEADER, HEADER_SIZE, VERSION, Buffer, timestamp_delta

_MARKER = 0x80
_FEW = 1000  # numbers: whoever jumps further begins anew
_LONGEST = 5760  # timestamp units of a packet: 120 ms of Opus


class VoiceStream:
    """One outgoing stream.

    Attributes:
        sequence, timestamp: of the next packet.
        begins: the next packet is the first of something (RFC 3551 §4.1).
        packets, octets: sent, as an SR counts them.
    """

    __slots__ = ("begins", "octets", "packets", "sequence", "ssrc", "timestamp")

    def __init__(self, ssrc: int, sequence: int, timestamp: int, begins: bool = True) -> None:
        self.ssrc, self.sequence, self.timestamp = ssrc, sequence, timestamp
        self.begins = begins
        self.packets = self.octets = 0

    @classmethod
    def following(cls, packet: Buffer) -> VoiceStream:
        """Go on where this packet would be: it was not sent."""
        _, _, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        return cls(ssrc, sequence, timestamp, begins=False)

    def pack(self, payload_type: int, payload: bytes, units: int) -> bytes:
        """The next packet. `units`: of the timestamp that it lasts."""
        marker = _MARKER if self.begins else 0
        head = HEADER.pack(VERSION, marker | payload_type, self.sequence, self.timestamp, self.ssrc)
        self.begins = False
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.skip(units)
        self.packets += 1
        self.octets += len(payload)
        return head + payload

    def skip(self, units: int) -> None:
        """Time passes in which nothing is sent."""
        self.timestamp = (self.timestamp + units) & 0xFFFF_FFFF


class Renumbering:
    """Packets of another source, as part of a stream.

    Args:
        stream: which they go on.
        types: their payload types, each with what the one who hears it calls it; others are left out.
    """

    __slots__ = ("_last", "_length", "_numbers", "_ssrc", "_times", "_types", "stream")

    def __init__(self, stream: VoiceStream, types: dict[int, int]) -> None:
        self.stream = stream
        self._types = types
        self._ssrc = -1
        self._numbers = self._times = 0
        self._last = 0
        self._length = 160  # timestamp units of a packet, as far as is known

    def pack(self, packet: Buffer) -> bytes | None:
        """A packet as it goes on; None where nothing does."""
        if len(packet) < HEADER_SIZE or packet[0] & 0xC0 != VERSION or 192 <= packet[1] <= 223:
            return None
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        kind = self._types.get(second & 0x7F)
        if kind is None:
            return None
        stream = self.stream
        number = (sequence + self._numbers) & 0xFFFF
        ahead = ((number - stream.sequence + 0x8000) & 0xFFFF) - 0x8000
        if ssrc != self._ssrc or abs(ahead) > _FEW:
            self._ssrc, self._last, ahead, number = ssrc, timestamp, 0, stream.sequence
            self._numbers, self._times = stream.sequence - sequence, stream.timestamp - timestamp
        time = (timestamp + self._times) & 0xFFFF_FFFF
        if ahead >= 0:
            step = timestamp_delta(timestamp, self._last)
            self._length = step if not ahead and 0 < step <= _LONGEST else self._length
            self._last = timestamp
            stream.sequence = (number + 1) & 0xFFFF
            stream.timestamp = (time + self._length) & 0xFFFF_FFFF
        stream.packets += 1
        stream.octets += len(packet) - HEADER_SIZE
        return HEADER.pack(first, second & _MARKER | kind, number, time, stream.ssrc) + bytes(packet[HEADER_SIZE:])
