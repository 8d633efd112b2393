"""Opens image files of strangers: PNG and JPEG, bounded before anything is decoded. Pure."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

from PIL import Image

from splitter.core.errors import PeerError

PIXELS_LIMIT = 25_000_000  # of the file; a decoded picture takes three or four bytes per pixel
_FORMATS = ("PNG", "JPEG")
# What Pillow raises for a file that lies about itself.
_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, AttributeError, ArithmeticError, EOFError, LookupError),
    *(struct.error, zlib.error),
)
_ORIENTATION = 0x0112  # of EXIF; how to turn a picture that says so (TIFF 6.0, page 36)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(data: bytes, side: int) -> Image.Image:
    """Decode a picture and turn it upright (EXIF); what is transparent becomes white.

    Args:
        data: the file.
        side: neither width nor height of what is returned is larger; a larger picture is scaled down.
    Returns: an RGB picture.
    Raises:
        PeerError: status 415, not a PNG or JPEG file, or broken; 413, too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > PIXELS_LIMIT:
                size = f"{image.width}x{image.height}"
                raise PeerError(f"the picture has {size} pixels: {PIXELS_LIMIT // 1_000_000} million at most", 413)
            image.draft("RGB", (side, side))  # a JPEG is decoded no larger than needed
            return _white_behind(_upright(image, side))
    except Image.DecompressionBombError as error:
        raise PeerError("the picture has too many pixels", 413) from error
    except _BROKEN as error:
        raise PeerError("not a PNG or JPEG picture that can be decoded", 415) from error


def _upright(image: Image.Image, side: int) -> Image.Image:
    """Scaled down and turned. (ImageOps.exif_transpose writes all of EXIF anew, and fails on what it does not know.)"""
    image.load()
    turn = None
    with suppress(*_BROKEN):  # a picture without it is a picture
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    upright = image
    if upright.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off, and cannot scale down
        upright = upright.convert("I").point(lambda value: value / 256).convert("L")
    upright.thumbnail((side, side), Image.Resampling.LANCZOS)
    return upright if turn is None else upright.transpose(turn)


def _white_behind(upright: Image.Image) -> Image.Image:
    if "A" in upright.getbands() or "transparency" in upright.info:
        behind = Image.new("RGBA", upright.size, (255, 255, 255, 255))
        behind.alpha_composite(upright.convert("RGBA"))
        upright = behind
    return upright.convert("RGB")
