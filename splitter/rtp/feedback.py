"""Feedback messages of RTCP: NACK, PLI (RFC 4585), FIR, TMMBR, TMMBN (RFC 5104), REMB. Pure.

Bodies only; `rtcp` frames them and puts them into compound packets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from splitter.core.errors import PeerError

RTPFB, PSFB = 205, 206
_NACK, _TMMBR, _TMMBN = 1, 3, 4  # formats of RTPFB
_PLI, _SLI, _FIR, _APPLICATION = 1, 2, 4, 15  # formats of PSFB
_PAIR = struct.Struct("!II")
_LOSS = struct.Struct("!HH")
_MOST_LOST = 1000  # packets that one NACK is heard about: about two seconds of video
_MANTISSA_BITS = {17: 0x1_FFFF, 18: 0x3_FFFF}


@dataclass(frozen=True, slots=True)
class Nack:
    """Generic NACK: these packets of `media` are missing (RFC 4585 §6.2.1)."""

    sender: int
    media: int
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pli:
    """Picture loss: send a key frame (RFC 4585 §6.3.1)."""

    sender: int
    media: int


@dataclass(frozen=True, slots=True)
class Fir:
    """Full intra request: (SSRC, request number) pairs (RFC 5104 §4.3.1). The same number means the same request."""

    sender: int
    requests: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class BitrateLimit:
    """One tuple of TMMBR or TMMBN: at most this many bit/s, with this many bytes of overhead per packet."""

    ssrc: int
    bits_per_s: int
    overhead: int = 0


@dataclass(frozen=True, slots=True)
class Tmmbr:
    """Request for a maximum bit rate (RFC 5104 §4.2.1)."""

    sender: int
    limits: tuple[BitrateLimit, ...]


@dataclass(frozen=True, slots=True)
class Tmmbn:
    """The limits a sender heeds now (RFC 5104 §4.2.2)."""

    sender: int
    limits: tuple[BitrateLimit, ...]


@dataclass(frozen=True, slots=True)
class Remb:
    """A browser's estimate of what it can receive (draft-alvestrand-rmcat-remb)."""

    sender: int
    bits_per_s: int
    ssrcs: tuple[int, ...]


FeedbackMessage = Nack | Pli | Fir | Tmmbr | Tmmbn | Remb


def parse(kind: int, subtype: int, body: bytes) -> list[FeedbackMessage]:
    """Read one feedback packet without its four bytes of header; a kind that is not known gives nothing.

    Raises:
        PeerError: the body is shorter than its kind needs. (Or struct.error, which `rtcp` turns into one.)
    """
    if kind not in (RTPFB, PSFB):
        return []
    if len(body) < 8:
        raise PeerError("RTCP: feedback without its two SSRCs")
    sender, media = _PAIR.unpack_from(body)
    rest = body[8:]
    if kind == RTPFB:
        if subtype == _NACK:
            return [Nack(sender, media, _parse_losses(rest))]
        if subtype == _TMMBR:
            return [Tmmbr(sender, _parse_limits(rest))]
        return [Tmmbn(sender, _parse_limits(rest))] if subtype == _TMMBN else []
    if subtype in (_PLI, _SLI) or (subtype == _FIR and not rest):
        return [Pli(sender, media)]  # lost slices, and requests without an entry: a key frame serves all of them
    if subtype == _FIR:
        pairs = (_PAIR.unpack_from(rest, at) for at in range(0, len(rest) - 7, 8))
        return [Fir(sender, tuple((ssrc, word >> 24) for ssrc, word in pairs))]
    return _parse_remb(sender, rest) if subtype == _APPLICATION and rest[:4] == b"REMB" else []


def _parse_losses(rest: bytes) -> tuple[int, ...]:
    lost: list[int] = []
    for at in range(0, len(rest) - 3, 4):
        if len(lost) >= _MOST_LOST:
            break
        first, mask = _LOSS.unpack_from(rest, at)
        lost.append(first)
        lost.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
    return tuple(lost[:_MOST_LOST])


def _parse_limits(rest: bytes) -> tuple[BitrateLimit, ...]:
    limits = []
    for at in range(0, len(rest) - 7, 8):
        ssrc, word = _PAIR.unpack_from(rest, at)
        limits.append(BitrateLimit(ssrc, (word >> 9 & 0x1_FFFF) << (word >> 26), word & 0x1FF))
    return tuple(limits)


def _parse_remb(sender: int, rest: bytes) -> list[FeedbackMessage]:
    if len(rest) < 8 or len(rest) < 8 + 4 * rest[4]:
        raise PeerError("RTCP: REMB shorter than its SSRC count")
    word = int.from_bytes(rest[5:8])
    ssrcs = tuple(int.from_bytes(rest[8 + 4 * i : 12 + 4 * i]) for i in range(rest[4]))
    return [Remb(sender, (word & 0x3_FFFF) << (word >> 18), ssrcs)]


def build(message: FeedbackMessage) -> tuple[int, int, bytes]:
    """One feedback message: (packet type, format, body)."""
    if isinstance(message, Nack):
        return RTPFB, _NACK, _PAIR.pack(message.sender, message.media) + _build_losses(message.lost)
    if isinstance(message, Pli):
        return PSFB, _PLI, _PAIR.pack(message.sender, message.media)
    if isinstance(message, Fir):
        # The media SSRC of the common part is 0 in FIR and TMMBx (RFC 5104 §4.3.1.2, §4.2.1.2).
        entries = (_PAIR.pack(ssrc, (number & 0xFF) << 24) for ssrc, number in message.requests)
        return PSFB, _FIR, _PAIR.pack(message.sender, 0) + b"".join(entries)
    if isinstance(message, Remb):
        return PSFB, _APPLICATION, _PAIR.pack(message.sender, 0) + _build_remb(message)
    subtype = _TMMBR if isinstance(message, Tmmbr) else _TMMBN
    return RTPFB, subtype, _PAIR.pack(message.sender, 0) + _build_limits(message.limits)


def _build_losses(lost: Iterable[int]) -> bytes:
    """Pack sequence numbers as (first, mask of the 16 behind it); they come in the order of the stream."""
    entries: list[list[int]] = []
    for sequence in lost:
        behind = (sequence - entries[-1][0]) & 0xFFFF if entries else 0
        if 1 <= behind <= 16:
            entries[-1][1] |= 1 << behind - 1
        else:
            entries.append([sequence, 0])
    return b"".join(_LOSS.pack(first, mask) for first, mask in entries)


def _build_limits(limits: Iterable[BitrateLimit]) -> bytes:
    packed = []
    for limit in limits:
        exponent, mantissa = _float(limit.bits_per_s, 17)
        packed.append(_PAIR.pack(limit.ssrc, exponent << 26 | mantissa << 9 | limit.overhead & 0x1FF))
    return b"".join(packed)


def _build_remb(message: Remb) -> bytes:
    exponent, mantissa = _float(message.bits_per_s, 18)
    head = b"REMB" + bytes((len(message.ssrcs),)) + (exponent << 18 | mantissa).to_bytes(3)
    return head + b"".join(ssrc.to_bytes(4) for ssrc in message.ssrcs)


def _float(value: int, bits: int) -> tuple[int, int]:
    """A rate as (exponent, mantissa of so many bits), rounded down."""
    exponent = max(0, value.bit_length() - bits)
    return exponent, value >> exponent & _MANTISSA_BITS[bits]
