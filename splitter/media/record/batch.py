"""The packets of many taps in one datagram. Pure.

A datagram is a mark, the name of the worker that sends it, and pieces one after the other: what it is, which stream,
the time it came (the steady clock of this machine), how long it is, and that many bytes. One datagram holds many
packets, since the kernel lets few datagrams wait at a socket. Streams are numbered by the worker; what each is stands
in a `Described`, which is said again every second, for a recorder that came later.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import msgspec

from splitter.core.errors import PeerError

MARK = b"SR1\0"
_NAME_BYTES = 8
_PIECE = struct.Struct("!BIdH")
_PICTURE = struct.Struct("!QIIBB")
_LOST = struct.Struct("!Q")
_REPORT = struct.Struct("!QI")

PIECE_LIMIT = 65_535
_LATE, _MARKER, _TURNED = 1, 2, 4


class Kind(IntEnum):
    """The kind of a piece."""

    DESCRIBED = 1
    RTP = 2
    RTCP = 3
    PICTURE = 4
    REPORT = 5
    LOST = 6
    ENDED = 7


class Described(msgspec.Struct, frozen=True):
    """The description of a stream.

    Attributes:
        recording: that it belongs to.
        name: whose it is: "caller", "centre", "phone-1", "desk-1" …
        kind: "voice", "picture", or "shown" (what the caller is shown).
        clock_rate: of its time stamps.
        encodings: of a voice: by payload type, its name in upper case, clock rate, channels and fmtp.
        digits: payload types of keys, which are not recorded.
    """

    recording: str
    name: str
    kind: str
    clock_rate: int = 8000
    encodings: tuple[tuple[int, str, int, int, str], ...] = ()
    digits: tuple[int, ...] = ()


class TapPiece(NamedTuple):
    """A piece of a datagram. `at`: when it came, in seconds of the steady clock."""

    kind: Kind
    stream: int
    at: float
    data: memoryview


class PicturePacket(NamedTuple):
    """A packet of H.264, as the room has understood it. `orientation`: its CVO byte, None where it has none."""

    sequence: int
    timestamp: int
    generation: int
    marker: bool
    orientation: int | None
    payload: bytes


_described = msgspec.msgpack.Decoder(Described)


def head(worker: bytes) -> bytes:
    """The begin of a datagram of the worker with this name of eight bytes."""
    return MARK + worker


def piece(kind: Kind, stream: int, at: float, size: int) -> bytes:
    """The head of a piece."""
    return _PIECE.pack(kind, stream, at, size)


def described(what: Described) -> bytes:
    """A description as the data of a piece."""
    return msgspec.msgpack.encode(what)


def read_described(data: memoryview) -> Described:
    """The description in a piece. Raises PeerError."""
    try:
        return _described.decode(data)
    except msgspec.MsgspecError as error:
        raise PeerError(f"a tap's description cannot be read: {error}") from error


def picture_head(packet: PicturePacket) -> bytes:
    """The begin of the data of a picture's packet; its payload follows."""
    flags = _MARKER * packet.marker | (_TURNED if packet.orientation is not None else 0)
    return _PICTURE.pack(
        packet.sequence & 0xFFFF_FFFF_FFFF_FFFF,
        packet.timestamp,
        packet.generation & 0xFFFF_FFFF,
        flags,
        packet.orientation or 0,
    )


def read_picture(data: memoryview) -> PicturePacket:
    """The packet of a picture. Raises PeerError."""
    if len(data) < _PICTURE.size:
        raise PeerError("a tap's picture is cut off")
    sequence, timestamp, generation, flags, turned = _PICTURE.unpack_from(data)
    orientation = turned if flags & _TURNED else None
    return PicturePacket(
        sequence, timestamp, generation, bool(flags & _MARKER), orientation, bytes(data[_PICTURE.size :])
    )


def report(ntp: int, rtp: int) -> bytes:
    """A sender report's two times as the data of a piece."""
    return _REPORT.pack(ntp & 0xFFFF_FFFF_FFFF_FFFF, rtp & 0xFFFF_FFFF)


def read_report(data: memoryview) -> tuple[int, int]:
    """(NTP, RTP) of a sender report. Raises PeerError."""
    if len(data) != _REPORT.size:
        raise PeerError("a tap's report is cut off")
    ntp, rtp = _REPORT.unpack(data)
    return ntp, rtp


def lost(count: int) -> bytes:
    """A count of packets that were dropped, as the data of a piece."""
    return _LOST.pack(count)


def read_lost(data: memoryview) -> int:
    """Read how many packets were dropped. Raises PeerError."""
    if len(data) != _LOST.size:
        raise PeerError("a tap's count is cut off")
    count: int = _LOST.unpack(data)[0]
    return count


def pieces(datagram: bytes) -> tuple[bytes, Iterator[TapPiece]]:
    """Read a datagram. Returns: the worker's name, and the pieces, of which what is cut off is left out.

    Raises:
        PeerError: it is none.
    """
    begin = len(MARK) + _NAME_BYTES
    if len(datagram) < begin or not datagram.startswith(MARK):
        raise PeerError("this is no datagram of a tap")
    return datagram[len(MARK) : begin], _pieces(memoryview(datagram), begin)


def _pieces(data: memoryview, at: int) -> Iterator[TapPiece]:
    while at + _PIECE.size <= len(data):
        kind, stream, when, size = _PIECE.unpack_from(data, at)
        at += _PIECE.size
        if at + size > len(data) or kind not in _KINDS:
            return
        yield TapPiece(Kind(kind), stream, when, data[at : at + size])
        at += size


_KINDS = frozenset(Kind)
