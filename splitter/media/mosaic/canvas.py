"""The picture of a mosaic: the pictures of all in their places, each with its name."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from splitter.media.mosaic.grid import Cell, cells, within
from splitter.media.mosaic.names import Plane, drawn
from splitter.media.room.decode import turned

_NIGHT = (33, 134, 124)  # the slate's night blue, as Y, Cb and Cr
_GREY = 128
_QUARTER = 0x01  # of an orientation: it lies on its side


@dataclass(slots=True)
class _Place:
    """A cell, and what stands in it."""

    cell: Cell
    name: Plane | None
    at: Cell | None = None
    scaler: VideoReformatter = field(default_factory=VideoReformatter)


class Canvas:
    """A mosaic's picture of a fixed size.

    Args:
        names: of its pictures: what is drawn, and what else where that cannot be.
    """

    def __init__(self, width: int, height: int, names: tuple[tuple[str, str], ...]) -> None:
        self.width, self.height = width, height
        half = (height // 2, width // 2)
        self._planes: tuple[Plane, Plane, Plane] = (
            np.full((height, width), _NIGHT[0], np.uint8),
            np.full(half, _NIGHT[1], np.uint8),
            np.full(half, _NIGHT[2], np.uint8),
        )
        self._places = [
            _Place(cell, drawn(*name, cell.width, cell.height))
            for cell, name in zip(cells(len(names), width, height), names, strict=True)
        ]
        for place in self._places:
            self._write_name(place)

    def put(self, index: int, picture: av.VideoFrame, orientation: int) -> None:
        """Show a picture in a place. `orientation`: CVO byte, 0 for upright."""
        place = self._places[index]
        lying = bool(orientation & _QUARTER)
        upright = (picture.height, picture.width) if lying else (picture.width, picture.height)
        at = within(place.cell, *upright)
        if at != place.at:
            place.at = at
            self._clear(place.cell)
        wide, high = (at.height, at.width) if lying else (at.width, at.height)
        scaled = place.scaler.reformat(picture, wide, high, "yuv420p")
        for number, plane in enumerate(self._planes):
            shift = 1 if number else 0
            piece = turned(_plane(scaled, number), orientation) if orientation else _plane(scaled, number)
            _part(plane, at, shift)[:] = piece
        self._write_name(place)

    def clear(self, index: int) -> None:
        """Show nothing but the name in a place."""
        place = self._places[index]
        place.at = None
        self._clear(place.cell)
        self._write_name(place)

    def frame(self, below: Plane | None = None) -> av.VideoFrame:
        """The picture as it is now. `below`: luma of lines that stand below it, as wide and of an even number."""
        added = 0 if below is None else below.shape[0]
        planes = [plane.reshape(-1) for plane in self._planes]
        if below is not None:
            grey = np.full(added * self.width // 4, _GREY, np.uint8)
            luma, first, second = planes
            planes = [luma, below.reshape(-1), first, grey, second, grey]
        flat = np.concatenate(planes)
        return av.VideoFrame.from_ndarray(flat.reshape((self.height + added) * 3 // 2, self.width), format="yuv420p")

    def _clear(self, cell: Cell) -> None:
        for number, (plane, value) in enumerate(zip(self._planes, _NIGHT, strict=True)):
            _part(plane, cell, 1 if number else 0)[:] = value

    def _write_name(self, place: _Place) -> None:
        """Into the lower left corner of its cell."""
        if place.name is None:
            return
        high, wide = place.name.shape
        corner = Cell(place.cell.x, place.cell.y + place.cell.height - high, wide, high)
        luma, *colours = self._planes
        _part(luma, corner, 0)[:] = place.name
        for plane in colours:
            _part(plane, corner, 1)[:] = _GREY


def _part(plane: Plane, cell: Cell, shift: int) -> Plane:
    x, y, width, height = (value >> shift for value in cell)
    return plane[y : y + height, x : x + width]


def _plane(picture: av.VideoFrame, number: int) -> Plane:
    plane = picture.planes[number]
    rows: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
