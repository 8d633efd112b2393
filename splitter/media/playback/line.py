"""The line below the pictures of a film: the time of day, the time since it began, and what it is of. Draws."""

from __future__ import annotations

import time

import numpy as np
from PIL import Image, ImageDraw

from splitter.media.mosaic.names import Plane
from splitter.media.slate.draw import font_for

LINE_HEIGHT = 32
_SIZE, _EDGE = 18, 12
_DARK, _LIGHT, _PALE = 16, 235, 170


class TimeLine:
    """The line; drawn anew each second.

    Args:
        width: of the film. began: Unix seconds that its time 0 stands for. title: of the recording.
    """

    def __init__(self, width: int, began: float, title: str) -> None:
        self._width, self._began, self._title = width, began, " ".join(title.split())
        self._drawn: tuple[int, str] | None = None
        self._font = font_for(self._title, _SIZE) or font_for("0", _SIZE)
        self.plane: Plane = np.full((LINE_HEIGHT, width), _DARK, np.uint8)

    def show(self, at: float, state: str) -> bool:
        """Draw it for a time of the recording. `state`: in words. Returns: whether it has changed."""
        second = int(at)
        if self._drawn == (second, state):
            return False
        self._drawn = (second, state)
        image = Image.new("L", (self._width, LINE_HEIGHT), _DARK)
        draw = ImageDraw.Draw(image)
        of_day = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(self._began + second))
        since = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        left = f"{of_day}   {since}{f'   {state}' if state else ''}"
        self._write(draw, left, _EDGE, _LIGHT, "lm")
        self._write(draw, self._title, self._width - _EDGE, _PALE, "rm")
        self.plane = np.asarray(image, dtype=np.uint8)
        return True

    def _write(self, draw: ImageDraw.ImageDraw, text: str, x: int, shade: int, anchor: str) -> None:
        font = self._font
        if font is None:
            return
        while len(text) > 1 and font.getlength(text) > self._width / 2 - _EDGE:
            text = text[:-1]
        draw.text((x, LINE_HEIGHT / 2), text, fill=shade, font=font, anchor=anchor)
