"""One RTP packet: header, header extensions, sequence and timestamp arithmetic (RFC 3550 §5, RFC 8285). Pure.

The datapath does not make objects of packets: it unpacks `HEADER` in place and asks `payload_bounds` and `extension`.
`Packet` is for where speed does not matter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from splitter.core.errors import PeerError

Buffer = bytes | bytearray | memoryview

HEADER = struct.Struct("!BBHII")
HEADER_SIZE = HEADER.size
VERSION = 0x80  # version 2, no padding, no extension, no CSRC
_EXTENSION = struct.Struct("!HH")
_ONE_BYTE = 0xBEDE  # RFC 8285 §4.2
_TWO_BYTE = 0x1000  # RFC 8285 §4.3: the low four bits are free


class Packet(NamedTuple):
    """One RTP packet, taken apart. `extensions` are (id, data) in the order of the packet."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    extensions: tuple[tuple[int, bytes], ...] = ()


def timestamp_delta(newer: int, older: int) -> int:
    """The signed way from one 32-bit timestamp to another, in [-2^31, 2^31)."""
    return ((newer - older + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


def payload_bounds(data: Buffer) -> tuple[int, int] | None:
    """Where the payload begins and ends: behind CSRCs and header extension, before padding.

    Returns: (start, end), or None where the packet is not RTP version 2 or contradicts its own lengths.
    """
    size = len(data)
    if size < HEADER_SIZE:
        return None
    first = data[0]
    if first & 0xC0 != VERSION:
        return None
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & 0x10:
        if start + 4 > size:
            return None
        start += 4 + 4 * ((data[start + 2] << 8) | data[start + 3])
    if first & 0x20:
        padding = data[size - 1]
        if padding == 0:
            return None
        size -= padding
    return (start, size) if start <= size else None


def extensions(data: Buffer) -> list[tuple[int, bytes]]:
    """The header extension elements, in either form of RFC 8285; none where there is no such extension.

    The packet must have passed `payload_bounds`. An element that runs over the end is left out with what follows it.
    """
    if not data[0] & 0x10:
        return []
    at = HEADER_SIZE + 4 * (data[0] & 0x0F)
    profile, words = _EXTENSION.unpack_from(data, at)
    at += 4
    end = at + 4 * words
    if profile == _ONE_BYTE:
        return _one_byte_elements(data, at, end)
    if profile & 0xFFF0 == _TWO_BYTE:
        return _two_byte_elements(data, at, end)
    return []


def _one_byte_elements(data: Buffer, at: int, end: int) -> list[tuple[int, bytes]]:
    found = []
    while at < end:
        head = data[at]
        at += 1
        if head == 0:  # padding
            continue
        element, length = head >> 4, (head & 0x0F) + 1
        if element in (0, 15) or at + length > end:  # both end the list (RFC 8285 §4.2); padding has no length
            break
        found.append((element, bytes(data[at : at + length])))
        at += length
    return found


def _two_byte_elements(data: Buffer, at: int, end: int) -> list[tuple[int, bytes]]:
    found = []
    while at < end:
        element = data[at]
        at += 1
        if element == 0:  # padding is a single byte (RFC 8285 §4.3)
            continue
        if at >= end or at + 1 + data[at] > end:
            break
        length = data[at]
        found.append((element, bytes(data[at + 1 : at + 1 + length])))
        at += 1 + length
    return found


def extension(data: Buffer, element: int) -> bytes | None:
    """The data of one header extension element, or None. The packet must have passed `payload_bounds`."""
    for found, value in extensions(data):
        if found == element:
            return value
    return None


def pack_extensions(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """The extension block behind the fixed header, padded to words; one-byte form where ids and lengths allow it."""
    chosen = list(elements)
    short = all(1 <= element <= 14 and 1 <= len(value) <= 16 for element, value in chosen)
    body = b"".join(
        (bytes((element << 4 | len(value) - 1,)) if short else bytes((element, len(value)))) + value
        for element, value in chosen
    )
    body += bytes(-len(body) % 4)
    return _EXTENSION.pack(_ONE_BYTE if short else _TWO_BYTE, len(body) // 4) + body


def build(packet: Packet) -> bytes:
    """The packet as it goes over the wire."""
    first = VERSION | (0x10 if packet.extensions else 0)
    head = HEADER.pack(first, packet.marker << 7 | packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc)
    return head + (pack_extensions(packet.extensions) if packet.extensions else b"") + packet.payload


def parse(data: Buffer) -> Packet:
    """Take one packet apart.

    Raises:
        PeerError: not RTP version 2, or its lengths contradict each other.
    """
    bounds = payload_bounds(data)
    if bounds is None:
        raise PeerError("not an RTP packet, or its lengths contradict each other")
    _, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    start, end = bounds
    return Packet(
        bool(second & 0x80),
        second & 0x7F,
        sequence,
        timestamp,
        ssrc,
        bytes(data[start:end]),
        tuple(extensions(data)),
    )
