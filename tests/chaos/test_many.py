"""A thousand calls live when the gateway is killed; the next one has them all."""

from __future__ import annotations

import asyncio
import random
import re
import time
from pathlib import Path

import pytest

from splitter.lab.gateway import GatewayProcess
from tests.chaos.crowd import CALLED, HOST, Conversation, Town
from tests.chaos.remains import left_at_last
from tests.patience import until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CALLS, RATE = 1000, 50
UNDER_WAY = 25  # set-ups, or endings, at a time: a slow machine takes longer
LIMIT_S = 300.0


async def ended(call: Conversation) -> bool:
    """The caller hangs up; True where that is answered, and the centre hears of it."""
    outcome = await call.caller.hang_up(limit_s=LIMIT_S)
    assert call.inside is not None and outcome is not None
    return outcome.status == 200 and await call.inside.ended(LIMIT_S) == "the peer sent BYE"


async def connected(town: Town, gateway: GatewayProcess) -> list[Conversation]:
    """So many calls that were answered; whoever is refused, as a slow machine is too busy, calls again."""
    while sum(call.connected for call in town.calls) < CALLS:
        live = [call for call in town.calls if call.caller.state != "ended"]
        if len(live) < CALLS and sum(not call.connected for call in live) < UNDER_WAY:
            town.call(gateway.access)
        await asyncio.sleep(1 / RATE)
    return [call for call in town.calls if call.connected]


class TestAThousandCalls:
    async def test_are_taken_up_and_end_well(self, tmp_path: Path) -> None:
        town = Town(random.Random(1))
        await town.start()
        gateway = GatewayProcess(tmp_path, town.centre.address, CALLED, HOST, calls=CALLS + 10)
        try:
            await gateway.start()
            calls = await connected(town, gateway)
            await gateway.kill()
            began = time.monotonic()
            await gateway.start()
            print(f"there again after {time.monotonic() - began:.2f} s; {taken_up(gateway)}")
            status = await gateway.get("/v1/status")
            assert status["calls"] == CALLS
            endings = []
            for call in calls:
                endings.append(asyncio.create_task(ended(call)))
                await asyncio.sleep(1 / RATE)
                await until(lambda: sum(not ending.done() for ending in endings) < UNDER_WAY)
            assert all(await asyncio.gather(*endings))
            assert await left_at_last(gateway, LIMIT_S) == []
        finally:
            status = await gateway.stop()
            await town.stop()
        assert status == 0


def taken_up(gateway: GatewayProcess) -> str:
    """What its log says of the calls of before."""
    found = re.findall(r"calls of before.*", gateway.log_file.read_text(errors="replace"))
    return found[-1] if found else "nothing was found"
