"""Elements of EBML (RFC 8794) and their ids in Matroska (RFC 9559). Pure."""

from __future__ import annotations

import struct

EBML, VOID = 0x1A45DFA3, 0xEC
SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
INFO, SCALE, DURATION, DATE, MUXER, WRITER, TITLE = 0x1549A966, 0x2AD7B1, 0x4489, 0x4461, 0x4D80, 0x5741, 0x7BA9
TRACKS, TRACK, NUMBER, UID, TYPE, LACING = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83, 0x9C
NAME, CODEC, CODEC_DATA, CODEC_DELAY, PREROLL = 0x536E, 0x86, 0x63A2, 0x56AA, 0x56BB
VIDEO, WIDTH, HEIGHT, PROJECTION, PROJECTION_TYPE, ROLL = 0xE0, 0xB0, 0xBA, 0x7670, 0x7671, 0x7675
AUDIO, RATE, CHANNELS, DEPTH = 0xE1, 0xB5, 0x9F, 0x6264
CLUSTER, CLUSTER_TIME, SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
CUES, CUE, CUE_TIME, CUE_PLACES, CUE_TRACK, CUE_CLUSTER = 0x1C53BB6B, 0xBB, 0xB3, 0xB7, 0xF7, 0xF1

UNKNOWN = b"\x01\xff\xff\xff\xff\xff\xff\xff"
"""A size of eight bytes that is not known yet."""


def identity(id: int) -> bytes:
    """An id as it is written: it holds its own length."""
    return id.to_bytes((id.bit_length() + 7) // 8, "big")


def size(value: int, octets: int = 0) -> bytes:
    """A size, in as few bytes as it needs, or in so many."""
    needed = octets or max(1, -(-(value + 1).bit_length() // 7))
    return (value | 1 << 7 * needed).to_bytes(needed, "big")


def element(id: int, data: bytes) -> bytes:
    """An element of these bytes."""
    return identity(id) + size(len(data)) + data


def master(id: int, *children: bytes) -> bytes:
    """An element of elements."""
    return element(id, b"".join(children))


def number(id: int, value: int) -> bytes:
    """An element that is an unsigned integer."""
    return element(id, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def signed(id: int, value: int) -> bytes:
    """An element that is an integer of eight bytes."""
    return element(id, value.to_bytes(8, "big", signed=True))


def real(id: int, value: float) -> bytes:
    """An element that is a float of eight bytes."""
    return element(id, struct.pack("!d", value))


def text(id: int, value: str) -> bytes:
    """An element that is a text."""
    return element(id, value.encode("utf-8", "replace"))


def void(octets: int) -> bytes:
    """An element that says nothing, of so many bytes in all; from 9 on."""
    return identity(VOID) + size(octets - 9, 8) + bytes(octets - 9)
