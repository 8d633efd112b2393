"""What a room asks of a codec: key frame? first slice? parameter sets? size? No I/O.

Switching, counting and feedback know no codec. A lens says which packets want looking at, what is in one, and whether a
picture can be decoded. There is one for H.264 (RFC 6184).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from splitter.rtp import h264
from splitter.rtp.packet import Buffer
from splitter.rtp.parameters import FragmentedSets, ParameterSets, pps_of
from splitter.rtp.sps import Sps
from splitter.sdp.h264 import family_of
from splitter.sdp.video import macroblocks_of

SPS_SEEN, PPS_SEEN = 1, 2
_SETS = {h264.SPS: SPS_SEEN, h264.PPS: PPS_SEEN}


class Shape(NamedTuple):
    """What an SPS says of the pictures. `family` is the sub-profile, as `splitter.sdp.h264` names it."""

    width: int
    height: int
    macroblocks: int
    family: str


class Seen(NamedTuple):
    """A packet, looked into.

    Attributes:
        payload: what is to stand in its place, without what no decoder wants; None: as it is.
        sets: SPS_SEEN | PPS_SEEN as it holds them, or the last fragment of one.
        key: (a part of) a key frame is in it.
        first: the id of the sets that its key frame needs, if that begins here; None if none does.
        shows: it is more than what stands before the slices of a picture.
    """

    payload: Buffer | None = None
    sets: int = 0
    key: bool = False
    first: int | None = None
    shows: bool = True


_SLICE_BEGINS = Seen()


class Lens(Protocol):
    """A codec, as a stream looks through it.

    Attributes:
        shape: of the pictures, by the sets that key frames refer to; None while none is known.
    """

    shape: Shape | None

    def examine(self, payload: Buffer, sequence: int) -> Seen | None:
        """Look into a packet, and learn its sets. None: it goes on with what another one has begun."""
        ...

    def learn(self, unit: bytes, sequence: int) -> int:
        """Keep a parameter set. Returns SPS_SEEN or PPS_SEEN; 0 where it is none."""
        ...

    def has(self, first: int) -> bool:
        """Whether the sets are there that a key frame needs."""
        ...

    def serve(self, first: int) -> bool:
        """Say whether the sets are there, and let them be what the pictures refer to from now on."""
        ...

    def units(self) -> list[bytes]:
        """The sets, for who joins later."""
        ...

    def restart(self) -> None:
        """The stream begins anew."""
        ...


class H264Lens:
    """H.264 in RTP. Packets whose begin says that a slice goes on need not be shown to it."""

    __slots__ = ("_active", "_fragments", "_parameters", "shape")

    def __init__(self) -> None:
        self.shape: Shape | None = None
        self._parameters = ParameterSets()
        self._fragments = FragmentedSets()
        self._active = -1  # the id of the SPS that key frames refer to

    def examine(self, payload: Buffer, sequence: int) -> Seen | None:
        kind = payload[0] & 0x1F
        if kind == h264.SLICE:
            return None
        if kind == 0 and (mended := h264.without_start_codes(payload)) is not None:
            seen = self.examine(mended, sequence) or _SLICE_BEGINS
            return seen if seen.payload is not None else seen._replace(payload=mended)
        if kind == h264.FU_A and len(payload) > 1:
            if payload[1] & 0x1F in _SETS:
                nal = self._fragments.push(sequence, payload)
                return Seen(sets=self.learn(nal, sequence) if nal is not None else 0)
            if not payload[1] & 0x80:
                return None
            if payload[1] & 0x1F == h264.SLICE:
                return _SLICE_BEGINS
        if kind == h264.STAP_A:
            payload = h264.tidy(payload)
        sets, key, first, before = 0, False, None, 0 < kind <= h264.STAP_A
        for unit in h264.begun(payload):
            what = unit[0] & 0x1F
            if what == h264.IDR:
                key = True
                if first is None and h264.begins_picture(unit):
                    first = pps_of(unit)
            elif what in _SETS:
                sets |= self.learn(bytes(unit), sequence)
            before = before and what in h264.BEFORE_SLICES
        return Seen(payload, sets, key, first, not before)

    def learn(self, unit: bytes, sequence: int) -> int:
        kind = unit[0] & 0x1F
        if self._parameters.learn(unit, sequence) and kind == h264.SPS:
            sps = self._parameters.sps
            if sps is not None and self._active == sps.sps_id:
                self._take_shape(sps)
        return _SETS.get(kind, 0)

    def has(self, first: int) -> bool:
        return self._parameters.serving(first) is not None

    def serve(self, first: int) -> bool:
        sps = self._parameters.serving(first)
        if sps is None:
            return False
        if sps.sps_id != self._active:
            self._active = sps.sps_id
            self._take_shape(sps)
        return True

    def _take_shape(self, sps: Sps) -> None:
        family = family_of(sps.profile_level_id)
        self.shape = Shape(sps.width, sps.height, macroblocks_of(sps.width, sps.height), family)

    def units(self) -> list[bytes]:
        return self._parameters.units()

    def restart(self) -> None:
        self._parameters.restart()
        self._fragments.clear()
