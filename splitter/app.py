"""The composition root: builds the gateway out of its parts, starts, drains and stops it, or leaves its calls to the
process that comes after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from splitter import __version__
from splitter.calls.bus import Bus
from splitter.calls.desks import Desks, DeskView
from splitter.calls.logins.reception import Reception
from splitter.calls.logins.registrations import Registrations
from splitter.calls.records import Records
from splitter.calls.recovery import Recovery
from splitter.calls.registry import Calls
from splitter.calls.routing import Routing
from splitter.calls.rows import row_of
from splitter.calls.services import Services
from splitter.calls.texting import SipCarrier
from splitter.calls.trunks.watch import Watch
from splitter.calls.view import CallView, Notice, lost
from splitter.cluster.directory import ValkeyDirectory
from splitter.cluster.membership import Membership
from splitter.cluster.nodes import Directory, KnownNodes, NodeView
from splitter.cluster.records import ValkeyShelf
from splitter.cluster.tenure import NodeStanding
from splitter.config.model import Settings
from splitter.config.networks import spared
from splitter.config.sms import with_carrier
from splitter.core.clock import SystemClock
from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.core.tenancy import Tenancy
from splitter.former import FormerTrunks
from splitter.media.chooser import EngineChooser
from splitter.media.ng.engine import NgEngine
from splitter.media.worker.engine import WorkerEngine
from splitter.prepared import Prepared, extensions_of, login_marks, passwords_of, read, tls_names
from splitter.reload import Reload, ReloadOutcome
from splitter.sip.endpoint import Endpoint
from splitter.sip.timers import Timers
from splitter.sms.message import SmsCarrier
from splitter.sms.settings import SipSmsSettings
from splitter.store.copies import Copies
from splitter.store.gathering import Gatherer
from splitter.store.journal import Journal
from splitter.store.live import LiveStore
from splitter.store.pictures import PictureLibrary
from splitter.store.rows import LiveRow
from splitter.store.schema import beside, tenancy_of
from splitter.store.screenshots import ScreenshotFiles
from splitter.store.sqlite import Store
from splitter.telemetry import log as logs
from splitter.telemetry.trace import Recorder
from splitter.transport.driver import Driver
from splitter.web import reloads
from splitter.web.access import Access
from splitter.web.album import Album, ScreenshotTaken
from splitter.web.defences import Defences
from splitter.web.events import Events
from splitter.web.evictions import Evictions
from splitter.web.health import Health, expiring_certificates, missing_workers, shortages
from splitter.web.hub import Hub
from splitter.web.leftovers import Leftovers
from splitter.web.messaging import Messaging
from splitter.web.nodes.neighbours import Neighbours
from splitter.web.nodes.way import Ways
from splitter.web.ports import Ports
from splitter.web.revocations import Revocations
from splitter.web.secret import secret_beside, secret_or_new
from splitter.web.server import Server
from splitter.web.status import GatewayState, StatusBoard, measure, measure_records
from splitter.web.webhooks import Webhooks

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
        self._restart = restart
        self._clock = SystemClock()
        self._ids = IdSource()
        self.bus = Bus(self._clock)
        self._standing_by = False
        self._releasing: asyncio.Task[int] | None = None
        self._tenancy: Tenancy | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.started = asyncio.Event()
        self.ending = False
        self.reloads = Reload(settings, reread or (lambda: settings), self, self._clock)
        self._build_floor()
        self._build_calls()
        self._build_web()
        self._subscribe()
        self._include_alarms()

    # ---- build -----------------------------------------------------------------------------------------------------

    def _build_floor(self) -> None:
        """Build the floor of the calls: the store, the media engines and SIP."""
        settings = self.settings
        self._store = Store(settings.store, self._clock)
        self._recorder = Recorder(self._store, self._clock, settings.store.digits)
        path, log_dir = beside(settings.store.path, "live.db"), Path(settings.media.socket_dir)
        shelves: list[Gatherer] = [LiveStore(path, self._records_lost, log_dir)]
        if self._membership is not None:
            shelf = ValkeyShelf(settings.cluster, self._membership)
            shelves.append(Gatherer(shelf, self._records_lost))
        self._live = Copies(shelves)
        self._records = Records(self._live)
        self._pictures = PictureLibrary(beside(settings.store.path, "pictures"), wall=self._clock.wall)
        self._engine = WorkerEngine(
            settings.media,
            settings.networks,
            logs=settings.telemetry,
            ids=self._ids,
        )
        used, limit_s = settings.rtpengines if settings.media.rtpengine_for else (), settings.media.request_limit_s
        self._farm = NgEngine(used, settings.networks, request_limit_s=limit_s, ids=self._ids)
        self._calls = Calls()  # the driver asks it who may speak to us
        self._driver = Driver(
            Endpoint(Timers(), self._ids, settings.calls.name),
            settings.networks,
            settings.transport,
            self._clock,
            self._calls.on_request,
            self._recorder,
            source_ok=self._calls.source_ok,
            party_ok=self._calls.party_ok,
            spared=spared(settings),
            write_ahead=lambda messages: self._records.write_ahead(self._recorder.calls_of(messages)),
        )
        for expected in tls_names(settings):
            self._driver.expect(*expected)

    def _build_calls(self) -> None:
        """Neighbours, logins and desks, and the calls over all of them."""
        settings, driver, clock, ids = self.settings, self._driver, self._clock, self._ids
        name = settings.calls.name
        trunks, routing = tuple(settings.trunks.values()), Routing(settings.trunks, settings.routes)
        self._routing = routing
        self._former = FormerTrunks(beside(settings.store.path, "former-trunks.json"))
        self.desks = Desks(extensions_of(settings), self.bus.publish)
        watching = (settings.monitor, settings.overload, settings.dns)
        self._watch = watch = Watch(settings.trunks, settings.networks, driver, routing, clock, ids, name, *watching)
        self._reception = Reception(trunks, settings.accounts, settings.registrar, name, clock, ids, driver, self.desks)
        self._registrations = Registrations(
            trunks, driver, clock, ids, name, lambda trunk: watch.trunks.targets(trunk, clock.now(), ids.number)
        )
        services = Services(
            driver=driver,
            voice=EngineChooser(self._farm, settings.media.rtpengine_for, self._engine),
            rooms=self._engine,
            recorder=self._recorder,
            clock=clock,
            ids=ids,
            routing=routing,
            settings=settings.calls,
            bus=self.bus,
            trunks=watch.trunks,
            admission=watch.admission,
            strangers=watch.strangers,
            pictures=self._pictures,
            desks=self.desks,
            records=self._records,
            node=settings.cluster.node,
        )
        self._calls.attach(services, self._reception)
        self._recovery = Recovery(services, self._calls)

    def _build_web(self) -> None:
        """Build the watchers, and the listeners for people and programs."""
        settings, clock = self.settings, self._clock
        self._journal = Journal(Path(settings.media.socket_dir) / "events.db")
        cluster = settings.cluster
        together = self.desks.together if cluster.node else None
        self._hub = Hub(clock, self._ids.tag(), self._journal, cluster.node, together)
        directory: Directory = ValkeyDirectory(cluster) if cluster.node else KnownNodes()
        self._access = self._make_access()
        ways = Ways(cluster.node, self._access.secret, clock)
        self._neighbours = Neighbours(cluster.node, directory, self._said, ways, clock, self._hub, self.desks)
        self._webhooks = Webhooks(settings.webhooks, self._store, clock, self._ids)
        self._messaging = Messaging(
            with_carrier(settings),
            lambda: self._access.settings,
            settings.store.path,
            clock,
            self._ids,
            tell=self._webhooks.invite,
            sip=self._sip_carrier,
            recorder=self._recorder,
            publish=self.bus.publish,
        )
        shots = ScreenshotFiles(beside(settings.store.path, "screenshots"))
        self.album = Album(taken=self.bus.publish, files=shots, wall=clock.wall)
        self._leftovers = Leftovers(self._pictures)
        revoked = beside(settings.store.path, "revoked.json") if settings.api.listen else None
        self._revoked = Revocations(revoked, settings.tokens, clock, login_marks(settings, self._access.secret))
        self._revoked.watch(lambda: self._hub.expire(self._revoked.holds))
        self._evictions = Evictions(self._calls, self._revoked)
        hand_over = self._membership.hand_over if self._membership is not None else None
        self._defences = Defences(self._driver, clock, self._ordered, self.refuse_new, self._restart, hand_over)
        self._health = Health()
        self.board = StatusBoard(
            settings.calls,
            settings.networks.values(),
            clock,
            self._driver,
            self._engine,
            self._farm,
            self._calls,
            self._health,
            cluster.node,
        )
        self._server = Server(settings.control_socket, settings.telemetry.metrics, self._ports())
        self._defences.cover(self._server.api)

    def _ports(self) -> Ports:
        """Make the parts that the API is served from."""
        settings = self.settings
        return Ports(
            calls=self._calls,
            archive=self._store,
            live=self._recorder,
            status=lambda: self.board.read(self._server.api.urls),
            registrations=self._reception.seats,
            security=self._defences,
            trunks=lambda: self._registrations.beside(self._watch.views()),
            desks=self.desks.views,
            access=self._access,
            network=settings.media_network,
            clock=self._clock,
            album=self.album,
            pictures=self._pictures,
            events=Events(self._hub, self.desks, self._clock).handle,
            inviting=self._messaging.inviting,
            guesses=self._messaging.guesses,
            services=settings.sms.http,
            revoked=self._revoked,
            elsewhere=self._neighbours,
        )

    def _said(self) -> NodeView:
        """Tell other nodes of this one."""
        cluster = self.settings.cluster
        certificate = self._server.api.fingerprint
        view = NodeView(cluster.node, cluster.api_url, certificate, cluster.host, self.board.state)
        if (membership := self._membership) is not None:
            alone = membership.standing is NodeStanding.ALONE
            state = NodeStanding.ALONE if alone else self.board.state
            view = replace(view, fence=membership.fence, standby=membership.standbys)
            view = replace(view, state=NodeStanding.ACTIVE if state == GatewayState.RUNNING else state)
        view = replace(
            view,
            lag_s=round(self._live.lag_s, 3),
            at_risk=len(self._calls) if view.state == NodeStanding.ALONE else self._live.waiting,
        )
        return replace(view, calls=len(self._calls), version=__version__, said_at=self._clock.wall())

    def _sip_carrier(self, carrier: SipSmsSettings) -> SmsCarrier:
        """Make a way for messages through a trunk."""
        clock, ids, watch = self._clock, self._ids, self._watch
        trunk, name = self.settings.trunks[carrier.trunk], self.settings.calls.name
        return SipCarrier(
            carrier, trunk, self._driver, ids, name, lambda one: watch.trunks.targets(one, clock.now(), ids.number)
        )

    def _make_access(self) -> Access:
        """Make the access to the API; without its secret file logins end with this process."""
        settings = self.settings
        path = Path(settings.api.secret_file) if settings.api.secret_file else secret_beside(settings.store.path)
        secret, self._secret_alarm = secret_or_new(path if settings.api.listen else None)
        return Access(secret, passwords_of(settings, secret), settings.tokens, settings.api)

    def _subscribe(self) -> None:
        """Subscribe to what happens, in the order in which each is told."""
        tell = self.bus.subscribe
        tell("store", CallView, lambda view: self._store.save_call(row_of(view)))
        tell("hub", CallView, self._hub.call)
        tell("desks", CallView, self.desks.on_call)
        tell("webhooks", CallView, self._webhooks.call)
        tell("messages", CallView, self._messaging.on_call)
        tell("album", CallView, self.album.on_call)
        tell("pictures", CallView, self._leftovers.on_call)
        tell("hub", DeskView, self._hub.desk)
        tell("webhooks", DeskView, self._webhooks.desk)
        tell("hub", Notice, self._hub.notice)
        tell("webhooks", Notice, self._webhooks.notice)
        tell("webhooks", ScreenshotTaken, self._webhooks.snapshot)

    def _include_alarms(self) -> None:
        """Name the parts that tell what is wrong, in the order in which operators read it."""
        ask = self._health.include
        ask("media workers", lambda: missing_workers(self._engine))
        ask("rtpengines", self._farm.alarms)
        ask("store", lambda: [self._store.alarm])
        if self._membership is not None:
            ask("cluster", lambda: [self._membership.alarm if self._membership else ""])
        ask("records", lambda: self._live.alarms)
        ask("events", lambda: [self._journal.alarm])
        ask("other nodes", self._neighbours.alarms)
        ask("trunks", self._watch.alarms)
        ask("registrations", self._registrations.alarms)
        ask("messages", self._messaging.alarms)
        ask("HTTP", lambda: self._server.alarms(self._clock.wall()))
        ask("revoked tokens", lambda: [self._revoked.alarm])
        ask("secret", lambda: [self._secret_alarm])
        ask("resources", lambda: shortages(self._engine))
        ask("log", lambda: [logs.alarm()])
        ask("certificates", lambda: expiring_certificates(self._driver, self._clock))
        ask("configuration", self.reloads.alarms)

    # ---- start, drain, stop ------------------------------------------------------------------------------------------

    async def stand_by(self) -> None:
        """Start what may run while another process is this node: workers without media, and the operators' doors.

        Raises:
            LocalError: another process has our folder or our control socket.
        """
        self.board.enter(GatewayState.STANDBY)
        try:
            await self._engine.start()
            await self._server.open_inner()
            await self._neighbours.stand_by()
        except BaseException:
            await self._engine.abandon()
            raise
        self._standing_by = True

    async def stand_down(self) -> None:
        """Stop what `stand_by` has started."""
        await self._server.stop()
        await self._engine.stop()

    async def let_go(self) -> None:
        """Close what a former process has left here: another host is this node now."""
        self._journal.discard()
        await self._engine.release_unclaimed()

    async def start(self) -> None:
        """Start every part, the ways in last; what had started is stopped again if one cannot.

        Raises:
            LocalError: another gateway has the store; a listener or the control socket cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        self._tenancy = tenancy_of(self.settings.store)
        try:
            self._store.start()
            await self._webhooks.start()
            if not self._standing_by:
                await self._engine.start()
            await self._farm.start()
            await self._watch.find()
            await self._driver.start(hearing=False)
            await self._messaging.start()
            await asyncio.to_thread(self._hub.resume)  # its folder is ours by now
            rows = await self._records_of_before()
            await self._pictures.start({row.call_id for row in rows})
            self._routing.recall(await asyncio.to_thread(self._former.read))
            await self._recovery.take_up(rows)
            self._calls.forget_trunks()
            await self.settle()
            self._tell_lost()
            await self.album.start({view.call_id for view in self._calls.list()})
            self._driver.hear()
            self._releasing = asyncio.create_task(self._engine.release_unclaimed())
            await self._neighbours.start()
            if not self._standing_by:
                await self._server.open_inner()
            await self._server.open_api()
            self._watch.start()
            self._registrations.start()
        except BaseException:
            left = self._engine.inventory()
            if len(self._calls) or left.relays or left.rooms:
                await self._engine.abandon()  # what calls of before have there is for the next try
            await self.stop()
            raise
        measure(self._engine, self._farm)
        measure_records(self._live, self._membership)
        self._defences.measure()
        self.board.enter(GatewayState.RUNNING)
        self.started.set()
        log.info("ready", version=__version__, networks=list(self.settings.networks))

    async def _records_of_before(self) -> tuple[LiveRow, ...]:
        """Read the records. Raises LocalError where those of another host cannot be read: a third may fare better."""
        if (membership := self._membership) is None:
            return await asyncio.to_thread(self._live.start)
        return await asyncio.to_thread(self._live.start, membership.fence, not membership.continued)

    def _tell_lost(self) -> None:
        """Tell everybody of the end of calls that were not taken up, or were not answered yet."""
        live = {view.call_id for view in self._calls.list()}
        for view in self._hub.missing(live):
            self.bus.publish(lost(view, self._clock.wall()))

    def refuse_new(self, refuse: bool, by: str) -> reloads.Drained:
        """Take no new calls, or take them again; those that live go on. Raises LocalError where it is about to end."""
        if self.ending or not self.started.is_set():
            raise LocalError("the gateway is about to end" if self.ending else "the gateway has not started yet")
        if refuse != (self.board.draining_since is not None):
            log.info("draining" if refuse else "taking new calls again", by=by, calls=len(self._calls))
            self._calls.refuse_new(refuse)
            self.board.enter(GatewayState.DRAINING if refuse else GatewayState.RUNNING)
            self._hub.tell_gateway(self.board.draining_since)
        return reloads.Drained(refuse, self.board.draining_since, len(self._calls))

    async def drain(self) -> None:
        """Refuse new calls and let those that live end, for as long as the operator allows."""
        self.ending = True
        self.board.enter(GatewayState.DRAINING)
        self._hub.tell_gateway(self.board.draining_since)
        log.info("draining", calls=len(self._calls))
        await self._calls.drain(self.settings.calls.drain_limit_s)

    async def stop(self) -> None:
        """Stop every part, in the reverse order."""
        await self._watch.stop()
        await self._registrations.stop()
        self._reception.stop()
        await self._messaging.stop()
        await self._driver.stop()
        self._hub.close()
        await self._neighbours.stop()
        await self._server.stop()
        self.album.close()
        await self._farm.stop()
        if self._releasing is not None:
            self._releasing.cancel()
        await self._engine.stop()
        await self._leftovers.stop()
        await self._webhooks.stop()
        await self._pictures.stop()
        await self._store.stop()
        await asyncio.to_thread(self._live.stop)
        if self._tenancy is not None:
            self._tenancy.end()

    async def leave(self) -> None:
        """Leave the calls to the process that comes after this one, which must end at once: no peer is told anything.

        Their media go on in the workers, which outlive it.
        """
        log.info("leaving the calls to the next process", calls=len(self._calls))
        self.ending = True
        self._driver.pause()  # what comes now is repeated, and heard by that one
        self._hub.leave()
        self._records.flush()
        await asyncio.gather(asyncio.to_thread(self._live.stop), self._store.stop(), asyncio.sleep(_FAREWELL_S))

    async def cut(self) -> None:
        """End the media of all calls, and nothing else: another process has them. No peer is told anything."""
        self._driver.pause()
        await self._engine.stop()

    def _records_lost(self) -> None:
        """Keep everything that lives again; called by the thread that keeps it."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._records.flush)

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
        prepared = await asyncio.to_thread(read, settings, self._access.secret)
        await self._engine.prepare(settings.media)
        await self._watch.prepare(settings.trunks)
        return prepared

    def adopt(self, settings: Settings, prepared: Prepared) -> None:
        """Have every part go by these settings from now on; those of them that need a restart are as they were."""
        before, self.settings = self.settings, settings
        self._adopt_floor(before, settings, prepared)
        trunks = tuple(settings.trunks.values())
        self.desks.adopt(extensions_of(settings))
        self._reception.adopt(trunks, settings.accounts, settings.registrar)
        self._registrations.adopt(trunks)
        self._calls.adopt(settings.calls)
        self._access.adopt(prepared.passwords, settings.tokens, settings.api)
        self._revoked.adopt(settings.tokens, prepared.logins)
        self._server.api.adopt(settings.api, prepared.api)
        self._webhooks.adopt(settings.webhooks)
        self.board.adopt(settings.calls)
        self._store.adopt(settings.store)
        self._recorder.adopt(settings.store.digits)
        self._defences.measure()
        logs.set_level(settings.telemetry.log_level)
        self._engine.renew(settings.media, settings.telemetry)

    async def settle(self) -> None:
        """Write down what the next process has to know of the former settings."""
        await asyncio.to_thread(self._former.write, self._routing.former)

    def _adopt_floor(self, before: Settings, settings: Settings, prepared: Prepared) -> None:
        """Who may speak to us, and where calls go."""
        for former in tls_names(before):
            self._driver.expect_no_longer(*former)
        for expected in tls_names(settings):
            self._driver.expect(*expected)
        self._routing.adopt(settings.trunks, settings.routes)
        self._driver.renew(settings.networks, prepared.networks, [*spared(settings), *self._routing.hosts])
        self._watch.adopt(settings.trunks, settings.monitor, settings.overload)
