"""A handset sees a mosaic through the real gateway: of itself and of the seat, at its end the seat alone, and it again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.lab.test_restart import killed
from tests.lab.test_through_gateway import CALLER, SEAT, Scene, conversation
from tests.lab.tiles import Tiles
from tests.patience import eventually, until

pytestmark = pytest.mark.interop


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


async def says(scene: Scene, words: str) -> bool:
    """Whether the view says so of the mosaic."""
    return bool((await view_of(scene))["mosaic"]["reason"].startswith(words))


async def test_is_seen_and_survives_its_own_end_and_the_gateways() -> None:
    async with conversation() as scene:
        gateway, video = scene.stage.gateway, scene.handset.video
        sight = video.sight = Tiles(video.sight, SEAT, CALLER)
        call = await view_of(scene)
        wish = {"source": "mosaic", "of": ["caller", call["parties"][0]["name"]]}
        await gateway.put(f"/v1/calls/{call['call_id']}/display", wish)
        await sight.shows_all()
        assert (await gateway.get("/v1/status"))["mosaics"] == [1, 1]
        assert (video.decoder.errors, video.counts.lost, len(video.counts.sources)) == (0, 0, 1)

        seen = sight.rising(SEAT)
        os.kill(process_of(scene), signal.SIGKILL)
        await eventually(lambda: says(scene, "its process killed by SIGKILL"))  # until the next try
        await until(lambda: sight.rising(SEAT) > seen + 4)
        await sight.shows_all()

        await killed(gateway)
        await sight.shows_all()
        await scene.heard_again()
        assert (await view_of(scene))["showing"] == "mosaic"
