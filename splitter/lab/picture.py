"""A test picture that says who sent it, which frame it is and when it was drawn. Pure.

The upper two thirds of the picture are a grid of 12 x 8 large cells, black or white, that hold 96 bits:

    16 bits  MAGIC      both colours: black and white references, and what tells the four rotations apart
     8 bits  sender     whose picture it is
    24 bits  counter    of the sender's frames
    32 bits  clock      milliseconds, modulo 2^32
    16 bits  CRC        CRC-16/CCITT of the bits before it

A cell is 26 x 20 pixels at 320 x 240, more than a macroblock, so it survives coarse quantisation and scaling. The lower
third is for people: colour bars, one of them in the sender's colour, and a bar that moves.

A picture is an array of shape (height * 3 // 2, width) in yuv420p, as PyAV takes it; everything that reads looks at the
luma plane alone, shape (height, width).
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

_COLUMNS, _ROWS = 12, 8
_PARTS = 3  # the grid takes two of three parts of the height
_MAGIC = 0xA53C
_WHITE, _BLACK = 225, 24
_MIN_CONTRAST = 40.0
_SAMPLES = 4  # per cell and direction
_MAGIC_BITS = np.array([(_MAGIC >> (15 - i)) & 1 for i in range(16)], dtype=bool)
# Colours as (U, V) of the bars: grey, yellow, cyan, green, magenta, red, blue, grey.
_BARS = ((128, 128), (50, 145), (165, 50), (75, 60), (180, 200), (95, 215), (215, 110), (128, 128))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a test picture says. `rotation` is how far it was turned: 0, 90, 180 or 270 degrees clockwise."""

    sender: int
    counter: int
    clock_ms: int
    rotation: int = 0


def draw(sender: int, counter: int, clock_ms: int, width: int = 320, height: int = 240) -> Plane:
    """Draw one frame.

    Args:
        sender: 0..255.
        counter: of frames; kept modulo 2^24.
        clock_ms: kept modulo 2^32.
        width, height: even.
    Returns: yuv420p, shape (height * 3 // 2, width).
    """
    picture = _background(sender, width, height).copy()
    payload = bytes((_MAGIC >> 8, _MAGIC & 255, sender & 255))
    payload += (counter & 0xFFFFFF).to_bytes(3, "big") + (clock_ms & 0xFFFFFFFF).to_bytes(4, "big")
    payload += binascii.crc_hqx(payload, 0xFFFF).to_bytes(2, "big")
    bits = np.unpackbits(np.frombuffer(payload, dtype=np.uint8)).reshape(_ROWS, _COLUMNS)
    levels = np.where(bits == 1, np.uint8(_WHITE), np.uint8(_BLACK))
    rows, columns = _cell_of_pixels(width, height)
    picture[: len(rows), :] = levels[rows[:, None], columns[None, :]]
    bar = width // 10
    left = (counter * max(2, width // 80)) % (width - bar)
    picture[height - height // 6 : height, left : left + bar] = _WHITE
    return picture


def read(luma: Plane) -> Reading | None:
    """Read a test picture from a luma plane of any size, however it was turned; None if it is not one."""
    for turns in range(4):
        reading = _read_upright(np.rot90(luma, turns), turns * 90)
        if reading is not None:
            return reading
    return None


def luma_of(picture: Plane) -> Plane:
    """The luma plane of a yuv420p picture."""
    return picture[: picture.shape[0] * 2 // 3]


def luma_of_rgb(pixels: Plane) -> Plane:
    """The luma of RGB pixels, shape (height, width, 3), as video has it (BT.601, 16..235)."""
    luma: Plane = (pixels @ np.array([0.257, 0.504, 0.098]) + 16.5).astype(np.uint8)
    return luma


def is_black(luma: Plane) -> bool:
    """True for a picture that is black or all but black (video black is 16)."""
    return bool(np.percentile(luma[::4, ::4], 99) < 40)


def is_flat(luma: Plane) -> bool:
    """True for a picture of one level all over: nobody could see anything in it."""
    return bool(luma[::4, ::4].std() < 3.0)


def difference(luma: Plane, other: Plane) -> float:
    """The mean difference of two pictures' levels, 0..255, after both are shrunk to 32 x 24 (so sizes may differ).

    About 0 to 4 for the same still coded twice; far more for different pictures.
    """
    return float(np.abs(_thumbnail(luma) - _thumbnail(other)).mean())


def same_still(luma: Plane, still: Plane, limit: float = 8.0) -> bool:
    """True if a frame shows that still: not black, not a test picture, and close to it."""
    return not is_black(luma) and difference(luma, still) < limit and read(luma) is None


def _read_upright(luma: Plane, rotation: int) -> Reading | None:
    height, width = luma.shape
    rows, columns = _sample_points(width, height)
    samples = luma[rows[:, None], columns[None, :]].reshape(_ROWS, _SAMPLES, _COLUMNS, _SAMPLES)
    levels = samples.mean(axis=(1, 3)).reshape(-1)
    magic = levels[:16]
    white, black = float(magic[_MAGIC_BITS].mean()), float(magic[~_MAGIC_BITS].mean())
    if white - black < _MIN_CONTRAST:
        return None
    payload = np.packbits(levels > (white + black) / 2).tobytes()
    if payload[:2] != _MAGIC.to_bytes(2, "big"):
        return None
    if binascii.crc_hqx(payload[:-2], 0xFFFF) != int.from_bytes(payload[-2:], "big"):
        return None
    return Reading(payload[2], int.from_bytes(payload[3:6], "big"), int.from_bytes(payload[6:10], "big"), rotation)


@lru_cache(maxsize=32)
def _background(sender: int, width: int, height: int) -> Plane:
    """Everything that does not change from frame to frame: the bars and the colours."""
    picture = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
    top = height * 2 // _PARTS
    picture[:height] = 110
    picture[top : top + (height - top) // 2] = 150
    u, v = _chroma(picture, width, height)
    bars = list(_BARS)
    bars[0] = bars[-1] = ((sender * 83 + 40) % 180 + 38, (sender * 47 + 90) % 180 + 38)
    edges = [width // 2 * i // len(bars) for i in range(len(bars) + 1)]
    for (level_u, level_v), left, right in zip(bars, edges, edges[1:], strict=False):
        u[top // 2 :, left:right] = level_u
        v[top // 2 :, left:right] = level_v
    return picture


def _chroma(picture: Plane, width: int, height: int) -> tuple[Plane, Plane]:
    """The two chroma planes as views, shape (height // 2, width // 2) each."""
    flat = picture.reshape(-1)
    size = width * height // 4
    start = width * height
    shape = (height // 2, width // 2)
    return flat[start : start + size].reshape(shape), flat[start + size : start + 2 * size].reshape(shape)


@lru_cache(maxsize=32)
def _cell_of_pixels(width: int, height: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each pixel row of the grid its cell row, and for each pixel column its cell column."""
    top = height * 2 // _PARTS
    return np.arange(top) * _ROWS // top, np.arange(width) * _COLUMNS // width


@lru_cache(maxsize=32)
def _sample_points(width: int, height: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixel rows and columns inside the middle half of each cell."""
    inside = 0.25 + 0.5 * (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    rows = (np.arange(_ROWS)[:, None] + inside).reshape(-1) * (height * 2 / _PARTS / _ROWS)
    columns = (np.arange(_COLUMNS)[:, None] + inside).reshape(-1) * (width / _COLUMNS)
    return rows.astype(np.intp), columns.astype(np.intp)


def _thumbnail(luma: Plane) -> NDArray[np.float32]:
    """Mean levels over a grid of 24 rows and 32 columns."""
    height, width = luma.shape
    row_edges = np.arange(24) * height // 24
    column_edges = np.arange(32) * width // 32
    sums = np.add.reduceat(np.add.reduceat(luma.astype(np.float32), row_edges, axis=0), column_edges, axis=1)
    heights = np.diff(np.append(row_edges, height))
    widths = np.diff(np.append(column_edges, width))
    means: NDArray[np.float32] = (sums / (heights[:, None] * widths[None, :])).astype(np.float32)
    return means
