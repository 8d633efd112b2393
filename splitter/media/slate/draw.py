"""Draws the slate: a person in a frame, a line of text, its Chinese beside it. Reads the operator's picture file.

The font is the one inside Pillow, so that the slate looks the same on every machine. It knows ASCII only: a text of the
operator's in another script is drawn with a font of the machine, where one of the usual ones is installed.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from functools import lru_cache

import av
import av.error
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from splitter.core.errors import ConfigError

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Picture = NDArray[np.uint8]
"""Height × width × RGB."""

_TOP, _BOTTOM = (27, 38, 54), (14, 21, 32)  # background, night blue
_FRAME = (74, 97, 128)
_FIGURE = (126, 156, 193)
_TEXT = (238, 242, 247)
_SECOND_TEXT = (170, 186, 206)
INSTALLED = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf",
)
"""Fonts that distributions install, looked for by name."""

_SMOOTH = 4  # drawn this much larger, then shrunk: Pillow draws hard edges


def draw(width: int, height: int, text: str, second_line: str) -> Picture:
    """The built-in slate.

    Args:
        text: what can be drawn, see `font_for`.
        second_line: a picture of a second line of text (a constant of `chinese`), or "".
    """
    image = _background(width, height)
    unit = min(width, height * 3 / 4)  # what sizes follow: the width of a 3:4 portrait that fits in
    icon = _icon(round(unit * 0.42))
    font = font_for(text, max(9, round(unit * 0.056))) or ImageFont.load_default(9)
    lines = _wrap(text, font, width * 0.82)
    second = _second_line(second_line, round(unit * 0.056)) if second_line else None
    line_height = round(unit * 0.085)
    gap = round(unit * 0.075)
    total = icon.height + gap + line_height * len(lines) + (gap * 2 // 3 + second.height if second else 0)
    top = (height - total) // 2
    image.paste(icon, ((width - icon.width) // 2, top), icon)
    top += icon.height + gap
    pen = ImageDraw.Draw(image)
    for line in lines:
        pen.text((width / 2, top + line_height / 2), line, fill=_TEXT, font=font, anchor="mm")
        top += line_height
    if second is not None:
        tint = Image.new("RGB", second.size, _SECOND_TEXT)
        image.paste(tint, ((width - second.width) // 2, top + gap * 2 // 3), second)
    return np.asarray(image)


def font_for(text: str, size: int) -> Font | None:
    """The first font that has all characters of a text, the built-in one before all others; None if there is none."""
    for font in _fonts(size):
        missing = _shape(font, "\ufffe")
        if all(character.isspace() or _shape(font, character) != missing for character in text):
            return font
    return None


def _fonts(size: int) -> Iterator[Font]:
    yield ImageFont.load_default(size)
    for name in INSTALLED:
        try:
            yield ImageFont.truetype(name, size)
        except OSError:
            continue


def _shape(font: Font, character: str) -> bytes:
    return bytes(font.getmask(character))


def _background(width: int, height: int) -> Image.Image:
    """A quiet gradient from top to bottom."""
    slope = np.linspace(0.0, 1.0, height)[:, None, None]
    colours = np.array(_TOP) * (1 - slope) + np.array(_BOTTOM) * slope
    return Image.fromarray(np.broadcast_to(colours.round().astype(np.uint8), (height, width, 3)).copy())


def _icon(size: int) -> Image.Image:
    """A person's head and shoulders in a rounded frame, on nothing."""
    side = size * _SMOOTH
    figure = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(figure)
    head = side * 0.13
    pen.ellipse((side / 2 - head, side * 0.36 - head, side / 2 + head, side * 0.36 + head), fill=255)
    pen.ellipse((side * 0.225, side * 0.555, side * 0.775, side * 1.13), fill=255)
    inside = Image.new("L", (side, side), 0)
    border, radius = round(side * 0.022), side * 0.16
    pen = ImageDraw.Draw(inside)
    pen.rounded_rectangle((border * 2, border * 2, side - border * 2, side - border * 2), radius - border, fill=255)
    figure.paste(0, mask=inside.point(lambda value: 255 - value))
    frame = Image.new("L", (side, side), 0)
    ImageDraw.Draw(frame).rounded_rectangle((0, 0, side - 1, side - 1), radius, outline=255, width=border)
    icon = Image.new("RGBA", (side, side), (*_FIGURE, 0))
    icon.paste((*_FIGURE, 255), mask=figure)
    icon.paste((*_FRAME, 255), mask=frame)
    return icon.resize((size, size), Image.Resampling.LANCZOS)


def _wrap(text: str, font: Font, limit: float) -> list[str]:
    """Break at spaces, then even the lines out: as few as needed, none much shorter than the others."""
    words = [piece for word in text.split() for piece in _pieces(word, font, limit)]
    lines = _fill(words, font, limit)
    for narrower in range(round(limit), round(limit * 0.5), -4):
        attempt = _fill(words, font, narrower)
        if len(attempt) > len(lines):
            break
        lines = attempt
    return lines


def _pieces(word: str, font: Font, limit: float) -> list[str]:
    """A word that is wider than a line, or a sentence of a script without spaces, cut to lines."""
    pieces = [""]
    for character in word:
        if pieces[-1] and font.getlength(pieces[-1] + character) > limit:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _fill(words: list[str], font: Font, limit: float) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= limit:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _second_line(encoded: str, height: int) -> Image.Image:
    mask = Image.open(io.BytesIO(base64.b85decode(encoded))).convert("L")
    return mask.resize((round(height * mask.width / mask.height), height), Image.Resampling.LANCZOS)


@lru_cache(maxsize=4)
def load(path: str) -> Picture:
    """Decode the operator's picture: any format that FFmpeg reads; of a video the first frame.

    Raises:
        ConfigError: the file cannot be read, or is no picture.
    """
    try:
        with av.open(path) as container:
            for frame in container.decode(video=0):
                return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    except (OSError, IndexError, ValueError, av.error.FFmpegError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            [f"media.slate_picture: {path}: {cause}; give a PNG or JPEG file that can be read"]
        ) from error
    raise ConfigError([f"media.slate_picture: {path}: holds no picture; give a PNG or JPEG file"])


def letterbox(picture: Picture, width: int, height: int) -> Picture:
    """Fit a picture into a size without cutting or stretching it; the rest is night blue."""
    source = Image.fromarray(picture)
    scale = min(width / source.width, height / source.height)
    size = max(1, round(source.width * scale)), max(1, round(source.height * scale))
    image = Image.new("RGB", (width, height), _BOTTOM)
    image.paste(source.resize(size, Image.Resampling.LANCZOS), ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(image)
