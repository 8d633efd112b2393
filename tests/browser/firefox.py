"""Firefox of the distribution, without a screen, with a camera of its own making, driven by WebDriver BiDi. Does I/O."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from tests.patience import PATIENCE_S

PROGRAM = "firefox-esr"
_START_LIMIT_S = 60.0
_ANSWER_LIMIT_S = PATIENCE_S
_LISTENS = "WebDriver BiDi listening on "
_PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,  # the gateway may be on this machine
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
}


class Firefox:
    """A context manager: one browser with one page.

    Args:
        home: its profile.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._numbers = itertools.count(1)
        self._page = ""

    async def __aenter__(self) -> Firefox:
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items())
        (self._home / "user.js").write_text("".join(lines))
        command = (PROGRAM, "--headless", "--no-remote", "--profile", str(self._home), "--remote-debugging-port", "0")
        self._process = await asyncio.create_subprocess_exec(
            *command,
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "HOME": str(self._home), "LANG": "C.UTF-8"},
        )
        self._drain: asyncio.Task[None] | None = None
        self._http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                self._socket = await self._http.ws_connect(f"{await self._url()}/session", max_msg_size=0)
                await self.ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
                tree = await self.ask("browsingContext.getTree")
        except BaseException:
            await self._end()
            raise
        self._page = tree["contexts"][0]["context"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._end()

    async def ask(self, method: str, **parameters: Any) -> Any:
        """A command of WebDriver BiDi; its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_ANSWER_LIMIT_S):
            while (answer := await self._socket.receive_json()).get("id") != number:
                pass  # an event
        assert answer["type"] == "success", f"{method}: {answer}"
        return answer["result"]

    async def go(self, url: str) -> None:
        """Open an address in the page."""
        await self.ask("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def run(self, script: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        expression = f"(async () => JSON.stringify((await ({script})) ?? null))()"
        target = {"context": self._page}
        found = await self.ask("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])

    async def until(self, script: str, limit_s: float = PATIENCE_S) -> None:
        """Wait until the value of an expression in the page is true."""
        end = time.monotonic() + limit_s
        while not await self.run(script):
            assert time.monotonic() < end, f"not within {limit_s:g} s: {script}"
            await asyncio.sleep(0.1)

    async def _url(self) -> str:
        assert self._process.stderr
        async for line in self._process.stderr:
            if line.decode(errors="replace").startswith(_LISTENS):
                self._drain = asyncio.create_task(self._forget(self._process.stderr))
                return line.decode().removeprefix(_LISTENS).strip()
        raise AssertionError("Firefox has ended before it listened")

    @staticmethod
    async def _forget(stream: asyncio.StreamReader) -> None:
        while await stream.read(65_536):
            pass

    async def _end(self) -> None:
        await self._http.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        if self._drain is not None:
            await self._drain
