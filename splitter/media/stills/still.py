"""One key frame of H.264 (ITU-T H.264, annex B) as a JPEG file. No I/O."""

from __future__ import annotations

import io

import av
import av.error
from av.codec.context import Flags
from PIL import Image

_PIXELS_LIMIT = 1920 * 1200 * 2
_QUALITY = 80


def still_of(key_frame: bytes) -> bytes:
    """The picture that a key frame shows, as it lies in it, not turned. Raises ValueError where it shows none."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.flags |= Flags.low_delay
    decoder.options = {"max_pixels": str(_PIXELS_LIMIT)}
    try:
        frames = [*decoder.decode(av.Packet(key_frame)), *decoder.decode(None)]
    except av.error.FFmpegError as error:
        raise ValueError(str(error)) from error
    shown = next((one for one in frames if isinstance(one, av.VideoFrame) and not one.is_corrupt), None)
    if shown is None or not 0 < shown.width * shown.height <= _PIXELS_LIMIT:
        raise ValueError("it shows no picture")
    file = io.BytesIO()
    Image.fromarray(shown.to_ndarray(format="rgb24")).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
