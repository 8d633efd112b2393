"""RTCP reports, SDES, BYE and the compound packet (RFC 3550 §6, reduced size RFC 5506). Pure.

`parse` reads a whole datagram; feedback messages are in `feedback`. Kinds that nobody here needs are skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from splitter.core.errors import PeerError
from splitter.rtp import feedback
from splitter.rtp.feedback import FeedbackMessage
from splitter.rtp.packet import Buffer

_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_FIR_H261 = 192  # full intra request as older video phones send it (RFC 2032 §5.2.1)
_HEAD = struct.Struct("!BBH")
_WORD = struct.Struct("!I")
_SENDER = struct.Struct("!QIII")
_SENDER_REPORT = struct.Struct("!BBHIQIII")
_BLOCK = struct.Struct("!IIIIII")
_CNAME = 1
_SDES_KEPT, _SDES_BYTES = 2048, 64  # those that everybody repeats
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says about one source (RFC 3550 §6.4.1).

    Attributes:
        fraction_lost: of the packets since the last report, in 1/256.
        lost: packets in all; negative where duplicates came.
        highest: extended highest sequence number received.
        jitter: in timestamp units.
        last_sr, delay: middle 32 bits of the last SR's NTP time; time since then in 1/65536 s. 0 where none came.
    """

    ssrc: int
    fraction_lost: int = 0
    lost: int = 0
    highest: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A sender report (SR): which NTP time (64-bit fixed point) an RTP timestamp stands for."""

    ssrc: int
    ntp: int
    rtp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """A receiver report (RR)."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """One SDES chunk; of its items only CNAME is kept."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Bye:
    """A BYE: these sources have stopped sending."""

    ssrcs: tuple[int, ...]
    reason: str = ""


Report = SenderReport | ReceiverReport | SourceDescription | Bye
RtcpPacket = Report | FeedbackMessage


def ntp_time(unix_s: float) -> int:
    """Seconds since 1970 as a 64-bit NTP time stamp (RFC 3550 §4)."""
    return int((unix_s + _NTP_EPOCH) * 0x1_0000_0000) & 0xFFFF_FFFF_FFFF_FFFF


def parse(data: Buffer) -> list[RtcpPacket]:
    """Read one datagram: a compound packet, or a single one of reduced size.

    A packet that contradicts itself is passed over, and so is what follows one that ends beyond the datagram: a request
    for a key frame must not be lost to the description beside it, or to bytes that a peer left behind it.

    Raises:
        PeerError: there was nothing that could be read.
    """
    raw = bytes(data)
    messages: list[RtcpPacket] = []
    broken: PeerError | None = None
    read = False
    at = 0
    while at < len(raw):
        try:
            first, kind, body, at = _next(raw, at)
        except PeerError as error:
            broken = error
            break
        try:
            messages.extend(_parse_one(kind, first & 0x1F, _without_padding(body) if first & 0x20 else body))
            read = True
        except PeerError as error:
            broken = error
    if broken is not None and not read:
        raise broken
    return messages


def _next(raw: bytes, at: int) -> tuple[int, int, bytes, int]:
    """The packet that begins at `at`: its first byte, its type, its body, and where it ends."""
    if at + 4 > len(raw):
        raise PeerError("RTCP: trailing bytes that are no packet")
    first, kind, words = _HEAD.unpack_from(raw, at)
    end = at + 4 + 4 * words
    if first & 0xC0 != 0x80 or end > len(raw):
        raise PeerError("RTCP: not version 2, or longer than its datagram")
    return first, kind, raw[at + 4 : end], end


def _without_padding(body: bytes) -> bytes:
    """What padding leaves of a body; where it counts none there is none."""
    padding = body[-1] if body else 0
    if padding > len(body):
        raise PeerError("RTCP: padding longer than its packet")
    return body[: len(body) - padding]


def _parse_one(kind: int, count: int, body: bytes) -> Iterable[RtcpPacket]:
    try:
        if kind == _SR:
            return [_parse_sr(count, body)]
        if kind == _RR:
            return [ReceiverReport(_WORD.unpack_from(body)[0], _parse_blocks(body, 4, count))]
        if kind == _SDES:
            return _parse_sdes(count, body) if len(body) > _SDES_BYTES else _parse_usual_sdes(count, body)
        if kind == _BYE:
            return [_parse_bye(count, body)]
        if kind == _FIR_H261:
            return [feedback.Pli(0, _WORD.unpack_from(body)[0])]
        return feedback.parse(kind, count, body)
    except struct.error:
        raise PeerError(f"RTCP: packet of type {kind} is too short for what it announces") from None


def _parse_sr(count: int, body: bytes) -> SenderReport:
    (ssrc,) = _WORD.unpack_from(body)
    ntp, rtp, packets, octets = _SENDER.unpack_from(body, 4)
    return SenderReport(ssrc, ntp, rtp, packets, octets, _parse_blocks(body, 24, count))


def _parse_blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, at + 24 * index)
        lost = loss & 0xFF_FFFF
        blocks.append(ReportBlock(ssrc, loss >> 24, lost - ((lost & 0x80_0000) << 1), highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_sdes(count: int, body: bytes) -> list[SourceDescription]:
    found = []
    at = 0
    for _ in range(count):
        (ssrc,) = _WORD.unpack_from(body, at)
        at += 4
        cname = ""
        while at < len(body) and body[at] != 0:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise PeerError("RTCP: SDES item longer than its chunk")
            kind, length = body[at], body[at + 1]
            if kind == _CNAME:
                cname = body[at + 2 : at + 2 + length].decode("utf-8", "replace")
            at += 2 + length
        at += 4 - at % 4  # the chunk ends with one to four zero bytes
        found.append(SourceDescription(ssrc, cname))
    return found


@lru_cache(_SDES_KEPT)
def _parse_usual_sdes(count: int, body: bytes) -> tuple[SourceDescription, ...]:
    """As `_parse_sdes`, not for each report anew."""
    return tuple(_parse_sdes(count, body))


def _parse_bye(count: int, body: bytes) -> Bye:
    ssrcs = tuple(_WORD.unpack_from(body, 4 * index)[0] for index in range(count))
    rest = body[4 * count :]
    reason = rest[1 : 1 + rest[0]].decode("utf-8", "replace") if rest else ""
    return Bye(ssrcs, reason)


def build(messages: Iterable[RtcpPacket]) -> bytes:
    """Messages as one datagram; the caller puts a report first, as RFC 3550 §6.1 wants it."""
    return b"".join(_build_one(message) for message in messages)


def _build_one(message: RtcpPacket) -> bytes:
    if isinstance(message, SenderReport):
        count = len(message.blocks)
        numbers = message.ssrc, message.ntp, message.rtp, message.packets, message.octets
        return _SENDER_REPORT.pack(0x80 | count, _SR, 6 + 6 * count, *numbers) + _build_blocks(message.blocks)
    if isinstance(message, ReceiverReport):
        return _frame(_RR, len(message.blocks), _WORD.pack(message.ssrc) + _build_blocks(message.blocks))
    if isinstance(message, SourceDescription):
        name = message.cname.encode()[:255]
        items = _WORD.pack(message.ssrc) + bytes((_CNAME, len(name))) + name
        return _frame(_SDES, 1, items + bytes(4 - len(items) % 4))
    if isinstance(message, Bye):
        reason = message.reason.encode()[:255]
        tail = bytes((len(reason),)) + reason if reason else b""
        body = b"".join(_WORD.pack(ssrc) for ssrc in message.ssrcs) + tail
        return _frame(_BYE, len(message.ssrcs), body + bytes(-len(body) % 4))
    kind, subtype, body = feedback.build(message)
    return _frame(kind, subtype, body)


def _build_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            (block.fraction_lost & 0xFF) << 24 | max(-0x80_0000, min(0x7F_FFFF, block.lost)) & 0xFF_FFFF,
            block.highest & 0xFFFF_FFFF,
            min(block.jitter, 0xFFFF_FFFF),
            block.last_sr,
            min(block.delay, 0xFFFF_FFFF),
        )
        for block in blocks
    )


def _frame(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body
