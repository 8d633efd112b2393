"""The SDK's transport in Firefox, which does some things otherwise than Chromium; and what it says without H.264.

Where its H.264 comes from cannot be had without the network (Mozilla's plugin is loaded at run time), so the other side is
no gateway but a second connection in the page, and the codec VP8.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.browser.desk import Desk
from tests.browser.firefox import PROGRAM, Firefox
from tests.browser.gateway import PASSWORD, SEATS

SDK = Path(__file__).parents[2] / "splitter" / "web" / "static" / "sdk"
pytestmark = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"this distribution has no {PROGRAM}")

_PAGE = """<!doctype html><title>Transport</title><script type="module">
import { Transport } from "/sdk/splitter.js";
const limits = { width: 640, height: 480, frame_rate: 30, bitrate_kbps: 960 };
const vp8 = RTCRtpReceiver.getCapabilities("video").codecs.filter(codec => codec.mimeType === "video/VP8");
RTCRtpReceiver.getCapabilities = () => ({ codecs: vp8.map(codec => ({ ...codec, mimeType: "video/H264" })) });
const { setCodecPreferences } = RTCRtpTransceiver.prototype;
RTCRtpTransceiver.prototype.setCodecPreferences = function () { setCodecPreferences.call(this, vp8); };

const other = new RTCPeerConnection();
const found = [];
other.onicecandidate = event => event.candidate && found.push(event.candidate);
const gathered = () => new Promise(done => {
  const check = () => other.iceGatheringState === "complete" && done();
  other.onicegatheringstatechange = check;
  check();
});
const gateway = { // as the transport knows it
  url: new URL(location.href),
  iceServers: [],
  async request(method, path, { body }) {
    if (method !== "POST") return new Response(null, { status: 204 });
    await other.setRemoteDescription({ type: "offer", sdp: body });
    await other.setLocalDescription();
    await gathered();
    return new Response(other.localDescription.sdp, { status: 201, headers: { Location: "/parties/desk-1" } });
  },
};
const track = (await navigator.mediaDevices.getUserMedia({ video: true })).getVideoTracks()[0];
const transport = new Transport(gateway, "/parties", track);
await transport.open();
window.send = on => transport.send(on ? track : null, limits, false);
await send(true);

/** Packets of the picture that came to the other side over so long. */
window.cameOver = async ms => {
  const count = async () => [...(await other.getStats()).values()].find(one => one.type === "inbound-rtp")?.packetsReceived ?? 0;
  const before = await count();
  await new Promise(done => setTimeout(done, ms));
  return await count() - before;
};
window.ready = true;
</script>"""


_LOGIN = """(() => {{
  document.getElementById("user").value = "{user}";
  document.getElementById("password").value = "{password}";
  document.getElementById("login-form").requestSubmit();
}})()"""


async def test_a_camera_that_is_off_sends_nothing(tmp_path: Path) -> None:
    """After replaceTrack(null) alone it goes on sending its last picture."""
    async with served() as url, Firefox(tmp_path) as firefox:
        await firefox.go(url)
        await firefox.until("window.ready")
        await firefox.until("cameOver(500)")
        for _ in range(2):
            await firefox.run("send(false)")
            await firefox.until("cameOver(500).then((packets) => packets === 0)")
            assert await firefox.run("cameOver(3000)") == 0
            await firefox.run("send(true)")
            await firefox.until("cameOver(500)")


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The page with the SDK beside it."""
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    app.router.add_get("/", page)
    app.router.add_static("/sdk", SDK)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_without_h264_desk_and_guest_say_so_in_plain_words(tmp_path: Path) -> None:
    async with Desk(None, "firefox") as desk, Firefox(tmp_path) as firefox:
        _, call_id = await desk.call(video=False)
        _, invitation, _ = await desk.gateway.ask("POST", f"/v1/calls/{call_id}/invitations", json={})
        await firefox.go(invitation["link"])
        await firefox.until("document.body.dataset.state === 'no-h264'")
        assert await firefox.run("document.getElementById('title').innerText") == "This browser cannot send video here"
        assert await firefox.run("document.getElementById('text').innerText") == "Open the link in Safari or Chrome."
        await firefox.go(f"{desk.gateway.api}/console/")
        await firefox.until("document.body.dataset.view === 'login'")
        await firefox.run(_LOGIN.format(user=SEATS[1], password=PASSWORD))
        said = "This browser has no H.264 video. Use Chrome or Edge."
        await firefox.until(f"document.getElementById('check-path-said').innerText === {said!r}")
