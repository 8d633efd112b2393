"""One web caller's browser: its adapter in the media engine, what it is shown, and what it says. Does I/O (asyncio).

The leg of the call tells it what to do and is told what the browser does; the API serves what it shows. Either of them
may be missing for a while: the line is there before the call, and some time after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol
from weakref import WeakMethod

import structlog

from splitter.calls.browsers.view import WebCallView, WebCamera, WebState
from splitter.core.errors import MediaError, PeerError
from splitter.core.limits import Bucket
from splitter.media.ports.adapters import AdapterEngine, AdapterHandle, AdapterSetting
from splitter.media.ports.events import AdapterLost, MediaEvent, TransportChanged
from splitter.sdp.model import Session
from splitter.sdp.webrtc import SecureRemote

MOST_WATCHERS = 8
"""Event sockets of one browser; a page that was reloaded leaves one behind for a moment."""

_PATH_S = 30.0  # for a transport to come about
_RESTARTS, _RESTART_S = 10, 3.0  # in a row, and the seconds until one more

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BrowserSaid:
    """Something that the browser, or its user, did."""


@dataclass(frozen=True, slots=True)
class HungUp(BrowserSaid):
    """The user hung up, or has been away for too long (`gone`)."""

    gone: bool = False


@dataclass(frozen=True, slots=True)
class CameraSaid(BrowserSaid):
    """The user turns the camera on or off, or says so to the agent's question."""

    on: bool


@dataclass(frozen=True, slots=True)
class CameBack(BrowserSaid):
    """The browser has come by another transport (`afresh`), or by another way of the same one.

    `adapter` of the line is the present one.
    """

    offer: Session
    afresh: bool


class TriedAgain(BrowserSaid):
    """A moment has passed: the offer that was not taken may be made again."""


class Listener(Protocol):
    """Whoever hears what the browser does: a leg's bound method."""

    def __call__(self, said: BrowserSaid, /) -> None: ...


class BrowserLine:
    """One browser.

    Args:
        adapter: that its transport ends in.
        return_limit_s: how long it may be gone.
        closed: told at the end.
        source, customer: whose call it is: the browser's address, and who that is, "" for nobody that is known.
        trunk: that it came by.

    Attributes:
        view: what it is shown now.
        adapter: the present one.
        turn: for whoever changes its transport: one after the other.
    """

    def __init__(
        self,
        engine: AdapterEngine,
        view: WebCallView,
        adapter: AdapterHandle,
        return_limit_s: float,
        closed: Callable[[str], None],
        source: str = "",
        customer: str = "",
        trunk: str = "",
    ) -> None:
        self.view, self.adapter = view, adapter
        self.source, self.customer, self.trunk = source, customer, trunk
        self._engine, self._return_limit_s, self._closed = engine, return_limit_s, closed
        self._setting = AdapterSetting()
        self._watchers: set[asyncio.Queue[WebCallView]] = set()
        self._hear: WeakMethod[Listener] | None = None
        self._up = asyncio.Event()
        self._transport = 0  # counts those that there were: what one of before tells is of no concern
        self.turn = asyncio.Lock()
        self._restarts = Bucket.full(_RESTARTS, _RESTART_S)
        self._setter: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._away: asyncio.TimerHandle | None = None

    @property
    def ended(self) -> bool:
        """True once nothing goes on any more."""
        return self.view.state is WebState.ENDED

    @property
    def setting(self) -> AdapterSetting:
        """The plan that the adapter is to carry out."""
        return self._setting

    # ---- the leg ----

    def listen(self, hear: WeakMethod[Listener]) -> None:
        """Let a leg hear what the browser does; weak, since the leg holds the line."""
        self._hear = hear

    def say(self, said: BrowserSaid) -> bool:
        """The browser does something. Returns: False where there is no leg that hears it."""
        hear = self._hear() if self._hear is not None else None
        if hear is None:
            return False
        hear(said)
        return True

    def say_later(self, delay_s: float, said: BrowserSaid) -> None:
        """The same in a moment."""
        asyncio.get_running_loop().call_later(delay_s, self._say_if_alive, said)

    def _say_if_alive(self, said: BrowserSaid) -> None:
        if not self.ended:
            self.say(said)

    def carry(self, setting: AdapterSetting) -> None:
        """Have the adapter do this; of several wishes the newest is carried out."""
        if self.ended or setting == self._setting:
            return
        self._setting = setting
        if self._setter is None or self._setter.done():
            self._setter = self._spawn(self._carry_out())

    def show(
        self,
        *,
        state: WebState | None = None,
        held: bool | None = None,
        camera: WebCamera | None = None,
        path: str | None = None,
        answer: str | None = None,
        client: str | None = None,
        recorded: bool | None = None,
        messages: int | None = None,
    ) -> None:
        """Show the browser that something has changed."""
        view = self.view
        view = replace(
            view,
            state=state or view.state,
            held=view.held if held is None else held,
            camera=camera or view.camera,
            path=path or view.path,
            client=view.client if client is None else client,
            recorded=view.recorded if recorded is None else recorded,
            messages=view.messages if messages is None else messages,
        )
        if answer is not None and answer != view.answer:
            view = replace(view, answer=answer, answers=view.answers + 1)
        self._publish(view)

    def end(self, reason: str) -> None:
        """The call is over; the adapter is closed."""
        if self.ended:
            return
        self._come_back()
        self._publish(replace(self.view, state=WebState.ENDED, reason=reason, camera=WebCamera.OFF, recorded=False))
        self._watchers.clear()
        self._hear = None
        self._up.set()
        self._spawn(self._close(self.adapter))
        self._closed(self.view.call_id)

    # ---- the browser's transport ----

    async def connected(self, limit_s: float) -> bool:
        """Wait until media can flow; False where they cannot in this time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._up.wait()
        return self._up.is_set() and not self.ended

    async def restart(self, secure: SecureRemote) -> AdapterHandle:
        """The browser has come by another network: another ICE generation of the same transport. Raises MediaError."""
        self.adapter = await self._engine.restart_adapter(self.adapter)
        before, self._setting = self._setting.secure, replace(self._setting, secure=secure)
        try:
            await self._engine.set_adapter(self.adapter, self._setting)
        except MediaError:
            self._setting = replace(self._setting, secure=before)  # the browser comes again, maybe with the same
            raise
        return self.adapter

    def restart_later(self, secure: SecureRemote, then: Callable[[str], None]) -> None:
        """Begin another ICE generation, without waiting; `then` is told "", or why it could not be done.

        Raises:
            PeerError: status 500: too often.
        """
        if not self._restarts.permit(asyncio.get_running_loop().time()):
            raise PeerError("ICE is restarted too often", 500)
        self._spawn(self._restart(secure, then))

    async def _restart(self, secure: SecureRemote, then: Callable[[str], None]) -> None:
        fault = "no ICE restart: a fault in the gateway"  # whatever becomes of it: somebody waits for an answer
        try:
            async with self.turn:
                await self.restart(secure)
            fault = ""
        except MediaError as error:
            fault = str(error) or "no ICE restart: the media are not there"
        finally:
            then(fault)

    async def reopen(self, network: str) -> AdapterHandle:
        """Another transport in the place of the present one; the leg says what it carries. Raises MediaError."""
        before, number = self.adapter, self._transport + 1
        listener = partial(self.on_media, transport=number)
        adapter = await self._engine.open_adapter(self.view.call_id, network, listener)
        if self.ended:
            await self._close(adapter)
            raise PeerError("the call is over", 409)
        self.adapter, self._setting, self._transport = adapter, AdapterSetting(), number
        self._up.clear()
        self._spawn(self._close(before))
        self.expect(_PATH_S + self._return_limit_s)
        return adapter

    async def adopt(self) -> None:
        """Take up the adapter that a former process has left; where that is gone, the browser has to come back."""
        try:
            carried = await self._engine.adopt_adapter(self.adapter, self.on_media)
        except MediaError as error:
            self._lose(str(error))
            return
        wanted, self._setting = self._setting, carried.setting
        self.carry(wanted)
        self.expect(_PATH_S + self._return_limit_s)  # where it has a path, we are told so at once

    def on_media(self, event: MediaEvent, transport: int = 0) -> None:
        """Hear what the media engine tells of a transport."""
        if transport != self._transport:
            return
        match event:
            case AdapterLost():
                self._lose(event.reason)
            case TransportChanged(state="connected"):
                self._up.set()
                self._come_back()
                if self.view.path != "ok":
                    self.show(path="ok")
            case TransportChanged(state="interrupted" | "failed"):
                self._lose(event.reason)

    def expect(self, limit_s: float) -> None:
        """Give the browser up where its media do not flow within this time."""
        if not self.ended and not self._up.is_set() and self._away is None:
            self._away = asyncio.get_running_loop().call_later(limit_s, self._give_up)

    def _lose(self, reason: str) -> None:
        if self.ended or (self._away is not None and self.view.path == "lost"):
            return
        self._come_back()  # nobody waits for its first path any longer
        log.info("web caller away", call=self.view.call_id, reason=reason)
        self._up.clear()
        self._away = asyncio.get_running_loop().call_later(self._return_limit_s, self._give_up)
        self.show(path="lost")

    def _come_back(self) -> None:
        if self._away is not None:
            self._away.cancel()
            self._away = None

    def _give_up(self) -> None:
        self._away = None
        if not self.say(HungUp(gone=True)):
            self.end("lost")

    # ---- the API ----

    def watch(self) -> asyncio.Queue[WebCallView]:
        """A queue of one place that holds the newest view; `unwatch` ends it."""
        if len(self._watchers) >= MOST_WATCHERS:
            raise PeerError("too many event sockets of one call", 429)
        queue: asyncio.Queue[WebCallView] = asyncio.Queue(1)
        queue.put_nowait(self.view)
        if not self.ended:
            self._watchers.add(queue)
        return queue

    def unwatch(self, queue: asyncio.Queue[WebCallView]) -> None:
        """Watch no longer."""
        self._watchers.discard(queue)

    def _publish(self, view: WebCallView) -> None:
        if view == self.view:
            return
        self.view = view
        for queue in self._watchers:
            with suppress(asyncio.QueueEmpty):
                queue.get_nowait()
            queue.put_nowait(view)

    # ---- inside ----

    async def _carry_out(self) -> None:
        """Tell the adapter the newest wish, and again where another one came meanwhile."""
        told: AdapterSetting | None = None
        while told != self._setting and not self.ended:
            told = self._setting
            try:
                await self._engine.set_adapter(self.adapter, told)
            except MediaError as error:
                log.warning("a web caller's adapter was not told", call=self.view.call_id, reason=str(error))

    async def _close(self, adapter: AdapterHandle) -> None:
        with suppress(MediaError):
            await self._engine.close_adapter(adapter)

    def _spawn(self, work: object) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
