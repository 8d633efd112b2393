"""Pictures as RTP payloads: what a camera sends to the tests (RFC 6184)."""

from __future__ import annotations

from collections.abc import Iterable

from splitter.rtp.h264 import STAP_A, fragment


def packetise(units: Iterable[bytes], mode: int, limit: int) -> list[bytes]:
    """Put the NAL units of one access unit into RTP payloads.

    Args:
        units: NAL units without start codes, in order.
        mode: packetization-mode of the receiver. In mode 0 each unit is one payload, however large.
        limit: largest payload in bytes. In mode 1 larger units are fragmented, small neighbours aggregated.
    """
    if mode == 0:
        return list(units)
    payloads: list[bytes] = []
    group: list[bytes] = []
    size = 1
    for unit in units:
        if group and size + 2 + len(unit) > limit:
            payloads.append(_aggregate(group))
            group, size = [], 1
        if len(unit) + 3 > limit:
            payloads.extend([unit] if len(unit) <= limit else fragment(unit, limit))
        else:
            group.append(unit)
            size += 2 + len(unit)
    if group:
        payloads.append(_aggregate(group))
    return payloads


def _aggregate(group: list[bytes]) -> bytes:
    if len(group) == 1:
        return group[0]
    importance = max(unit[0] & 0x60 for unit in group)  # NRI: the highest of all (RFC 6184 §5.7)
    return bytes((importance | STAP_A,)) + b"".join(len(unit).to_bytes(2) + unit for unit in group)
