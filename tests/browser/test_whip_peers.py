"""WHIP clients that are no browsers: they offer audio and video in one bundle, and each reads answers in its own way."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from splitter.sdp.parse import parse
from tests.browser.camera import SENDER
from tests.browser.desk import CALLER, Desk
from tests.browser.gateway import CRM_TOKEN
from tests.browser.network import Network

HERE = Path(__file__).parent


def gstreamer(url: str, film: Path) -> tuple[str, ...]:
    """It sends the film; the distribution's Python has the bindings of the distribution's GStreamer."""
    return ("/usr/bin/python3", str(HERE / "gstreamer_peer.py"), url, CRM_TOKEN, str(film))


def werift(url: str, film: Path) -> tuple[str, ...]:
    """It sends back what it is shown."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    modules = os.environ.get("SPLITTER_WERIFT") or str(cache / "splitter" / "werift")
    assert (Path(modules) / ".complete").exists(), f"werift is not in {modules}; run `make peers`"
    return ("node", str(HERE / "werift" / "peer.mjs"), modules, url, CRM_TOKEN)


class Peer:
    """A WHIP client in a process of its own, and what it tells of itself line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: dict[str, Any] = {}

    async def listen(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            self.told |= json.loads(line)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Another host: not every peer looks for a path over the loopback device."""
    with Network() as network:
        yield network


@asynccontextmanager
async def started(*command: str) -> AsyncIterator[Peer]:
    """Run a peer; nothing of it is left afterwards."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=1 << 20)
    peer = Peer(process)
    ear = asyncio.create_task(peer.listen())
    try:
        yield peer
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await ear


@pytest.mark.parametrize(("peer", "sender"), [(gstreamer, SENDER), (werift, CALLER)])
async def test_joins_with_audio_and_video_sends_and_receives(
    network: Network, film: Path, peer: Callable[[str, Path], tuple[str, ...]], sender: int
) -> None:
    async with Desk(None, peer.__name__, network.host) as desk:
        handset, call_id = await desk.call()
        url = f"{desk.gateway.api}/v1/calls/{call_id}/parties"
        async with started(*network.there(*peer(url, film))) as running:
            told = running.told
            await desk.until(lambda: told.get("state") == "connected", f"it is connected: {told}", 20)
            await desk.until(lambda: told.get("pictures", 0) >= 30, f"it sees the caller: {told}", 20)
            await desk.caller_sees(handset, sender, 10, 20)
            answer = parse(told["answer"].encode())
            assert all(media.port for media in answer.media), "no line is refused (RFC 9725 §4.4.3)"
            assert told.get("width", 480) == 480 and told.get("height", 640) == 640
            await desk.voice_goes_on(handset)
