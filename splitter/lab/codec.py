"""H.264 encoding and decoding of test pictures with PyAV. Pure but for the CPU it takes: no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from splitter.lab.payload import PPS, SPS, kind_of, units_of
from splitter.lab.picture import Plane

CLOCK_RATE = 90_000


@dataclass(frozen=True, slots=True)
class VideoShape:
    """How a party codes its picture. `slice_bytes`: the longest slice, so that mode 0 can carry it; 0 for one slice."""

    width: int = 320
    height: int = 240
    frames_per_s: int = 12
    bitrate_kbps: int = 200
    slice_bytes: int = 1100
    key_interval_s: float = 10.0


class Encoder:
    """Constrained baseline, no delay, a key frame at the start, every interval and when asked for."""

    def __init__(self, shape: VideoShape) -> None:
        self.shape = shape
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = shape.width, shape.height, "yuv420p"
        context.time_base = Fraction(1, CLOCK_RATE)
        context.framerate = Fraction(shape.frames_per_s)
        context.bit_rate = shape.bitrate_kbps * 1000
        context.gop_size = int(shape.key_interval_s * shape.frames_per_s)
        context.thread_count = 1
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "x264-params": f"slice-max-size={shape.slice_bytes}:repeat-headers=1:annexb=1:scenecut=0",
        }
        self._context = context

    def encode(self, picture: Plane, timestamp: int, key: bool = False) -> list[bytes]:
        """Code one picture.

        Args:
            picture: yuv420p as `picture.draw` gives it.
            timestamp: in 1/90000 s, rising.
            key: make it a key frame.
        Returns: the units of one access unit; a key frame has its parameter sets in front.
        """
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = timestamp
        frame.pict_type = PictureType.I if key else PictureType.NONE
        return [unit for packet in self._context.encode(frame) for unit in units_of(bytes(packet))]


class Decoder:
    """Decodes access units to luma planes.

    Attributes:
        errors: access units that the decoder refused.
        corrupt: frames that it delivered but marked as damaged.
        key_frames: IDR pictures that were fed.
    """

    def __init__(self, parameter_sets: tuple[bytes, ...] = ()) -> None:
        self.errors = 0
        self.corrupt = 0
        self.key_frames = 0
        self._sets = {kind_of(unit): unit for unit in parameter_sets if unit}
        self._context = av.CodecContext.create("h264", "r")
        self._context.thread_count = 1
        self._started = False

    def decode(self, units: list[bytes]) -> list[Plane]:
        """Feed one access unit; what comes before the first decodable key frame is dropped.

        Returns: the luma planes of the pictures that came out, shape (height, width).
        """
        kinds = {kind_of(unit) for unit in units}
        self._sets |= {kind_of(unit): unit for unit in units if kind_of(unit) in (SPS, PPS)}
        key = 5 in kinds
        self.key_frames += key
        if not self._started:
            if not key or not {SPS, PPS} <= self._sets.keys():
                return []
            self._started = True
            units = [self._sets[SPS], self._sets[PPS], *(u for u in units if kind_of(u) not in (SPS, PPS))]
        try:
            frames = self._context.decode(av.Packet(b"".join(b"\0\0\0\1" + unit for unit in units)))
        except FFmpegError:
            self.errors += 1
            return []
        return [self._luma(frame) for frame in frames if isinstance(frame, VideoFrame)]

    @property
    def waiting(self) -> bool:
        """True until the first decodable key frame."""
        return not self._started

    def _luma(self, frame: VideoFrame) -> Plane:
        self.corrupt += frame.is_corrupt
        plane = frame.planes[0]
        lines: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
        return lines[: frame.height, : frame.width].copy()
