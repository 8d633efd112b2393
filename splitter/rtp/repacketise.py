"""Any H.264 payloads in, single NAL units out, for peers of packetization-mode 0 (RFC 6184 §6.2). Pure."""

from __future__ import annotations

from typing import NamedTuple

from splitter.rtp.h264 import FU_A, IGNORED, Depacketiser
from splitter.rtp.markers import END_OF_PICTURE
from splitter.rtp.packet import Buffer
from splitter.rtp.reorder import OrderedPacket, Reorder

_QUIET = (FU_A, *IGNORED)  # payloads that may complete no unit, and yet nothing is missing


class Unit(NamedTuple):
    """One whole NAL unit. `gap`: something is missing before it; `marker`: it ends its access unit."""

    payload: Buffer
    timestamp: int
    marker: bool
    gap: bool


class SingleUnits:
    """Splits aggregates and joins fragments; waits a little for packets that were overtaken."""

    __slots__ = ("_depacketiser", "_gap", "_reorder")

    def __init__(self) -> None:
        self._reorder = Reorder()
        self._depacketiser = Depacketiser()
        self._gap = False

    def push(self, packet: OrderedPacket, now: float) -> list[Unit]:
        """Take one packet by its extended sequence number; returns the units that are whole and in order now."""
        units: list[Unit] = []
        for held in self._reorder.push(packet, now):
            if held.gap:
                self._depacketiser.gap()
                self._gap = True
            if not held.payload:
                continue
            broken = self._depacketiser.broken
            whole = self._depacketiser.push(held.payload)
            if self._depacketiser.broken != broken or (not whole and held.payload[0] & 0x1F not in _QUIET):
                self._gap = True
            if held.marker and held.payload[0] & 0x1F in IGNORED:
                whole = [END_OF_PICTURE]
            for unit in whole:
                units.append(Unit(unit, held.timestamp, held.marker and unit is whole[-1], self._gap))
                self._gap = False
        return units
