"""More than two in the picture: two desks and an expert by link, each of whom sees all others in streams of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Playwright, expect

from tests.browser import camera, chromium
from tests.browser.camera import SENDER
from tests.browser.console import Console
from tests.browser.desk import CALLER, Desk
from tests.lab.tiles import Tiles
from tests.patience import patient

COLLEAGUE, EXPERT = 8, 9
FRAMES = 150
_SHORT, _LONG = 10, 60.0  # frames that are enough; the three browsers share the machine


async def test_each_sees_every_other_one_and_the_caller_whom_the_agent_chooses(
    make_desk: Callable[..., Desk], playwright: Playwright, tmp_path: Path
) -> None:
    films = [camera.film(tmp_path, sender, frames=FRAMES) for sender in (COLLEAGUE, EXPERT)]
    async with AsyncExitStack() as stack, make_desk() as desk:
        others = [await chromium.launch(playwright.chromium, film) for film in films]
        for browser in others:
            stack.push_async_callback(browser.close)
        console = await Console.open(desk)
        handset, call_id = await desk.call()
        await desk.caller_sees(handset, SENDER, _SHORT, _LONG)

        # A colleague is let in by the host, and an expert by a link.
        status, _, _ = await desk.gateway.ask("PUT", f"/v1/calls/{call_id}/admissions/2002")
        assert status == 204
        second = await Console.open(desk, await desk.context(browser=others[0]), user="2002")
        status, made, _ = await desk.gateway.ask(
            "POST", f"/v1/calls/{call_id}/invitations", json={"kind": "expert", "title": "Dr Li"}
        )
        assert status == 201 and not made["sent"]
        page = await (await desk.context(browser=others[1])).new_page()
        await page.set_viewport_size({"width": 390, "height": 760})
        await page.goto(made["link"])
        await expect(page.locator("#title")).to_have_text("Join the call by video")
        await page.click("#go")

        # Every one of them decodes the frame counters of all others.
        wanted = {
            console.page: {
                "#remote": CALLER,
                "[data-source=desk-2] video": COLLEAGUE,
                "[data-source=expert-1] video": EXPERT,
            },
            second.page: {
                "#remote": CALLER,
                "[data-source=desk-1] video": SENDER,
                "[data-source=expert-1] video": EXPERT,
            },
            page: {"#agent": CALLER, "[data-source=desk-1] video": SENDER, "[data-source=desk-2] video": COLLEAGUE},
        }
        for where, seen in wanted.items():
            for selector, sender in seen.items():
                eye = await desk.eye(where, selector)
                await eye.rising(sender, _SHORT, _LONG)
        await expect(console.page.locator("[data-source=expert-1] .name")).to_have_text("Dr Li")
        for width, height in ((1920, 1080), (683, 384), (390, 760), (1366, 768)):  # wide, zoomed to 200 %, a phone
            await console.page.set_viewport_size({"width": width, "height": height})
            await desk.show(console.page, f"host-{width}")
        await desk.show(second.page, "colleague")
        await desk.show(page, "expert")

        # The newest has not taken the host's place; the agent chooses.
        await desk.caller_sees(handset, SENDER, _SHORT, _LONG)
        await console.page.locator("[data-party=expert-1] button[data-key^='party.show']").click()
        await desk.caller_sees(handset, EXPERT, _SHORT, _LONG)

        # A click makes one large, by keyboard too, and the caller goes into the strip.
        await console.page.locator("[data-source=expert-1]").focus()
        await console.page.keyboard.press("Enter")
        await expect(console.page.locator("#main-name")).to_have_text("Dr Li")
        await console.caller.rising(EXPERT, _SHORT, _LONG)
        await (await desk.eye(console.page, "[data-source=caller] video")).rising(CALLER, _SHORT, _LONG)
        await desk.show(console.page, "enlarged")

        # The agent chooses in the list as well, and makes the colleague the host.
        await console.page.select_option("#choice", "desk-2")
        await desk.caller_sees(handset, COLLEAGUE, _SHORT, _LONG)

        # Several at once: the phone reads the counters of all three in their places of one picture.
        await console.page.select_option("#choice", "mosaic")
        await desk.view(call_id, lambda view: view["showing"] == "mosaic", "the mosaic is shown")
        log, shape = handset.video.sight, (camera.WIDTH, camera.HEIGHT)
        tiles = handset.video.sight = Tiles(log, SENDER, COLLEAGUE, EXPERT, shape=shape)
        await tiles.shows_all()
        handset.video.sight = log
        await expect(console.page.locator("#choice option:checked")).to_have_text("Several at once")
        await desk.show(console.page, "mosaic")
        await console.page.select_option("#choice", "desk-2")
        await desk.caller_sees(handset, COLLEAGUE, _SHORT, _LONG)

        await console.page.locator("[data-party=desk-2] button[data-key^='party.hand-over']").click()
        await desk.show(console.page, "hand-over")
        await console.page.locator("[data-confirm=hand-over]").click()
        await desk.view(call_id, lambda view: view["extension"] == "2002", "the colleague is the host")
        await second.page.select_option("#choice", "")
        await desk.show(second.page, "new-host")

        # One is taken out: nobody has it any more, and the caller sees the host of now.
        await second.page.locator("[data-party=expert-1] button[data-key^='party.remove']").click()
        await second.page.locator("[data-confirm=remove]").click()
        await expect(console.page.locator("[data-source=expert-1]")).to_have_count(0)
        await expect(second.page.locator("[data-source=expert-1]")).to_have_count(0)
        await console.caller.rising(CALLER, _SHORT, _LONG)
        await desk.caller_sees(handset, COLLEAGUE, _SHORT, _LONG)
        await expect(page.locator("#title")).to_have_text(
            "The other side has ended your video", timeout=patient(15) * 1000
        )
        await desk.voice_goes_on(handset)
