"""Packets of H.264 made whole pictures, as a file keeps them (ISO/IEC 14496-15). Pure.

Pictures that miss a part are left out, and so is what follows until the next key frame: a player that shows what cannot
be decoded shows a lie. What was left out is counted, and told as a gap.
"""

from __future__ import annotations

from typing import NamedTuple

from splitter.core.errors import PeerError
from splitter.media.record.batch import PicturePacket
from splitter.rtp import h264
from splitter.rtp.reorder import OrderedPacket
from splitter.rtp.repacketise import SingleUnits, Unit
from splitter.rtp.sps import Sps, parse_sps

_UNITS_LIMIT = 2000  # of one picture; one that never ends must not fill the memory
_BYTES_LIMIT = 1 << 22


class CodedPicture(NamedTuple):
    """A whole picture. `data`: its NAL units, each with its length before it; `arrived`: of its first packet."""

    timestamp: int
    arrived: float
    key: bool
    data: bytes


class PictureMaker:
    """Packets of one stream in, whole pictures out.

    Attributes:
        sps, pps: the latest, as they came.
        shape: by that SPS; None before there is one.
        broken: pictures that were left out.
        orientation: the latest CVO byte.
    """

    def __init__(self) -> None:
        self.sps = self.pps = b""
        self.shape: Sps | None = None
        self.broken = 0
        self.orientation = 0
        self._generation = -1
        self.restart()

    def restart(self) -> None:
        """Nothing of before counts; the next key frame begins anew."""
        self._units = SingleUnits()
        self._timestamp = -1
        self._arrived = 0.0
        self._parts: list[bytes] = []
        self._size = 0
        self._spoilt = False
        self._awaits_key = True

    @property
    def ready(self) -> bool:
        """True once all is known that a track must say of itself."""
        return self.shape is not None and bool(self.pps)

    def push(self, packet: PicturePacket, now: float) -> list[CodedPicture]:
        """Take one packet; returns the pictures that are whole with it."""
        if packet.generation != self._generation:
            self._generation = packet.generation
            self.restart()
        if packet.orientation is not None:
            self.orientation = packet.orientation
        done: list[CodedPicture] = []
        held = OrderedPacket(packet.sequence, packet.timestamp, packet.marker, packet.payload, False)
        for unit in self._units.push(held, now):
            self._take(unit, now, done)
        return done

    def _take(self, unit: Unit, now: float, done: list[CodedPicture]) -> None:
        if unit.timestamp != self._timestamp:
            if self._parts or self._spoilt:  # another picture begins: the one before ended without a marker
                self._spoilt = self._spoilt or unit.gap
                self._complete(done)
            elif unit.gap:
                self._awaits_key = True
            self._timestamp, self._arrived = unit.timestamp, now
        elif unit.gap:
            self._spoilt = True
        self._add(bytes(unit.payload))
        if unit.marker:
            self._complete(done)

    def _add(self, unit: bytes) -> None:
        kind = unit[0] & 0x1F
        if kind == h264.SPS:
            self._learn(unit)
        elif kind == h264.PPS:
            self.pps = unit
        if kind == h264.DELIMITER:
            return
        self._size += len(unit)
        if len(self._parts) >= _UNITS_LIMIT or self._size > _BYTES_LIMIT:
            self._spoilt = True
            self._parts = []
            return
        self._parts.append(unit)

    def _learn(self, unit: bytes) -> None:
        try:
            self.shape = parse_sps(unit)
        except PeerError:
            return
        self.sps = unit

    def _complete(self, done: list[CodedPicture]) -> None:
        parts, spoilt = self._parts, self._spoilt
        self._parts, self._size, self._spoilt = [], 0, False
        kinds = {part[0] & 0x1F for part in parts}
        if not spoilt and not kinds & {h264.SLICE, h264.IDR}:
            return  # parameter sets as a picture of their own, or nothing
        key = h264.IDR in kinds
        whole = not spoilt and h264.begins_picture(_first_slice(parts))
        if not whole or (self._awaits_key and not key) or not self.ready:
            self.broken += 1
            self._awaits_key = True
            return
        self._awaits_key = False
        data = b"".join(len(part).to_bytes(4, "big") + part for part in self._with_sets(parts, kinds, key))
        done.append(CodedPicture(self._timestamp, self._arrived, key, data))

    def _with_sets(self, parts: list[bytes], kinds: set[int], key: bool) -> list[bytes]:
        """A key frame has its parameter sets with it, whichever the head of the file says."""
        missing = [one for kind, one in ((h264.SPS, self.sps), (h264.PPS, self.pps)) if kind not in kinds]
        return [*missing, *parts] if key else parts

    @property
    def record(self) -> bytes:
        """The AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1)."""
        sps, pps = self.sps, self.pps
        begin = bytes((1, sps[1], sps[2], sps[3], 0xFF, 0xE1))
        sets = len(sps).to_bytes(2, "big") + sps + b"\x01" + len(pps).to_bytes(2, "big") + pps
        return begin + sets + (_HIGH if sps[1] in (100, 110, 122, 144) else b"")


_HIGH = b"\xfd\xf8\xf8\0"
"""4:2:0 of eight bits, and no extensions of the SPS: the profiles that we agree on have nothing else."""


def turned(orientation: int) -> int:
    """How far a picture is to be turned clockwise to stand upright, in degrees, by its CVO byte (TS 26.114 §7.4.5)."""
    return 90 * (orientation & 3)


def _first_slice(parts: list[bytes]) -> bytes:
    return next((part for part in parts if part[0] & 0x1F in (h264.SLICE, h264.IDR)), b"")
