"""A real queue and real browsers: whoever picks up in Asterisk has the caller's picture, with no further action."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from playwright.async_api import Browser, Page

from splitter.core.net import Address
from splitter.lab.codec import VideoShape
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect
from splitter.lab.sight import STILL
from splitter.lab.video import VideoSettings
from tests.browser import sdk
from tests.browser.camera import SENDER
from tests.browser.checks import Wanted, in_words, judge
from tests.browser.chromium import fresh
from tests.browser.eyes import Eye, Log
from tests.browser.gateway import PASSWORD
from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import Scene, until
from tests.interop.sipp import Sipp
from tests.patience import patient

CALLED, CALLER = "12345", 1
PICTURE_WITHIN_S = 2.0  # some 0.3 s where nothing else runs

_MORE = """
[network.web]
listen = ["ws:127.0.0.1:{port}"]
media_address = "127.0.0.1"

[api]
listen = ["{host}:8443"]
media_network = "web"
""" + "".join(
    f'[[account]]\nuser = "{user}"\npassword = "{PASSWORD}"\nextension = "{user}"\n' for user in ("8001", "8002")
)


@dataclass
class Centre:
    """Asterisk with its queue, its agents' phones, the gateway, and a handset that calls."""

    scene: Scene
    gateway: Gateway
    asterisk: Asterisk
    handset: Handset
    browser: Browser
    stack: AsyncExitStack

    def phone(self, extension: str, scenario: str, **more: Any) -> Sipp:
        """An agent's desk phone."""
        desk = self.scene.desk
        host = {"8001": desk.agent, "8002": desk.colleague}[extension]
        return self.scene.centre(scenario, name=f"phone-{extension}", host=host, **more)

    async def page(self, extension: str) -> tuple[Page, Eye]:
        """An agent's browser, logged in; and what its <video> of the caller shows."""
        api = SimpleNamespace(api=f"http://{self.scene.desk.access}:8443")
        context = await self.stack.enter_async_context(await fresh(self.browser, "en-US"))
        page = await sdk.open_desk(context, api, extension)  # type: ignore[arg-type]
        eye = await Eye.open(page, "#caller")
        self.stack.push_async_callback(eye.close)
        return page, eye

    async def sees(self, sender: int, usual_s: float = 10.0) -> None:
        """Wait until the caller sees that sender."""
        log = self.handset.video.sight
        assert isinstance(log, Log)
        before = log.rising(sender)
        async with asyncio.timeout(patient(usual_s)):
            while log.rising(sender) < before + 15:  # noqa: ASYNC110 — it happens in other processes
                await asyncio.sleep(0.05)


@asynccontextmanager
async def centre(browser: Browser, folder: Path) -> AsyncIterator[Centre]:
    """Everything, started; soundly ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with AsyncExitStack() as stack:
        desk = stack.enter_context(Desk())
        scene = Scene(desk, folder)
        stack.callback(scene.close)
        gateway = Gateway(desk, {"accounts": _MORE.format(port=port, host=desk.access)})
        stack.callback(gateway.remove)
        stack.callback(gateway.stop)
        gateway.start()
        asterisk = stack.enter_context(Asterisk(desk))
        asterisk.command("queue add member Local/8002@agents/n to support penalty 0 as A2 state_interface PJSIP/8002")
        video = VideoSettings(sender=CALLER, shape=VideoShape(480, 640, 15, 500), orientation_id=7)
        settings = HandsetSettings(number="13800000001", video=video, dialect=Dialect(picture=VideoLine.TALL))
        handset = Handset(settings, desk.caller)
        stack.push_async_callback(handset.stop)
        await handset.start()
        handset.video.sight = Log()
        try:
            yield Centre(scene, gateway, asterisk, handset, browser, stack)
        except BaseException:
            print(f"---- the gateway's log\n{gateway.log[-20_000:]}\n---- Asterisk's\n{asterisk.log()}")
            raise
        gateway.must_be_sound()
        await asyncio.to_thread(gateway.must_be_idle)


async def test_the_agent_who_picks_up_in_the_queue_has_the_picture(browser: Browser, tmp_path: Path) -> None:
    async with centre(browser, tmp_path) as here:
        (other_page, other), (page, caller) = await here.page("8001"), await here.page("8002")
        rings_only = here.phone("8001", "centre-is-given-up", ring_ms=100)
        picks_up = here.phone("8002", "centre-answers", ring_ms=1500)
        outcome = await here.handset.dial(CALLED, Address(here.scene.desk.access, 5060)).answered(5.0)
        assert outcome.accepted
        await asyncio.to_thread(until, picks_up, "ACK")
        picked_up = time.time()
        seen = await caller.rising(CALLER, 30)
        assert caller.seen[0].at_ms / 1000 - picked_up < PICTURE_WITHIN_S
        faults = judge(seen, Wanted(CALLER))
        assert not faults, in_words(faults)
        await here.sees(SENDER)
        [call] = here.gateway.calls()
        assert (call["extension"], call["showing"]) == ("8002", "desk-1")
        assert [(party["extension"], party["state"]) for party in call["parties"]] == [("8002", "connected")]
        assert "no-video-client" not in await sdk.told(page, "notice")
        assert await sdk.told(other_page, "call") == [] and other.seen == [], "the call is no business of that desk"
        await here.handset.hang_up()
        await sdk.until_told(page, "call", "ended")
        for phone in (picks_up, rings_only):
            await asyncio.to_thread(phone.finish)
        eventually(lambda: here.asterisk.channels() == 0, "Asterisk holds no channel", 5, here.asterisk.log)


async def test_a_transfer_takes_the_picture_along(browser: Browser, tmp_path: Path) -> None:
    async with centre(browser, tmp_path) as here:
        here.asterisk.command("queue remove member Local/8002@agents/n from support")
        (first_page, first), (page, second) = await here.page("8001"), await here.page("8002")
        colleague = here.phone("8002", "centre-answers")
        agent = here.phone("8001", "agent-transfers", held_ms=5000, refer_to=f"sip:8002@{here.scene.desk.centre}")
        outcome = await here.handset.dial(CALLED, Address(here.scene.desk.access, 5060)).answered(5.0)
        assert outcome.accepted
        await first.rising(CALLER, 10)
        await asyncio.to_thread(until, colleague, "ACK")
        await second.rising(CALLER, 10)
        await here.sees(SENDER)
        [call] = here.gateway.calls()
        there = [party["extension"] for party in call["parties"] if party["state"] != "left"]
        assert (call["extension"], there) == ("8002", ["8002"])
        assert "party-removed" in await sdk.told(first_page, "notice")
        assert await first_page.evaluate("splitter.calls.size") == 0, "the first desk has it no more"
        scenes = {scene.what for scene in here.handset.video.sight.scenes}
        assert scenes == {STILL, f"sender {SENDER}"}, "never black, and never anybody else"
        await here.handset.hang_up()
        await sdk.until_told(page, "call", "ended")
        for phone in (agent, colleague):
            await asyncio.to_thread(phone.finish)
        eventually(lambda: here.asterisk.channels() == 0, "Asterisk holds no channel", 5, here.asterisk.log)
