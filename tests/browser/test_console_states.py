"""The console in each of its states, in both languages: nothing against WCAG AA in either theme, and it fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from splitter.lab.consent import Consent, Reaction
from splitter.lab.handset import Handset
from splitter.lab.seat import SeatSettings
from splitter.lab.video import VideoSettings
from tests.browser.console import Console
from tests.browser.desk import CALLED, CALLER, SHAPE, Desk
from tests.browser.gateway import PASSWORD
from tests.browser.sights import DESK, LARGE, UPRIGHT, ZOOM_150, ZOOM_200, Sights
from tests.patience import patient

_RECORDING = """
[recording]
folder = "{folder}"
render = "none"
"""


async def _tone(page: Page, tone: str) -> None:
    """Wait until the line that tells what is happening has this colour."""
    await expect(page.locator("#now")).to_have_attribute("data-tone", tone, timeout=patient(10) * 1000)


async def _signing_in(desk: Desk, sights: Sights, locale: str) -> Console:
    page = await (await desk.context(locale)).new_page()
    await page.goto(f"{desk.gateway.api}/")
    await expect(page.locator("#login-form")).to_be_visible()
    await sights.look(page, "login")
    eyes = await desk.eye(page, "#remote"), await desk.eye(page, "#preview")
    console = Console(desk, page, *eyes)
    await console.sign_in("2001", "wrong")
    await expect(page.locator("#login-fault")).not_to_be_empty()
    await sights.look(page, "login-wrong")
    await console.sign_in("2001", PASSWORD)
    await expect(page.locator("#idle")).to_be_visible()
    await page.click("#check-run")
    await expect(page.locator("#check-camera")).to_have_attribute("data-tone", "good")
    await expect(page.locator("#check-path")).to_have_attribute("data-tone", "good")
    await page.fill("#take", "9999")
    await page.keyboard.press("Enter")
    await expect(page.locator("#take-fault")).not_to_be_empty()
    await sights.look(page, "idle")
    return console


async def _windows(page: Page, sights: Sights) -> None:
    """Each window that a button of the row opens."""
    for action in ("cameras", "picture", "invite", "phone", "ask", "hangup", "help"):
        await page.locator(f"[data-do={action}]").first.click()
        await expect(page.locator("#dialog")).to_be_visible()
        await sights.look(page, f"window-{action}")
        await page.keyboard.press("Escape")
        await expect(page.locator("#dialog")).to_be_hidden()


async def _in_video(desk: Desk, console: Console, sights: Sights) -> Handset:
    """From the first ring to a call in which much has happened."""
    page = console.page
    desk.centre.by_hand = True
    handset = await desk.handset()
    call = handset.dial(CALLED, desk.gateway.access)
    await desk.until(lambda: bool(desk.centre.calls), "the centre is called")
    desk.centre.calls[-1].ring()
    await expect(page.locator("#stage")).to_have_attribute("data-busy", "true")
    await sights.look(page, "ringing")
    desk.centre.calls[-1].accept()
    assert (await call.answered()).accepted
    desk.centre.by_hand, desk.centre.ring_s = False, 0.0
    call_id = desk.centre.call_id()
    await _tone(page, "good")
    await console.caller.rising(CALLER, 5)
    await sights.look(page, "video")
    await console.do("snapshot")
    await expect(page.locator("#stills button")).to_have_count(1)
    await page.locator("#stills button").click()
    await sights.look(page, "window-still")
    await page.keyboard.press("Escape")
    await page.click("#recording button")
    await expect(page.locator("#recording")).to_have_attribute("data-state", "recording")
    await page.select_option("#recording select", "caller")
    await expect(page.locator(".recording-without")).to_have_count(1)
    await sights.look(page, "left-out")
    await page.click(".recording-without button")
    await expect(page.locator(".recording-without")).to_have_count(0)
    seat = await desk.seat(SeatSettings("2002", VideoSettings(8, SHAPE)))
    joining = seat.join(call_id, desk.gateway.desk)
    await expect(page.locator("[data-asking='2002']")).to_be_visible()
    await sights.look(page, "asked-to-join")
    await page.locator("[data-asking='2002'] .primary").click()
    assert (await joining.answered()).accepted
    await expect(page.locator("#strip button")).to_have_count(1)
    await sights.look(page, "three")
    await _every_part_is_reached(page, sights)
    await page.locator("[data-party=seat-1] [data-key^='party.remove']").click()
    await sights.look(page, "window-remove")
    await page.click("[data-confirm=remove]")
    await expect(page.locator("#strip")).to_be_hidden()
    await _windows(page, sights)
    assert (await handset.hold()).accepted
    await _tone(page, "warn")
    await sights.look(page, "hold")
    assert (await handset.resume()).accepted
    await _tone(page, "good")
    await console.do("camera")
    await _tone(page, "calm")
    await sights.look(page, "camera-off")
    await console.do("camera")
    await _tone(page, "good")
    return handset


async def _every_part_is_reached(page: Page, sights: Sights) -> None:
    """At any zoom the side scrolls, and its last part comes into the window."""
    for size in (DESK, ZOOM_150, ZOOM_200, UPRIGHT):
        await page.set_viewport_size({"width": size.width, "height": size.height})
        for part in ("#s-caller", "#s-parties", "#s-quality", "#s-stills", "#s-log", "#log li"):
            shown = page.locator(part).first
            await shown.evaluate("(part) => part.scrollIntoView({ block: 'nearest' })")
            if not await shown.evaluate(_IN_SIGHT):
                sights.faults.append(f"{part} cannot be reached at {size.name}")
        await page.evaluate("document.getElementById('now').scrollIntoView()")
    await page.set_viewport_size({"width": DESK.width, "height": DESK.height})


_IN_SIGHT = """(part) => {
  const { left, top, width, height } = part.getBoundingClientRect();
  const found = document.elementFromPoint(left + Math.min(width / 2, 20), top + Math.min(height / 2, 8));
  return found !== null && (part.contains(found) || found.contains(part));
}"""


async def _by_voice(desk: Desk, console: Console, sights: Sights) -> None:
    """Voice only, the question to the caller, and a caller who says no."""
    page = console.page
    handset, _ = await desk.call(video=False, number="13800000002")
    handset.consent = Consent(Reaction.IGNORE)
    await _tone(page, "calm")
    await sights.look(page, "voice")
    await console.do("ask")
    await _tone(page, "busy")
    await sights.look(page, "asking")
    handset.call.decide(Reaction.REFUSE)
    await _tone(page, "warn")
    await sights.look(page, "refused")
    await handset.hang_up()
    await expect(page.locator("#summary")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_states_are_for_everybody(make_desk: Callable[..., Desk], locale: str, tmp_path: Path) -> None:
    async with make_desk(routes=_RECORDING.replace("{folder}", str(tmp_path / "recordings"))) as desk:
        axe = {DESK, UPRIGHT} if locale == "en-US" else {DESK}  # words alone are others in Chinese
        sights = Sights("console", locale, (DESK, UPRIGHT, ZOOM_200, LARGE), axe)
        desk.gateway.configure(("guest_url =", 'dispositions = ["Solved", "Call back"]\nguest_url ='))
        await desk.gateway.post("/v1/reload")
        console = await _signing_in(desk, sights, locale)
        page = console.page
        handset = await _in_video(desk, console, sights)
        await handset.hang_up()
        await expect(page.locator("#summary")).to_be_visible()
        await page.fill("#wrap-note", "A burst main in the cellar; the fire brigade is on its way.")
        await sights.look(page, "ended")
        await page.click("#summary-done")
        await _by_voice(desk, console, sights)
        await page.click("#summary-done")
        await expect(page.locator("#recent-list li")).to_have_count(2)
        await sights.look(page, "idle-recent")
        desk.centre.extension = "acd"  # which is nobody's
        handset, _ = await desk.call()
        await expect(page.locator("#others-list li")).to_have_count(1)
        await sights.look(page, "idle-unbound")
        await page.click("#others-list button")
        await _tone(page, "good")
        other = await Console.open(desk, await desk.context(locale), online=None)
        await _tone(other.page, "good")
        words = "Your other window" if locale == "en-US" else "您的另一个窗口"
        within = "The caller sees your other window" if locale == "en-US" else words
        await expect(page.locator("#headline")).to_contain_text(within)
        await expect(page.locator("[data-party=desk-2] .grow")).to_have_text(words)
        await sights.look(page, "other-window")
        await other.page.context.close()
        await desk.gateway.stop()
        await expect(page.locator("#banner")).to_be_visible()
        await sights.look(page, "no-gateway")
        await desk.gateway.start()
    assert not sights.faults, "\n".join(sights.faults)


async def test_the_theme_is_the_systems_until_one_is_chosen(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        context = await desk.context()
        page = await context.new_page()
        root = page.locator("html")
        await page.emulate_media(color_scheme="light")
        await page.goto(f"{desk.gateway.api}/console/")
        await expect(root).to_have_attribute("data-theme", "light")
        await page.emulate_media(color_scheme="dark")
        await expect(root).to_have_attribute("data-theme", "dark")
        await page.click("#theme")
        await expect(root).to_have_attribute("data-theme", "light")
        await expect(page.locator("#theme")).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("body")).to_have_css("background-color", re.compile(r"rgb\(2[34]\d, 2"))
        other = await context.new_page()
        await other.emulate_media(color_scheme="dark")
        await other.goto(f"{desk.gateway.api}/recordings/")
        await expect(other.locator("html")).to_have_attribute("data-theme", "light")  # it is remembered, on each page
        await other.click("#theme")
        await expect(root).to_have_attribute("data-theme", "dark")  # and other windows follow
        await page.emulate_media(color_scheme="light")
        await expect(root).to_have_attribute("data-theme", "light")  # as the system again
