"""The gateway is killed, or restarted, under a live call: nobody hears, sees or has to do anything of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.places import free_ports
from tests.lab.test_through_gateway import Scene, conversation
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.interop

How = Callable[[GatewayProcess], Awaitable[None]]


async def killed(gateway: GatewayProcess) -> None:
    await gateway.kill()
    await gateway.start()


async def left(gateway: GatewayProcess) -> None:
    await gateway.leave()
    await gateway.start()


async def restarted(gateway: GatewayProcess) -> None:
    """In place: the process stays, the program begins anew."""
    pid, began = gateway.pid, await _began(gateway)
    await gateway.post("/v1/restart")
    async with asyncio.timeout(PATIENCE_S):
        while await _began(gateway) in (began, 0.0):  # noqa: ASYNC110 — what is waited for sets no event of ours
            await asyncio.sleep(0.05)
    assert gateway.pid == pid and gateway.alive


async def _began(gateway: GatewayProcess) -> float:
    """When the program began; 0.0 while it is not there."""
    try:
        status = await gateway.get("/v1/status")
    except (OSError, aiohttp.ClientError):
        return 0.0
    return float(status["started_at"]) if status["state"] == "running" else 0.0


def lost(scene: Scene) -> list[int]:
    """Packets that did not come, or came too late: voice and video of the handset, video of the seat."""
    counts = (scene.handset.audio.counts, scene.handset.video.counts, scene.seat.video.counts)
    return [count.lost + count.late for count in counts]


class TestALiveCall:
    @pytest.mark.parametrize("how", [killed, left, restarted])
    async def test_is_seen_and_heard_through_it_and_changes_after_it(self, how: How) -> None:
        async with conversation() as scene:
            before = lost(scene)
            await how(scene.stage.gateway)
            [call] = (await scene.stage.gateway.get("/v1/calls"))["calls"]
            assert call["state"] == "connected" and len(call["parties"]) == 1
            await scene.seen_again()
            await scene.heard_again()
            assert lost(scene) == before, "not a packet of voice or video is missing"
            await scene.changed("hold", "sendonly")
            await scene.changed("resume", "sendrecv")
            await scene.heard_again()

    async def test_survives_one_kill_after_the_other(self) -> None:
        async with conversation() as scene:
            before = lost(scene)
            for _ in range(3):
                await killed(scene.stage.gateway)
            await scene.seen_again()
            assert lost(scene) == before


class TestTheEventSocket:
    @pytest.mark.parametrize("how", [killed, left, restarted])
    async def test_goes_on_with_every_number_once(self, how: How) -> None:
        """A listener is cut by the restart and resumes: no call is told anew, and none of what happened is missing."""
        async with conversation() as scene:
            gateway = scene.stage.gateway
            async with listening(gateway) as events:
                first = await heard(events, lambda frame: frame["type"] == "ready")
                await how(gateway)
            async with listening(gateway, first[-1]["after"]) as events:
                [hello, *_] = again = await heard(events, lambda frame: frame["type"] == "ready")
                assert hello["resumed"] is True and hello["epoch"] == first[0]["epoch"]
                changing = asyncio.create_task(scene.changed("hold", "sendonly"))
                again += await heard(events, lambda frame: frame["type"] == "call" and "sendonly" in audio_of(frame))
                await changing
            numbers = [frame["seq"] for frame in again if frame["type"] in ("call", "notice", "desk")]
            assert numbers == [*range(first[-1]["seq"] + 1, first[-1]["seq"] + 1 + len(numbers))]


@asynccontextmanager
async def listening(gateway: GatewayProcess, after: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The event socket, on the control socket."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(gateway.control_socket))) as http,
        http.ws_connect(f"http://splitter/v1/events?after={after}", protocols=("splitter.v1",)) as events,
    ):
        yield events


async def heard(events: aiohttp.ClientWebSocketResponse, last: Callable[[Any], bool]) -> list[Any]:
    """Every frame up to one of which that holds."""
    frames: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while not frames or not last(frames[-1]):
            frames.append(await events.receive_json())
    return frames


def audio_of(frame: Any) -> str:
    """Our audio towards the centre, or from it: "" where there is none."""
    return " ".join(leg["audio"] for leg in frame["call"]["legs"])


async def test_a_stop_in_the_middle_of_it_is_obeyed_by_what_comes_after(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, Address("127.0.0.1", free_ports("127.0.0.1", 1)[0]), "12345", "127.0.0.1")
    await gateway.start()
    await gateway.post("/v1/restart")
    await until(lambda: "leaving the calls" in gateway.log_file.read_text())
    assert await gateway.stop() == 0
