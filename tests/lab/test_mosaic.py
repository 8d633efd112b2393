"""A handset sees a mosaic through the real gateway: of itself and of the seat, at its end the seat alone, and it again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from splitter.lab.picture import Plane
from splitter.lab.sight import Sight
from splitter.media.mosaic.grid import cells, within
from tests.lab.test_restart import killed
from tests.lab.test_through_gateway import CALLER, SEAT, Scene, conversation
from tests.patience import until

pytestmark = pytest.mark.interop


class Tiles(Sight):
    """What the handset sees, and what it sees in each of the two places of a mosaic."""

    def __init__(self, before: Sight) -> None:
        super().__init__()
        self.senders = before.senders
        self.tiles = (Sight(), Sight())
        self.sizes: set[tuple[int, ...]] = set()

    def frame(self, luma: Plane, now: float, clock_ms: int | None = None) -> None:
        super().frame(luma, now, clock_ms)
        self.sizes.add(luma.shape)
        height, width = luma.shape
        for cell, tile in zip(cells(2, width, height), self.tiles, strict=True):
            at = within(cell, 4, 3)
            tile.frame(luma[at.y : at.y + at.height, at.x : at.x + at.width], now, clock_ms)

    async def shows_both(self) -> None:
        """Fresh pictures of both come from now on: of the seat, which is the host's, and then of the handset."""
        expected = tuple(zip(self.tiles, (SEAT, CALLER), strict=True))
        before = [tile.rising(sender) for tile, sender in expected]
        await until(lambda: all(one.rising(who) > was + 4 for (one, who), was in zip(expected, before, strict=True)))


def process_of(scene: Scene) -> int:
    """The mosaic's, which is a child of the gateway."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            if parent == scene.stage.gateway.pid and b"splitter.media.mosaic" in (path.parent / "cmdline").read_bytes():
                return int(path.parent.name)
        except OSError:
            continue
    raise AssertionError("there is no mosaic")


async def view_of(scene: Scene) -> Any:
    [call] = (await scene.stage.gateway.get("/v1/calls"))["calls"]
    return call


async def test_is_seen_and_survives_its_own_end_and_the_gateways() -> None:
    async with conversation() as scene:
        gateway, video = scene.stage.gateway, scene.handset.video
        sight = video.sight = Tiles(video.sight)
        call = await view_of(scene)
        wish = {"source": "mosaic", "of": ["caller", call["parties"][0]["name"]]}
        await gateway.put(f"/v1/calls/{call['call_id']}/display", wish)
        await sight.shows_both()
        assert (await gateway.get("/v1/status"))["mosaics"] == [1, 1]
        assert (video.decoder.errors, video.counts.lost, len(video.counts.sources)) == (0, 0, 1)

        seen = sight.rising(SEAT)
        os.kill(process_of(scene), signal.SIGKILL)
        await until(lambda: sight.rising(SEAT) > seen + 4)
        assert (await view_of(scene))["mosaic"]["reason"].startswith("its process killed by SIGKILL")
        await sight.shows_both()

        await killed(gateway)
        await sight.shows_both()
        await scene.heard_again()
        assert (await view_of(scene))["showing"] == "mosaic"
