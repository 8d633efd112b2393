"""The gateway is killed while something is under way in a call: that comes to a good end, and everything works after it."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from splitter.lab.consent import Consent
from splitter.lab.gateway import GatewayProcess
from splitter.lab.handset import HandsetSettings
from splitter.lab.stage import CALLED, Stage, call_id_in
from tests.lab.test_restart import killed, lost
from tests.lab.test_through_gateway import Scene, _at_rest, conversation
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.interop


async def screenshot(gateway: GatewayProcess, call_id: str) -> int:
    """Take one of the caller. Returns: the status."""
    connector = aiohttp.UnixConnector(str(gateway.control_socket))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post(f"http://splitter/v1/calls/{call_id}/snapshots") as response,
    ):
        return response.status


async def works(scene: Scene) -> None:
    """Hold, resume, a screenshot, voice and picture; the end of the scene hangs up and looks for what is left."""
    await scene.changed("hold", "sendonly")
    await scene.changed("resume", "sendrecv")
    await scene.heard_again()
    await scene.seen_again()
    call_id = call_id_in(scene.invite)
    assert call_id is not None and await screenshot(scene.stage.gateway, call_id) == 201


class TestWithASeat:
    async def test_on_hold(self) -> None:
        async with conversation() as scene:
            await scene.changed("hold", "sendonly")
            before = lost(scene)
            await killed(scene.stage.gateway)
            await scene.seen_again()
            assert lost(scene) == before
            await scene.changed("resume", "sendrecv")
            await works(scene)

    async def test_as_the_centre_changes_the_call(self) -> None:
        """Its re-INVITE is on its way, answered or not; a transfer of its begins so as well."""
        async with conversation() as scene:
            scene.centre("hold")
            await killed(scene.stage.gateway)
            await scene.changed("hold", "sendonly")  # a stack that sees an ICMP error has given it up
            await scene.changed("resume", "sendrecv")
            await works(scene)

    async def test_as_the_caller_changes_the_call(self) -> None:
        async with conversation() as scene:
            holding = asyncio.create_task(scene.handset.hold())
            await asyncio.sleep(0)
            await killed(scene.stage.gateway)
            await holding  # accepted, or refused and as before; answered in any case
            async with asyncio.timeout(PATIENCE_S):
                while not (await scene.handset.resume()).accepted:  # noqa: ASYNC110 — refused where offers meet
                    await asyncio.sleep(0.5)
            await works(scene)


class TestVoiceAlone:
    async def test_as_the_caller_is_asked_for_video(self) -> None:
        async with Stage(queue_s=0.0, ring_s=0.2) as stage:
            handset = await stage.handset(HandsetSettings(consent=Consent(after_s=3.0)))
            handset.party.with_video = False
            call = handset.dial(CALLED, stage.gateway.access)
            assert (await call.answered()).accepted
            invite = await stage.centre.wait_for("invite")
            path = f"/v1/calls/{call_id_in(invite)}"
            await has(stage, path, "connected")
            await stage.gateway.post(f"{path}/video")
            await until(lambda: len(call.offers_in) == 1)  # its user thinks
            await killed(stage.gateway)
            await has(stage, path, "connected")
            handset.consent = Consent()
            async with asyncio.timeout(PATIENCE_S):
                while not await runs(stage, path):
                    await stage.gateway.post(f"{path}/video")  # refused while one is asked already
                    await asyncio.sleep(0.5)
            hearing = handset.audio.hearing
            heard = hearing.seconds(660.0)
            await until(lambda: hearing.seconds(660.0) > heard + 0.2)
            await handset.hang_up()
            await _at_rest(stage)
        assert stage.gateway_status == 0

    async def test_as_it_rings(self) -> None:
        async with Stage(queue_s=0.0, ring_s=60.0) as stage:
            handset = await stage.handset(HandsetSettings())
            call = handset.dial(CALLED, stage.gateway.access)
            await until(lambda: call.state == "early")
            await killed(stage.gateway)
            assert (await call.answered()).status == 480
            await stage.centre.wait_for("ended")
            await _at_rest(stage)
        assert stage.gateway_status == 0


async def has(stage: Stage, path: str, state: str) -> None:
    """Wait until a call is in this state."""
    async with asyncio.timeout(PATIENCE_S):
        while (await stage.gateway.get(path))["state"] != state:  # noqa: ASYNC110 — nothing tells us
            await asyncio.sleep(0.05)


async def runs(stage: Stage, path: str) -> bool:
    """Whether the caller's video runs."""
    return bool((await stage.gateway.get(path))["video"]["state"] == "on")
