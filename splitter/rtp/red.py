"""Redundant voice: a packet that brings those before it along (RFC 2198). Pure.

header of each older block:  1 | type (7) | how much older (14, timestamp units) | length (10)
header of the newest one:    0 | type (7)                        then all blocks in the same order
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from splitter.core.errors import PeerError

OLDEST, LONGEST = (1 << 14) - 1, (1 << 10) - 1
"""Bounds of a block that is sent again: timestamp units behind, and bytes."""

MOST_BLOCKS = 9
"""Blocks of a packet that is read."""

_FOLLOWS = 0x80


class RedBlock(NamedTuple):
    """One block. `behind`: timestamp units that it is older than its packet; 0 for the newest one."""

    payload_type: int
    behind: int
    payload: bytes


def read(payload: bytes) -> list[RedBlock]:
    """Read the blocks of a payload, the oldest first. Raises PeerError where it contradicts itself."""
    heads: list[tuple[int, int, int]] = []
    at = 0
    while at < len(payload) and payload[at] & _FOLLOWS:
        if at + 4 > len(payload) or len(heads) >= MOST_BLOCKS - 1:
            raise PeerError("redundant voice without an end to its headers")
        word = int.from_bytes(payload[at : at + 4], "big")
        heads.append((word >> 24 & 0x7F, word >> 10 & OLDEST, word & LONGEST))
        at += 4
    if at >= len(payload):
        raise PeerError("redundant voice without a newest block")
    newest = payload[at]
    at += 1
    blocks = []
    for kind, behind, length in heads:
        if at + length > len(payload):
            raise PeerError("redundant voice that is shorter than it says")
        blocks.append(RedBlock(kind, behind, payload[at : at + length]))
        at += length
    return [*blocks, RedBlock(newest, 0, payload[at:])]


def build(blocks: Iterable[RedBlock]) -> bytes:
    """Write blocks, the oldest first; older ones that do not fit into their headers are left out."""
    *older, newest = blocks
    kept = [one for one in older if 0 < one.behind <= OLDEST and 0 < len(one.payload) <= LONGEST]
    heads = [
        (1 << 31 | one.payload_type << 24 | one.behind << 10 | len(one.payload)).to_bytes(4, "big") for one in kept
    ]
    return b"".join((*heads, bytes((newest.payload_type,)), *(one.payload for one in (*kept, newest))))
