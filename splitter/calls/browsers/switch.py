"""The browsers of all web callers. Does I/O (asyncio)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from splitter.calls.browsers.limits import CallerLimits
from splitter.calls.browsers.line import BrowserLine
from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.browsers.view import WebCallView, WebState
from splitter.calls.states import RecordingState
from splitter.calls.view import CallView
from splitter.core.errors import LocalError
from splitter.core.net import source_of
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
        self._limits = CallerLimits()
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

    # ---- how many there may be ----

    def must_wait_s(self, source: str, now: float) -> float:
        """Count a wish to call of this address. Returns: the seconds that it has to wait instead; 0 for none."""
        return self._limits.wait_s(source, self.settings.calls_per_minute, now)

    @contextmanager
    def place(self, source: str, customer: str, most: int, trunk: str = "") -> Iterator[None]:
        """A place for one more call of this address and customer, until its line is there and counts by itself.

        Args:
            most: calls that `trunk` may have; 0: no limit.
        Raises:
            Crowded: there is none.
        """
        coming: list[tuple[str, str]] = []
        called: list[tuple[str, str]] = []
        of_trunk = 0
        for line in self.living():
            connecting = line.view.state is WebState.CONNECTING
            (coming if connecting else called).append((source_of(line.source), line.customer))
            of_trunk += not connecting and line.trunk == trunk
        full = bool(most and of_trunk >= most)
        with self._limits.place((source, customer), coming, called, self.settings.calls_per_address, full):
            yield

    # ---- which they are ----

    async def open(
        self, call_id: str, network: str, source: str = "", customer: str = "", trunk: str = ""
    ) -> BrowserLine:
        """Begin with a browser: its adapter is opened. Raises MediaError."""
        engine = self._own
        before: list[BrowserLine] = []
        adapter = await engine.open_adapter(call_id, network, lambda event: before[0].on_media(event))
        line = self._enter(call_id, adapter, WebState.CONNECTING, source, customer, trunk)
        before.append(line)
        return line

    def resume(self, call_id: str, adapter: AdapterHandle, source: str, customer: str, trunk: str = "") -> BrowserLine:
        """The browser of a call that a former process began."""
        line = self._lines.get(call_id)
        if line is None:
            line = self._enter(call_id, adapter, WebState.CONNECTED, source, customer, trunk)
            task = asyncio.get_running_loop().create_task(line.adopt())
            self._adopting.add(task)
            task.add_done_callback(self._adopting.discard)
        return line

    @property
    def _own(self) -> AdapterEngine:
        if self._engine is None:
            raise LocalError("browsers cannot call here")
        return self._engine

    def close(self, call_id: str) -> None:
        """The call is over; so is the line of its browser, if it has one whose leg has not told it."""
        if (line := self._lines.get(call_id)) is not None:
            line.end("hung-up")

    def _enter(
        self, call_id: str, adapter: AdapterHandle, state: WebState, source: str, customer: str, trunk: str
    ) -> BrowserLine:
        limit_s = self.settings.return_limit_s
        view = WebCallView(call_id, state)
        line = BrowserLine(self._own, view, adapter, limit_s, self._forget_later, source, customer, trunk)
        self._lines[call_id] = line
        return line

    def _forget_later(self, call_id: str) -> None:
        asyncio.get_running_loop().call_later(KEPT_S, self._lines.pop, call_id, None)
