"""Two gateways of a cluster, with a real Valkey: a desk at either has every call, and goes on where its own is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from splitter.lab.sight import STILL
from tests.browser import sdk
from tests.browser.camera import SENDER
from tests.browser.desk import CALLED, CALLER, Desk, sight_of
from tests.browser.gateway import CRM_TOKEN, Gateway
from tests.browser.test_restart import counting, counts
from tests.cluster.server import Server, short_folder
from tests.patience import PATIENCE_S


@dataclass
class Two:
    """Both gateways; calls come to `a`."""

    desk: Desk
    a: Gateway
    b: Gateway


@asynccontextmanager
async def two(make_desk: Callable[..., Desk]) -> AsyncIterator[Two]:
    """Both run, and know each other."""
    with short_folder() as folder, Server(folder) as valkey, TemporaryDirectory(prefix="splitter-b-") as other:
        cluster: dict[str, Any] = {"valkey": valkey.url, "secret": folder / "secret"}
        async with make_desk(node="a", **cluster) as desk:
            b = Gateway(Path(other), desk.centre.address, CALLED, node="b", **cluster)
            await b.start()
            try:
                for one in (desk.gateway, b):
                    await knows_both(one)
                yield Two(desk, desk.gateway, b)
                assert "Traceback" not in b.log(), b.log()
            except BaseException:
                print(f"---- the log of b\n{b.log()[-10_000:]}")
                raise
            finally:
                await b.stop()


async def knows_both(gateway: Gateway) -> None:
    """Wait until it hears all the others."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, body, _ = await gateway.ask("GET", "/v1/cluster")
            alarms = (await gateway.get("/v1/status"))["alarms"]
            if len(body["nodes"]) == 2 and not any("not seen here" in alarm for alarm in alarms):
                return
            await asyncio.sleep(0.1)


async def listed(gateway: Gateway, call_id: str, there: bool = True) -> None:
    """Wait until it lists the call, or does so no longer."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, body, _ = await gateway.ask("GET", "/v1/calls")
            if (call_id in [call["call_id"] for call in body["calls"]]) is there:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def listening(gateway: Gateway, after: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url, words = f"{gateway.api}/v1/events", ("splitter.v1", f"bearer.{CRM_TOKEN}")
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, params={"after": after}, protocols=words) as opened,
    ):
        yield opened


async def heard(opened: aiohttp.ClientWebSocketResponse, last: Callable[[Any], bool]) -> list[Any]:
    frames: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while not frames or not last(frames[-1]):
            frames.append(json.loads((await opened.receive()).data))
    return frames


def is_ready(frame: Any) -> bool:
    return bool(frame["type"] == "ready")


async def test_a_desk_at_one_node_has_the_call_of_the_other(make_desk: Callable[..., Desk]) -> None:
    async with two(make_desk) as one:
        desk, b = one.desk, one.b
        page = await sdk.open_desk(await desk.context(), b)
        caller = await desk.eye(page, "#caller")
        async with listening(one.a) as opened:
            cursor = (await heard(opened, is_ready))[-1]["after"]
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, 15)
        await caller.rising(CALLER, 15)
        assert (await one.a.call(call_id))["node"] == "a"
        await listed(b, call_id)
        status, png, headers = await b.ask("POST", f"/v1/calls/{call_id}/snapshots")
        assert status == 201 and png.startswith(b"\x89PNG")
        assert (await b.ask("GET", headers["Location"]))[1] == png
        assert await page.evaluate("(async () => (await call.snapshot()).blob.size)()") > 1000
        status, _, _ = await b.ask("DELETE", f"/v1/calls/{call_id}")
        assert status == 202
        await sdk.until_told(page, "call", "ended")
        await listed(b, call_id, there=False)
        async with listening(b, cursor) as opened:
            [hello, *missed, _] = await heard(opened, is_ready)
        assert hello["resumed"] is True
        for place in cursor.split(","):
            stream, _, seq = place.rpartition(":")
            numbers = [frame["seq"] for frame in missed if frame["stream"] == stream]
            assert numbers == [*range(int(seq) + 1, int(seq) + 1 + len(numbers))], "every number once"
        assert any(frame["type"] == "call" and frame["call"]["state"] == "ended" for frame in missed)


async def test_a_desk_whose_node_is_killed_goes_on_at_the_other(make_desk: Callable[..., Desk]) -> None:
    """The call's own node lives: its pictures never stop. Then that one dies with its media: the desk joins again."""
    async with two(make_desk) as one:
        desk = one.desk
        page = await sdk.open_desk(await counting(await desk.context()), one.b)
        caller = await desk.eye(page, "#caller")
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, 15)
        await caller.rising(CALLER, 15)
        [seen], online = await counts(page), (await sdk.told(page, "connection")).count("online")
        await one.b.kill()
        await sdk.until_told(page, "connection", "online", after=online)
        assert await page.evaluate("splitter.url.origin") == one.a.api
        await caller.rising(CALLER, 15)
        [after] = await counts(page)
        assert after[0] > seen[0] and after[1:] == [seen[1], "connected"], "no packet is missing"
        await page.evaluate("call.show('slate')")
        await desk.until(lambda: sight_of(handset).now_showing == STILL, "the caller sees the waiting picture")
        await page.evaluate("call.showCamera()")
        await desk.caller_sees(handset, SENDER, 10)

        await one.b.start()
        await knows_both(one.a)
        await one.a.kill(workers=True)
        await one.a.start()
        await caller.rising(CALLER, 15, 30.0)
        await desk.caller_sees(handset, SENDER, 15, 30.0)
        assert (await one.a.call(call_id))["state"] == "connected"
        await handset.hang_up()
        await sdk.until_told(page, "call", "ended")
