"""A page that joins calls by plain WHIP (RFC 9725), with the browser's own means: not with our SDK. Does I/O."""

from __future__ import annotations

from typing import Any

from playwright.async_api import BrowserContext, Page

from tests.browser.gateway import CRM_TOKEN, Gateway

_PAGE = """<!doctype html><title>WHIP</title>
<video id="own" autoplay muted playsinline></video><video id="caller" autoplay muted playsinline></video>"""

_SCRIPT = """
window.join = async ({ url, token, camera, codec }) => {
  const stream = camera ? await navigator.mediaDevices.getUserMedia({ video: true }) : null;
  own.srcObject = stream;
  const pc = window.pc = new RTCPeerConnection();
  pc.ontrack = e => { caller.srcObject = new MediaStream([e.track]); };
  const line = pc.addTransceiver(stream?.getVideoTracks()[0] ?? "video", { direction: camera ? "sendrecv" : "recvonly" });
  line.setCodecPreferences(RTCRtpReceiver.getCapabilities("video").codecs.filter(c => c.mimeType === codec));
  await pc.setLocalDescription();
  await new Promise(done => {
    const complete = () => pc.iceGatheringState === "complete" && done();
    pc.onicegatheringstatechange = complete;
    complete();
    setTimeout(done, 1000);
  });
  const headers = { "Authorization": `Bearer ${token}`, "Content-Type": "application/sdp" };
  const response = await fetch(url, { method: "POST", headers, body: pc.localDescription.sdp });
  const body = await response.text();
  const about = { status: response.status, location: response.headers.get("Location"), offer: pc.localDescription.sdp,
    limits: response.headers.get("Splitter-Limits"), body };
  if (response.ok) await pc.setRemoteDescription({ type: "answer", sdp: body });
  return about;
};
"""


async def open_page(context: BrowserContext) -> Page:
    """The page; its scripts come from another site than the API's."""
    page = await context.new_page()
    await page.route(
        "http://localhost/",
        lambda route: route.fulfill(body=f"{_PAGE}<script>{_SCRIPT}</script>", content_type="text/html"),
    )
    await page.goto("http://localhost/")
    return page


async def join(
    page: Page, gateway: Gateway, ref: str, *, client: str = "", camera: bool = True, codec: str = "video/H264"
) -> dict[str, Any]:
    """Join a call; what the gateway answered."""
    url = f"{gateway.api}/v1/calls/{ref}/parties" + (f"?client={client}" if client else "")
    wish = {"url": url, "token": CRM_TOKEN, "camera": camera, "codec": codec}
    answer: dict[str, Any] = await page.evaluate("wish => join(wish)", wish)
    return answer
