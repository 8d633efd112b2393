"""The gateway: builds its parts, starts, drains and stops them, or leaves its calls to the process that comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from splitter import __version__
from splitter.calls.bus import Bus
from splitter.cluster.membership import Membership
from splitter.config.model import Settings
from splitter.core.clock import SystemClock
from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.core.tenancy import Tenancy
from splitter.doors import Doors, Orders
from splitter.floor import Floor
from splitter.prepared import Prepared, read
from splitter.reload import Reload, ReloadOutcome
from splitter.store.schema import tenancy_of
from splitter.web.status import reloads
from splitter.web.status.status import GatewayState, measure, measure_records

_FOUND_S = 0.2  # so long the first new call waits for rtpengines that have not answered yet
_FAREWELL_S = 0.05  # for the event sockets, which say that the gateway begins anew

log = structlog.get_logger(__name__)


class Gateway:
    """Every part of the program, wired.

    Args:
        restart: begins anew, for the API; raises LocalError where the configuration cannot be used.
        reread: reads the configuration again, for a reload; None where it stands in no file. Raises ConfigError.
        membership: of the cluster; None where there is none.

    Attributes:
        settings: what it goes by now.
        started, ending: whether every part has started, and whether it is about to end.
        reloads: what takes up a changed configuration.
        bus: what happens.
        floor: what calls stand on, and the calls. doors: what people and programs see.
    """

    def __init__(
        self,
        settings: Settings,
        restart: Callable[[], None] = lambda: None,
        reread: Callable[[], Settings] | None = None,
        membership: Membership | None = None,
    ) -> None:
        self.settings = settings
        self._membership = membership
        clock, ids = SystemClock(), IdSource()
        self.bus = Bus(clock)
        self._standing_by = False
        self._looking: asyncio.Task[None] | None = None
        self._releasing: asyncio.Task[int] | None = None
        self._tenancy: Tenancy | None = None
        self.started = asyncio.Event()
        self.ending = False
        self.reloads = Reload(settings, reread or (lambda: settings), self, clock)
        self.floor = Floor(settings, clock, ids, self.bus, membership)
        orders = Orders(self._ordered, self.refuse_new, restart)
        self.doors = Doors(settings, clock, ids, self.bus, self.floor, orders, membership)
        self.doors.health.include("configuration", self.reloads.alarms)

    # ---- start, drain, stop ------------------------------------------------------------------------------------------

    async def stand_by(self) -> None:
        """Start what may run while another process is this node: workers without media, and the operators' doors.

        Raises:
            LocalError: another process has our folder or our control socket.
        """
        floor, doors = self.floor, self.doors
        doors.board.enter(GatewayState.STANDBY)
        try:
            await floor.engine.start()
            self._look_for_rtpengines()
            await doors.server.open_inner()
            await doors.neighbours.stand_by()
        except BaseException:
            await floor.engine.abandon()
            raise
        self._standing_by = True

    async def stand_down(self) -> None:
        """Stop what `stand_by` has started."""
        await self.doors.server.stop()
        await self._stop_looking()
        await self.floor.engine.stop()

    async def let_go(self) -> None:
        """Close what a former process has left here: another host is this node now."""
        self.doors.journal.discard()
        await self.floor.engine.release_unclaimed()

    async def start(self) -> None:
        """Start every part, the ways in last; what had started is stopped again if one cannot.

        Raises:
            LocalError: another gateway has the store; a listener or the control socket cannot be opened.
        """
        self._tenancy = tenancy_of(self.settings.store)
        floor, doors = self.floor, self.doors
        try:
            await self._start()
        except BaseException:
            left = floor.engine.inventory()
            if len(floor.calls) or left.relays or left.rooms:
                await floor.engine.abandon()  # what calls of before have there is for the next try
            await self.stop()
            raise
        measure(floor.engine, floor.farm)
        measure_records(floor.live, floor.calls, self._membership)
        doors.measure()
        doors.board.enter(GatewayState.RUNNING)
        self.started.set()
        log.info("ready", version=__version__, networks=list(self.settings.networks))

    async def _start(self) -> None:
        floor, doors = self.floor, self.doors
        floor.store.start()
        await doors.webhooks.start()
        if not self._standing_by:
            await floor.engine.start()
            self._look_for_rtpengines()
        if floor.recordings is not None:
            floor.recordings.start()
        await floor.watch.find()
        await floor.driver.start(hearing=False)
        await asyncio.to_thread(doors.hub.resume)  # its folder is ours by now
        await floor.take_up(self._membership)
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=_FOUND_S)
        floor.driver.hear()  # before all that the voice can do without
        await doors.messaging.start()  # and hears next of the calls that are gone: nothing is sent for those
        doors.tell_lost()
        live = {view.call_id for view in floor.calls.list()}
        await doors.album.start(live)
        await doors.photos.start(live)
        await doors.kept_screenshots.start()
        self._releasing = asyncio.create_task(self._release())
        await doors.neighbours.start()
        doors.begin_telling()
        if not self._standing_by:
            await doors.server.open_inner()
        await doors.server.open_api()
        floor.watch.start()
        floor.registrations.start()

    async def _release(self) -> int:
        """Close what calls of before have there and none has taken up."""
        await self.floor.recovery.settled()
        if self.floor.recordings is not None:
            await self.floor.recordings.arrived()
            self.floor.recordings.forget_unclaimed(self.floor.calls.list())
        return await self.floor.engine.release_unclaimed()

    def _look_for_rtpengines(self) -> None:
        """Begin to; one that is silent holds up its own calls of before, and nothing else."""
        self._looking = asyncio.create_task(self.floor.farm.start(), name="rtpengines")

    async def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        await self.floor.farm.stop()

    def refuse_new(self, refuse: bool, by: str) -> reloads.Drained:
        """Take no new calls, or take them again; those that live go on. Raises LocalError where it is about to end."""
        if self.ending or not self.started.is_set():
            raise LocalError("the gateway is about to end" if self.ending else "the gateway has not started yet")
        calls, board = self.floor.calls, self.doors.board
        if refuse != (board.draining_since is not None):
            log.info("draining" if refuse else "taking new calls again", by=by, calls=len(calls))
            calls.refuse_new(refuse)
            self.doors.tell_state(GatewayState.DRAINING if refuse else GatewayState.RUNNING)
        return reloads.Drained(refuse, board.draining_since, len(calls))

    async def drain(self) -> None:
        """Refuse new calls and let those that live end, for as long as the operator allows."""
        self.ending = True
        self.doors.tell_state(GatewayState.DRAINING)
        log.info("draining", calls=len(self.floor.calls))
        await self.floor.calls.drain(self.settings.calls.drain_limit_s)

    async def stop(self) -> None:
        """Stop every part, in the reverse order."""
        floor, doors = self.floor, self.doors
        await floor.watch.stop()
        await floor.registrations.stop()
        floor.reception.stop()
        await doors.climbing.stop()
        await doors.messaging.stop()
        await floor.driver.stop()
        await doors.end_telling()
        await doors.neighbours.stop()
        await doors.server.stop()
        doors.album.close()
        doors.photos.close()
        await self._stop_looking()
        if self._releasing is not None:
            self._releasing.cancel()
        await floor.studio.stop()
        await floor.engine.stop()
        if floor.recordings is not None:
            await floor.recordings.stop()
        await doors.leftovers.stop()
        await doors.webhooks.stop()
        await floor.pictures.stop()
        await floor.store.stop()
        if floor.homer is not None:
            floor.homer.close()
        await asyncio.to_thread(floor.live.stop)
        if self._tenancy is not None:
            self._tenancy.end()

    async def leave(self) -> None:
        """Leave the calls to the process that comes after this one, which must end at once: no peer is told anything.

        Their media go on in the workers, which outlive it.
        """
        floor = self.floor
        log.info("leaving the calls to the next process", calls=len(floor.calls))
        self.ending = True
        floor.driver.pause()  # what comes now is repeated, and heard by that one
        self.doors.messaging.hold()
        self.doors.hub.leave()
        floor.records.flush()
        if floor.recordings is not None:
            floor.recordings.leave()
        await asyncio.gather(asyncio.to_thread(floor.live.stop), floor.store.stop(), asyncio.sleep(_FAREWELL_S))

    async def cut(self) -> None:
        """End the media of all calls, and nothing else: another process has them. No peer is told anything."""
        self.floor.driver.pause()
        if self.floor.recordings is not None:
            self.floor.recordings.leave()
        await self.floor.studio.stop()
        await self.floor.engine.stop()

    # ---- change ------------------------------------------------------------------------------------------------------

    async def reload(self, dry_run: bool = False, by: str = "") -> ReloadOutcome:
        """Take what has changed in the configuration, once the gateway has started; see `Reload.reload`."""
        if self._standing_by and not self.started.is_set():
            raise LocalError("this process is a standby, which carries nothing: restart it")
        await self.started.wait()
        if self.ending:
            raise LocalError("the gateway is about to end")
        return await self.reloads.reload(dry_run, by)

    async def _ordered(self, dry_run: bool, by: str) -> reloads.Reloaded:
        """A reload, for the API."""
        done = await self.reload(dry_run, by)
        changes = [reloads.ChangedKey(one.key, one.change, one.taken, one.before, one.after) for one in done.changes]
        return reloads.Reloaded(dry_run, changes, list(done.unchanged), list(done.refused))

    async def prepare(self, settings: Settings) -> Prepared:
        """Make ready all of a change that can fail, and what takes its time. Raises LocalError."""
        prepared = await asyncio.to_thread(read, settings, self.doors.access.secret)
        await self.floor.prepare(settings)
        return prepared

    def adopt(self, settings: Settings, prepared: Prepared) -> None:
        """Have every part go by these settings from now on; those of them that need a restart are as they were."""
        before, self.settings = self.settings, settings
        self.floor.adopt(before, settings, prepared)
        self.doors.adopt(settings, prepared)

    async def settle(self) -> None:
        """Write down what the next process has to know of the former settings."""
        await self.floor.settle()
