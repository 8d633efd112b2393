"""The RTP of one source of a mosaic, decoded: FFmpeg's H.264. What comes is others' and may be damaged or hostile."""

from __future__ import annotations

import av
import av.error
from av.codec.context import Flags

from splitter.rtp import h264
from splitter.rtp.packet import HEADER, extension, payload_bounds
from splitter.rtp.reorder import OrderedPacket
from splitter.rtp.repacketise import SingleUnits, Unit

_PIXELS_LIMIT = 1920 * 1088
_UNITS_LIMIT = 600  # of one picture; what has more is no ordinary one
_START = b"\x00\x00\x00\x01"


class DecodedStream:
    """A source.

    Args:
        orientation_id: of the header extension that says how pictures are turned.

    Attributes:
        ssrc: of the stream; None before its first packet.
        picture: the latest one; None before the first. orientation: CVO byte of that.
        fresh: `picture` has not been looked at; whoever looks at it clears this.
        wants_key_frame: something is missing; whoever asks for one clears this.
    """

    def __init__(self, orientation_id: int) -> None:
        self._orientation_id = orientation_id
        self.ssrc: int | None = None
        self.picture: av.VideoFrame | None = None
        self.orientation = 0
        self.fresh = False
        self.wants_key_frame = True
        self._begin()

    def _begin(self) -> None:
        self._decoder = _decoder()
        self._single = SingleUnits()
        self._units: list[bytes] = []
        self._sequence = self._timestamp = -1
        self._lost = True  # until a key frame is there

    def push(self, data: bytes, now: float) -> None:
        """Take a packet."""
        bounds = payload_bounds(data)
        if bounds is None:
            return
        _, second, number, timestamp, ssrc = HEADER.unpack_from(data)
        if ssrc != self.ssrc:
            self.ssrc = ssrc
            self._begin()
            self.wants_key_frame = True
        if (turned := extension(data, self._orientation_id)) is not None and turned:
            self.orientation = turned[0]
        payload = data[bounds[0] : bounds[1]]
        held = OrderedPacket(self._extended(number), timestamp, bool(second & 0x80), payload, False)
        for unit in self._single.push(held, now):
            self._take(unit)

    def _extended(self, number: int) -> int:
        if self._sequence < 0:
            self._sequence = number + 0x1_0000
            return self._sequence
        found = self._sequence + ((number - self._sequence + 0x8000) & 0xFFFF) - 0x8000
        self._sequence = max(self._sequence, found)
        return found

    def _take(self, unit: Unit) -> None:
        if unit.gap:
            self._units.clear()
            self._miss()
        elif unit.timestamp != self._timestamp and self._units:
            self._decode()  # the picture before had no marker
        self._timestamp = unit.timestamp
        self._units.append(bytes(unit.payload))
        if len(self._units) > _UNITS_LIMIT:
            self._units.clear()
            self._miss()
        elif unit.marker:
            self._decode()

    def _miss(self) -> None:
        """Show nothing more before the next key frame."""
        self._lost = self.wants_key_frame = True

    def _decode(self) -> None:
        units, self._units = self._units, []
        kinds = {unit[0] & 0x1F for unit in units if unit}
        if self._lost:
            if h264.IDR not in kinds:
                if h264.SLICE in kinds:
                    self.wants_key_frame = True
                return
            self._lost = False
        try:
            pictures = self._decoder.decode(av.Packet(b"".join(_START + unit for unit in units)))
        except (av.error.FFmpegError, ValueError):
            self._decoder = _decoder()
            self._miss()
            return
        for picture in pictures:
            if not picture.is_corrupt and 0 < picture.width * picture.height <= _PIXELS_LIMIT:
                self.picture, self.fresh = picture, True


def _decoder() -> av.VideoCodecContext:
    context = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    context.flags |= Flags.low_delay
    context.options = {"max_pixels": str(_PIXELS_LIMIT)}
    return context
