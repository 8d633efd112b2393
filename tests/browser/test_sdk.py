"""A desk made with the SDK alone: calls come, the pictures join by themselves, and what is lost comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Playwright

from splitter.lab.sight import STILL
from tests.browser import sdk
from tests.browser.camera import FRAMES, SENDER
from tests.browser.checks import Wanted, first_seen, in_words, judge
from tests.browser.chromium import at_home, kill
from tests.browser.desk import CALLER, Desk, sight_of


async def test_a_call_comes_and_joins_by_itself(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        page = await sdk.open_desk(await desk.context(), desk.gateway)
        own, caller = await desk.eye(page, "#own"), await desk.eye(page, "#caller")
        handset, call_id = await desk.call()
        await caller.rising(CALLER, 10)
        await desk.caller_sees(handset, SENDER, 10)
        seen = await caller.rising(CALLER, 30)
        faults = judge(seen, Wanted(CALLER))
        assert not faults, in_words(faults)
        seen = await desk.caller_sees(handset, SENDER, 30)
        await own.rising(SENDER, 5)  # now what was sent is known
        faults = judge(seen, Wanted(SENDER, first_seen(own.seen), FRAMES, torn_db=0))
        assert not faults, in_words(faults)
        view = await desk.gateway.call(call_id)
        assert view["extension"] == "2001" and view["showing"] == "desk-1"
        assert [party["kind"] for party in view["parties"]] == ["webrtc"]
        await desk.voice_goes_on(handset)
        await handset.hang_up()
        await sdk.until_told(page, "call", "ended")


async def test_the_browser_is_killed_and_comes_back(
    make_desk: Callable[..., Desk], playwright: Playwright, film: Path, tmp_path: Path
) -> None:
    async with make_desk() as desk:
        first = await at_home(playwright.chromium, film, tmp_path)
        page = await sdk.open_desk(first, desk.gateway)
        client = await page.evaluate("splitter.client")
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, 10)
        await desk.until(lambda: remembers(tmp_path, client), "the client's id is on the disk", 15.0)
        kill(tmp_path)
        log = sight_of(handset)
        await desk.until(lambda: log.now_showing == STILL, "the slate", 15.0)
        view = await desk.view(call_id, lambda v: v["parties"][0]["state"] == "interrupted", "it may come back")
        assert view["parties"][0]["name"] == "desk-1"
        await desk.voice_goes_on(handset)
        async with await at_home(playwright.chromium, film, tmp_path) as again:
            page = await sdk.open_desk(again, desk.gateway)
            assert await page.evaluate("splitter.client") == client
            await desk.caller_sees(handset, SENDER, 10)
            view = await desk.gateway.call(call_id)
            assert [(p["name"], p["state"]) for p in view["parties"]] == [("desk-1", "connected")]
        scenes = {scene.what for scene in log.scenes}
        assert scenes == {STILL, f"sender {SENDER}"}, "never black"


def remembers(home: Path, client: str) -> bool:
    """True once the browser has written that to its disk, which it puts off for seconds."""
    stored = (home / "Default" / "Local Storage" / "leveldb").glob("*.log")
    return any(text in file.read_bytes() for file in stored for text in (client.encode(), client.encode("utf-16-le")))
