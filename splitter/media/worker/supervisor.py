"""Keeps media workers alive: finds or spawns, greets, watches, replaces them. Does I/O (asyncio).

One Supervisor per worker. It promises three things to whoever owns it: `client` is there only while the worker can be
used, `on_found` is called before that with what the worker carries from a gateway before us, and `on_lost` is called
once for each worker that was greeted and is no more.

Workers run in sessions of their own, so that Ctrl-C at a terminal or a dying gateway does not take voice along; see
splitter.media.worker.main for how they end, and `arrival` for how the next gateway finds them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec
import structlog

from splitter.core.errors import MediaError, MediaUnavailable
from splitter.core.pauses import doubled_s
from splitter.media.ports.events import MediaEvent
from splitter.media.wire.pairs import PortLedger
from splitter.media.worker.arrival import ENDING_S, LONG_S, Arrival, Site
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.place import socket_of
from splitter.media.worker.process import WorkerProcess
from splitter.media.worker.pulse import Inquiry, Patience, Pulse, look
from splitter.media.worker.status import count_since
from splitter.media.worker.verbs.inventory import Carried
from splitter.media.worker.verbs.process import AwaitVideo, Hello, Ping, Renew, Shutdown, Status
from splitter.telemetry import metrics
from splitter.telemetry.settings import TelemetrySettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SupervisorTimers:
    """How patient a supervisor is.

    Attributes:
        start_limit_s: from spawning to the answer to Hello; a machine that is busy with a restart takes its time.
        video_limit_s: from there until rooms can be opened at once.
        heartbeat_s: between pings.
        hang_limit_s: a worker that answers no ping and stands still for so long is killed: its voice is dead anyway.
        slow_limit_s: the same for one that computes, or waits for a disk, meanwhile; see `pulse`.
        stop_limit_s: from Shutdown to SIGKILL.
        backoff_first_s, backoff_last_s: the pause before a replacement; doubles each time.
        steady_s: a worker that lived so long resets the pause.
        grace_s: how long a worker keeps its relays without us.
    """

    start_limit_s: float = 30.0
    video_limit_s: float = 30.0
    heartbeat_s: float = 0.1
    hang_limit_s: float = 0.4
    slow_limit_s: float = 2.0
    stop_limit_s: float = 2.0
    backoff_first_s: float = 0.05
    backoff_last_s: float = 5.0
    steady_s: float = 10.0
    grace_s: float = 60.0


class WorkerState(Enum):
    """State of a worker, as the operator sees it."""

    STARTING = "starting"
    READY = "ready"
    STUCK = "stuck"  # alive, but did not answer in time
    DOWN = "down"


class Supervisor:
    """One worker and its successors.

    Args:
        index: its place among the workers.
        hello: what it is greeted with; `resting` is filled in here.
        ledger: the ports it has open or had open lately.
        socket_dir: where its control socket is.
        spawn: workers are processes of ours; else somebody else starts them, and we wait.
        timers: patience.
        logs: passed on to the worker.
        on_event: takes the id of a relay or room and its event.
        on_found: takes what a worker carries that was there before us.
        in_use: whether anything of ours is on it, or about to be.
        on_lost: takes the reason; called when a greeted worker is gone.
        on_ready: called when one can be used.
        spare: there is to be no worker of this index: one that is there ends once it carries nothing.

    Attributes:
        client: its control connection while it is in use.
        status: its last answer to a ping.
        video: rooms open at once there.
        outdated: it was greeted by a gateway with other settings: it is to get nothing new, and ends once it is empty.
        restarts: how many had to be replaced.
    """

    def __init__(
        self,
        index: int,
        hello: Hello,
        ledger: PortLedger,
        socket_dir: Path,
        spawn: bool,
        timers: SupervisorTimers,
        logs: TelemetrySettings,
        on_event: Callable[[str, MediaEvent], None],
        on_found: Callable[[WorkerClient, Carried], None],
        in_use: Callable[[], bool],
        on_lost: Callable[[str], None],
        on_ready: Callable[[], None],
        spare: bool = False,
    ) -> None:
        self.index = index
        self._hello = hello
        self.ledger = ledger
        self._timers = timers
        path = socket_of(socket_dir, index)
        self._site = Site(
            index,
            path,
            _arguments(index, path, timers.grace_s, logs) if spawn else None,
            timers.start_limit_s,
            Patience(timers.hang_limit_s, timers.slow_limit_s),
            timers.heartbeat_s,
        )
        self._on_event = on_event
        self._on_found = on_found
        self._in_use = in_use
        self._on_lost = on_lost
        self._on_ready = on_ready
        self.spare = spare
        self._process: WorkerProcess | None = None
        self._latest: WorkerProcess | None = None
        self._greeted = False
        self._emptied = False  # it was outdated, and is to be replaced
        self._task: asyncio.Task[None] | None = None
        self._stopping = self._abandoning = False
        self.client: WorkerClient | None = None
        self.state = WorkerState.DOWN
        self.status: Status | None = None
        self.restarts = 0
        self.video = self.outdated = False
        self.started = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and not self._process.ended.is_set() else None

    @property
    def ports(self) -> tuple[int, int]:
        """First and last of those that its worker has."""
        return self._hello.ports

    def start(self) -> None:
        """Begin; `started` is set at the first worker's answer."""
        self._task = asyncio.create_task(self._run(), name=f"media worker {self.index}")

    async def stop(self) -> None:
        """End the worker, in order if it lets us."""
        self._stopping = True
        process = self._process
        if self.client is not None:
            self.client.tell(Shutdown())
        elif self._task is not None:
            self._task.cancel()
        await self._end_task(self._timers.stop_limit_s)
        process = process or self._latest  # the task was cancelled while one was being begun
        if process is not None and not process.ended.is_set():  # or while it waited for the end
            process.kill()
            await process.ended.wait()

    async def abandon(self) -> None:
        """Leave the worker as it is to the next gateway."""
        self._stopping = self._abandoning = True
        if self._task is not None:
            self._task.cancel()
        await self._end_task(0)

    async def _end_task(self, limit_s: float) -> None:
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=limit_s)
            for task in late:
                task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def adopt(self, slate: tuple[str, str], reserved: int, logs: TelemetrySettings) -> None:
        """Have the worker, and its successors, go by these from now on.

        Args:
            slate: the text and the picture, which the worker was asked to draw.
            reserved: pairs that pictures leave to voice.
        """
        text, picture = slate
        self._hello = msgspec.structs.replace(self._hello, slate_text=text, slate_picture=picture, reserved=reserved)
        if self._site.arguments is not None:
            arguments = _arguments(self.index, self._site.path, self._timers.grace_s, logs)
            self._site = dataclasses.replace(self._site, arguments=arguments)
        if self.client is not None:
            self.client.tell(Renew(text, picture, logs.log_level, reserved))

    def suspect(self) -> None:
        """Choose others until it answers a ping: it did not answer a request in time."""
        if self.state is WorkerState.READY:
            self.state = WorkerState.STUCK

    # ---- the life of workers -------------------------------------------------------------------------------------

    async def _run(self) -> None:
        deaths = 0  # one soon after the other
        while not self._stopping:
            born = time.monotonic()
            reason = await self._live()
            if self._stopping or self.spare:
                self.started.set()
                break
            if self._emptied:
                log.info("media worker replaced", index=self.index, reason="it had other settings")
                continue
            if time.monotonic() - born > self._timers.steady_s:
                deaths = 0
            pause_s = doubled_s(self._timers.backoff_first_s, self._timers.backoff_last_s, deaths)
            deaths += 1
            self.restarts += 1
            metrics.media.WORKER_RESTARTS.inc()
            log.error("media worker lost", index=self.index, reason=reason, again_in_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _live(self) -> str:
        """One worker from birth to death. Returns: why it died."""
        self.state = WorkerState.STARTING
        self.outdated = self._emptied = self._greeted = False
        reason = ""
        try:
            hello = msgspec.structs.replace(self._hello, resting=self.ledger.resting(time.monotonic()))
            client, process, self.status = await self._arrive(hello)
            self.outdated = self.status.outdated or self.spare
            self.client, self.state, self._greeted = client, WorkerState.READY, True
            self._on_ready()
            reason = await self._watch(client, process.pid)
        except (MediaError, OSError) as error:
            reason = str(error)
        except Exception as fault:
            log.exception("supervisor of media workers failed", index=self.index)
            reason = repr(fault)
        finally:
            reason = await self._give_up() or reason
            if not self._abandoning:
                self.ledger.all_closed(time.monotonic())
                if self._greeted:
                    self._on_lost(reason)  # at once: its voice waits for another worker, not for its funeral
                await self._bury()
        return reason

    async def _arrive(self, hello: Hello) -> tuple[WorkerClient, WorkerProcess, Status]:
        """Come to a worker, be it there or not. Raises MediaError, OSError."""
        arrival = Arrival(self._site, hello, self._on_event, self._found)
        try:
            client = await arrival.find()
            if client is None and not self.spare:
                client = await arrival.begin()
        finally:
            self._process = self._latest = arrival.process
        if self._process is None or client is None:
            raise MediaUnavailable("there is no media worker")
        return client, self._process, arrival.status

    def _found(self, client: WorkerClient, page: Carried) -> None:
        """What is found is lost along with the worker, even if that cannot be used after all."""
        self._greeted = True
        self._on_found(client, page)

    async def _await_video(self, client: WorkerClient, pid: int) -> None:
        """Voice may use the worker already; whoever waits for `started` finds rooms there as well."""
        try:
            await client.ask(AwaitVideo(), self._timers.video_limit_s)
        except MediaError as error:
            log.error("media worker without video", index=self.index, reason=str(error))
        else:
            self.video = True
        if not client.lost.is_set():
            self.started.set()
            log.info("media worker ready", index=self.index, pid=pid)

    async def _watch(self, client: WorkerClient, pid: int) -> str:
        """Ping until it is gone, hangs, or is done with. Returns: which of these."""
        timers = self._timers
        pulse = Pulse(Patience(timers.start_limit_s, timers.start_limit_s), timers.heartbeat_s)
        video = asyncio.create_task(self._await_video(client, pid))
        ping: asyncio.Task[Status] | None = None
        inquiry = Inquiry()
        pulse.heard(time.monotonic())
        try:
            while not await self._lost(client):
                now = time.monotonic()
                if video.done():  # while it loads and draws, a slow disk may well hold it up
                    pulse.patience = Patience(timers.hang_limit_s, timers.slow_limit_s)
                told = ping is not None and self._answered(ping)
                inquiry.look(now, client.replies, told)
                if told:
                    ping = None
                if told or inquiry.spoke:  # what it is asked may wait behind much that it works through
                    pulse.heard(now)
                elif ping is not None:
                    pulse.silent(now, look(pid))
                    self._judge(pulse)
                if pulse.hangs:
                    return pulse.hangs
                idle = self.status is not None and not self.status.relays + self.status.rooms and not self._in_use()
                if self.outdated and idle:
                    self._emptied = True
                    client.tell(Shutdown())
                    return "it had other settings, and carries nothing"
                wanted = inquiry.due(now) or self.state is not WorkerState.READY
                if wanted and (ping is None or ping.done()):
                    ping = asyncio.create_task(client.ask(Ping(), LONG_S))
                    ping.add_done_callback(_retrieve)
            return "its control connection closed"
        finally:
            video.cancel()
            if ping is not None:
                ping.cancel()

    async def _lost(self, client: WorkerClient) -> bool:
        """Wait for one heartbeat, or less if the connection is lost meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timers.heartbeat_s):
                await client.lost.wait()
        return client.lost.is_set()

    def _answered(self, ping: asyncio.Task[Status]) -> bool:
        """Whether a ping was answered; then the worker is as well as it says."""
        if not ping.done() or ping.exception() is not None:
            return False
        count_since(self.status, ping.result())
        self.status, self.state = ping.result(), WorkerState.READY
        return True

    def _judge(self, pulse: Pulse) -> None:
        if pulse.suspect and self.state is WorkerState.READY:
            self.state = WorkerState.STUCK
            log.warning("media worker does not answer", index=self.index, pid=self.pid)

    async def _give_up(self) -> str:
        """Ask nothing of it any more, and see that it ends. Returns: how it ended, if by itself."""
        client, self.client, self.state, self.video = self.client, None, WorkerState.DOWN, False
        lost = client is not None and client.lost.is_set()
        if client is not None:
            client.close()
        process = self._process
        if process is None:
            return ""
        if self._abandoning:
            process.release()
            return ""
        if lost or self._stopping or self._emptied:  # it ends by itself; give it a moment, for the sake of the reason
            with suppress(TimeoutError):
                async with asyncio.timeout(ENDING_S):
                    await process.ended.wait()
        if process.ended.is_set():
            return process.how
        process.kill()
        return ""

    async def _bury(self) -> None:
        """Wait for its end, within limits: one that waits for a disk for ever cannot even be killed."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timers.stop_limit_s):
                    await process.ended.wait()


def _retrieve(ping: asyncio.Task[Status]) -> None:
    """Why a ping failed is said by other means."""
    if not ping.cancelled():
        ping.exception()


def _arguments(index: int, path: Path, grace_s: float, logs: TelemetrySettings) -> list[str]:
    """Of a worker's process."""
    arguments = {
        "--socket": str(path),
        "--name": f"media-{index}",
        "--grace": str(grace_s),
        "--log-format": logs.log_format,
        "--log-level": logs.log_level,
    }
    return [word for pair in arguments.items() for word in pair]
