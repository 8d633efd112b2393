"""JsSIP in Chromium as a caller: SIP over WebSocket (RFC 7118) with a WebRTC offer, and nothing of ours in its page."""

from __future__ import annotations

from collections.abc import Callable

from playwright.async_api import Page

from tests.browser import sdk, web_caller
from tests.browser.camera import SENDER
from tests.browser.centre import AGENT_HZ, CALLER_HZ
from tests.browser.desk import CALLED, Desk
from tests.browser.test_soft_client import jssip, until_told
from tests.browser.test_web_caller import ANYBODY, ends_with_its_page, heard_at_the_centre, seen_at_the_desk, until

_PAGE = """<!doctype html><title>A shop with a SIP client</title>
<video id="own" autoplay muted playsinline></video><video id="remote" autoplay playsinline></video>
<script>{script}</script><script>
window.told = [];
window.start = url => {{
  const sockets = [new JsSIP.WebSocketInterface(url)];
  window.client = new JsSIP.UA({{ sockets, uri: "sip:anybody@web.invalid", register: false }});
  client.on("connected", () => told.push(["connected", ""]));
  client.start();
}};
window.ring = async (number, video) => {{
  const voice = await navigator.mediaDevices.getUserMedia({{ audio: true }});
  const picture = own.srcObject = await navigator.mediaDevices.getUserMedia({{ video: true }});
  const mediaStream = new MediaStream([...voice.getTracks(), ...(video ? picture.getTracks() : [])]);
  window.camera = video ? null : picture;
  window.session = client.call(`sip:${{number}}@web.invalid`, {{ mediaStream, mediaConstraints: {{ audio: true, video }} }});
  for (const event of ["progress", "confirmed", "failed", "ended"]) {{
    session.on(event, e => told.push([event, e?.cause ?? e?.originator ?? ""]));
  }}
  session.on("reinvite", e => {{
    told.push(["reinvite", ""]);
    if (window.camera && /^m=video [1-9]/m.test(e.request.body)) {{
      session.connection.addTrack(camera.getVideoTracks()[0], camera);
      window.camera = null;
    }}
  }});
  window.change = what => new Promise(done => {{ // "hold" or "unhold", once nothing else is under way
    const ask = () => session[what]({{}}, done) || setTimeout(ask, 100);
    ask();
  }});
  session.connection.addEventListener("track", e => {{
    remote.srcObject = remote.srcObject ?? new MediaStream();
    remote.srcObject.addTrack(e.track);
  }});
}};
</script>"""


async def shop(desk: Desk) -> Page:
    """A page whose SIP client is connected; its microphone hears a tone."""
    context = await desk.context()
    await context.add_init_script(web_caller.TONE % CALLER_HZ)
    page = await context.new_page()
    body = _PAGE.format(script=jssip().replace("</script", "<\\/script"))
    await page.route("http://localhost/", lambda route: route.fulfill(body=body, content_type="text/html"))
    await page.goto("http://localhost/")
    await page.evaluate("url => start(url)", f"ws://{desk.gateway.pages}")
    await until_told(page, "connected")
    return page


async def test_is_heard_by_the_centre_and_seen_at_the_desk(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(callers=ANYBODY) as desk:
        agent = await sdk.open_desk(await desk.context(), desk.gateway)
        page = await shop(desk)
        await page.evaluate("number => ring(number, true)", CALLED)
        await until_told(page, "confirmed")
        await heard_at_the_centre(desk)
        assert await page.evaluate(web_caller.HEARD, AGENT_HZ), "the agent is heard in the browser"
        eye = await seen_at_the_desk(desk, agent)
        view = await desk.gateway.call(desk.centre.call_id())
        assert view["legs"][0]["trunk"] == "pages" and view["video"]["state"] == "on"
        await page.bring_to_front()
        for side in ("videoWidth", "videoHeight"):  # the agent's upright film, cut for a lying picture
            await page.wait_for_function("side => remote[side] === 480", arg=side)

        await page.evaluate("session.sendDTMF('5', { transportType: 'RFC2833' })")
        await until(lambda: 5 in desk.centre.voices[-1].counts.events, "the digit at the centre")

        for change in ("hold", "unhold"):
            await page.evaluate("what => change(what)", change)
        await heard_at_the_centre(desk)
        await eye.rising(SENDER, 10)

        await page.evaluate("session.terminate()")
        await until(lambda: desk.centre.calls[-1].state == "ended", "the centre hears of the end")


async def test_a_voice_call_is_raised_and_outlives_the_gateway_but_not_its_page(make_desk: Callable[..., Desk]) -> None:
    async with make_desk(callers=ANYBODY) as desk:
        agent = await sdk.open_desk(await desk.context(), desk.gateway)
        page = await shop(desk)
        await page.evaluate("number => ring(number, false)", CALLED)
        await until_told(page, "confirmed")
        await agent.wait_for_function("window.call && call.media.state === 'connected'")
        await agent.evaluate("call.raiseVideo()")
        await until_told(page, "reinvite")
        await desk.view(desk.centre.call_id(), lambda v: v["video"]["state"] == "on", "video is on")
        eye = await desk.eye(agent, "#caller")
        await agent.bring_to_front()
        await eye.rising(SENDER, 20)
        await desk.gateway.kill()
        await desk.gateway.start()
        await heard_at_the_centre(desk, 1.0)
        await page.wait_for_function("told.filter(one => one[0] === 'connected').length > 1")
        await page.evaluate("change('hold')")  # and so its new connection is known
        await desk.centre.calls[-1].hang_up()
        await until_told(page, "ended")

        async def calls() -> None:
            await page.evaluate("number => { told.length = 0; return ring(number, false); }", CALLED)
            await until_told(page, "confirmed")

        await ends_with_its_page(desk, page, calls)
