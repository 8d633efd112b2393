"""The integrator's hour, played: from a fresh system to a first call with picture at an agent's browser. Does I/O.

    .venv/bin/python -m tests.interop.integrator [RELEASE]

The package is installed by apt, `splitter init` writes the configuration, systemd runs the service, Asterisk has the files
of sipconf. Then a phone with video calls, an agent picks up a desk phone, and the agent's Chromium has the picture. Nothing
is done by hand. How long each step took is printed.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from playwright.async_api import Page, async_playwright, expect

from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.agent import UserAgent
from splitter.lab.agent_call import AgentCall
from splitter.lab.audio import AudioStream
from splitter.lab.codec import VideoShape
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect, MediaParty
from splitter.lab.tone import Tone
from splitter.lab.video import VideoSettings
from tests.browser import chromium
from tests.browser.camera import SENDER, film
from tests.browser.eyes import Eye
from tests.cluster.namespaces import HOSTS, Namespaces
from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.hour import Hour
from tests.interop.machine import Machine, System, machines_can_boot
from tests.interop.packages import built, fresh
from tests.patience import patient, until

SBC, CENTRE, PHONE, OTHER_PHONE = "10.77.0.40", "10.77.0.20", "10.77.0.31", "10.77.0.32"
GATEWAY = HOSTS["A"]
AGENT, CALLED, CALLER = "8001", "12345", 1
CALLER_HZ, AGENT_HZ = 990.0, 660.0
_HEARD_S, _FRAMES = 0.5, 15


def play(package: Path, system_of: Path, folder: Path) -> Hour:
    """Play it with this package, on a copy of this system; raises AssertionError where a step does not do."""
    system = System.copied(system_of, folder / "root")
    shutil.copy(package, system.root / "splitter-gateway.deb")
    with ExitStack() as stack:
        net = stack.enter_context(Namespaces())
        for address in (SBC, CENTRE, PHONE, OTHER_PHONE):
            net.add_address("lab", address)
        machine = stack.enter_context(system.booted(folder / "machine.log", net.within("A")))
        hour = Hour()
        password = _installed(machine, hour)
        with _centre():
            hour.done("Asterisk runs with the files of sipconf/asterisk")
            asyncio.run(_first_call(hour, password, folder))
        ended = machine.run("splitter", "calls", "--ended")
        assert re.search(rf"\b{AGENT}\s+both\b", ended), ended
        why = json.loads(machine.run("splitter", "why", CALLED, "--json"))
        assert why["voice"]["fine"] and why["video"]["fine"], why
        hour.done(f"splitter why {CALLED}: {why['voice']['words']}; {why['video']['words']}")
        return hour


def _installed(machine: Machine, hour: Hour) -> str:
    """From the package to a service that runs; returns the password of the agent."""
    machine.run("apt-get", "install", "-y", "--no-install-recommends", "/splitter-gateway.deb")
    hour.done("apt install ./splitter-gateway.deb")
    said = machine.run("splitter", "init", "--sbc", SBC, "--centre", CENTRE, "--agent", AGENT)
    hour.done(f"splitter init --sbc {SBC} --centre {CENTRE} --agent {AGENT}")
    found = re.search(rf"agent {AGENT}, password (\S+)", said)
    assert found, said
    judged = machine.run("splitter", "doctor", "--offline")
    hour.done(f"splitter doctor: {judged.strip().splitlines()[-1]}")
    machine.run("systemctl", "enable", "--now", "splitter.service")
    assert "running" in machine.run("splitter", "status")
    hour.done("systemctl enable --now splitter; splitter status: running")
    return found[1]


@contextmanager
def _centre() -> Iterator[Asterisk]:
    """Asterisk with one queue and two desk phones."""
    desk = SimpleNamespace(core=GATEWAY, centre=CENTRE, agent=PHONE, colleague=OTHER_PHONE)
    with Asterisk(cast(Desk, desk)) as asterisk:
        yield asterisk


async def _first_call(hour: Hour, password: str, folder: Path) -> None:
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(DeskPhone())
        playwright = await stack.enter_async_context(async_playwright())
        browser = await chromium.launch(playwright.chromium, film(folder, frames=300))
        stack.push_async_callback(browser.close)
        context = await stack.enter_async_context(await chromium.fresh(browser))
        page = await context.new_page()
        await _at_work(page, password)
        eye = await Eye.open(page, "#remote")
        stack.push_async_callback(eye.close)
        hour.done(f"the agent is at work at https://{GATEWAY}:8443/")
        await _called(hour, phone, eye)
        await page.screenshot(path=folder / "first-call.png")


async def _at_work(page: Page, password: str) -> None:
    await page.goto(f"https://{GATEWAY}:8443/")
    await page.fill("#user", AGENT)
    await page.fill("#password", password)
    await page.click("#login-submit")
    await expect(page.locator("#link-text")).to_have_text("Online", timeout=patient(10) * 1000)


async def _called(hour: Hour, phone: DeskPhone, eye: Eye) -> None:
    video = VideoSettings(CALLER, VideoShape(480, 640, 15, 500), orientation_id=7)
    settings = HandsetSettings(
        "13800000001", CALLER_HZ, (AGENT_HZ,), video=video, dialect=Dialect(picture=VideoLine.TALL)
    )
    handset = Handset(settings, SBC)
    await handset.start()
    try:
        outcome = await handset.dial(CALLED, Address(GATEWAY, 5060)).answered(patient(10))
        assert outcome.accepted, outcome
        hour.done(f"a phone calls {CALLED} with video, and is in the queue")
        await eye.rising(CALLER, _FRAMES, 20)
        hour.done("the agent picks up the desk phone, and sees the caller in the browser")
        await until(lambda: handset.video.sight.rising(SENDER) >= _FRAMES)
        hour.done("the caller sees the agent")
        await until(lambda: handset.audio.hearing.seconds(AGENT_HZ) >= _HEARD_S)
        await until(lambda: phone.audio.hearing.seconds(CALLER_HZ) >= _HEARD_S)
        hour.done("each hears the other")
        assert (await handset.hang_up()) is not None
        await until(lambda: phone.over)
        hour.done("the caller hangs up")
    finally:
        await handset.stop()


class DeskPhone:
    """The agent's phone: rings, is picked up, speaks a tone. A context manager."""

    def __init__(self) -> None:
        self._agent = UserAgent(AGENT, PHONE, port=5060)
        self._audio: AudioStream | None = None
        self._call: AgentCall | None = None

    @property
    def audio(self) -> AudioStream:
        assert self._audio is not None
        return self._audio

    @property
    def over(self) -> bool:
        """Whether its call has ended."""
        return self._call is not None and self._call.state == "ended"

    async def __aenter__(self) -> DeskPhone:
        ids = IdSource()
        self._audio = await AudioStream.open(PHONE, Tone(AGENT_HZ), (CALLER_HZ,))
        party = MediaParty(PHONE, Dialect(picture=VideoLine.NONE), self._audio, None, ids)
        self._agent.new_party = lambda: party
        self._agent.on_call = self._rings
        await self._agent.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._agent.stop()
        await self.audio.close()

    def _rings(self, call: AgentCall, request: Any) -> None:
        if self._call is not None:
            call.refuse(486)
            return
        self._call = call
        call.ring()
        asyncio.get_running_loop().call_later(1.0, call.accept)


def main() -> None:
    """Build the package, play it, and print the times."""
    release = sys.argv[1] if sys.argv[1:] else ""
    package = built(release)
    machines_can_boot(fresh(release))
    folder = Path(tempfile.mkdtemp(prefix="splitter-integrator-"))
    try:
        hour = play(package, fresh(release), folder)
        print(f"{hour}\n{hour.took_s:.0f} s from a fresh system to a first call with picture, and its end")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
