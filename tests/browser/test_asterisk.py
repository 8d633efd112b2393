"""A real queue and real browsers: whoever picks up in Asterisk has the caller's picture, with no further action."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from playwright.async_api import Browser, Page, Playwright, expect

from splitter.core.net import Address
from splitter.lab.codec import VideoShape
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect
from splitter.lab.places import free_ports
from splitter.lab.tone import Hearing, Samples
from splitter.lab.video import VideoSettings
from tests.browser import chromium, sdk
from tests.browser.camera import SENDER, film
from tests.browser.checks import Wanted, judge
from tests.browser.chromium import fresh
from tests.browser.desk import SIGHTS, saw_nothing_but
from tests.browser.eyes import Eye, Log, flawless
from tests.browser.gateway import PASSWORD
from tests.interop.addresses import Desk
from tests.interop.asterisk import CONFIGURATION, Asterisk
from tests.interop.baresip import HANDSET_TONE, Baresip
from tests.interop.baresip import SENDER as PHONE
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CENTRE_PORT, Scene, pick_up, until
from tests.interop.sipp import TOLD, Sipp
from tests.interop.voice import levels_db
from tests.patience import PATIENCE_S, patient

CALLED, CALLER, EXPERT = "12345", 1, 9
OUTSIDE, OUTSIDE_NUMBER = 11, "013900000002"
CALLER_TONE, AGENT_TONE = 990.0, 770.0
_SHAPE, _SMALL = VideoShape(480, 640, 15, 500), VideoShape(240, 320, 10, 200)
_SHORT, _LONG = 10, 60.0  # frames that are enough; several browsers and coders share the machine
PICTURE_WITHIN_S = 2.0  # some 0.3 s where nothing else runs

_MORE = """
[network.web]
listen = ["ws:127.0.0.1:{port}"]
media_address = "127.0.0.1"

[api]
listen = ["{host}:8443"]
media_network = "web"
guest_url = "http://{host}:8443/guest/"
""" + "".join(
    f'[[account]]\nuser = "{user}"\npassword = "{PASSWORD}"\nextension = "{user}"\n' for user in ("8001", "8002")
)


_PHONES = """
[trunk.outside]
role = "access"
network = "access"
address = "{outside}:5060"
peers = ["{outside}"]
media_sources = "any"     # on loopback baresip sends from 127.0.0.1
options_interval_s = 0

[[route]]
from = "seat"
called = '0[0-9]+'
number = "+99900000001"   # the account of sipconf/baresip
to = ["outside"]
"""


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

    async def console(self, extension: str) -> Page:
        """An agent's console, signed in."""
        page = await (await self.stack.enter_async_context(await fresh(self.browser, "en-US"))).new_page()
        await page.goto(f"http://{self.scene.desk.access}:8443/")
        await page.fill("#user", extension)
        await page.fill("#password", PASSWORD)
        await page.click("#login-submit")
        await expect(page.locator("#link-text")).to_have_text("Online")
        return page

    async def eye(self, page: Page, selector: str) -> Eye:
        """Watch a <video> until the end of the test."""
        eye = await Eye.open(page, selector)
        self.stack.push_async_callback(eye.close)
        return eye

    async def expert(self, playwright: Playwright, folder: Path, link: str) -> Page:
        """Somebody else's browser, which opens this link."""
        browser = await chromium.launch(playwright.chromium, film(folder, EXPERT, frames=150))
        self.stack.push_async_callback(browser.close)
        page = await (await self.stack.enter_async_context(await fresh(browser, "en-US"))).new_page()
        await page.set_viewport_size({"width": 390, "height": 760})  # upright, as the film is
        await page.goto(link)
        await page.click("#go")
        return page

    async def show(self, page: Page, what: str) -> None:
        """Save what the page looks like, for people."""
        SIGHTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SIGHTS / f"conference-{what}.png")

    async def sees(self, sender: int, usual_s: float = 10.0) -> None:
        """Wait until the caller sees that sender."""
        log = self.handset.video.sight
        assert isinstance(log, Log)
        before = log.rising(sender)
        async with asyncio.timeout(patient(usual_s)):
            while log.rising(sender) < before + 15:  # noqa: ASYNC110 — it happens in other processes
                await asyncio.sleep(0.05)


@asynccontextmanager
async def centre(
    browser: Browser, folder: Path, more: str = "", shape: VideoShape = _SHAPE, dial_plan: str = ""
) -> AsyncIterator[Centre]:
    """Everything, started; soundly ended.

    Args:
        more: of the configuration, with {outside} for a phone's host.
        dial_plan: what Asterisk has beside ours.
    """
    [port] = free_ports("127.0.0.1", 1)
    async with AsyncExitStack() as stack:
        desk = stack.enter_context(Desk())
        scene = Scene(desk, folder)
        stack.callback(scene.close)
        gateway = Gateway(
            desk, {"accounts": (_MORE + more).format(port=port, host=desk.access, outside=desk.host(OUTSIDE))}
        )
        stack.callback(gateway.remove)
        stack.callback(gateway.stop)
        gateway.start()
        plan = (CONFIGURATION / "extensions.conf").read_text() + dial_plan
        asterisk = stack.enter_context(Asterisk(desk, files={"extensions.conf": plan}))
        asterisk.command("queue add member Local/8002@agents/n to support penalty 0 as A2 state_interface PJSIP/8002")
        video = VideoSettings(sender=CALLER, shape=shape, orientation_id=7)
        settings = HandsetSettings("13800000001", CALLER_TONE, video=video, dialect=Dialect(picture=VideoLine.TALL))
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
        picks_up = here.phone("8002", "centre-answers", ring_ms=TOLD)
        outcome = await here.handset.dial(CALLED, Address(here.scene.desk.access, 5060)).answered(PATIENCE_S)
        assert outcome.accepted
        await asyncio.to_thread(pick_up, picks_up)
        await asyncio.to_thread(until, picks_up, "ACK")
        picked_up = time.time()
        await flawless(lambda: caller.rising(CALLER, 30), lambda seen: judge(seen, Wanted(CALLER)))
        assert caller.seen[0].at_ms / 1000 - picked_up < patient(PICTURE_WITHIN_S)
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
        await asyncio.to_thread(
            eventually, lambda: here.asterisk.channels() == 0, "Asterisk holds no channel", 5, here.asterisk.log
        )


class Ear(Hearing):
    """Keeps what was heard in the last two seconds."""

    __slots__ = ("recent",)

    def __init__(self) -> None:
        super().__init__(())
        self.recent: deque[Samples] = deque(maxlen=100)

    def samples(self, samples: Samples) -> None:
        self.recent.append(samples)

    def latest(self) -> Samples:
        return np.concatenate(self.recent) if self.recent else np.zeros(0, dtype=np.int16)


Ears = dict[float, Callable[[], Samples]]


async def all_hear_each_other(ears: Ears) -> None:
    """Each hears the tones of all others as loud as they were said, within 1 dB, and no others: not its own either."""

    def faults() -> list[str]:
        heard = {own: levels_db(samples()) for own, samples in ears.items()}
        said = {tone: max(one[tone] for own, one in heard.items() if own != tone) for tone in ears}
        said |= {tone: 0.0 for tone in ears if tone != HANDSET_TONE}  # baresip's own level is not known
        return [
            f"{own:g} hears {tone:g} at {level:.1f} dB"
            for own, one in heard.items()
            for tone, level in one.items()
            if (abs(level - said[tone]) > 1.0 if tone != own and tone in ears else level > -20.0)
        ]

    limit_s = patient(15)
    try:
        async with asyncio.timeout(limit_s):
            while faults():  # noqa: ASYNC110 — it happens in other processes
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not within {limit_s:g} s: {faults()}") from None


async def test_an_outside_video_phone_and_an_expert_are_invited(
    browser: Browser, playwright: Playwright, tmp_path: Path
) -> None:
    async with centre(browser, tmp_path, _PHONES, _SMALL) as here:
        # A handset, the agent at Asterisk's phone, and the agent's console.
        here.asterisk.command("queue remove member Local/8001@agents/n from support")
        desk, ear = here.scene.desk, Ear()
        agent, voice = here.phone("8002", "centre-answers"), here.scene.voice(desk.colleague, CENTRE_PORT, AGENT_TONE)
        page = await here.console("8002")
        here.handset.audio.hearing = ear
        outcome = await here.handset.dial(CALLED, Address(desk.access, 5060)).answered(PATIENCE_S)
        assert outcome.accepted
        voice.talk_to((await asyncio.to_thread(until, agent, "INVITE")).sdp.address_of(0))
        await here.sees(SENDER, _LONG)
        ears: Ears = {CALLER_TONE: ear.latest, AGENT_TONE: voice.latest}
        await all_hear_each_other(ears)

        # baresip is called with video, at the console and by keyboard; an expert comes by link.
        phone = here.stack.enter_context(Baresip(desk, tmp_path, desk.host(OUTSIDE)))
        await page.keyboard.press("p")
        await page.keyboard.type(OUTSIDE_NUMBER)
        await page.locator("#phone-video").press("Space")
        await page.locator("#phone-number").press("Enter")
        row = page.locator("#voices [data-phone]")
        await expect(row).to_have_attribute("data-state", "ringing")
        phone.command("accept")
        await expect(row).to_have_attribute("data-video", "on", timeout=patient(15) * 1000)
        ears[HANDSET_TONE] = phone.latest
        await all_hear_each_other(ears)
        [call] = here.gateway.calls()
        link = here.gateway.cli("invite", call["short_code"], "--expert", "--name", "Dr Li").split()[0]
        expert = await here.expert(playwright, tmp_path, link)

        # Each desk decodes all others; the caller sees the host, and then whom the agent chooses.
        wanted = {
            page: {"#remote": CALLER, "[data-source=phone-1] video": PHONE, "[data-source=expert-1] video": EXPERT},
            expert: {"#agent": CALLER, "[data-source=desk-1] video": SENDER, "[data-source=phone-1] video": PHONE},
        }
        for where, seen in wanted.items():
            for selector, sender in seen.items():
                await (await here.eye(where, selector)).rising(sender, _SHORT, _LONG)
        await here.show(page, "agent")
        await here.show(expert, "expert")
        [call] = here.gateway.calls()
        shown = {party["name"]: (party["kind"], party["showing"]) for party in call["parties"]}
        assert shown["phone-1"] == ("phone", "caller") and call["showing"] == "desk-1"
        assert [leg["video"] for leg in call["legs"] if leg["name"] == "centre"] == [""], "the centre never sees video"
        await page.select_option("#choice", "phone-1")
        await here.sees(PHONE, _LONG)

        # The expert is taken out, the agent leaves, and the two phones go on with voice and video.
        here.gateway.cli("remove", call["short_code"], "expert-1")
        await expect(page.locator("[data-source=expert-1]")).to_have_count(0)
        await expect(expert.locator("#title")).to_have_text(
            "The other side has ended your video", timeout=patient(15) * 1000
        )
        here.gateway.cli("leave", call["short_code"])
        await asyncio.to_thread(agent.finish)
        del ears[AGENT_TONE]
        await all_hear_each_other(ears)
        await here.sees(PHONE, _LONG)
        [call] = here.gateway.calls()
        assert [one["outcome"] for one in call["phones"]] == ["promoted"]
        await here.handset.hang_up()
        await asyncio.to_thread(eventually, lambda: not here.gateway.calls(), "nothing is left", 8)
        await asyncio.to_thread(
            eventually, lambda: here.asterisk.channels() == 0, "Asterisk holds no channel", 5, here.asterisk.log
        )


async def test_a_transfer_takes_the_picture_along(browser: Browser, tmp_path: Path) -> None:
    async with centre(browser, tmp_path) as here:
        here.asterisk.command("queue remove member Local/8002@agents/n from support")
        (first_page, first), (page, second) = await here.page("8001"), await here.page("8002")
        colleague = here.phone("8002", "centre-answers")
        agent = here.phone("8001", "agent-transfers", held_ms=TOLD, refer_to=f"sip:8002@{here.scene.desk.centre}")
        outcome = await here.handset.dial(CALLED, Address(here.scene.desk.access, 5060)).answered(PATIENCE_S)
        assert outcome.accepted
        await first.rising(CALLER, 10)
        agent.go_on(await asyncio.to_thread(until, agent, "ACK"))
        await asyncio.to_thread(until, colleague, "ACK")
        await second.rising(CALLER, 10)
        await here.sees(SENDER)

        def theirs() -> bool:
            [call] = here.gateway.calls()
            there = [party["extension"] for party in call["parties"] if party["state"] != "left"]
            return (call["extension"], there) == ("8002", ["8002"])

        await asyncio.to_thread(eventually, theirs, "the colleague has the call, and nobody else")
        await sdk.until_told(first_page, "notice", "party-removed")
        await first_page.wait_for_function("splitter.calls.size === 0")  # the first desk has it no more
        saw_nothing_but(here.handset.video.sight, SENDER)
        await here.handset.hang_up()
        await sdk.until_told(page, "call", "ended")
        for phone in (agent, colleague):
            await asyncio.to_thread(phone.finish)
        await asyncio.to_thread(
            eventually, lambda: here.asterisk.channels() == 0, "Asterisk holds no channel", 5, here.asterisk.log
        )
