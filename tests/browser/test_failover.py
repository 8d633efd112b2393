"""A host dies under a call that a real queue gave to a real browser: voice, picture and console go on by themselves.

Kamailio in front of two nodes, Asterisk behind them, hosts in network namespaces (tests/cluster/floor.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from playwright.async_api import Page, Playwright, expect

from splitter.lab.handset import Handset
from tests.browser import chromium, web_caller
from tests.browser.camera import SENDER
from tests.browser.checks import Seen
from tests.browser.eyes import Eye, Log
from tests.cluster.floor import AGENT_HZ, API_PORT, CALLER, CALLER_HZ, EXTENSION, OTHER_NODE, PASSWORD, Floor, floor
from tests.cluster.namespaces import NODE
from tests.interop.scene import CALLED
from tests.patience import PATIENCE_S, patient, until

VOICE_GAP_S, PICTURE_GAP_S = 3.0, 5.0  # where nothing else runs
RETURN_S = 30.0  # so long may a web caller's browser be gone (return_limit_s of floor.py)
LIMIT_MS = PATIENCE_S * 1000


@dataclass
class Agent:
    """The agent's console; `caller`: what it shows of the caller."""

    page: Page
    caller: Eye

    async def is_online(self) -> None:
        await expect(self.page.locator("#link-text")).to_have_text("Online", timeout=LIMIT_MS)

    async def says(self, headline: str) -> None:
        await expect(self.page.locator("#headline")).to_have_text(headline, timeout=LIMIT_MS)


@asynccontextmanager
async def agent(here: Floor, playwright: Playwright, film: Path) -> AsyncIterator[Agent]:
    """An agent who has signed in, by the address of node a."""
    async with AsyncExitStack() as stack:
        program = here.program("chromium", chromium.PROGRAM)
        browser = await chromium.launch(playwright.chromium, film, program)
        stack.push_async_callback(browser.close)
        page = await (await stack.enter_async_context(await chromium.fresh(browser))).new_page()
        await page.goto(f"https://{NODE}:{API_PORT}/")
        await page.fill("#user", EXTENSION)
        await page.fill("#password", PASSWORD)
        await page.click("#login-submit")
        eye = await Eye.open(page, "#remote")
        stack.push_async_callback(eye.close)
        one = Agent(page, eye)
        await one.is_online()
        yield one


async def calls(here: Floor, number: str) -> Handset:
    """A caller whose phone keeps every picture that it shows."""
    handset = await here.call(number)
    handset.video.sight = Log()
    return handset


def sight_of(handset: Handset) -> Log:
    sight = handset.video.sight
    assert isinstance(sight, Log)
    return sight


async def all_is_well(here: Floor, one: Agent, handset: Handset) -> None:
    """From now on voice and pictures, both ways."""
    hearing, sight = handset.audio.hearing, sight_of(handset)
    heard, seen = hearing.seconds(AGENT_HZ), sight.rising(SENDER)
    here.voice.forget()
    await until(lambda: hearing.seconds(AGENT_HZ) > heard + 0.3)
    await until(lambda: here.voice.hears(CALLER_HZ, 0.3))
    await until(lambda: sight.rising(SENDER) > seen + 10)
    await one.caller.rising(CALLER, 10, PATIENCE_S / patient(1))


def longest_gap_s(seen: Sequence[Seen], sender: int, since: float) -> float:
    """The longest time without a picture of this sender, over all of the time since then (Unix seconds)."""
    at = [one.at_ms / 1000 for one in seen if one.reading and one.reading.sender == sender]
    return max(after - before for before, after in pairwise(at) if after > since)


async def test_a_host_is_cut_off_and_comes_back(playwright: Playwright, film: Path) -> None:
    async with floor() as here, agent(here, playwright, film) as one:
        here.let("d", OTHER_NODE)
        phone = here.phone("phone")
        handset = await calls(here, "13800000001")
        here.talks_on(phone)
        await all_is_well(here, one, handset)
        offers = len(handset.call.offers_in)

        here.sniffer.reset()
        cut_at = time.time()
        here.net.cut("A")
        await here.standby.reaches("running")
        await one.is_online()
        await all_is_well(here, one, handset)
        desk = here.desk
        gaps = {"caller": here.gap_towards(desk.caller), "centre": here.gap_towards(desk.centre)}
        assert max(gaps.values()) < patient(VOICE_GAP_S), gaps
        pictures = {
            "caller": longest_gap_s(sight_of(handset).seen, SENDER, cut_at),
            "desk": longest_gap_s(one.caller.seen, CALLER, cut_at),
        }
        assert max(pictures.values()) < patient(PICTURE_GAP_S), pictures
        assert len(handset.call.offers_in) == offers, "nobody had to be told"
        await one.says("Video both ways")
        assert (await handset.hold()).accepted and (await handset.resume()).accepted
        await handset.hang_up()
        await asyncio.to_thread(phone.finish)

        here.net.mend("A")
        await here.a.reaches("standby")
        await hands_over(here)
        phone = here.phone("phone-again")
        handset = await calls(here, "13800000002")
        here.talks_on(phone)
        assert len((await here.a.get("/v1/calls?own=1"))["calls"]) == 1 and await here.a.state() == "running"
        await all_is_well(here, one, handset)
        await handset.hang_up()
        await asyncio.to_thread(phone.finish)


async def test_a_web_caller_comes_back_when_its_host_is_cut_off(playwright: Playwright, film: Path) -> None:
    async with floor() as here, agent(here, playwright, film) as one:
        browser = one.page.context.browser
        assert browser is not None
        phone = here.phone("phone")
        url = f"https://{NODE}:{API_PORT}"
        page = await web_caller.open_page(await chromium.fresh(browser), url, CALLED, hz=CALLER_HZ)
        await page.click("#video")
        here.talks_on(phone)
        await talks(here, page)
        await one.page.bring_to_front()
        await one.caller.rising(SENDER, 10, PATIENCE_S / patient(1))

        [call] = (await here.a.get("/v1/calls?own=1"))["calls"]
        cut_at = time.time()
        here.net.cut("A")
        await here.standby.reaches("running")
        await page.bring_to_front()
        await talks(here, page)
        await one.page.bring_to_front()
        await one.is_online()
        await one.caller.rising(SENDER, 10, PATIENCE_S / patient(1))
        gap_s = longest_gap_s(one.caller.seen, SENDER, cut_at)
        assert gap_s < RETURN_S, gap_s
        [taken] = (await here.standby.get("/v1/calls?own=1"))["calls"]
        assert taken["call_id"] == call["call_id"] and phone.running, "the agent's phone knows of nothing"

        await one.page.click("[data-do=hangup]")
        await one.page.click("[data-confirm=hangup]")  # the page is told by the host that has the call now
        await expect(page.locator("#text")).to_have_text("You can close this page.", timeout=LIMIT_MS)
        await asyncio.to_thread(phone.finish)


async def talks(here: Floor, page: Page) -> None:
    """From now on the agent hears the caller's browser, and that the agent."""
    await expect(page.locator("#status")).to_have_text("You are connected", timeout=LIMIT_MS)
    here.voice.forget()
    await until(lambda: here.voice.hears(CALLER_HZ, 0.3))
    assert await page.evaluate(web_caller.HEARD, AGENT_HZ)


async def hands_over(here: Floor) -> None:
    """Give node a back to host A, as its operator does."""
    async with asyncio.timeout(PATIENCE_S):
        while "error" in (answer := await here.standby.post("/v1/hand-over")):  # A has yet to be seen
            assert answer["error"]["status"] == 409, answer
            await asyncio.sleep(0.1)
    await here.a.reaches("running")
    await until(lambda: here.net.has_address("A") and not here.net.has_address("B"))
    await until(lambda: here.kamailio.states()[0] == "AP", 0.1)
