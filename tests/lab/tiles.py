"""What somebody sees in each place of a mosaic."""

from __future__ import annotations

from splitter.lab.picture import Plane
from splitter.lab.sight import Sight
from splitter.media.mosaic.grid import cells, within
from tests.patience import until


class Tiles(Sight):
    """What somebody sees, and what in each place of a mosaic of these senders.

    Args:
        before: what was seen until now.
        shape: width and height of their pictures, or anything of these proportions.
    """

    def __init__(self, before: Sight, *senders: int, shape: tuple[int, int] = (4, 3)) -> None:
        super().__init__()
        self.senders = before.senders
        self._shape = shape
        self._tiles = [(sender, Sight()) for sender in senders]

    def frame(self, luma: Plane, now: float, clock_ms: int | None = None) -> None:
        super().frame(luma, now, clock_ms)
        height, width = luma.shape
        for cell, (_, tile) in zip(cells(len(self._tiles), width, height), self._tiles, strict=True):
            at = within(cell, *self._shape)
            tile.frame(luma[at.y : at.y + at.height, at.x : at.x + at.width], now, clock_ms)

    async def shows_all(self) -> None:
        """Fresh pictures of all come from now on, each in its place."""
        before = [tile.rising(sender) for sender, tile in self._tiles]
        await until(
            lambda: all(tile.rising(sender) > was + 4 for (sender, tile), was in zip(self._tiles, before, strict=True))
        )
