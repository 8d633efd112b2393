"""The browsers of all web callers. Does I/O (asyncio)."""

from __future__ import annotations

import asyncio

from splitter.calls.browsers.line import BrowserLine
from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.browsers.view import WebCallView, WebState
from splitter.calls.states import RecordingState
from splitter.calls.view import CallView
from splitter.core.errors import LocalError
from splitter.media.ports.adapters import AdapterEngine, AdapterHandle

KEPT_S = 30.0
"""So long can a browser ask what became of its call."""


class Browsers:
    """Every browser that calls, by the id of its call.

    Args:
        engine: None where browsers cannot call.
    """

    def __init__(self, engine: AdapterEngine | None = None, settings: WebCallSettings | None = None) -> None:
        self._engine = engine
        self.settings = settings or WebCallSettings()
        self._lines: dict[str, BrowserLine] = {}
        self._adopting: set[asyncio.Task[None]] = set()

    def adopt(self, settings: WebCallSettings) -> None:
        """Go by these settings from now on."""
        self.settings = settings

    def __len__(self) -> int:
        """Count those whose call is not over."""
        return len(self.living())

    def living(self) -> list[BrowserLine]:
        """The browsers whose call is not over, be it of this process or taken up from a former one."""
        return [line for line in self._lines.values() if not line.ended]

    def get(self, call_id: str) -> BrowserLine | None:
        """The browser of this call; also shortly after its end."""
        return self._lines.get(call_id)

    def line(self, call_id: str) -> BrowserLine:
        """The browser of this call. Raises LocalError where there is none."""
        if (line := self._lines.get(call_id)) is None:
            raise LocalError(f"the call {call_id} has no browser")
        return line

    def on_call(self, view: CallView) -> None:
        """A call has changed; its browser is shown whether it is recorded, and what is written."""
        if (line := self._lines.get(view.call_id)) is not None and not line.ended:
            line.show(recorded=view.recording.state == RecordingState.RECORDING, messages=view.messages)

    async def open(self, call_id: str, network: str, source: str = "", customer: str = "") -> BrowserLine:
        """Begin with a browser: its adapter is opened. Raises MediaError."""
        engine = self._own
        before: list[BrowserLine] = []
        adapter = await engine.open_adapter(call_id, network, lambda event: before[0].on_media(event))
        line = self._enter(call_id, adapter, WebState.CONNECTING, source, customer)
        before.append(line)
        return line

    def resume(self, call_id: str, adapter: AdapterHandle, source: str, customer: str) -> BrowserLine:
        """The browser of a call that a former process began."""
        line = self._lines.get(call_id)
        if line is None:
            line = self._enter(call_id, adapter, WebState.CONNECTED, source, customer)
            task = asyncio.get_running_loop().create_task(line.adopt())
            self._adopting.add(task)
            task.add_done_callback(self._adopting.discard)
        return line

    @property
    def _own(self) -> AdapterEngine:
        if self._engine is None:
            raise LocalError("browsers cannot call here")
        return self._engine

    def _enter(self, call_id: str, adapter: AdapterHandle, state: WebState, source: str, customer: str) -> BrowserLine:
        limit_s = self.settings.return_limit_s
        view = WebCallView(call_id, state)
        line = BrowserLine(self._own, view, adapter, limit_s, self._forget_later, source, customer)
        self._lines[call_id] = line
        return line

    def _forget_later(self, call_id: str) -> None:
        asyncio.get_running_loop().call_later(KEPT_S, self._lines.pop, call_id, None)
