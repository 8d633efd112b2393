"""RTP and RTCP as the lab's parties speak them (RFC 3550, RFC 4585, RFC 5104, RFC 8285). Pure.

An implementation of its own, small and plain, instead of splitter.rtp: the lab stands for the neighbours, and a
misreading of the standard must not cancel itself out on both sides of a test.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_ONE_BYTE_PROFILE = 0xBEDE
_SR, _RR, _SDES, _BYE, _RTPFB, _PSFB = 200, 201, 202, 203, 205, 206
_FMT_PLI, _FMT_FIR = 1, 4


@dataclass(frozen=True, slots=True)
class LabPacket:
    """One RTP packet. `extension`: RFC 8285 elements by id."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    extension: tuple[tuple[int, bytes], ...] = ()

    def pack(self) -> bytes:
        """The bytes on the wire."""
        first = 0x90 if self.extension else 0x80
        second = self.payload_type | (0x80 if self.marker else 0)
        header = struct.pack(
            "!BBHII", first, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc & 0xFFFFFFFF
        )
        return header + _pack_extension(self.extension) + self.payload


def unpack(data: bytes) -> LabPacket | None:
    """Parse an RTP packet; None if it is none."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
    at = 12 + 4 * (first & 15)
    extension: tuple[tuple[int, bytes], ...] = ()
    if first & 0x10:
        if len(data) < at + 4:
            return None
        profile, words = struct.unpack_from("!HH", data, at)
        if profile == _ONE_BYTE_PROFILE:
            extension = tuple(_elements(data[at + 4 : at + 4 + 4 * words]))
        at += 4 + 4 * words
    end = len(data) - (data[-1] if first & 0x20 else 0)
    if at > end:
        return None
    return LabPacket(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[at:end], extension)


def is_rtcp(data: bytes) -> bool:
    """True for RTCP, also on a shared port (RFC 5761 §4)."""
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


@dataclass(frozen=True, slots=True)
class SenderClock:
    """The sender's clock: `wall` seconds since 1970 belong to RTP `timestamp`."""

    ssrc: int
    wall: float
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class PictureLoss:
    """PLI (RFC 4585 §6.3.1)."""

    sender: int
    media: int


@dataclass(frozen=True, slots=True)
class FullIntra:
    """FIR (RFC 5104 §4.3.1); the same sequence number again is the same request."""

    sender: int
    media: int
    sequence: int


@dataclass(frozen=True, slots=True)
class OtherReport:
    """Any other RTCP packet, by its type and its FMT or count."""

    kind: int
    fmt: int


LabReport = SenderClock | PictureLoss | FullIntra | OtherReport


def reports(data: bytes) -> Iterator[LabReport]:
    """The packets of one RTCP compound; ends early where it is malformed."""
    at = 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        body = data[at + 4 : at + 4 + 4 * words]
        if first >> 6 != 2 or len(body) < 4 * words:
            return
        yield _report(first & 31, kind, body)
        at += 4 + 4 * words


def sender_report(report: SenderClock, cname: str) -> bytes:
    """A compound of SR and SDES (RFC 3550 §6.1)."""
    seconds = int(report.wall)
    fraction = int((report.wall - seconds) * 2**32)
    body = struct.pack(
        "!IIIIII",
        report.ssrc,
        (seconds + _NTP_EPOCH_S) & 0xFFFFFFFF,
        fraction,
        report.timestamp & 0xFFFFFFFF,
        report.packets & 0xFFFFFFFF,
        report.octets & 0xFFFFFFFF,
    )
    return _rtcp(0, _SR, body) + _sdes(report.ssrc, cname)


def receiver_report(ssrc: int, cname: str) -> bytes:
    """An empty RR with SDES: what must stand before feedback in a compound."""
    return _rtcp(0, _RR, struct.pack("!I", ssrc)) + _sdes(ssrc, cname)


def picture_loss(ssrc: int, media: int, cname: str) -> bytes:
    """A compound with PLI."""
    return receiver_report(ssrc, cname) + _rtcp(_FMT_PLI, _PSFB, struct.pack("!II", ssrc, media))


def full_intra(ssrc: int, media: int, sequence: int, cname: str) -> bytes:
    """A compound with FIR; its own media field is 0, the SSRC stands in the entry (RFC 5104 §4.3.1.2)."""
    entry = struct.pack("!IIIBxxx", ssrc, 0, media, sequence & 255)
    return receiver_report(ssrc, cname) + _rtcp(_FMT_FIR, _PSFB, entry)


def newer(sequence: int, than: int) -> int:
    """How far a 16-bit sequence number is ahead of another: -32768..32767."""
    return ((sequence - than + 0x8000) & 0xFFFF) - 0x8000


def _report(fmt: int, kind: int, body: bytes) -> LabReport:
    if kind == _SR and len(body) >= 24:
        ssrc, seconds, fraction, timestamp, packets, octets = struct.unpack_from("!IIIIII", body)
        return SenderClock(ssrc, seconds - _NTP_EPOCH_S + fraction / 2**32, timestamp, packets, octets)
    if kind == _PSFB and fmt == _FMT_PLI and len(body) >= 8:
        return PictureLoss(*struct.unpack_from("!II", body))
    if kind == _PSFB and fmt == _FMT_FIR and len(body) >= 16:
        sender, _, media, sequence = struct.unpack_from("!IIIB", body)
        return FullIntra(sender, media, sequence)
    return OtherReport(kind, fmt)


def _rtcp(fmt: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | fmt, kind, len(body) // 4) + body


def _sdes(ssrc: int, cname: str) -> bytes:
    name = cname.encode()
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name + b"\0"
    return _rtcp(1, _SDES, chunk + bytes(-len(chunk) % 4))


def _pack_extension(elements: tuple[tuple[int, bytes], ...]) -> bytes:
    if not elements:
        return b""
    packed = b"".join(bytes((element_id << 4 | len(value) - 1,)) + value for element_id, value in elements)
    packed += bytes(-len(packed) % 4)
    return struct.pack("!HH", _ONE_BYTE_PROFILE, len(packed) // 4) + packed


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        element_id, length = data[at] >> 4, (data[at] & 15) + 1
        if element_id == 15:
            return
        if element_id == 0:  # padding
            at += 1
            continue
        yield element_id, data[at + 1 : at + 1 + length]
        at += 1 + length
