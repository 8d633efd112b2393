"""The parameter sets of one source: from SDP, then whatever comes in-band (RFC 6184 §8.2.1, §8.4). Pure.

Many handsets send them once, in SDP or in the first packet; a viewer who joins later needs them before an IDR.
"""

from __future__ import annotations

from collections.abc import Iterable

from splitter.core.errors import PeerError
from splitter.rtp import h264
from splitter.rtp.packet import Buffer
from splitter.rtp.sps import Bits, Sps, parse_sps

_KEPT = 8  # sets of each kind; real encoders use one
_SIZE_LIMIT = 512  # bytes of one set; real ones have 10 to 50


class ParameterSets:
    """The latest SPS and PPS by their ids; what comes last wins."""

    __slots__ = ("_pps", "_sps")

    def __init__(self, known: Iterable[bytes] = ()) -> None:
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, bytes] = {}
        for nal in known:
            self.learn(nal)

    def learn(self, nal: Buffer) -> bool:
        """Take one SPS or PPS. Returns whether it says something new; what cannot be read is left out."""
        if not 2 <= len(nal) <= _SIZE_LIMIT:
            return False
        kind = nal[0] & 0x1F
        try:
            if kind == h264.SPS:
                return _keep(self._sps, parse_sps(nal).sps_id, bytes(nal))
            if kind == h264.PPS:
                return _keep(self._pps, Bits(nal).ue(), bytes(nal))
        except PeerError:
            pass
        return False

    @property
    def complete(self) -> bool:
        """Whether there is enough to decode with."""
        return bool(self._sps and self._pps)

    @property
    def sps(self) -> Sps | None:
        """The SPS that came last, read."""
        return parse_sps(next(reversed(self._sps.values()))) if self._sps else None

    def units(self) -> list[bytes]:
        """All sets, SPS first, as they are put before an IDR."""
        return [*self._sps.values(), *self._pps.values()]


def _keep(sets: dict[int, bytes], number: int, nal: bytes) -> bool:
    if sets.get(number) == nal:
        return False
    sets.pop(number, None)
    sets[number] = nal
    if len(sets) > _KEPT:
        del sets[next(iter(sets))]
    return True
