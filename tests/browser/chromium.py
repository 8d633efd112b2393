"""Chromium without a screen, with a fake camera that shows the film of camera.py. Does I/O."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Collection
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, BrowserType, ViewportSize, expect

from tests.browser.eyes import SCRIPT
from tests.patience import PATIENCE_S
from tests.transport.pki import Paper

expect.set_options(timeout=PATIENCE_S * 1000)  # Playwright's own five seconds are few on a machine that others use

PROGRAM = "/usr/bin/chromium"
SHARED_TITLE = "The page that is shared"
_SCREEN: ViewportSize = {"width": 1366, "height": 768}  # of a desk
_ENVIRONMENT: dict[str, str | float | bool] = {"HOME": "/tmp", "LANG": "C.UTF-8"}

_TRUSTFUL = "--ignore-certificate-errors"
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The last one asks the user before a page of a public site may reach a private address; pages of a test's own
    # making count as such.
    "--disable-features=MediaRouter,Translate,LocalNetworkAccessChecks",
    _TRUSTFUL,
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",  # the gateway may be on this machine
    f"--auto-select-tab-capture-source-by-title={SHARED_TITLE}",
)


async def launch(
    kind: BrowserType, film: Path | None, program: str = PROGRAM, trusted: Collection[Paper] | None = None
) -> Browser:
    """Start a browser.

    Args:
        film: without one there is no camera.
        program: may be one that starts Chromium elsewhere.
        trusted: no other certificates are, not even of a relay; by default all are. A page may still be anybody's.
    """
    arguments = _arguments(film)
    if trusted is not None:
        arguments.remove(_TRUSTFUL)
        arguments.append(f"--ignore-certificate-errors-spki-list={','.join(one.pin() for one in trusted)}")
    return await kind.launch(executable_path=program, headless=True, args=arguments, env=_ENVIRONMENT)


async def at_home(kind: BrowserType, film: Path, home: Path) -> BrowserContext:
    """Start a browser that keeps in the folder `home` what it remembers, as an agent's own does."""
    context = await kind.launch_persistent_context(
        home, executable_path=PROGRAM, headless=True, args=_arguments(film), env=_ENVIRONMENT, viewport=_SCREEN
    )
    await context.add_init_script(SCRIPT)
    return context


async def of_this_machine(kind: BrowserType) -> Browser:
    """Start a browser without fake devices: only then does it capture real tabs."""
    return await kind.launch(executable_path=PROGRAM, headless=True, args=list(_ARGUMENTS), env=_ENVIRONMENT)


async def strict(kind: BrowserType) -> Browser:
    """Start a browser that has a camera and gives it to nobody."""
    arguments = [*_ARGUMENTS, "--use-fake-device-for-media-stream"]
    return await kind.launch(executable_path=PROGRAM, headless=True, args=arguments, env=_ENVIRONMENT)


def kill(home: Path) -> None:
    """End that browser as a power cut would: all of its processes, with SIGKILL."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"--user-data-dir={home}".encode() in command.read_bytes().split(b"\0"):
                os.kill(int(command.parent.name), signal.SIGKILL)
        except OSError:
            continue  # it has just ended


async def fresh(browser: Browser, locale: str = "en-US") -> BrowserContext:
    """A context without memory, whose pages can be read."""
    context = await browser.new_context(viewport=_SCREEN, ignore_https_errors=True, locale=locale)
    context.set_default_timeout(PATIENCE_S * 1000)
    await context.add_init_script(SCRIPT)
    return context


def _arguments(film: Path | None) -> list[str]:
    assert shutil.which(PROGRAM), f"{PROGRAM} is not installed; run `make peers`"
    given = "--use-fake-ui-for-media-stream"  # whoever asks for the camera gets it
    if film is None:
        return [*_ARGUMENTS, given, "--use-fake-device-for-media-stream=device-count=0"]
    return [*_ARGUMENTS, given, "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
