"""Chromium without a screen, with a fake camera that shows the film of camera.py. Does I/O."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, BrowserType

from tests.browser.eyes import SCRIPT

PROGRAM = "/usr/bin/chromium"
SHARED_TITLE = "The page that is shared"
_SCREEN = {"width": 1366, "height": 768}  # of a desk

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=MediaRouter,Translate",
    "--ignore-certificate-errors",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",  # the gateway may be on this machine
    "--use-fake-ui-for-media-stream",  # whoever asks for the camera gets it
    f"--auto-select-tab-capture-source-by-title={SHARED_TITLE}",
)


async def launch(
    kind: BrowserType, film: Path | None, program: str = PROGRAM, arguments: tuple[str, ...] = ()
) -> Browser:
    """Start a browser. Without a film there is no camera. `program` may be one that starts Chromium elsewhere."""
    assert shutil.which(PROGRAM), f"{PROGRAM} is not installed; run `make peers`"
    camera = (f"--use-file-for-fake-video-capture={film}", "--use-fake-device-for-media-stream")
    no_camera = ("--use-fake-device-for-media-stream=device-count=0",)
    return await kind.launch(
        executable_path=program,
        headless=True,
        args=[*_ARGUMENTS, *(camera if film else no_camera), *arguments],
        env={"HOME": "/tmp", "LANG": "C.UTF-8"},
    )


async def fresh(browser: Browser, locale: str = "en-US") -> BrowserContext:
    """A context without memory, whose pages can be read."""
    context = await browser.new_context(viewport=_SCREEN, ignore_https_errors=True, locale=locale)  # type: ignore[arg-type]
    context.set_default_timeout(10_000)
    await context.add_init_script(SCRIPT)
    return context
