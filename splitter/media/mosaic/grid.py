"""Where each picture of a mosaic stands. Pure."""

from __future__ import annotations

from typing import NamedTuple

_USUAL = 4 / 3  # of pictures that cameras take


class Cell(NamedTuple):
    """The place of one picture, in pixels; all four are even, as colours have half the pixels."""

    x: int
    y: int
    width: int
    height: int


def cells(count: int, width: int, height: int) -> tuple[Cell, ...]:
    """The places of so many pictures, row by row, in the arrangement that leaves most room to cameras' pictures.

    Pictures of a last row that is not full stand in its middle.
    """
    columns = max(range(1, count + 1), key=lambda one: (_seen(one, count, width, height), -one))
    rows = -(-count // columns)
    cell_width, cell_height = _even(width // columns), _even(height // rows)
    found = []
    for index in range(count):
        row, column = divmod(index, columns)
        in_row = min(columns, count - row * columns)
        left = _even((width - in_row * cell_width) // 2)
        found.append(Cell(left + column * cell_width, row * cell_height, cell_width, cell_height))
    return tuple(found)


def within(cell: Cell, width: int, height: int) -> Cell:
    """The place of a picture of these proportions in a cell: as large as it can be, uncut, in the middle."""
    scale = min(cell.width / width, cell.height / height)
    wide, high = max(2, _even(round(width * scale))), max(2, _even(round(height * scale)))
    return Cell(cell.x + _even((cell.width - wide) // 2), cell.y + _even((cell.height - high) // 2), wide, high)


def _seen(columns: int, count: int, width: int, height: int) -> float:
    """The height that a usual picture has in this many columns."""
    return min(width / columns / _USUAL, height / -(-count // columns))


def _even(value: int) -> int:
    return value & ~1
