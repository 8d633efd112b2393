"""The fake camera's film: test pictures of one sender, which Chromium plays as if a camera saw them. Does I/O.

Chromium takes 30 frames a second from a Motion JPEG file, whatever the file says, and begins anew at its end; the counters
go round with it. When a camera is opened the film starts where it likes, so that the clock in its pictures says nothing.
The film has the size that the callers of these tests take, since the browser crops a camera that has another shape.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from splitter.lab.picture import Plane, draw

SENDER = 7
FRAMES = 900  # half a minute, then the counter is 0 again
WIDTH, HEIGHT = 480, 640
_FRAMES_PER_S = 30
_QUALITY = 85


def film(folder: Path, sender: int = SENDER, width: int = WIDTH, height: int = HEIGHT, frames: int = FRAMES) -> Path:
    """The film of that sender, made if it is not in the folder yet."""
    path = folder / f"camera-{sender}-{width}x{height}-{frames}.mjpeg"
    if not path.exists():
        drawn = (draw(sender, at, at * 1000 // _FRAMES_PER_S, width, height) for at in range(frames))
        made = path.with_suffix(".part")
        made.write_bytes(b"".join(jpeg(frame) for frame in drawn))
        made.rename(path)
    return path


def jpeg(picture: Plane) -> bytes:
    """A yuv420p picture, shape (height * 3 // 2, width), as a JPEG."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    small = (2, height // 2, width // 2)
    luma, chroma = picture[:height], picture[height:].reshape(small)
    planes = [luma, *(np.repeat(np.repeat(half, 2, axis=0), 2, axis=1) for half in chroma)]
    coded = io.BytesIO()
    Image.merge("YCbCr", [Image.fromarray(plane) for plane in planes]).save(coded, "JPEG", quality=_QUALITY)
    return coded.getvalue()
