"""A web caller: the page of ours, opened on a phone whose microphone hears a tone. Does I/O."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Page

from tests.browser.centre import CALLER_HZ

TONE = """
const whole = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (!wanted.audio) return whole(wanted);
  const context = new AudioContext(), tone = new OscillatorNode(context, { frequency: %d });
  const out = context.createMediaStreamDestination();
  tone.connect(new GainNode(context, { gain: 0.4 })).connect(out);
  tone.start();
  return out.stream;
};
"""
HEARD = """async (hz) => {
  const stream = document.getElementById("remote").srcObject;
  const context = new AudioContext(), ear = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(ear);
  const bins = new Float32Array(ear.frequencyBinCount), width = context.sampleRate / ear.fftSize;
  for (let tries = 0; tries < 600; tries++) {
    await new Promise((done) => setTimeout(done, 100));
    ear.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins)) * width;
    if (Math.max(...bins) > -60 && Math.abs(loudest - hz) < 3 * width) return true;
  }
  return false;
}"""
"""Wait until the page plays this tone: true, or false after a minute."""


async def open_page(context: BrowserContext, api: str, called: str, more: str = "", hz: float = CALLER_HZ) -> Page:
    """The page before anybody has called. `more`: behind the number in its address; `hz`: of its microphone's tone."""
    await context.add_init_script(TONE % hz)
    page = await context.new_page()
    await page.set_viewport_size({"width": 390, "height": 760})
    await page.goto(f"{api}/call/#number={called}{more}")
    return page
