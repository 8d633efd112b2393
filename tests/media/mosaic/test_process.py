"""A real process makes mosaics of real H.264: what is seen where, the bit rate, the bound, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from splitter.core.errors import MediaUnavailable
from splitter.media.mosaic.grid import cells
from splitter.media.mosaic.studio import Studio
from splitter.media.ports.events import MosaicLost
from splitter.media.ports.mosaics import MosaicHandle
from splitter.media.worker.process import WorkerProcess
from splitter.rtp import h264
from splitter.rtp.rtcp import SenderReport
from splitter.telemetry.settings import TelemetrySettings
from tests.media.mosaic.stand import Stand, Told, plan
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.slow

LUMAS = {"desk-1": 80, "expert-1": 150, "desk-2": 190, "caller": 115}


@asynccontextmanager
async def mosaic(
    lumas: dict[str, int], turned: int = 0, limit: int = 1
) -> AsyncIterator[tuple[Studio, MosaicHandle, Stand, Told]]:
    studio, told = Studio(limit, 960), Told()
    handle = await studio.open_mosaic("call-1", told)
    stand = Stand(handle, lumas, turned)
    try:
        yield studio, handle, stand, told
    finally:
        await studio.stop()
        stand.close()


def seen(luma: np.ndarray, count: int) -> list[int]:
    """The brightness in the middle of each cell."""
    height, width = luma.shape
    found = []
    for cell in cells(count, width, height):
        rows = slice(cell.y + cell.height // 3, cell.y + cell.height * 2 // 3)
        columns = slice(cell.x + cell.width // 3, cell.x + cell.width * 2 // 3)
        found.append(int(np.median(luma[rows, columns])))
    return found


async def film_until(stand: Stand, lumas: list[int]) -> np.ndarray:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await stand.film()
            luma = stand.watcher.luma()
            near = luma.size and all(
                abs(one - two) < 12 for one, two in zip(seen(luma, len(lumas)), lumas, strict=True)
            )
            if near:
                return luma


async def kbps_of(stand: Stand) -> float:
    """The rate of the pictures in the next seconds; more where what a slow machine held up comes all at once."""
    begin = len(stand.watcher.packets)
    await stand.film(2.0)
    late = stand.watcher.packets[begin:]
    return sum(len(data) + 28 for _, data in late) * 8 / 1000 / (late[-1][0] - late[0][0])


class TestTwoPictures:
    async def test_are_seen_with_their_names_at_the_rate_that_was_agreed(self) -> None:
        lumas = {"desk-1": 80, "expert-1": 150}
        async with mosaic(lumas) as (studio, handle, stand, told):
            studio.arrange_mosaic(
                handle, plan(("desk-1", "8001"), ("expert-1", "")), stand.watcher.pair.local, stand.inputs
            )
            luma = await film_until(stand, [80, 150])
            assert luma.shape == (640, 480)
            first, second = cells(2, 480, 640)
            corner = luma[first.y + first.height - 22 : first.y + first.height, :60]
            assert corner.max() > 200 and corner.min() < 50, "a name: light on dark"
            assert luma[second.y + second.height - 22 :, :60].max() < 190, "and none where there is none"

            before = len(stand.watcher.packets)
            stand.watcher.ask()
            async with asyncio.timeout(PATIENCE_S):
                while not any(h264.starts_idr(data[12:]) for _, data in stand.watcher.packets[before:]):
                    await stand.film()
            assert all(len(data) <= 1212 for _, data in stand.watcher.packets)
            await until(
                lambda: stand.watcher.look() and any(isinstance(one, SenderReport) for one in stand.watcher.reports)
            )

            stand.watcher.limit(150)
            async with asyncio.timeout(PATIENCE_S):
                while await kbps_of(stand) >= 165:
                    pass
            assert told.events == []

    async def test_turned_ones_stand_upright(self) -> None:
        async with mosaic({"caller": 80, "desk-1": 150}, turned=1) as (studio, handle, stand, _):
            studio.arrange_mosaic(handle, plan(("caller", ""), ("desk-1", "")), stand.watcher.pair.local, stand.inputs)
            luma = await film_until(stand, [80, 150])
            top, _ = cells(2, 480, 640)
            assert (luma[top.y + 100 : top.y + 200, 140:340].mean(axis=1) > 60).all()
            assert luma[top.y + 100, 20] < 45, "a picture that lay on its side is narrow"


class TestAnotherArrangement:
    async def test_follows_those_who_come_and_go(self) -> None:
        async with mosaic(LUMAS) as (studio, handle, stand, _):
            everybody = [(name, name) for name in LUMAS]
            studio.arrange_mosaic(handle, plan(*everybody), stand.watcher.pair.local, stand.inputs)
            await film_until(stand, list(LUMAS.values()))
            studio.arrange_mosaic(handle, plan(*everybody[1:]), stand.watcher.pair.local, stand.inputs)
            await film_until(stand, list(LUMAS.values())[1:])

    async def test_a_source_that_lost_packets_is_asked_for_a_key_frame(self) -> None:
        async with mosaic({"desk-1": 80, "desk-2": 150}) as (studio, handle, stand, _):
            studio.arrange_mosaic(handle, plan(("desk-1", ""), ("desk-2", "")), stand.watcher.pair.local, stand.inputs)
            await film_until(stand, [80, 150])
            camera, asked = stand.cameras["desk-1"], stand.cameras["desk-1"].asked
            camera.film(lose=True)
            async with asyncio.timeout(PATIENCE_S):
                while camera.asked == asked:
                    await stand.film()
            camera.camera.luma = 200
            await film_until(stand, [200, 150])


class TestTheBound:
    async def test_one_more_than_may_be_is_refused(self) -> None:
        async with mosaic({}) as (studio, handle, _, told):
            with pytest.raises(MediaUnavailable, match="as many mosaics"):
                await studio.open_mosaic("call-2", told)
            assert studio.mosaics().open == 1
            await studio.close_mosaic(handle)
            assert studio.mosaics().open == 0
            await studio.open_mosaic("call-2", told)
            studio.renew(0, TelemetrySettings())
            with pytest.raises(MediaUnavailable):
                await studio.open_mosaic("call-3", told)


class TestItsEnd:
    async def test_is_told_and_nothing_stays(self) -> None:
        async with mosaic({}) as (studio, handle, _, told):
            (pid,) = studio.mosaics().pids
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(PATIENCE_S):
                await told.came.wait()
            assert told.events == [MosaicLost("call-1", handle.mosaic_id, "its process killed by SIGKILL")]
            assert studio.mosaics().open == 0
            await studio.close_mosaic(handle)

    async def test_comes_when_it_is_later_than_real_time(self) -> None:
        """A process that got no processor for so long: the machine is too busy for it."""
        async with mosaic({"desk-1": 80, "desk-2": 150}) as (studio, handle, stand, told):
            studio.arrange_mosaic(handle, plan(("desk-1", ""), ("desk-2", "")), stand.watcher.pair.local, stand.inputs)
            await film_until(stand, [80, 150])
            (pid,) = studio.mosaics().pids
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(4.5)  # more than what it is judged by, on any machine
            os.kill(pid, signal.SIGCONT)
            async with asyncio.timeout(PATIENCE_S):
                await told.came.wait()
            [event] = told.events
            assert isinstance(event, MosaicLost) and "later than real time" in event.reason

    async def test_is_the_gateways_end(self) -> None:
        """Whoever began it is gone: nobody has to find it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = WorkerProcess.spawn([], "splitter.media.mosaic", theirs.fileno())
            assert await asyncio.get_running_loop().run_in_executor(None, ours.recv, 10)
        async with asyncio.timeout(PATIENCE_S):
            await process.ended.wait()
        assert process.how == "exited with 0"
