"""What calls stand on, and the calls: the store, media engines, SIP, neighbours, logins. Wired, and not started."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from splitter.calls.browsers.switch import Browsers
from splitter.calls.bus import Bus
from splitter.calls.desks import Desks
from splitter.calls.logins.reception import Reception
from splitter.calls.logins.registrations import Registrations
from splitter.calls.persistence.epochs import boot_id
from splitter.calls.persistence.precaution import Precaution
from splitter.calls.persistence.records import Records
from splitter.calls.persistence.recovery import Recovery
from splitter.calls.recording.fork_wiring import make_forks
from splitter.calls.recording.recordings import NoRecordings, Recordings
from splitter.calls.recording.troubles import Troubles
from splitter.calls.registry import Calls
from splitter.calls.requests import OutsideRequests
from splitter.calls.routing import Routing
from splitter.calls.services import Services
from splitter.calls.siprec.wiring import RecorderNeeds, make_recorders
from splitter.calls.texting import SipCarrier
from splitter.calls.trunks.watch import Watch
from splitter.cluster.membership import Membership
from splitter.cluster.records import ValkeyShelf
from splitter.config.model import Settings
from splitter.config.networks import spared
from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.former import FormerTrunks
from splitter.media.chooser import EngineChooser
from splitter.media.forward.client import ForwarderLink
from splitter.media.mosaic.studio import Studio
from splitter.media.ng.engine import NgEngine
from splitter.media.record.client import RecorderLink
from splitter.media.record.settings import RecordingSettings
from splitter.media.settings import VOICE_PORTS, MediaSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.prepared import Prepared, extensions_of, tls_names
from splitter.sip.endpoint import Endpoint
from splitter.sip.timers import Timers
from splitter.sms.message import SmsCarrier
from splitter.sms.settings import SipSmsSettings
from splitter.store.copies import Copies
from splitter.store.gathering import Gatherer
from splitter.store.live import LiveStore
from splitter.store.pictures import PictureLibrary
from splitter.store.schema import beside
from splitter.store.sqlite import Store
from splitter.telemetry.hep import CaptureAgent
from splitter.telemetry.homer import Homer
from splitter.telemetry.trace import Recorder
from splitter.transport.driver import Driver


class Floor:
    """What calls stand on, and the calls over it.

    Args:
        membership: of the cluster; None where there is none.

    Attributes:
        store, recorder: calls and traces. homer: who else is told of those; None where nobody is.
        live, records: the records of calls that live. pictures: uploaded ones.
        engine, farm, studio: media workers, rtpengines, and what makes mosaics.
        driver: SIP. routing, watch: the neighbours. former: trunks that calls of before are on.
        reception, registrations: logins of seats, and ours elsewhere. desks: who is there.
        recordings: the recorder, where there is to be one.
        browsers: of web callers. calls, recovery: calls, and those of a former process.
    """

    def __init__(
        self, settings: Settings, clock: SystemClock, ids: IdSource, bus: Bus, membership: Membership | None
    ) -> None:
        self._clock, self._ids, self._name = clock, ids, settings.calls.name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keep(settings, membership)
        self._speak(settings)
        self._meet(settings, bus)
        self._take_calls(settings, bus)

    # ---- build -----------------------------------------------------------------------------------------------------

    def _keep(self, settings: Settings, membership: Membership | None) -> None:
        """Build what keeps calls, their traces and their pictures."""
        self.store = Store(settings.store, self._clock)
        hep = settings.hep
        agent = CaptureAgent(hep.agent, settings.cluster.node or self._name, hep.key)
        self.homer = Homer(self.store, hep.send_to, agent, hep.logs) if hep.send_to is not None else None
        self.recorder = Recorder(self.store if self.homer is None else self.homer, self._clock, settings.store.digits)
        path, log_dir = beside(settings.store.path, "live.db"), Path(settings.media.socket_dir)
        shelves: list[Gatherer] = [LiveStore(path, self._records_lost, log_dir)]
        if membership is not None:
            shelves.append(Gatherer(ValkeyShelf(settings.cluster, membership), self._records_lost))
        self.live = Copies(shelves)
        self.records = Records(self.live)
        self.pictures = PictureLibrary(beside(settings.store.path, "pictures"), wall=self._clock.wall)

    def _speak(self, settings: Settings) -> None:
        """Build media and SIP."""
        self.engine = WorkerEngine(_media_of(settings), settings.networks, logs=settings.telemetry, ids=self._ids)
        used, limit_s = settings.rtpengines if settings.media.rtpengine_for else (), settings.media.request_limit_s
        self.farm = NgEngine(used, settings.networks, request_limit_s=limit_s, ids=self._ids)
        self.studio = Studio(settings.media.mosaic_limit, settings.calls.bitrate_kbps, settings.telemetry, self._ids)
        self.calls = Calls()
        self.requests = OutsideRequests(self.calls)  # the driver asks it who may speak to us
        self.driver = Driver(
            Endpoint(Timers(), self._ids, self._name),
            settings.networks,
            settings.transport,
            self._clock,
            self.requests.on_request,
            self.recorder,
            source_ok=self.requests.source_ok,
            party_ok=self.requests.party_ok,
            spared=spared(settings),
            ahead=Precaution(self.records, self.recorder, self._clock),
        )
        for expected in tls_names(settings):
            self.driver.expect(*expected)

    def _meet(self, settings: Settings, bus: Bus) -> None:
        """Neighbours, logins and desks."""
        driver, clock, ids, trunks = self.driver, self._clock, self._ids, tuple(settings.trunks.values())
        self.routing = Routing(settings.trunks, settings.routes)
        self.former = FormerTrunks(beside(settings.store.path, "former-trunks.json"))
        self.desks = Desks(extensions_of(settings), bus.publish)
        watching = (settings.monitor, settings.overload, settings.dns)
        self.watch = watch = Watch(
            settings.trunks, settings.networks, driver, self.routing, clock, ids, self._name, *watching
        )
        self.reception = Reception(
            trunks, settings.accounts, settings.registrar, self._name, clock, ids, driver, self.desks
        )
        self.registrations = Registrations(
            trunks, driver, clock, ids, self._name, lambda trunk: watch.trunks.targets(trunk, clock.now(), ids.number)
        )

    def _take_calls(self, settings: Settings, bus: Bus) -> None:
        """The calls over all of that."""
        self.browsers = Browsers(self.engine.adapters, settings.web_calls)
        self.recordings = self._make_recordings(settings)
        services = Services(
            driver=self.driver,
            voice=EngineChooser(self.farm, settings.media.rtpengine_for, self.engine),
            rooms=self.engine,
            mosaics=self.studio,
            recorder=self.recorder,
            clock=self._clock,
            ids=self._ids,
            routing=self.routing,
            settings=settings.calls,
            bus=bus,
            trunks=self.watch.trunks,
            admission=self.watch.admission,
            strangers=self.watch.strangers,
            pictures=self.pictures,
            desks=self.desks,
            records=self.records,
            browsers=self.browsers,
            recordings=self.recordings or NoRecordings(),
            node=settings.cluster.node,
            boot=boot_id(),
        )
        self.calls.attach(services)
        self.requests.prove_seats(self.reception)
        self.recovery = Recovery(services, self.calls)

    def _make_recordings(self, settings: Settings) -> Recordings | None:
        """Make the way to the recorder, where there is to be one."""
        recording = _recording_of(settings)
        if not recording.possible:
            return None
        troubles, sockets = Troubles(lambda: self.calls.live), Path(settings.media.socket_dir)
        link, elsewhere = None, None
        if recording.folder:
            link = RecorderLink(recording, sockets, settings.telemetry, troubles.on_back, troubles.on_trouble)
        if recording.recorders:
            network = settings.networks[settings.trunks[recording.recorders[0]].network]
            avoided = settings.media.first_port, settings.media.last_port
            link_of = partial(ForwarderLink, recording, sockets, settings.telemetry, avoided=avoided)
            elsewhere = make_recorders(recording, network, link_of, self._recorder_needs(), troubles)
        forks = None
        if settings.fork.url:
            shared = elsewhere.link if elsewhere is not None else None
            link_of = partial(ForwarderLink, recording, sockets, settings.telemetry)
            forks = make_forks(settings.fork, recording, shared or link_of, self._recorder_needs(), troubles)
        made = Recordings(recording, link, self.engine.taps, elsewhere, forks)
        troubles.before(made.on_back)
        return made

    def _recorder_needs(self) -> RecorderNeeds:
        trunks, clock, made = self.watch.trunks, self._clock, lambda: self.recordings
        return RecorderNeeds(
            self.driver,
            self.routing,
            trunks,
            self.calls,
            self.recorder,
            clock,
            self._ids,
            self.browsers,
            self._name,
            made,
        )

    def carrier(self, carrier: SipSmsSettings, settings: Settings) -> SmsCarrier:
        """Make a way for messages through a trunk."""
        clock, ids, watch = self._clock, self._ids, self.watch
        trunk = settings.trunks[carrier.trunk]
        return SipCarrier(
            carrier, trunk, self.driver, ids, self._name, lambda one: watch.trunks.targets(one, clock.now(), ids.number)
        )

    def _records_lost(self) -> None:
        """Keep everything that lives again; called by the thread that keeps it."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.records.flush)

    # ---- at the start ----------------------------------------------------------------------------------------------

    async def take_up(self, membership: Membership | None) -> None:
        """Take up the calls of a former process.

        Raises:
            LocalError: those of another host cannot be read: a third may fare better.
        """
        self._loop = asyncio.get_running_loop()
        fence, needed = (membership.fence, not membership.continued) if membership is not None else (0, False)
        rows = await asyncio.to_thread(self.live.start, fence, needed)
        await self.pictures.start({row.call_id for row in rows})
        self.routing.recall(await asyncio.to_thread(self.former.read))
        await self.recovery.take_up(rows)
        self.calls.forget_trunks()
        await self.settle()

    async def settle(self) -> None:
        """Write down what the next process has to know of the former settings."""
        await asyncio.to_thread(self.former.write, self.routing.former)

    # ---- change ------------------------------------------------------------------------------------------------------

    async def prepare(self, settings: Settings) -> None:
        """Make ready what takes its time. Raises LocalError."""
        await self.watch.prepare(settings.trunks)
        await self.engine.prepare(_media_of(settings))

    def adopt(self, before: Settings, settings: Settings, prepared: Prepared) -> None:
        """Go by these settings from now on; those of them that need a restart are as they were."""
        for former in tls_names(before):
            self.driver.expect_no_longer(*former)
        for expected in tls_names(settings):
            self.driver.expect(*expected)
        self.routing.adopt(settings.trunks, settings.routes)
        self.driver.renew(settings.networks, prepared.networks, [*spared(settings), *self.routing.hosts])
        self.watch.adopt(settings.trunks, settings.monitor, settings.overload)
        trunks = tuple(settings.trunks.values())
        self.desks.adopt(extensions_of(settings))
        self.reception.adopt(trunks, settings.accounts, settings.registrar)
        self.registrations.adopt(trunks)
        self.calls.adopt(settings.calls)
        self.store.adopt(settings.store)
        self.recorder.adopt(settings.store.digits)
        self.engine.renew(_media_of(settings), settings.telemetry)
        self.studio.renew(settings.media.mosaic_limit, settings.telemetry)
        self.browsers.adopt(settings.web_calls)
        if self.recordings is not None:
            self.recordings.adopt(_recording_of(settings))
        self.farm.renew(settings.rtpengines)


def _media_of(settings: Settings) -> MediaSettings:
    """Settings for workers: where browsers come in, and how many ports pictures leave to the voice of all calls."""
    voice_pairs = VOICE_PORTS // 2 * settings.calls.max_calls
    return replace(settings.media, tcp_hosts=settings.browser_hosts, voice_pairs=voice_pairs)


def _recording_of(settings: Settings) -> RecordingSettings:
    """What is recorded goes to who listens, too."""
    return replace(settings.recording, forked=bool(settings.fork.url))
