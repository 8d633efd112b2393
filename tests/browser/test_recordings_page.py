"""The page of recordings in Chromium: found, played, jumped in, and never without a name in the ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from playwright.async_api import Browser, Page, expect

from splitter.media.playback.render import render
from splitter.media.record.about import RecordedOutcome
from splitter.media.record.file import hash_of
from splitter.media.record.ledger import lines, read_line
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.seal_keys import SealKeys
from splitter.media.record.shelf import RecordingShelf
from tests.browser.axe import findings
from tests.browser.chromium import fresh
from tests.media.playback.kit import job_of, sender
from tests.media.record.kit import ABOUT, Stage, recordings_of
from tests.patience import patient
from tests.store.test_photos import jpeg
from tests.web.kit import web


def recorded(stage: Stage) -> None:
    """A call of some seconds, with a pause and a photo."""
    stage.studio.begin(ABOUT)
    caller, desk = sender(stage, "caller", 120), sender(stage, "desk-1", 60, 1000)
    for step in range(150):
        caller.show(0)
        desk.show()
        caller.say(step < 80)
        desk.say(step > 60)
        stage.pass_time(0.04)
        if step == 50:
            stage.studio.note("call-1", "hold", {"is": "caller"})
            stage.studio.note("call-1", "message", {"name": "guest-1", "is": "my number is both"})
    stage.studio.keep("photo", "call-1", 1, jpeg())
    stage.studio.end("call-1")
    stage.studio.conclude("call", RecordedOutcome("answered", "both", "refused", "the caller hung up"))
    stage.studio.make_film("call-1")
    job = job_of(stage.studio.films)
    done = render(job, RecordingShelf(stage.folder, SealKeys()), Path(job.target))
    done = msgspec.structs.replace(done, hash=hash_of(Path(job.target), HEAD_BYTES))
    stage.studio.films.ended("call-1", done)


LOUDNESS_IS_DRAWN = """(() => {
  const wave = document.getElementById("wave");
  const { data } = wave.getContext("2d").getImageData(0, 0, wave.width, wave.height);
  const [caller, agent] = [[0x7c, 0xc4, 0xff], [0x63, 0xd2, 0x97]].map((colour) =>
    Array.from({ length: data.length / 4 }, (_, at) => at * 4).filter((at) => colour.every((one, part) => data[at + part] === one)).length);
  return caller > 100 && agent > 100;
})()"""


async def _until(page: Page, true: str) -> None:
    """Wait until something holds in a page whose policy lets no test's script wait there."""
    async with asyncio.timeout(patient(30)):
        while not await page.evaluate(true):  # noqa: ASYNC110 -- it is the page that changes
            await asyncio.sleep(0.05)


async def test_a_recording_is_found_and_played_and_who_did_so_is_known(browser: Browser, tmp_path: Path) -> None:
    stage = Stage(tmp_path / "recordings")
    recorded(stage)
    recordings, _, _ = recordings_of(stage)
    async with web(tmp_path, recordings=recordings) as (_, outside):
        context = await fresh(browser)
        console = await context.new_page()
        await console.goto(f"{outside.base}/console/#token=listener")
        await expect(console.locator("#recordings-open")).to_be_visible()
        await console.evaluate("sessionStorage.setItem('splitter.token', 'listener')")  # as a desk's login leaves it
        async with context.expect_page() as opened:
            await console.click("#recordings-open")
        page = await opened.value
        await page.fill("#number", "12345")
        for chosen, found in (("withdrawn", 0), ("refused", 1)):
            await page.select_option("#consent", chosen)
            await page.select_option("#video-seen", "both")
            await page.select_option("#recording-state", "ended")
            await page.click("#find [type=submit]")
            await expect(page.locator("#rows tr")).to_have_count(found)
        assert await findings(page) == []
        await page.click("#rows button")
        await expect(page.locator("#player")).to_be_visible()
        await _until(page, "document.getElementById('video').readyState >= 2")
        assert await page.evaluate("document.getElementById('video').duration") > 5
        await expect(page.locator("#mark")).to_contain_text("listener")
        await _until(page, LOUDNESS_IS_DRAWN)
        await expect(page.locator("#events")).to_contain_text("guest-1 wrote: my number is both")
        await page.get_by_role("button", name="Hold: the caller").click()
        await _until(page, "Math.abs(document.getElementById('video').currentTime - 2) < 0.3")
        await page.get_by_role("button", name="Photo of the caller").first.click()
        await _until(page, "document.getElementById('video').currentTime > 4")
        await page.locator("#beside button").click()
        await expect(page.locator("#picture img")).to_be_visible()
        await page.select_option("#hear", "caller")
        assert await findings(page) == []
        await page.screenshot(path=tmp_path / "player.png", full_page=True)
        await page.click("#language")
        await expect(page.locator("#events-title")).to_have_text("通话过程")
        await page.screenshot(path=tmp_path / "player-zh.png", full_page=True)
        await context.close()
        kinds = [entry.kind for _, line in lines(stage.folder) if (entry := read_line(line)) is not None]
        assert {"searched", "played", "opened"} <= set(kinds)
        assert kinds.index("searched") < kinds.index("played")
