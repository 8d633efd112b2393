"""The composition root: builds the gateway out of its parts, runs it, drains it, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from splitter import __version__
from splitter.calls.call import Services
from splitter.calls.desks import Desks, DeskView
from splitter.calls.logins.passwords import Passwords
from splitter.calls.logins.reception import Reception
from splitter.calls.logins.registration import Registrations
from splitter.calls.registry import Calls
from splitter.calls.routing import Routing
from splitter.calls.settings import Role
from splitter.calls.trunks.watch import Watch
from splitter.calls.view import CallView, Notice
from splitter.config.model import Settings
from splitter.config.networks import spared
from splitter.core.clock import SystemClock
from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.media.worker.engine import WorkerEngine, port_alarm
from splitter.sip.endpoint import Endpoint
from splitter.sip.timers import Timers
from splitter.store.pictures import Pictures
from splitter.store.schema import MEMORY, CallRow
from splitter.store.sqlite import Store
from splitter.telemetry import log as logs
from splitter.telemetry import metrics
from splitter.telemetry.resources import descriptor_alarm
from splitter.telemetry.trace import Recorder
from splitter.transport.bans import Ban
from splitter.transport.driver import Driver
from splitter.web.album import Album
from splitter.web.events import Events
from splitter.web.hub import Hub
from splitter.web.ports import Access, GatewayStatus, Ports
from splitter.web.revocations import Revocations
from splitter.web.secret import load_secret, secret_beside
from splitter.web.server import Server
from splitter.web.webhooks import Webhooks

log = structlog.get_logger(__name__)

_COLLECT_AFTER = 20_000  # new objects; a call makes some hundred that live until it ends


class Gateway:
    """Every part of the program, wired."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._state = "starting"
        self._started_at = self._clock.wall()
        ids = IdSource()
        self._store = Store(settings.store, self._clock)
        self._recorder = Recorder(self._store, self._clock, settings.store.digits)
        self._engine = WorkerEngine(settings.media, settings.networks, logs=settings.telemetry, ids=ids)
        self._calls = Calls()
        self._hub = Hub(self._clock, ids.tag())
        extensions = frozenset(account.extension or account.user for account in settings.accounts)
        self._webhooks = Webhooks(settings.webhooks, self._store, self._clock, ids)
        self._desks = Desks(extensions, self._desk_changed)
        self._album = Album(taken=self._webhooks.snapshot)
        self._pictures = Pictures(_beside(settings.store.path, "pictures"), wall=self._clock.wall)
        self._tidying: set[asyncio.Task[None]] = set()
        endpoint = Endpoint(Timers(), ids, settings.calls.name)
        self._driver = Driver(
            endpoint,
            settings.networks,
            settings.transport,
            self._clock,
            self._calls.on_request,
            self._recorder,
            source_ok=self._calls.source_ok,
            party_ok=self._calls.party_ok,
            spared=spared(settings),
        )
        for trunk in settings.trunks.values():
            if trunk.tls_name and isinstance(trunk.address, Address):
                self._driver.expect(trunk.network, trunk.address.host, trunk.tls_name)
        trunks, name = tuple(settings.trunks.values()), settings.calls.name
        routing = Routing(settings.trunks, settings.routes)
        watching = (settings.monitor, settings.overload, settings.dns)
        self._watch = Watch(
            settings.trunks, settings.networks, self._driver, routing, self._clock, ids, name, *watching
        )
        self._reception = Reception(
            trunks, settings.accounts, settings.registrar, name, self._clock, ids, self._driver, self._desks
        )
        self._registrations = Registrations(
            trunks,
            self._driver,
            self._clock,
            ids,
            name,
            lambda trunk: self._watch.trunks.targets(trunk, self._clock.now(), ids.number),
        )
        self._calls.attach(self._services(ids, routing), self._reception)
        self._secret_alarm = ""
        revoked = _beside(settings.store.path, "revoked.json") if settings.api.listen else None
        self._revoked = Revocations(revoked, settings.tokens, self._clock)
        self._revoked.watch(lambda: self._hub.expire(self._revoked.holds))
        self._server = Server(settings.control_socket, settings.telemetry.metrics, self._ports())

    async def start(self) -> None:
        """Start every part, the ways in last; what had started is stopped again if one cannot.

        Raises:
            LocalError: a listener or the control socket cannot be opened.
        """
        try:
            self._store.start()
            await self._webhooks.start()
            await self._pictures.start()
            await self._engine.start()
            await self._server.start()
            await self._watch.find()
            await self._driver.start()
            self._watch.start()
            self._registrations.start()
        except BaseException:
            await self.stop()
            raise
        self._state = "running"
        self._measure()
        log.info("ready", version=__version__, networks=list(self._settings.networks))

    async def drain(self) -> None:
        """Take no more calls and let those that live end, for as long as the operator allows."""
        self._state = "draining"
        metrics.READY.set(0)
        log.info("draining", calls=len(self._calls))
        await self._calls.drain(self._settings.calls.drain_limit_s)

    async def stop(self) -> None:
        """Stop every part, in the reverse order."""
        await self._watch.stop()
        await self._registrations.stop()
        self._reception.stop()
        await self._driver.stop()
        self._hub.close()
        await self._server.stop()
        self._album.close()
        await self._engine.stop()
        if self._tidying:
            await asyncio.wait(self._tidying)
        await self._webhooks.stop()
        await self._pictures.stop()
        await self._store.stop()

    # ---- for the API ----

    def bans(self) -> list[tuple[Ban, float]]:
        """Sources that are banned, each with the seconds that it still lasts."""
        return self._driver.bans()

    def lift_ban(self, host: str) -> bool:
        """End a ban; False where there is none."""
        return self._driver.lift_ban(host)

    def reload(self) -> None:
        """Read the certificates again; live connections keep theirs.

        Raises:
            LocalError: a file cannot be used; nothing has changed.
        """
        try:
            self._server.api.check()
            self._driver.reload()
            self._server.api.reload()
        except LocalError as error:
            metrics.TLS_RELOADS.labels("failed").inc()
            log.error("certificates not reloaded", reason=str(error))
            raise
        metrics.TLS_RELOADS.labels("done").inc()
        self._measure_certificates()
        log.info("certificates reloaded")

    def status(self) -> GatewayStatus:
        """How it is doing, for the API."""
        sip, media, workers = self._driver.sizes(), self._engine.sizes(), self._engine.status()
        ready = sum(worker.state == "ready" for worker in workers)
        return GatewayStatus(
            name=self._settings.calls.name,
            version=__version__,
            state=self._state,
            started_at=self._started_at,
            calls=len(self._calls),
            max_calls=self._settings.calls.max_calls,
            transactions=sip["transactions"],
            dialogs=sip["dialogs"],
            relays=media["relays"],
            rooms=media["rooms"],
            ports=media["ports"],
            tasks=self._calls.tasks,
            workers=(ready, len(workers)),
            networks=tuple(
                f"{network.name} {listener.transport} {listener.address}"
                for network in self._settings.networks.values()
                for listener in network.listeners
            ),
            api=tuple(f"{'https' if self._settings.api.tls else 'http'}://{at}" for at in self._server.api.addresses),
            alarms=self._alarms(len(workers) - ready),
        )

    def _alarms(self, missing: int) -> tuple[str, ...]:
        alarms = [f"{missing} media workers are not ready"] if missing else []
        if self._store.alarm:
            alarms.append(self._store.alarm)
        alarms += self._watch.alarms()
        alarms += self._registrations.alarms()
        alarms += self._server.alarms(self._clock.wall())
        if self._revoked.alarm:
            alarms.append(self._revoked.alarm)
        if self._secret_alarm:
            alarms.append(self._secret_alarm)
        alarms += self._shortages()
        if logs.alarm():
            alarms.append(logs.alarm())
        for network, validity in self._driver.certificates().items():
            if warning := validity.warning(self._clock.wall()):
                alarms.append(f"the certificate of network {network} {warning}")
        return tuple(alarms)

    def _shortages(self) -> list[str]:
        """What runs out: ports and descriptors."""
        workers = self._engine.status()
        processes = [(os.getpid(), "the gateway")]
        processes += [(worker.pid, f"media worker {worker.index}") for worker in workers if worker.pid]
        found = [descriptor_alarm(pid, whose) for pid, whose in processes]
        return [text for text in (port_alarm(workers), *found) if text]

    def _measure(self) -> None:
        """Let the gauges of what is held read it when they are scraped."""
        metrics.MEDIA_RELAYS.set_function(lambda: self._engine.sizes()["relays"])
        metrics.MEDIA_ROOMS.set_function(lambda: self._engine.sizes()["rooms"])
        metrics.MEDIA_WORKERS.set_function(lambda: sum(w.state == "ready" for w in self._engine.status()))
        metrics.MEDIA_PORTS_FREE.set_function(lambda: sum(w.free_ports for w in self._engine.status()))
        metrics.LOG_DROPPED.set_function(logs.dropped)
        self._measure_certificates()
        metrics.BUILD.labels(__version__).set(1)
        metrics.READY.set(1)

    def _measure_certificates(self) -> None:
        for network, validity in self._driver.certificates().items():
            metrics.TLS_CERTIFICATE_ENDS.labels(network).set(validity.ends)
            if warning := validity.warning(self._clock.wall()):
                log.error("certificate must be renewed", network=network, reason=warning)
        if own := self._server.api.validity:
            metrics.TLS_CERTIFICATE_ENDS.labels("api").set(own.ends)

    def _services(self, ids: IdSource, routing: Routing) -> Services:
        """What calls need."""
        return Services(
            driver=self._driver,
            engine=self._engine,
            recorder=self._recorder,
            clock=self._clock,
            ids=ids,
            routing=routing,
            settings=self._settings.calls,
            changed=self._changed,
            noticed=self._noticed,
            trunks=self._watch.trunks,
            admission=self._watch.admission,
            strangers=self._watch.strangers,
            pictures=self._pictures,
            desks=self._desks,
        )

    def _ports(self) -> Ports:
        """What the API is made over."""
        settings = self._settings
        return Ports(
            calls=self._calls,
            archive=self._store,
            live=self._recorder,
            status=self.status,
            seats=self._reception.seats,
            security=self,
            trunks=lambda: self._registrations.beside(self._watch.views()),
            desks=self._desks.views,
            settings=settings.api,
            access=self._access(),
            network=settings.media_network,
            clock=self._clock,
            album=self._album,
            pictures=self._pictures,
            events=Events(self._hub, self._desks, self._clock).handle,
            inviter=self._webhooks.invite,
            revoked=self._revoked,
        )

    def _access(self) -> Access:
        """Who may use the API. Without its secret it goes on, with one that logins do not survive a restart by."""
        settings = self._settings
        path = Path(settings.api.secret_file) if settings.api.secret_file else secret_beside(settings.store.path)
        try:
            secret = load_secret(path if settings.api.listen else None)
        except LocalError as error:
            self._secret_alarm = str(error)
            log.error("logins will not survive a restart", reason=str(error))
            secret = load_secret(None)
        realms = [trunk.realm or settings.calls.name for trunk in settings.trunks_of(Role.SEAT)]
        passwords = Passwords(settings.accounts, [*realms, settings.calls.name], secret.hex())
        return Access(secret, passwords, settings.tokens)

    def _changed(self, view: CallView) -> None:
        """A call changed. Whoever watches must not harm it: what goes wrong there stays there."""
        self._save(view)
        try:
            self._hub.call(view)
            self._desks.on_call(view)
            self._webhooks.call(view)
            if view.state == "ended":
                self._tidy(view.call_id)
        except Exception:
            log.exception("desks were not told of a call", call_id=view.call_id)

    def _tidy(self, call_id: str) -> None:
        """A call is over: what was kept for it goes, stills after a while."""
        self._album.ended(call_id)
        if any(picture.call_id for picture in self._pictures.all(call_id)):
            task = asyncio.create_task(self._pictures.forget_call(call_id), name="forget pictures")
            self._tidying.add(task)
            task.add_done_callback(self._tidying.discard)

    def _desk_changed(self, view: DeskView) -> None:
        try:
            self._hub.desk(view)
            self._webhooks.desk(view)
        except Exception:
            log.exception("nobody was told of a desk", extension=view.extension)

    def _noticed(self, notice: Notice) -> None:
        try:
            self._hub.notice(notice)
            self._webhooks.notice(notice)
        except Exception:
            log.exception("desks were not told", call_id=notice.call_id, code=notice.code)

    def _save(self, view: CallView) -> None:
        row = CallRow(
            call_id=view.call_id,
            started_at=view.started_at,
            ended_at=view.ended_at,
            caller=view.caller,
            called=view.called,
            view=msgspec.json.encode(view),
            short_code=view.short_code,
        )
        self._store.save_call(row)


async def run(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Run the gateway until SIGTERM or SIGINT; a second signal does not wait for calls.

    Args:
        ready: called once calls are taken.
    """
    gateway = Gateway(settings)
    # What is loaded by now stays: the collector need not look at it again, nor at every few hundred objects of the
    # calls, nearly all of which go by reference count.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, gateway)
    await gateway.start()
    ready()
    try:
        await stop.wait()
        stop.clear()
        draining = asyncio.ensure_future(gateway.drain())
        again = asyncio.ensure_future(stop.wait())
        await asyncio.wait({draining, again}, return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, again):
            task.cancel()
    finally:
        await gateway.stop()


def _beside(store: str, name: str) -> Path | None:
    """A folder beside the store; None where that keeps nothing over a restart."""
    return None if store == MEMORY else Path(store).with_name(name)


def _reload(gateway: Gateway) -> None:
    """SIGHUP; what is wrong stands in the log already."""
    with contextlib.suppress(LocalError):
        gateway.reload()
