"""The browser on a host of its own, over HTTPS, while the network between loses packets or is cut."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, Playwright, expect

from splitter.lab.handset import Handset
from splitter.lab.sight import STILL
from splitter.lab.tone import Hearing, Samples
from tests.browser import chromium, sdk
from tests.browser.camera import FRAMES, SENDER
from tests.browser.checks import Fault, Wanted, first_seen, judge
from tests.browser.desk import CALLED, CALLER, Desk, saw_nothing_but, sight_of
from tests.browser.eyes import Eye, flawless
from tests.browser.network import Network
from tests.patience import patient
from tests.speech import intelligibility, sample


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
    yield partial(Desk, far_browser, request.node.name.removeprefix("test_"), network.host)
    network.mend()


async def talk(desk: Desk) -> tuple[Page, Eye, Handset, str]:
    """A call with pictures both ways: the page, the caller on it, the phone, and the call's id."""
    page = await sdk.open_desk(await desk.context(), desk.gateway)
    caller = await desk.eye(page, "#caller")
    handset, call_id = await desk.call()
    await desk.caller_sees(handset, SENDER, 15)
    await caller.rising(CALLER, 15)
    return page, caller, handset, call_id


def is_connected(view: dict[str, Any]) -> bool:
    """The desk is in the call, once."""
    return [(party["name"], party["state"]) for party in view["parties"]] == [("desk-1", "connected")]


@pytest.mark.parametrize("how", ["cut", "unplug"])
async def test_ten_seconds_without(far_desk: Callable[..., Desk], network: Network, how: str) -> None:
    """Silently somewhere on the way, or at the desk's own cable."""
    async with far_desk() as desk:
        page, caller, handset, call_id = await talk(desk)
        log = sight_of(handset)
        getattr(network, how)()
        cut_at = time.monotonic()
        await desk.until(lambda: log.now_showing == STILL, "the slate instead of a frozen picture", 9.0)
        await desk.view(call_id, lambda v: v["parties"][0]["state"] == "interrupted", "it may come back")
        await desk.voice_goes_on(handset)
        await asyncio.sleep(max(0.0, 10 - (time.monotonic() - cut_at)))
        network.mend()
        await desk.caller_sees(handset, SENDER, 15, 12.0)
        await caller.rising(CALLER, 15, 12.0)
        await desk.view(call_id, is_connected, "it is back")
        saw_nothing_but(log, SENDER)
        await sdk.until_told(page, "media", "interrupted")


async def test_another_address(far_desk: Callable[..., Desk], network: Network) -> None:
    """ICE restarts: the same DTLS, the same place, and nothing is joined anew."""
    async with far_desk() as desk:
        page, caller, handset, call_id = await talk(desk)
        joins: list[str] = []
        page.on("request", lambda request: joins.append(request.method) if "/parties" in request.url else None)
        network.move()
        await desk.until(lambda: "PATCH" in joins, "ICE is restarted", 15.0)
        await sdk.until_told(page, "media", "connected", 15.0, after=1)
        await desk.caller_sees(handset, SENDER, 15)
        await caller.rising(CALLER, 15)
        assert "POST" not in joins, "not joined anew"
        await desk.view(call_id, is_connected, "in the same place")


@pytest.mark.parametrize(
    ("loss", "gap_ms", "phone_gap_ms", "share", "unfit"),
    [(5, 1000.0, 1000.0, 0.8, 0.02), (20, 2500.0, 5000.0, 0.5, 0.3)],
)
async def test_loss(
    far_desk: Callable[..., Desk],
    network: Network,
    loss: int,
    gap_ms: float,
    phone_gap_ms: float,
    share: float,
    unfit: float,
) -> None:
    """Bounds: so long no picture stands still; so many of the caller's frames are shown, all of them whole; so many of
    the agent's are unfit, which the phone shows all the same: it knows no better. Where a fifth is lost, the request for
    a key frame and the frame itself are lost in a row now and then: the phone waits for the next one."""
    async with far_desk() as desk:
        page = await sdk.open_desk(await desk.context(), desk.gateway)
        network.lose(loss)
        own, caller = await desk.eye(page, "#own"), await desk.eye(page, "#caller")
        handset, _ = await desk.call()
        await desk.caller_sees(handset, SENDER, 5, 20.0)
        await caller.rising(CALLER, 5, 20.0)
        log = sight_of(handset)

        async def look() -> float:
            start = time.time() * 1000
            await asyncio.sleep(8.0)
            return start

        def faults(start: float) -> list[Fault]:
            end = start + 8000
            received = Wanted(CALLER, gap_ms=gap_ms, first_ms=gap_ms, late_ms=1000)
            sent = Wanted(
                SENDER,
                first_seen(own.seen),
                FRAMES,
                gap_ms=phone_gap_ms,
                first_ms=phone_gap_ms,
                late_ms=1000,
                torn_db=0,
            )
            found = judge(caller.seen, received, start, end)
            found += [fault for fault in judge(log.seen, sent, start, end) if fault.kind != "unreadable"]
            shown, frames = len(caller.since(start)), log.since(start)
            if shown < 8 * 15 * share:
                found.append(Fault("frozen", f"{shown} frames", 8 * 15 * share / max(1, shown)))
            broken = sum(seen.reading is None for seen in frames)
            if broken > len(frames) * unfit:
                words = f"{broken} unfit pictures at the phone: {handset.video.counts}"
                found.append(Fault("late", words, broken / (len(frames) * unfit)))
            return found

        await flawless(look, faults)
        await desk.voice_goes_on(handset)


SPEECH_S = 6.0
_SPEAK = """
const whole = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (!wanted.audio) return whole(wanted);
  const context = new AudioContext(), bytes = Uint8Array.from(atob("%s"), (one) => one.charCodeAt(0));
  const samples = Float32Array.from(new Int16Array(bytes.buffer), (one) => one / 32768);
  const buffer = context.createBuffer(1, samples.length, 8000), source = context.createBufferSource();
  buffer.copyToChannel(samples, 0);
  Object.assign(source, { buffer, loop: true });
  const out = context.createMediaStreamDestination();
  source.connect(out);
  source.start();
  const camera = wanted.video ? await whole({ video: wanted.video }) : new MediaStream();
  return new MediaStream([...out.stream.getTracks(), ...camera.getTracks()]);
};
const Peer = RTCPeerConnection;
window.RTCPeerConnection = class extends Peer { constructor(...said) { super(...said); window.peer = this; } };
"""
_VOICE = """async () => {
  const found = [...(await peer.getStats()).values()].filter((one) => one.kind === "audio");
  const of = (type) => found.find((one) => one.type === type) || {};
  const { concealedSamples, silentConcealedSamples, totalSamplesReceived, packetsLost } = of("inbound-rtp");
  return { concealed: concealedSamples - silentConcealedSamples, total: totalSamplesReceived, lost: packetsLost };
}"""


class Heard(NamedTuple):
    """What came to the centre meanwhile, and what the browser has counted of the other way."""

    speech: NDArray[np.float64]
    counts: dict[str, float]


class Recording(Hearing):
    """Keeps all that is heard."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        super().__init__(())
        self.kept: list[Samples] = []

    def samples(self, samples: Samples) -> None:
        self.kept.append(samples)


async def test_a_web_caller_is_understood_where_a_fifth_is_lost(
    far_desk: Callable[..., Desk], network: Network, browser: Browser
) -> None:
    """Opus with RED between the browser and the gateway, PCMA to the centre; and the picture is back after that."""
    callers = 'anonymous = true\ncodecs = ["opus", "PCMA"]'
    async with far_desk(callers=callers) as desk:
        agent = await sdk.open_desk(await desk.context(browser=browser), desk.gateway)
        context = await desk.context()
        speech = base64.b64encode(sample(SPEECH_S).tobytes()).decode()
        await context.add_init_script(_SPEAK % speech)
        page = await context.new_page()
        await page.set_viewport_size({"width": 390, "height": 760})  # upright, as the film is
        await page.goto(f"{desk.gateway.api}/call/#number={CALLED}")
        await page.click("#video")
        await expect(page.locator("#status")).to_have_text("You are connected")
        await agent.wait_for_function("window.call && call.media.state === 'connected'")
        eye = await desk.eye(agent, "#caller")
        await agent.bring_to_front()
        await eye.rising(SENDER, 15, 20.0)
        [caller] = [leg for leg in (await desk.gateway.call(desk.centre.call_id()))["legs"] if leg["name"] == "caller"]
        assert caller["audio"].startswith("opus/48000 as PCMA/8000")

        network.lose(20)
        wanted = int(2.5 * SPEECH_S * 50)

        async def listen() -> Heard:
            recording = Recording()
            desk.centre.voices[-1].hearing = recording
            before = await page.evaluate(_VOICE)
            await desk.until(lambda: len(recording.kept) >= wanted, "speech at the centre", 3 * SPEECH_S)
            after = await page.evaluate(_VOICE)
            return Heard(
                np.concatenate(recording.kept).astype(np.float64), {key: after[key] - before[key] for key in after}
            )

        def faults(heard: Heard) -> list[Fault]:
            score = intelligibility(sample(SPEECH_S), heard.speech)
            other = intelligibility(sample(SPEECH_S, seed=2), heard.speech)
            words = f"understood at the centre: {score:.2f} (another sample: {other:.2f}), {heard.counts}"
            print(words)
            counts = heard.counts
            fine = counts["lost"] > 0.1 * wanted and counts["concealed"] < 0.05 * counts["total"]
            return [] if score > 0.8 > other and fine else [Fault("late", words)]

        await flawless(listen, faults)

        network.mend()
        mended, seen = time.time() * 1000, len(eye.seen)
        await eye.rising(SENDER, 15, 20.0)
        whole = [one.at_ms - mended for one in eye.seen[seen:] if one.reading and one.at_ms > mended]
        print(f"the picture is back after {whole[0]:.0f} ms")
        assert whole[0] < patient(2.0) * 1000
        await page.click("#leave")
        await desk.until(lambda: desk.centre.calls[-1].state == "ended", "the centre hears of the end")


async def test_a_web_caller_whom_nothing_reaches_is_not_told_to_be_connected(
    far_desk: Callable[..., Desk], network: Network
) -> None:
    """Neither media nor the gateway's word comes through: the page knows by its own connection."""
    async with far_desk(callers="anonymous = true\nreturn_limit_s = 60") as desk:
        page = await (await desk.context()).new_page()
        await page.goto(f"{desk.gateway.api}/call/#number={CALLED}")
        await page.click("#voice")
        status = page.locator("#status")
        await expect(status).to_have_text("You are connected", timeout=patient(10) * 1000)
        network.cut()
        await expect(status).to_have_text("Connection interrupted, trying again…", timeout=patient(15) * 1000)
        network.mend()
        await expect(status).to_have_text("You are connected", timeout=patient(20) * 1000)
        await page.click("#leave")
        await desk.until(lambda: desk.centre.calls[-1].state == "ended", "the centre hears of the end")
