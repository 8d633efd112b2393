"""The pool of worker processes: who they are, who gets the next, and what they are asked. Does I/O (asyncio).

It chooses the least loaded worker that answers. What each one holds stands in `holdings`, what may be asked of it in
`verbs`, what calls may ask in `engine`.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from splitter.core.errors import LocalError, MediaError, MediaTimeout, MediaUnavailable, NoPorts
from splitter.core.tenancy import Tenancy
from splitter.media.ports.health import WorkerStatus
from splitter.media.settings import KernelUse, MediaSettings
from splitter.media.wire.latch import LatchRules
from splitter.media.wire.pairs import PortLedger
from splitter.media.worker.held import Held, Opening
from splitter.media.worker.holdings import Holdings
from splitter.media.worker.look import draw, look_of
from splitter.media.worker.place import clear_dead, indexes_in
from splitter.media.worker.record import PortRecord
from splitter.media.worker.status import count_refused, mixes_of, slice_of, status_of
from splitter.media.worker.supervisor import Supervisor, SupervisorTimers, WorkerState
from splitter.media.worker.verbs.process import PROTOCOL, Hello
from splitter.media.worker.verbs.verb import Message, Need, Verb
from splitter.telemetry import metrics
from splitter.telemetry.settings import TelemetrySettings

log = structlog.get_logger(__name__)

SUCCESSOR_S = 1.0

R = TypeVar("R", bound=Message)


class MediaNetwork(Protocol):
    """What the engine needs to know of a network (splitter.transport.settings.Network has it)."""

    @property
    def media_address(self) -> str: ...

    @property
    def advertised_address(self) -> str | None: ...


class Pool:
    """The worker processes, and what they hold for us.

    Args:
        settings: how many workers, which ports.
        timers: of the supervisors.
        rules: of latching; the window is what workers are told.
        logs: passed on to the workers.

    Attributes:
        holdings: what the workers hold for us.
    """

    def __init__(
        self, settings: MediaSettings, timers: SupervisorTimers, rules: LatchRules, logs: TelemetrySettings
    ) -> None:
        self._settings = settings
        self._timers = timers
        self._rules = rules
        self._logs = logs
        self._look = self._next_look = look_of(settings)
        self.holdings = Holdings()
        self._tenancy: Tenancy | None = None
        self._supervisors: list[Supervisor] = []
        self._arrived = asyncio.Event()  # set when a worker can be used, and replaced then

    # ---- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Find or start the workers and wait until rooms can be opened on them at once, or the limits have passed.

        Raises:
            LocalError: there is no folder for the control sockets, or another gateway has it.
        """
        count = self._settings.workers or os.cpu_count() or 1
        record = self._recorded()
        wanted = [self._supervisor(index, count, record) for index in range(count)]
        spare = indexes_in(Path(self._settings.socket_dir)) - set(range(count))
        self._supervisors = wanted + [self._supervisor(index, count, record) for index in sorted(spare)]
        for supervisor in self._supervisors:
            supervisor.start()
        starts = {asyncio.ensure_future(supervisor.started.wait()) for supervisor in self._supervisors}
        _, late = await asyncio.wait(starts, timeout=self._timers.start_limit_s)
        if late and self._by_load():  # they are there, and still busy with the slate
            _, late = await asyncio.wait(late, timeout=self._timers.video_limit_s)
        for start in late:
            start.cancel()
        if late:
            log.error("media workers missing", wanted=count, missing=len(late))

    def _recorded(self) -> PortRecord | None:
        """What is known of the ports from before a restart, once the folder is ours. Raises LocalError."""
        settings = self._settings
        folder = Path(settings.socket_dir)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(f"media.socket_dir {folder}: {error.strerror}") from error
        self._tenancy = Tenancy(folder / "gateway.lock", f"media.socket_dir {folder}")
        return PortRecord.at(folder, settings.first_port, settings.last_port)

    def _supervisor(self, index: int, count: int, record: PortRecord | None) -> Supervisor:
        settings = self._settings
        spare = index >= count
        ports = slice_of(settings.first_port, settings.last_port, 0 if spare else index, 1 if spare else count)
        used = record.used(settings.quarantine_s) if record is not None else []
        mine = [(port, since_s) for port, since_s in used if ports[0] <= port <= ports[1] and not spare]
        hello = Hello(
            protocol=PROTOCOL,
            ports=ports,
            quarantine_s=settings.quarantine_s,
            resting=[],
            slate_text=settings.slate_text,
            slate_picture=settings.slate_picture,
            latch_window_s=self._rules.window_s,
            freebind=settings.freebind,
            offload=settings.offload is KernelUse.AUTO,
            native=settings.native,
            index=index,
            tcp=(settings.tcp_port, settings.tcp_advertised_port, settings.tcp_hosts),
            reserved=self._reserve(settings, count),
        )
        supervisor = Supervisor(
            index,
            hello,
            PortLedger(settings.quarantine_s, record, mine, time.monotonic()),
            Path(settings.socket_dir),
            settings.spawn,
            self._timers,
            self._logs,
            self.holdings.on_event,
            lambda client, page: self.holdings.on_found(supervisor, client, page),
            lambda: self.holdings.burdens(supervisor),
            lambda reason: self.holdings.on_lost(supervisor, reason),
            self._on_ready,
            spare,
        )
        return supervisor

    @staticmethod
    def _reserve(settings: MediaSettings, count: int) -> int:
        """The pairs that pictures leave to voice in each of so many workers."""
        return -(-settings.voice_pairs // count)

    async def stop(self) -> None:
        """End all workers. What they held is gone, without events."""
        self.holdings.forget()
        await asyncio.gather(*(supervisor.stop() for supervisor in self._supervisors))
        clear_dead(Path(self._settings.socket_dir))
        self._vacate()

    async def abandon(self) -> None:
        """Leave the workers, and what they carry, to the next gateway."""
        self.holdings.forget()
        await asyncio.gather(*(supervisor.abandon() for supervisor in self._supervisors))
        self._vacate()

    async def prepare(self, settings: MediaSettings) -> None:
        """Have the slate drawn that `adopt` will bring, if it is another one.

        Raises:
            LocalError: it cannot be drawn.
        """
        wanted = await asyncio.to_thread(look_of, settings)
        if wanted != self._look:
            clients = [one.client for one in self._supervisors if one.client is not None]
            await draw(settings, clients, self._timers.video_limit_s)
        self._next_look = wanted

    def adopt(self, settings: MediaSettings, logs: TelemetrySettings) -> None:
        """Go by these from now on; workers and ports are as they were."""
        self._settings, self._logs, self._look = settings, logs, self._next_look
        reserved = self._reserve(settings, sum(not one.spare for one in self._supervisors) or 1)
        for supervisor in self._supervisors:
            supervisor.adopt((settings.slate_text, settings.slate_picture), reserved, logs)

    def _vacate(self) -> None:
        if self._tenancy is not None:
            self._tenancy.end()

    def status(self) -> list[WorkerStatus]:
        """The workers, for the operator."""
        return [status_of(one) for one in self._supervisors if one.client is not None or not one.spare]

    def sizes(self) -> dict[str, int]:
        """Count what is held, for the check that nothing is left behind."""
        workers = self.status()
        return {
            "relays": sum(worker.relays for worker in workers),
            "rooms": sum(worker.rooms for worker in workers),
            "ports": self.holdings.ports,
        }

    def mixes(self, id: str = "") -> frozenset[str]:
        """The encodings of voice that can be mixed, by the worker that holds a relay, or by any."""
        held = self.holdings.get(id)
        return mixes_of(self._supervisors if held is None else [held.supervisor])

    # ---- choice --------------------------------------------------------------------------------------------------

    def _on_ready(self) -> None:
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def _some_worker(self, deadline: float) -> None:
        """Where no worker can be used, wait a moment for one: a successor is there in half a second."""
        arrived = self._arrived
        if not self._by_load():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(SUCCESSOR_S, deadline - time.monotonic())):
                    await arrived.wait()

    def _by_load(self, video: bool = False, ports: frozenset[int] = frozenset()) -> list[Supervisor]:
        """Workers to try, the least loaded first; those that are stuck only if there is no other.

        Args:
            video: for a room: a successor that still draws its slate comes after the others.
            ports: that are wanted: whose they are comes first, for it knows whether they are free.
        """

        def order(one: Supervisor) -> tuple[bool, bool, bool, int]:
            first, last = one.ports
            theirs = any(first <= port <= last for port in ports)
            return one.outdated, not theirs, video and not one.video, self.holdings.load_of(one)

        alive = [supervisor for supervisor in self._supervisors if supervisor.client is not None]
        ready = [supervisor for supervisor in alive if supervisor.state is WorkerState.READY]
        return sorted(ready or alive, key=order)

    # ---- requests ------------------------------------------------------------------------------------------------

    async def ask(self, held: Held, verb: Verb[R], limit_s: float | None = None) -> R:
        """Ask the worker that holds it."""
        try:
            return await self._ask(held, verb, limit_s)
        except NoPorts:
            count_refused(held.media.kind)
            raise

    async def _ask(self, held: Held, verb: Verb[R], limit_s: float | None = None) -> R:
        try:
            return await held.client.ask(verb, limit_s or self._settings.request_limit_s)
        except MediaTimeout:
            held.supervisor.suspect()
            metrics.media.REQUEST_FAILURES.labels("timeout").inc()
            raise
        except MediaUnavailable:
            metrics.media.REQUEST_FAILURES.labels("unavailable").inc()
            raise

    async def last(self, held: Held, verb: Verb[R]) -> R | None:
        """The last word to something: it takes effect even if nobody tells us, and None is returned then."""
        try:
            return await self.ask(held, verb)
        except MediaError as error:
            log.warning("no report of closed media", call=held.call_id, reason=str(error))
            return None

    async def reopen(self, media: Opening, verb: Verb[Any], undo: Verb[Any], ports: dict[str, int]) -> None:
        """Have a relay or room opened again where it was.

        Args:
            undo: as of `open`.
            ports: the even port of each pair, by whose it is.
        """
        if self.holdings.get(media.id) is not None:
            raise MediaUnavailable(f"{media.id} is open")
        held, _ = await self.open(media, verb, undo, frozenset(ports.values()))
        for whose, port in ports.items():
            held.bound(whose, port)
        metrics.media.RESTORED.labels("relay" if verb.needs is Need.NOTHING else "room").inc()

    async def open(
        self, media: Opening, verb: Verb[R], undo: Verb[Any], ports: frozenset[int] = frozenset()
    ) -> tuple[Held, R]:
        """Have a new relay or room opened by some worker, within one request limit over all that are tried.

        Args:
            undo: what closes it again, where the answer is waited for no longer.
            ports: that it is to have, if it cannot have any.
        """
        deadline = time.monotonic() + self._settings.request_limit_s
        refusal, held = MediaUnavailable("no media worker is ready", retry_after_s=2), None
        await self._some_worker(deadline)
        for supervisor in self._by_load(verb.needs is not Need.NOTHING, ports):
            client = supervisor.client
            if client is None:
                continue
            held = Held(media, supervisor, client)
            self.holdings.hold(media.id, held)
            try:
                answer = await self._ask(held, verb, max(0.001, deadline - time.monotonic()))
                return self.holdings.find(media.id), answer
            except BaseException as error:
                if self.holdings.get(media.id) is not None:  # else the worker died meanwhile
                    self.holdings.drop(media.id)
                if isinstance(error, MediaUnavailable):
                    refusal = error
                    continue
                client.tell(undo)
                raise
        if held is not None and isinstance(refusal, NoPorts):
            count_refused(held.media.kind)
        raise refusal
