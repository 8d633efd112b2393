"""The parameter sets of one source: from SDP, then whatever comes in-band (RFC 6184 §8.2.1, §8.4). Pure.

Many handsets send them once, in SDP or in the first packet; a viewer who joins later needs them before an IDR.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from splitter.core.errors import PeerError
from splitter.rtp import h264
from splitter.rtp.packet import Buffer
from splitter.rtp.sps import Bits, Sps, parse_sps

_KEPT = 8  # sets of each kind; real encoders use one
_SIZE_LIMIT = 4096  # bytes of one set; real ones have 10 to 50, with scaling lists some hundred
_FRAGMENTS = 16  # of sets, kept until their unit is whole
_SLICE_HEADER = 24  # bytes of a slice that hold the begin of its header
_START, _END = 0x80, 0x40  # of the FU header (RFC 6184 §5.8)


class _Held(NamedTuple):
    """One set. `sps` of an SPS is what it says, of a PPS the id of the one it refers to."""

    nal: bytes
    at: int
    sps: Sps | int


class ParameterSets:
    """The latest SPS and PPS by their ids: the one that was sent last wins, not the one that came last."""

    __slots__ = ("_pps", "_sps")

    def __init__(self, known: Iterable[bytes] = ()) -> None:
        self._sps: dict[int, _Held] = {}
        self._pps: dict[int, _Held] = {}
        for nal in known:
            self.learn(nal)

    def learn(self, nal: Buffer, at: int = 0) -> bool:
        """Take one SPS or PPS. Returns whether it says something new; what cannot be read is left out.

        Args:
            at: extended sequence number of its packet: older ones than that of the set that is held say nothing. 0
                for one that came in SDP, and holds until another comes.
        """
        if not 2 <= len(nal) <= _SIZE_LIMIT:
            return False
        kind = nal[0] & 0x1F
        try:
            if kind == h264.SPS:
                sps = parse_sps(nal)
                return _keep(self._sps, sps.sps_id, _Held(bytes(nal), at, sps))
            if kind == h264.PPS:
                bits = Bits(nal)
                return _keep(self._pps, bits.ue(), _Held(bytes(nal), at, bits.ue()))
        except PeerError:
            pass
        return False

    def restart(self) -> None:
        """The sequence numbers begin anew: whatever comes now is later than what is held."""
        for sets in (self._sps, self._pps):
            for number, held in sets.items():
                sets[number] = held._replace(at=0)

    @property
    def complete(self) -> bool:
        """Whether there is enough to decode with."""
        return bool(self._sps and self._pps)

    @property
    def sps(self) -> Sps | None:
        """The SPS that came last, read."""
        held = next(reversed(self._sps.values()), None)
        return held.sps if held is not None and isinstance(held.sps, Sps) else None

    def serving(self, pps_id: int) -> Sps | None:
        """The SPS of the pictures that refer to a PPS; None if one of the two is not there (H.264 §7.4.1.2.1)."""
        pps = self._pps.get(pps_id)
        held = self._sps.get(pps.sps) if pps is not None and isinstance(pps.sps, int) else None
        return held.sps if held is not None and isinstance(held.sps, Sps) else None

    def units(self) -> list[bytes]:
        """All sets, SPS first, as they are put before an IDR."""
        return [held.nal for sets in (self._sps, self._pps) for held in sets.values()]


def _keep(sets: dict[int, _Held], number: int, new: _Held) -> bool:
    held = sets.get(number)
    if held is not None and new.at < held.at and new.at:
        return False
    if held is not None and held.nal == new.nal:
        sets[number] = new
        return False
    sets.pop(number, None)
    sets[number] = new
    if len(sets) > _KEPT:
        del sets[next(iter(sets))]
    return True


def pps_of(unit: Buffer) -> int:
    """The id of the PPS that a slice refers to (H.264 §7.3.3); -1 if it cannot be read.

    Args:
        unit: the slice with its NAL header; the begin is enough.
    """
    bits = Bits(bytes(unit[:_SLICE_HEADER]))
    try:
        bits.ue()  # first_mb_in_slice
        bits.ue()  # slice_type
        return bits.ue()
    except PeerError:
        return -1


class FragmentedSets:
    """Puts together parameter sets that come in FU-A (RFC 6184 §5.8), in any order of their packets."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}

    def clear(self) -> None:
        """The stream begins anew."""
        self._parts.clear()

    def push(self, sequence: int, payload: Buffer) -> bytes | None:
        """Take a fragment by the extended number of its packet. Returns: the set, once it is whole."""
        parts = self._parts
        if not 2 <= len(payload) <= _SIZE_LIMIT:
            return None
        parts[sequence] = bytes(payload)
        if len(parts) > _FRAGMENTS:
            del parts[min(parts)]
        kind = payload[1] & 0x1F
        first = last = sequence
        while first in parts and not parts[first][1] & _START:
            first -= 1
        while last in parts and not parts[last][1] & _END:
            last += 1
        if first not in parts or last not in parts or first > last:
            return None
        pieces = [parts[number] for number in range(first, last + 1)]
        if any(piece[1] & 0x1F != kind for piece in pieces):
            return None
        for number in range(first, last + 1):
            del parts[number]
        return bytes((pieces[0][0] & 0x60 | kind,)) + b"".join(piece[2:] for piece in pieces)
