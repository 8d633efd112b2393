"""Films for tests: what x264 makes of flat pictures with a moving bar; encoded once, however many cameras film the same."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import count

import av
import numpy as np
from av.video.frame import PictureType

from splitter.rtp import h264


@dataclass(frozen=True)
class Lens:
    """What an encoder is made for."""

    size: tuple[int, int]
    slices: int
    profile: str


class Encoder:
    """x264, whose pictures follow from what was asked for before, and from nothing else."""

    def __init__(self, lens: Lens) -> None:
        self._size = lens.size
        self.count = 0
        self._context = av.CodecContext.create("libx264", "w")
        self._context.width, self._context.height = lens.size
        self._context.pix_fmt = "yuv420p"
        self._context.framerate = Fraction(15)
        self._context.time_base = Fraction(1, 15)
        more = f":slice-max-size={lens.slices}" if lens.slices else ""
        more += {"baseline": "", "main": ":cabac=1", "high": ":8x8dct=1:cabac=1"}[lens.profile]
        self._context.options = {
            "profile": lens.profile,
            "preset": "ultrafast",
            "tune": "zerolatency",
            "qp": "24",
            "forced-idr": "1",
            "x264-params": f"keyint=10000:scenecut=0:annexb=1:repeat-headers=1:threads=1{more}",
        }

    def encode(self, level: int, key: bool) -> tuple[bytes, ...]:
        """The NAL units of the next picture, of this brightness."""
        width, height = self._size
        luma = np.full((height, width), level, np.uint8)
        grain = np.random.default_rng(self.count).integers(-12, 12, (height // 8, width // 8))
        luma = (luma.astype(int) + np.kron(grain, np.ones((8, 8), int))).astype(np.uint8)
        at = 8 * self.count % (width - 16)
        luma[:, at : at + 16] = 255 - level
        frame = av.VideoFrame.from_ndarray(
            np.concatenate([luma.ravel(), np.full(width * height // 2, 128, np.uint8)]).reshape(-1, width),
            format="yuv420p",
        )
        frame.pts = self.count
        frame.pict_type = PictureType.I if key else PictureType.P
        self.count += 1
        data = b"".join(bytes(one) for one in self._context.encode(frame))
        return tuple(unit for unit in h264.split_annex_b(data) if unit[0] & 0x1F not in (h264.SEI, h264.DELIMITER))


Place = Lens | int
"""Where a film is: at its beginning, or behind a picture that follows from all those before."""

_FILMED: dict[tuple[Place, int, bool], tuple[Place, tuple[bytes, ...]]] = {}
"""(Where a film is, the brightness and kind of its next picture) → where it is then, and that picture."""
_PLACES = count()


class Film:
    """A camera's pictures, one after the other."""

    def __init__(self, lens: Lens) -> None:
        self._lens = lens
        self._place: Place = lens
        self._taken: list[tuple[int, bool]] = []
        self._encoder: Encoder | None = None

    def next(self, luma: int, key: bool) -> tuple[bytes, ...]:
        """The NAL units of the next picture, with parameter sets where it is a key frame."""
        step = (self._place, luma, key)
        self._taken.append((luma, key))
        if step not in _FILMED:
            _FILMED[step] = next(_PLACES), self._encoded()
        self._place, units = _FILMED[step]
        return units

    def _encoded(self) -> tuple[bytes, ...]:
        """What nobody has filmed yet, by an encoder that has seen all that came before."""
        if self._encoder is None:
            self._encoder = Encoder(self._lens)
        *before, last = self._taken[self._encoder.count :]
        for one in before:
            self._encoder.encode(*one)
        return self._encoder.encode(*last)
