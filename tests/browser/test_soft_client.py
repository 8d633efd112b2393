"""JsSIP in Chromium as the agent's soft client: SIP over WebSocket (RFC 7118) with a WebRTC offer, and nothing of ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.browser.camera import SENDER
from tests.browser.checks import Wanted, judge
from tests.browser.desk import CALLER, Desk, phone_sees, sight_of
from tests.browser.eyes import flawless
from tests.browser.gateway import PASSWORD

_PAGE = """<!doctype html><title>Soft client</title>
<video id="own" autoplay muted playsinline></video><video id="caller" autoplay muted playsinline></video>
<script>{script}</script><script>
window.told = [];
window.start = (url, user, password) => {{
  const sockets = [new JsSIP.WebSocketInterface(url)];
  window.client = new JsSIP.UA({{ sockets, uri: `sip:${{user}}@seats`, password, register: true }});
  for (const event of ["registered", "registrationFailed"]) client.on(event, e => told.push([event, e.cause ?? ""]));
  client.start();
}};
window.join = async target => {{
  const mediaStream = own.srcObject = await navigator.mediaDevices.getUserMedia({{ video: true }});
  window.session = client.call(`sip:${{target}}@seats`, {{ mediaStream, mediaConstraints: {{ audio: false, video: true }} }});
  for (const event of ["confirmed", "failed", "ended"]) session.on(event, e => told.push([event, e.cause ?? ""]));
  session.connection.addEventListener("track", e => {{ caller.srcObject = new MediaStream([e.track]); }});
}};
</script>"""


def jssip() -> str:
    """JsSIP as one file, where `make peers` has put it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(os.environ.get("SPLITTER_JSSIP") or cache / "splitter" / "jssip") / "jssip.js"
    assert path.exists(), f"JsSIP is not in {path}; run `make peers`"
    return path.read_text()


async def until_told(page: Page, event: str) -> None:
    """Wait for an event of JsSIP; fails with what it told instead."""
    try:
        await page.wait_for_function("event => told.some(one => one[0] === event)", arg=event)
    except Exception as error:
        raise AssertionError(f"JsSIP never told {event!r}, but {await page.evaluate('told')}") from error


async def soft_client(desk: Desk) -> Page:
    """A page with JsSIP that is registered as desk 2001."""
    page = await (await desk.context()).new_page()
    body = _PAGE.format(script=jssip().replace("</script", "<\\/script"))
    await page.route("http://localhost/", lambda route: route.fulfill(body=body, content_type="text/html"))
    await page.goto("http://localhost/")
    await page.evaluate("wish => start(...wish)", [f"ws://{desk.gateway.soft}", "2001", PASSWORD])
    await until_told(page, "registered")
    return page


async def test_registers_joins_and_leaves(make_desk: Callable[..., Desk]) -> None:
    async with make_desk() as desk:
        page = await soft_client(desk)
        own, caller = await desk.eye(page, "#own"), await desk.eye(page, "#caller")
        _, desks, _ = await desk.gateway.ask("GET", "/v1/desks")
        assert {seat["extension"]: seat["state"] for seat in desks["desks"]} == {"2001": "online", "2002": "offline"}
        handset, call_id = await desk.call()
        await page.evaluate("target => join(target)", call_id)
        await until_told(page, "confirmed")
        await caller.rising(CALLER, 10)
        await flawless(lambda: caller.rising(CALLER, 30), lambda seen: judge(seen, Wanted(CALLER)))
        await desk.caller_sees(handset, SENDER, 5)
        await phone_sees(desk, own, handset, 40)

        view: dict[str, Any] = await desk.gateway.call(call_id)
        assert [(party["extension"], party["state"]) for party in view["parties"]] == [("2001", "connected")]
        await page.evaluate("session.terminate()")
        await until_told(page, "ended")
        await desk.until(lambda: sight_of(handset).now_showing == "still", "the slate is back")
        await desk.voice_goes_on(handset)
        assert not sight_of(handset).black
