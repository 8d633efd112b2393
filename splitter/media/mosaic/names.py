"""Names in a mosaic, drawn light on dark."""

from __future__ import annotations

import numpy as np
import structlog
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from splitter.media.slate.draw import font_for

log = structlog.get_logger(__name__)

Plane = NDArray[np.uint8]

_SMALLEST = 9  # pixels: smaller letters cannot be read
_PART = 14  # of a cell's height that letters have


def drawn(name: str, otherwise: str, width: int, height: int) -> Plane | None:
    """A name as a plane of luma, for a cell of this size: at most as wide, of even sides; None where there is no room.

    Args:
        otherwise: is drawn where no font here has all characters of the name; in ASCII, which all fonts have.
    """
    name, size = " ".join(name.split()), max(_SMALLEST, height // _PART)
    font = font_for(name, size)
    if font is None:
        log.warning(
            "no font has all characters of a name: another one is drawn; install a font such as Noto Sans CJK",
            name=name,
            drawn=otherwise,
        )
        name = otherwise
        font = font_for(name, size)
    if font is None or not name:
        return None
    edge = max(2, size // 3)
    while len(name) > 1 and font.getlength(name) + 2 * edge > width:
        name = name[:-1]
    box = font.getbbox(name)
    wide, high = (round(box[2]) + 2 * edge + 1) & ~1, (size + size // 3 + edge + 1) & ~1
    if wide > width or high > height:
        return None
    image = Image.new("L", (wide, high), _DARK)
    ImageDraw.Draw(image).text((wide / 2, high / 2), name, fill=_LIGHT, font=font, anchor="mm")
    return np.asarray(image, dtype=np.uint8)


_DARK, _LIGHT = 24, 235
