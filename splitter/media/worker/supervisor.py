"""Keeps media workers alive: spawns, greets, watches, replaces them. Does I/O (asyncio).

One Supervisor per worker. It promises two things to whoever owns it: `client` is there only while the worker can be
used, and `on_lost` is called once for each worker that was greeted and is no more.

Workers run in sessions of their own, so that Ctrl-C at a terminal or a dying gateway does not take voice along; see
splitter.media.worker.main for how they end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec
import structlog

from splitter.core.errors import LocalError, MediaError, MediaTimeout, MediaUnavailable
from splitter.core.pauses import doubled_s
from splitter.media.ports.events import MediaEvent
from splitter.media.wire.pairs import PortLedger
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.pulse import Patience, Pulse, look
from splitter.media.worker.verbs.process import AwaitVideo, Hello, Ping, Shutdown, Status
from splitter.telemetry import metrics
from splitter.telemetry.settings import TelemetrySettings

log = structlog.get_logger(__name__)

SOCKET_PATH_LIMIT_BYTES = 107  # struct sockaddr_un
_PING_LIMIT_S = 3600.0  # the pulse says when one has been waited for long enough


@dataclass(frozen=True, slots=True)
class SupervisorTimers:
    """How patient a supervisor is.

    Attributes:
        start_limit_s: from spawning to the answer to Hello.
        video_limit_s: from there until rooms can be opened at once.
        heartbeat_s: between pings.
        hang_limit_s: a worker that answers no ping and stands still for so long is killed: its voice is dead anyway.
        slow_limit_s: the same for one that computes, or waits for a disk, meanwhile; see `pulse`.
        stop_limit_s: from Shutdown to SIGKILL.
        backoff_first_s, backoff_last_s: the pause before a replacement; doubles each time.
        steady_s: a worker that lived so long resets the pause.
        grace_s: how long a worker keeps its relays without us.
    """

    start_limit_s: float = 10.0
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
    """Of a worker, as the operator sees it."""

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
        socket_dir: where its control socket goes.
        timers: patience.
        logs: passed on to the worker.
        on_event: takes the id of a relay or room and its event.
        on_lost: takes the reason; called when a greeted worker is gone.
        on_ready: called when one can be used.

    Attributes:
        client: its control connection while it is in use.
        status: its last answer to a ping.
        video: rooms open at once there.
        restarts: how many had to be replaced.
    """

    def __init__(
        self,
        index: int,
        hello: Hello,
        ledger: PortLedger,
        socket_dir: Path,
        timers: SupervisorTimers,
        logs: TelemetrySettings,
        on_event: Callable[[str, MediaEvent], None],
        on_lost: Callable[[str], None],
        on_ready: Callable[[], None],
    ) -> None:
        self.index = index
        self._hello = hello
        self.ledger = ledger
        self._socket_dir = socket_dir
        self._timers = timers
        self._logs = logs
        self._on_event = on_event
        self._on_lost = on_lost
        self._on_ready = on_ready
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._generation = 0
        self._stopping = False
        self.client: WorkerClient | None = None
        self.state = WorkerState.DOWN
        self.status: Status | None = None
        self.restarts = 0
        self.video = False
        self.started = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def ports(self) -> tuple[int, int]:
        """First and last of those that its worker has."""
        return self._hello.ports

    def start(self) -> None:
        """Begin; `started` is set at the first worker's answer.

        Raises:
            LocalError: the control socket cannot be put where the settings say.
        """
        if len(os.fsencode(self._socket_path(10**6))) > SOCKET_PATH_LIMIT_BYTES:
            raise LocalError(f"media.socket_dir {self._socket_dir}: too long for a Unix socket; name a shorter one")
        self._task = asyncio.create_task(self._run(), name=f"media worker {self.index}")

    async def stop(self) -> None:
        """End the worker, in order if it lets us."""
        self._stopping = True
        process = self._process
        if self.client is not None:
            self.client.tell(Shutdown())
        elif self._task is not None:
            self._task.cancel()
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=self._timers.stop_limit_s)
            for task in late:
                task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if process is not None and process.returncode is None:  # the task was cancelled while it waited for the end
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def suspect(self) -> None:
        """It did not answer a request in time: choose others until it answers a ping."""
        if self.state is WorkerState.READY:
            self.state = WorkerState.STUCK

    # ---- the life of workers -------------------------------------------------------------------------------------

    async def _run(self) -> None:
        deaths = 0  # one soon after the other
        while not self._stopping:
            born = time.monotonic()
            reason = await self._live()
            if self._stopping:
                break
            if time.monotonic() - born > self._timers.steady_s:
                deaths = 0
            pause_s = doubled_s(self._timers.backoff_first_s, self._timers.backoff_last_s, deaths)
            deaths += 1
            self.restarts += 1
            metrics.MEDIA_WORKER_RESTARTS.inc()
            log.error("media worker lost", index=self.index, reason=reason, again_in_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _live(self) -> str:
        """One worker from birth to death. Returns: why it died."""
        self.state = WorkerState.STARTING
        greeted = False
        self._generation += 1
        path = self._socket_path(self._generation)
        try:
            process = self._process = await self._spawn(path)
            client = await self._greet(path, process)
            self.client, self.state, greeted = client, WorkerState.READY, True
            self._on_ready()
            reason = await self._watch(client, process.pid)
        except (MediaError, OSError) as error:
            reason = str(error)
        except Exception as fault:
            log.exception("supervisor of media workers failed", index=self.index)
            reason = repr(fault)
        finally:
            reason = await self._give_up() or reason
            self.ledger.all_closed(time.monotonic())
            if greeted:
                self._on_lost(reason)  # at once: its voice waits for another worker, not for its funeral
            await self._bury(path)
        return reason

    def _socket_path(self, generation: int) -> Path:
        return self._socket_dir / f"media-{os.getpid()}-{self.index}-{generation}.sock"

    async def _spawn(self, path: Path) -> asyncio.subprocess.Process:
        arguments = {
            "--socket": str(path),
            "--name": f"media-{self.index}",
            "--grace": str(self._timers.grace_s),
            "--log-format": self._logs.log_format,
            "--log-level": self._logs.log_level,
        }
        words = [word for pair in arguments.items() for word in pair]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "splitter.media.worker",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    async def _greet(self, path: Path, process: asyncio.subprocess.Process) -> WorkerClient:
        deadline = time.monotonic() + self._timers.start_limit_s
        while True:
            try:
                client = await WorkerClient.connect(path, self._on_event)
                break
            except (FileNotFoundError, ConnectionRefusedError):  # it is not listening yet
                if process.returncode is not None or self._stopping:
                    raise MediaUnavailable("the media worker ended while starting") from None
                if time.monotonic() > deadline:
                    raise MediaTimeout("the media worker did not start in time") from None
                await asyncio.sleep(0.02)
        hello = msgspec.structs.replace(self._hello, resting=self.ledger.resting(time.monotonic()))
        try:
            self.status = await client.ask(hello, deadline - time.monotonic())
        except MediaError:
            client.close()
            raise
        return client

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
        """Ping until it is gone, or hangs. Returns: which of the two."""
        timers = self._timers
        pulse = Pulse(Patience(timers.start_limit_s, timers.start_limit_s), timers.heartbeat_s)
        video = asyncio.create_task(self._await_video(client, pid))
        ping: asyncio.Task[Status] | None = None
        try:
            while not await self._lost(client):
                if video.done():  # while it loads and draws, a slow disk may well hold it up
                    pulse.patience = Patience(timers.hang_limit_s, timers.slow_limit_s)
                if ping is None or self._answered(ping):
                    pulse.heard(time.monotonic())
                else:
                    pulse.silent(time.monotonic(), look(pid))
                    self._judge(pulse)
                if pulse.hangs:
                    return pulse.hangs
                if ping is None or ping.done():
                    ping = asyncio.create_task(client.ask(Ping(), _PING_LIMIT_S))
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
        if lost or self._stopping:  # it ends by itself; give it a moment, for the sake of the reason
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await process.wait()
        if process.returncode is not None:
            return _how(process.returncode)
        with suppress(ProcessLookupError):
            process.kill()
        return ""

    async def _bury(self, path: Path) -> None:
        """Wait for its end, within limits: one that waits for a disk for ever cannot even be killed."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timers.stop_limit_s):
                    await process.wait()
        _remove(path)


def _retrieve(ping: asyncio.Task[Status]) -> None:
    """Why a ping failed is said by other means."""
    if not ping.cancelled():
        ping.exception()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
