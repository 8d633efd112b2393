"""A page with our SDK and nothing else: what an operator's own desk would do with it. Does I/O."""

from __future__ import annotations

import time
from typing import Any

from playwright.async_api import BrowserContext, Page

from tests.browser.gateway import PASSWORD, Gateway
from tests.patience import patient

_PAGE = """<!doctype html><title>Desk</title>
<video id="own" autoplay muted playsinline></video><video id="caller" autoplay muted playsinline></video>
<script type="module">
import { Splitter } from "/sdk/splitter.js";
const splitter = window.splitter = new Splitter();
window.told = [];
const tell = (what, state, more = "") => told.push([Date.now(), what, state, more]);
splitter.addEventListener("connection", e => tell("connection", e.detail.state, e.detail.reason));
splitter.addEventListener("notice", e => tell("notice", e.detail.notice.code, e.detail.notice.text));
splitter.desk.addEventListener("camera", () => tell("camera", splitter.desk.camera.state, splitter.desk.camera.trouble));
splitter.desk.addEventListener("track", () => {
  own.srcObject = splitter.desk.track ? new MediaStream([splitter.desk.track]) : null;
});
const known = new Set();
splitter.addEventListener("call", ({ detail: { call } }) => {
  tell("call", call.view.state, call.id);
  if (known.has(call)) return;
  known.add(call);
  window.call = call;
  call.attach(caller);
  call.addEventListener("media", () => tell("media", call.media.state, call.media.code));
});
</script>"""


async def open_desk(context: BrowserContext, gateway: Gateway, user: str = "2001") -> Page:
    """The page, logged in and connected."""
    page = await context.new_page()
    url = f"{gateway.api}/desk-of-the-tests"
    await page.route(url, lambda route: route.fulfill(body=_PAGE, content_type="text/html"))
    await page.goto(url)
    await page.wait_for_function("window.splitter")
    await page.evaluate(
        "async ([user, password]) => { await splitter.login(user, password); await splitter.connect(); }",
        [user, PASSWORD],
    )
    return page


async def told(page: Page, what: str) -> list[str]:
    """The states that were told of "connection", "media", "call", "camera", or the codes of "notice", in order."""
    found: list[list[Any]] = await page.evaluate("told")
    return [state for _, kind, state, _ in found if kind == what]


async def until_told(page: Page, what: str, state: str, usual_s: float = 10.0, after: int = 0) -> int:
    """Wait until that was told, past the first `after` times of it; returns how often it was."""
    limit_s = patient(usual_s)
    end = time.monotonic() + limit_s
    while True:
        times = (await told(page, what)).count(state)
        if times > after:
            return times
        assert time.monotonic() < end, f"not within {limit_s:g} s: {what} {state}; {await page.evaluate('told')}"
        await page.wait_for_timeout(50)
