"""The browser on a host of its own, over HTTPS, while the network between loses packets or is cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from playwright.async_api import Browser, Playwright

from splitter.lab.sight import BLACK, FLAT, STILL
from tests.browser import chromium, sdk
from tests.browser.camera import FRAMES, SENDER
from tests.browser.checks import Wanted, first_seen, in_words, judge
from tests.browser.desk import CALLER, Desk, sight_of
from tests.browser.network import Network


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Another host."""
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def far_browser(runner: asyncio.Runner, playwright: Playwright, film: object, network: Network) -> Iterator[Browser]:
    """A browser over there."""
    browser = runner.run(chromium.launch(playwright.chromium, film, str(network.program)))  # type: ignore[arg-type]
    yield browser
    runner.run(browser.close())


@pytest.fixture
def far_desk(far_browser: Browser, network: Network, request: pytest.FixtureRequest) -> Iterator[Callable[..., Desk]]:
    """As `make_desk`, with the browser over there."""
    name = request.node.name.removeprefix("test_").replace("[", "-").rstrip("]")
    yield partial(Desk, far_browser, name, network.host)
    network.mend()


async def test_cut_for_ten_seconds(far_desk: Callable[..., Desk], network: Network) -> None:
    async with far_desk() as desk:
        page = await sdk.open_desk(await desk.context(), desk.gateway)
        caller = await desk.eye(page, "#caller")
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, 15)
        await caller.rising(CALLER, 15)
        log = sight_of(handset)
        network.cut()
        cut_at = time.monotonic()
        await desk.until(lambda: log.now_showing == STILL, "the slate instead of a frozen picture", 9.0)
        await desk.view(call_id, lambda v: v["parties"][0]["state"] == "interrupted", "it may come back")
        await desk.voice_goes_on(handset)
        await asyncio.sleep(10 - (time.monotonic() - cut_at))
        network.mend()
        back = time.monotonic()
        await desk.caller_sees(handset, SENDER, 15, 20.0)
        await caller.rising(CALLER, 15, 20.0)
        print(f"back {time.monotonic() - back:.1f} s after the cable", await page.evaluate("told"))
        view = await desk.gateway.call(call_id)
        assert [(p["name"], p["state"]) for p in view["parties"]] == [("seat-1", "connected")]
        scenes = [scene.what for scene in log.scenes]
        assert BLACK not in scenes and FLAT not in scenes, scenes
        assert "interrupted" in await sdk.told(page, "media")


@pytest.mark.parametrize(("loss", "gap_ms", "share"), [(5, 1500.0, 0.7), (20, 4000.0, 0.3)])
async def test_loss(far_desk: Callable[..., Desk], network: Network, loss: int, gap_ms: float, share: float) -> None:
    """Bounds: at 5 % no picture stands still for 1.5 s, at 20 % for 4 s; what is shown is whole, whatever is lost."""
    async with far_desk() as desk:
        network.lose(loss)
        page = await sdk.open_desk(await desk.context(), desk.gateway)
        own, caller = await desk.eye(page, "#own"), await desk.eye(page, "#caller")
        handset, _ = await desk.call()
        await desk.caller_sees(handset, SENDER, 5, 20.0)
        await caller.rising(CALLER, 5, 20.0)
        start = time.time() * 1000
        await asyncio.sleep(8.0)
        end = start + 8000
        wanted = Wanted(CALLER, gap_ms=gap_ms, first_ms=gap_ms, late_ms=1500)
        log = sight_of(handset)
        at_desk = judge(caller.seen, wanted, start, end)
        sent = Wanted(SENDER, first_seen(own.seen), FRAMES, gap_ms=gap_ms, first_ms=gap_ms, late_ms=1500, torn_db=0)
        at_phone = judge(log.seen, sent, start, end)
        frames = len(caller.since(start)), len(log.since(start))
        print(f"loss {loss} %: {frames} frames in 8 s at the desk and the phone")
        assert not at_desk, f"at the desk: {in_words(at_desk)}"
        assert not at_phone, f"at the phone: {in_words(at_phone)}"
        assert frames[0] >= 8 * 15 * share, "the caller's picture goes on"
