"""H.264 in RTP payloads as the lab's parties do it (RFC 6184), packetization modes 0 and 1. Pure.

Of its own for the reason that wire.py gives. A unit is a NAL unit without start code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

IDR, SPS, PPS = 5, 7, 8
_STAP_A, _FU_A = 24, 28
_START_CODE = re.compile(rb"\x00\x00(?:\x00)?\x01")


def units_of(annex_b: bytes) -> list[bytes]:
    """Split a byte stream at its start codes."""
    return [unit for unit in _START_CODE.split(annex_b) if unit]


def kind_of(unit: bytes) -> int:
    """The type of a unit: 5 is a slice of an IDR picture, 7 and 8 are parameter sets."""
    return unit[0] & 31


def payloads_of(units: list[bytes], mode: int, limit: int = 1200) -> list[bytes]:
    """Put the units of one access unit into payloads.

    Args:
        units: in order.
        mode: 0: one unit a payload, whatever its size (let the encoder cut slices); 1: parameter sets together in one
            STAP-A, long units in FU-A.
        limit: bytes of a payload in mode 1.
    """
    if mode == 0:
        return list(units)
    sets = [unit for unit in units if kind_of(unit) in (SPS, PPS)]
    payloads: list[bytes] = []
    if len(sets) > 1:
        header = max(unit[0] & 0x60 for unit in sets) | _STAP_A
        payloads.append(bytes((header,)) + b"".join(len(u).to_bytes(2, "big") + u for u in sets))
    else:
        payloads += sets
    for unit in units:
        if kind_of(unit) in (SPS, PPS):
            continue
        payloads += [unit] if len(unit) <= limit else _fragments(unit, limit)
    return payloads


def _fragments(unit: bytes, limit: int) -> list[bytes]:
    indicator = unit[0] & 0xE0 | _FU_A
    pieces = [unit[at : at + limit - 2] for at in range(1, len(unit), limit - 2)]
    last = len(pieces) - 1
    return [
        bytes((indicator, unit[0] & 31 | (0x80 if n == 0 else 0) | (0x40 if n == last else 0))) + piece
        for n, piece in enumerate(pieces)
    ]


@dataclass(slots=True)
class Depayloader:
    """Collects payloads into access units, in the order in which they come.

    Attributes:
        broken: fragments whose start was lost, or payloads of a kind that modes 0 and 1 do not have.
    """

    broken: int = 0
    _units: list[bytes] = field(default_factory=list)
    _fragment: bytearray | None = None

    def payload(self, payload: bytes) -> None:
        """Take one payload of the current access unit."""
        if not payload:
            return
        kind = payload[0] & 31
        if kind == _FU_A:
            self._take_fragment(payload)
        elif kind == _STAP_A:
            self._take_aggregate(payload)
        elif 1 <= kind <= 23:
            self._units.append(payload)
        else:
            self.broken += 1

    def take(self) -> list[bytes]:
        """The access unit's units; the next one begins."""
        if self._fragment is not None:
            self.broken += 1
            self._fragment = None
        units, self._units = self._units, []
        return units

    def lost(self) -> None:
        """A packet is missing: the fragment that is open cannot be finished."""
        if self._fragment is not None:
            self.broken += 1
            self._fragment = None

    def _take_fragment(self, payload: bytes) -> None:
        if len(payload) < 2:
            self.broken += 1
            return
        if payload[1] & 0x80:
            self._fragment = bytearray((payload[0] & 0xE0 | payload[1] & 31,))
        if self._fragment is None:
            self.broken += 1
            return
        self._fragment += payload[2:]
        if payload[1] & 0x40:
            self._units.append(bytes(self._fragment))
            self._fragment = None

    def _take_aggregate(self, payload: bytes) -> None:
        at = 1
        while at + 2 <= len(payload):
            size = int.from_bytes(payload[at : at + 2], "big")
            if size == 0 or at + 2 + size > len(payload):
                self.broken += 1
                return
            self._units.append(payload[at + 2 : at + 2 + size])
            at += 2 + size
