"""A desk with all its neighbours: the gateway, a voice centre, handsets, and pages in the browser. Does I/O."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from splitter.lab.codec import VideoShape
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.sight import STILL, Sight
from splitter.lab.video import VideoSettings
from tests.browser.camera import FRAMES, SENDER
from tests.browser.centre import AGENT_HZ, CALLER_HZ, Centre
from tests.browser.checks import Fault, Seen, Wanted, first_seen, judge
from tests.browser.chromium import fresh
from tests.browser.eyes import Eye, Log, flawless
from tests.browser.gateway import Gateway
from tests.patience import PATIENCE_S, patient

CALLED, CALLER = "12345", 1
SHAPE = VideoShape(480, 640, 15, 500)
SIGHTS = Path(__file__).parents[2] / "build" / "browser"
_HOST = "127.0.0.1"


class Desk:
    """An async context manager: inside it everything runs, after it nothing is left.

    Args:
        browser: where pages are opened; None where nobody opens one.
        name: of the test, for the sights that it saves.
        web_host: our address towards the browser.
        settings: of `Gateway`.
    """

    gateway: Gateway

    def __init__(self, browser: Browser | None, name: str, web_host: str = _HOST, **settings: Any) -> None:
        self.browser = browser
        self.centre = Centre(_HOST)
        self.handsets: list[Handset] = []
        self._name = name
        self._web_host = web_host
        self._settings = settings
        self._stack = AsyncExitStack()
        self._shown = 0

    async def __aenter__(self) -> Desk:
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="splitter-desk-")))
        try:
            await self.centre.start()
            self._stack.push_async_callback(self.centre.stop)
            self.gateway = Gateway(folder, self.centre.address, CALLED, self._web_host, **self._settings)
            self._stack.push_async_callback(self.gateway.stop)
            await self.gateway.start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self._must_be_sound()
        except AssertionError:
            print(f"---- the gateway's log\n{self.gateway.log()[-20_000:]}")
            raise
        finally:
            if kind is not None:
                print(f"---- the gateway's log\n{self.gateway.log()[-20_000:]}")
                await self._show_all("failed")
            await self._stack.aclose()

    # ---- callers ----

    async def handset(
        self, *, video: bool = True, sender: int = CALLER, number: str = "13800000001", orientation: int = 0
    ) -> Handset:
        """A caller's phone; without `video` it calls as a voice phone that could do video."""
        settings = HandsetSettings(
            number=number,
            tone_hz=CALLER_HZ,
            listen_hz=(AGENT_HZ,),
            video=VideoSettings(sender, SHAPE, orientation_id=7, orientation=orientation),
            dialect=Dialect(picture=VideoLine.TALL),
        )
        handset = Handset(settings, _HOST)
        self._stack.push_async_callback(handset.stop)
        self.handsets.append(handset)
        await handset.start()
        handset.video.sight = Log()
        handset.party.with_video = video
        return handset

    async def seat(self, settings: SeatSettings) -> Seat:
        """A colleague's SIP video client."""
        seat = Seat(settings, _HOST)
        self._stack.push_async_callback(seat.stop)
        await seat.start()
        return seat

    async def call(self, *, video: bool = True, **who: Any) -> tuple[Handset, str]:
        """A new call that the agent has picked up, and the gateway's id of it."""
        handset = await self.handset(video=video, **who)
        outcome = await handset.dial(CALLED, self.gateway.access).answered(PATIENCE_S)
        assert outcome.accepted, f"{outcome.status} {outcome.reason}"
        return handset, self.centre.call_id()

    # ---- pages ----

    async def context(self, locale: str = "en-US", browser: Browser | None = None) -> BrowserContext:
        """A browser without memory."""
        browser = browser or self.browser
        assert browser is not None
        return await self._stack.enter_async_context(await fresh(browser, locale))

    async def eye(self, page: Page, selector: str) -> Eye:
        """Watch a <video> until the end of the test."""
        eye = await Eye.open(page, selector)
        self._stack.push_async_callback(eye.close)
        return eye

    async def show(self, page: Page, what: str) -> None:
        """Save what the page looks like, for people."""
        self._shown += 1
        SIGHTS.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w-]+", "-", f"{self._name}-{self._shown}-{what}")
        await page.screenshot(path=SIGHTS / f"{name}.png")

    # ---- waiting and judging ----

    async def until(self, condition: Callable[[], bool], what: str, usual_s: float = 8.0) -> None:
        """Wait until it is so. `usual_s`: how long it takes at most on a machine with nothing else to do."""
        limit_s = patient(usual_s)
        try:
            async with asyncio.timeout(limit_s):
                while not condition():  # noqa: ASYNC110 — what is waited for happens in other processes
                    await asyncio.sleep(0.02)
        except TimeoutError:
            saw = "; ".join(f"caller {at} saw {one.video.sight.in_words()}" for at, one in enumerate(self.handsets))
            raise AssertionError(f"not within {limit_s:g} s: {what}; {saw}") from None

    async def view(self, call_id: str, true: Callable[[dict[str, Any]], bool], what: str, usual_s: float = 8.0) -> Any:
        """Wait until the API shows the call so; returns what it shows."""
        limit_s = patient(usual_s)
        end = time.monotonic() + limit_s
        while True:
            view = await self.gateway.call(call_id)
            if view and true(view):
                return view
            assert time.monotonic() < end, f"not within {limit_s:g} s: {what}; the call is {view}"
            await asyncio.sleep(0.1)

    async def caller_sees(self, handset: Handset, sender: int, frames: int = 20, usual_s: float = 10.0) -> list[Seen]:
        """Wait for so many new frames of a sender on the phone's screen; returns all frames from the first of them on."""
        log = sight_of(handset)
        before, start = log.rising(sender), len(log.seen)
        what = f"{frames} frames of sender {sender} on the phone"
        await self.until(lambda: log.rising(sender) >= before + frames, what, usual_s)
        new = log.seen[start:]
        first = next(index for index, seen in enumerate(new) if seen.reading and seen.reading.sender == sender)
        return new[first:]

    async def must_see(self, eye: Eye | Log, wanted: Wanted, for_s: float = 2.0) -> None:
        """Look for so long; there may be no fault."""

        async def look() -> tuple[Sequence[Seen], float, float]:
            start = time.time() * 1000
            await asyncio.sleep(for_s + 0.3)
            return eye.seen, start, start + for_s * 1000

        await flawless(look, lambda seen: judge(seen[0], wanted, *seen[1:]))

    async def voice_goes_on(self, handset: Handset) -> None:
        """The caller hears the agent from now on."""
        heard = handset.audio.hearing.seconds(AGENT_HZ)
        await self.until(lambda: handset.audio.hearing.seconds(AGENT_HZ) > heard + 0.3, "the agent is heard")

    async def _must_be_sound(self) -> None:
        """It runs, its log has no exception, and once all have hung up it holds nothing."""
        assert self.gateway.alive, "the gateway has ended"
        for handset in self.handsets:
            if handset.call.state != "ended":
                await handset.hang_up()
        end = time.monotonic() + patient(8)
        while left := await self._left():
            assert time.monotonic() < end, f"left in the gateway: {left}"
            await asyncio.sleep(0.1)
        assert "Traceback" not in self.gateway.log(), "an exception in the gateway's log"

    async def _left(self) -> dict[str, int]:
        status = await self.gateway.get("/v1/status")
        return {kind: status[kind] for kind in ("calls", "relays", "rooms", "dialogs", "ports") if status.get(kind)}

    async def _show_all(self, what: str) -> None:
        for context in self.browser.contexts if self.browser is not None else ():
            for page in context.pages:
                try:
                    await self.show(page, what)
                except Exception as error:  # it is a help for people, and the page may be gone
                    print(f"no picture of {page.url}: {error}")


async def phone_sees(desk: Desk, own: Eye, handset: Handset, frames: int) -> None:
    """The phone shows the film without a fault. `own`: the picture at the place where it is taken."""

    def faults(seen: Sequence[Seen]) -> list[Fault]:
        direct = first_seen(own.since(seen[0].at_ms - 2000))  # a camera that was opened anew begins its film anew
        return judge(seen, Wanted(SENDER, direct, FRAMES, torn_db=0))

    async def look() -> Sequence[Seen]:
        seen = await desk.caller_sees(handset, SENDER, frames)
        await own.rising(SENDER, 5)  # now what was sent is known
        return seen

    await flawless(look, faults)


def saw_nothing_but(sight: Sight, *senders: int) -> None:
    """The slate first, then these senders alone: never black. Where a camera's pictures are late the slate comes again."""
    scenes = [scene.what for scene in sight.scenes]
    assert scenes[0] == STILL and set(scenes) == {STILL, *(f"sender {sender}" for sender in senders)}, scenes


def sight_of(handset: Handset) -> Log:
    """What the caller saw, frame by frame."""
    sight = handset.video.sight
    assert isinstance(sight, Log)
    return sight
