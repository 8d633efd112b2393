"""One H.264 key frame to an upright PNG: FFmpeg, outside the interpreter lock. Pure; called in a thread."""

from __future__ import annotations

from collections.abc import Iterable

import av
import av.error
import numpy as np

from splitter.core.errors import SplitterError
from splitter.media.ports.rooms import Snapshot
from splitter.media.slate.draw import Picture

_PIXELS_LIMIT = 1920 * 1088  # so that a PNG fits into a frame of the worker protocol


class Undecodable(SplitterError):
    """A key frame that the decoder does not take."""


def upright_png(units: Iterable[bytes], orientation: int, taken_at: float) -> Snapshot:
    """Decode an access unit and turn it as its sender says.

    Args:
        units: NAL units of one key frame, parameter sets included.
        orientation: CVO byte, 0 for upright.
        taken_at: Unix seconds.
    Raises:
        Undecodable: damaged, no picture, or too large.
    """
    picture = turned(_decode(b"".join(b"\x00\x00\x00\x01" + unit for unit in units)), orientation)
    height, width = picture.shape[:2]
    return Snapshot(_png(picture), width, height, taken_at)


def _decode(data: bytes) -> Picture:
    context = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    context.options = {"err_detect": "explode", "max_pixels": str(_PIXELS_LIMIT)}
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.error.FFmpegError, ValueError) as error:
        raise Undecodable(str(error)) from error
    if not frames or frames[0].is_corrupt:
        raise Undecodable("it is damaged")
    if frames[0].width * frames[0].height > _PIXELS_LIMIT:
        raise Undecodable(f"{frames[0].width}x{frames[0].height} is too large")
    return np.asarray(frames[0].to_ndarray(format="rgb24"), dtype=np.uint8)


def turned(picture: Picture, orientation: int) -> Picture:
    """A picture as it is to be seen (3GPP TS 26.114 §7.4.5).

    F (0x04) says that the picture was mirrored as it is on the link, R1 R0 that it is turned counter-clockwise by so
    many quarters; the receiver undoes both.
    """
    if orientation & 0x04:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(np.rot90(picture, -(orientation & 0x03)))


def _png(picture: Picture) -> bytes:
    """A PNG file by FFmpeg's encoder: Pillow's would hold the interpreter lock, and the voice up."""
    height, width = picture.shape[:2]
    context = av.CodecContext.create("png", "w")
    context.width, context.height = width, height
    context.pix_fmt = "rgb24"
    context.thread_count = 1
    packets = [*context.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
