"""Listens to the event socket of another node, so that its calls and desks are shown here. Does I/O through aiohttp.

The socket is the one that desks use (`splitter.web.events.socket`), for what happens at that node alone: it resumes
where it was, and begins anew with all that lives where something was missed. Nothing is waited for but the next frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import aiohttp
import msgspec
import structlog

from splitter.calls.desks import Desks, DeskView
from splitter.calls.states import CallState
from splitter.calls.view import CallView, Notice
from splitter.cluster.nodes import NodeView
from splitter.telemetry import metrics
from splitter.web.events.hub import Hub
from splitter.web.nodes.way import Ways, believed

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
AWAY_PAUSE_S = 15.0  # for one that the others do not hear either
HANDSHAKE_S = 5.0
PROBE_S = 4.0  # a host that died says nothing, not even that
SILENCE_S = 40.0  # it says something every 15 s
LONGEST_FRAME = 1_000_000
_BREATH = 20  # frames, then the loop is left to calls

log = structlog.get_logger(__name__)


class _Frame(msgspec.Struct):
    """Any frame of the socket."""

    type: str
    seq: int = 0
    at: float = 0.0
    epoch: str = ""
    resumed: bool = True
    call: CallView | None = None
    notice: Notice | None = None
    desk: DeskView | None = None


_frames = msgspec.json.Decoder(_Frame)


class Feed:
    """What one other node tells, for this one's hub.

    Args:
        node: where it is; asked before each attempt, since it may have moved.

    Attributes:
        fault: why it is not heard; "" while it is.
    """

    def __init__(self, name: str, node: Callable[[], NodeView | None], hub: Hub, desks: Desks, ways: Ways) -> None:
        self.name = name
        self.fault = "it was not heard yet"
        self._node = node
        self._hub = hub
        self._desks = desks
        self._ways = ways
        self._snapshot: tuple[list[CallView], list[DeskView]] | None = None
        self._stream = ""
        self._resumes = False
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Listen, for ever."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._listen()
                self.fault, pause_s = "it closed the connection", FIRST_PAUSE_S
            except aiohttp.WSServerHandshakeError as error:
                said = "it does not believe us: the nodes need the same api.secret_file" if error.status == 401 else ""
                self._failed(said or f"its API says {error.status} to us")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._failed(f"it cannot be reached: {str(error) or type(error).__name__}")
            except ValueError as error:
                self._resumes = False  # all of it anew
                self._failed(f"it cannot be understood: {error}")
            pause_s = FIRST_PAUSE_S if self.heard.is_set() else min(LONGEST_PAUSE_S, pause_s * 2)
            self.heard.clear()
            await self._pause(pause_s)

    def forget(self) -> None:
        """Forget what it has told: it holds no longer."""
        for view in self._hub.calls_of(self.name):
            self._desks.on_call(_over(view))
        self._desks.hear_all(self.name, ())
        self._hub.forget(self.name)

    # ---- inner ---------------------------------------------------------------------------------------------------

    async def _pause(self, pause_s: float) -> None:
        """Wait before the next attempt; longer while the node is away, but not once it is back."""
        await asyncio.sleep(pause_s)
        for _ in range(int(AWAY_PAUSE_S / LONGEST_PAUSE_S)):
            node = self._node()
            if node is None or node.state != "away":
                return
            await asyncio.sleep(min(pause_s, LONGEST_PAUSE_S))

    async def _listen(self) -> None:
        node = self._node()
        if node is None or not node.api_url:
            raise OSError("nobody knows where it is")
        url = f"{node.api_url}/v1/events"
        after = self._hub.place_in(self.name) if self._resumes else ""
        async with asyncio.timeout(HANDSHAKE_S):  # a host may die in the middle of one
            opened = await self._ways.session.ws_connect(
                url,
                heartbeat=PROBE_S,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                params={"own": "1", "after": after},
                protocols=("splitter.v1",),
                headers={"Authorization": f"Bearer {self._ways.token()}"},
                max_msg_size=LONGEST_FRAME,
                ssl=believed(node),
            )
        async with opened as socket:
            count = 0
            while True:
                async with asyncio.timeout(SILENCE_S):
                    message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                self._hear(_frames.decode(message.data))
                count += 1
                if count % _BREATH == 0:
                    await asyncio.sleep(0)

    def _hear(self, frame: _Frame) -> None:
        metrics.records.NODE_FRAMES.labels(self.name).inc()
        match frame.type:
            case "hello":
                self._stream = frame.epoch
                self._snapshot = None if frame.resumed else ([], [])
            case "ready":
                self._settle(frame.seq)
            case "call" if frame.call is not None:
                self._on_news(frame, frame.call)
            case "desk" if frame.desk is not None:
                self._on_news(frame, frame.desk)
            case "notice" if frame.notice is not None:
                self._on_news(frame, frame.notice)

    def _on_news(self, frame: _Frame, news: CallView | DeskView | Notice) -> None:
        if self._snapshot is not None:
            if isinstance(news, CallView):
                self._snapshot[0].append(news)
            elif isinstance(news, DeskView):
                self._snapshot[1].append(news)
            return
        if isinstance(news, CallView):
            self._desks.on_call(news)
        elif isinstance(news, DeskView):
            self._desks.hear(self.name, news)
        self._hub.hear(self.name, frame.seq, frame.at, news)

    def _settle(self, seq: int) -> None:
        if self._snapshot is not None:
            calls, desks = self._snapshot
            self._snapshot = None
            there = {view.call_id for view in calls}
            for view in self._hub.calls_of(self.name):
                if view.call_id not in there:
                    self._desks.on_call(_over(view))
            for view in calls:
                self._desks.on_call(view)
            self._desks.hear_all(self.name, desks)
            self._hub.replace(self.name, self._stream, seq, calls, desks)
        if self.fault:
            log.info("another node is heard", node=self.name)
        self._resumes, self.fault = True, ""
        self.heard.set()

    def _failed(self, fault: str) -> None:
        if fault != self.fault:
            log.warning("another node is not heard", node=self.name, reason=fault)
        metrics.records.NODE_FAULTS.labels(self.name).inc()
        self.fault = fault


def _over(view: CallView) -> CallView:
    return replace(view, state=CallState.ENDED)
