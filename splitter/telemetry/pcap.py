"""The messages of a trace as a capture file, for programs that read those (Wireshark, tshark, sngrep). No I/O.

A trace holds messages, not packets. Headers are made up around each: IP and UDP as on the wire, TCP with running
numbers and no handshake. What came over TLS or a WebSocket stands as plain TCP on our side's port 5060, since programs
look for SIP there and not for what it was wrapped in.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace

from splitter.telemetry.ends import SIP_PORT, End, Ends
from splitter.telemetry.trace import TraceEvent

_MAGIC, _RAW_IP = 0xA1B2C3D4, 101  # microseconds; LINKTYPE_RAW: packets begin with their IP header
_SNAP_BYTES = 262_144
_UDP, _TCP = 17, 6
_UDP_BYTES = 65_507  # of IPv4
_SEGMENT_BYTES = 1400
_PUSH_ACK = 0x18


class Capture:
    """Makes a capture file out of events, piece by piece.

    Attributes:
        messages: how many are in it. left_out: messages whose peer has no address.
    """

    def __init__(self) -> None:
        self.messages = self.left_out = 0
        self._ends = Ends()
        self._sent: dict[tuple[End, End], int] = {}  # bytes of a TCP stream
        self._identification = 0

    def learn(self, events: Iterable[TraceEvent]) -> None:
        """Find our own addresses in what is there already, so that they hold for all of it."""
        for event in events:
            self._ends.learn(event)

    def head(self) -> bytes:
        """The header of the file."""
        return struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAP_BYTES, _RAW_IP)

    def records(self, event: TraceEvent) -> Iterator[bytes]:
        """The packets of one event; none where it is no message."""
        if event.kind != "message" or not event.data:
            return
        path = self._ends.path_of(event)
        if path is None:
            self.left_out += 1
            return
        self.messages += 1
        source, target, transport = path.source, path.target, path.transport
        if transport not in ("udp", "tcp"):
            ours = target if event.direction == "in" else source
            source, target = (one if one is not ours else replace(ours, port=SIP_PORT) for one in (source, target))
        packets = (
            self._datagram(source, target, event.data)
            if transport == "udp"
            else self._segments(source, target, event.data)
        )
        seconds, micros = divmod(round(event.at * 1_000_000), 1_000_000)
        for packet in packets:
            yield struct.pack("<IIII", seconds & 0xFFFF_FFFF, micros, len(packet), len(packet)) + packet

    # ---- packets --------------------------------------------------------------------------------------------------

    def _datagram(self, source: End, target: End, data: bytes) -> Iterator[bytes]:
        data = data[:_UDP_BYTES]
        length = 8 + len(data)
        head = struct.pack("!HHHH", source.port, target.port, length, 0)
        check = _checksum(_pseudo(source, target, _UDP, length) + head + data) or 0xFFFF
        yield self._packet(source, target, _UDP, head[:6] + struct.pack("!H", check) + data)

    def _segments(self, source: End, target: End, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _SEGMENT_BYTES):
            part = data[start : start + _SEGMENT_BYTES]
            sent, heard = self._sent.get((source, target), 0), self._sent.get((target, source), 0)
            self._sent[source, target] = sent + len(part)
            numbers = ((sent + 1) & 0xFFFF_FFFF, (heard + 1) & 0xFFFF_FFFF)
            head = struct.pack("!HHIIBBHHH", source.port, target.port, *numbers, 5 << 4, _PUSH_ACK, 65_535, 0, 0)
            check = _checksum(_pseudo(source, target, _TCP, len(head) + len(part)) + head + part)
            yield self._packet(source, target, _TCP, head[:16] + struct.pack("!HH", check, 0) + part)

    def _packet(self, source: End, target: End, protocol: int, payload: bytes) -> bytes:
        if source.ip.version == 6:
            head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
            return head + source.ip.packed + target.ip.packed + payload
        self._identification = (self._identification + 1) & 0xFFFF
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), self._identification, 0, 64, protocol, 0)
        addresses = source.ip.packed + target.ip.packed
        return head[:10] + struct.pack("!H", _checksum(head + addresses)) + addresses + payload


def _pseudo(source: End, target: End, protocol: int, length: int) -> bytes:
    """What the checksum covers beside the packet itself (RFC 9293 §3.1, RFC 8200 §8.1)."""
    shape = "!BBH" if source.ip.version == 4 else "!I3xB"
    values = (0, protocol, length) if source.ip.version == 4 else (length, protocol)
    return source.ip.packed + target.ip.packed + struct.pack(shape, *values)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
