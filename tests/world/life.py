"""One life of the gateway's process in the world: its SIP, its calls, and the thread by which all of it hangs.

A process that is killed says goodbye to nobody. Here that is one flag: from then on nothing that its objects do reaches
the wire, the media engine, the trace, the desks or the store of records. Since only that is ever noticed of a process, a
death before each of its acts is every death that there can be.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from splitter.calls.browsers.customer import Customer
from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.browsers.sip_door import SipDoor
from splitter.calls.browsers.switch import Browsers
from splitter.calls.bus import Bus
from splitter.calls.desks import Desks
from splitter.calls.persistence.precaution import Precaution
from splitter.calls.persistence.records import Records
from splitter.calls.persistence.recovery import Recovered, Recovery
from splitter.calls.recording.recordings import LiveRecordings, NoRecordings
from splitter.calls.registry import Calls
from splitter.calls.requests import OutsideRequests
from splitter.calls.routing import Routing
from splitter.calls.services import Services
from splitter.calls.settings import CallSettings, Route, Trunk
from splitter.calls.view import CallView, Notice
from splitter.core.errors import MediaUnavailable, PeerError
from splitter.core.ids import IdSource
from splitter.lab.counters import PlainCounters
from splitter.media.record.settings import RecordingSettings
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import Transmit
from splitter.sip.timers import Timers
from splitter.store.rows import LiveRow
from splitter.telemetry.trace import Recorder, TraceEvent
from splitter.transport.driver import Driver
from splitter.transport.settings import Network, TransportSettings
from tests.world.adapters import FakeAdapters
from tests.world.loop import VirtualClock
from tests.world.media import FakeEngine
from tests.world.mosaics import FakeMosaics
from tests.world.wire import Wire, WireSockets


@dataclass
class Ground:
    """What outlives a process: the network, the media workers, the disk, and those who watch."""

    wire: Wire
    engine: FakeEngine
    clock: VirtualClock
    networks: Mapping[str, Network]
    trunks: Mapping[str, Trunk]
    routes: Collection[Route]
    settings: CallSettings
    adapters: FakeAdapters
    rows: dict[str, LiveRow] = field(default_factory=dict)
    recordings: LiveRecordings = field(default_factory=NoRecordings)
    begun: Callable[[], None] = lambda: None  # told of each life that begins
    write: Callable[[TraceEvent], None] = lambda event: None
    changed: Callable[[CallView], None] = lambda view: None
    noticed: Callable[[Notice], None] = lambda notice: None


class Tokens:
    """Tokens of customers, each of which is its name."""

    def customer_of(self, token: str) -> Customer:
        if not token.startswith("C-"):
            raise PeerError("the token is forged", 401)
        return Customer(token, "Mrs. Wang", "zh")


class Life:
    """A process from its start to its death.

    Attributes:
        alive: what its objects do reaches the world.
        acts: so many times it has sent something, written something down or asked something of the media engine.
        last_act: it dies before it does more than this; None for as long as it lives.
    """

    def __init__(self, ground: Ground, seed: str) -> None:
        self._ground = ground
        self.alive = True
        self.acts = 0
        self.last_act: int | None = None
        self.recorder = Recorder(self, ground.clock)
        self.desks = Desks()
        self.bus = Bus(ground.clock)
        self.bus.subscribe("world", CallView, self._changed)
        self.bus.subscribe("world", Notice, self._noticed)
        self.calls = Calls()
        self.requests = OutsideRequests(self.calls)
        ids = IdSource(random.Random(seed))
        self.records = Records(self)
        self.driver = Driver(
            Endpoint(Timers(), ids, ground.settings.name),
            ground.networks,
            TransportSettings(),
            ground.clock,
            self.requests.on_request,
            self.recorder,
            source_ok=self.requests.source_ok,
            party_ok=self.requests.party_ok,
            counters=PlainCounters(),
            sockets=partial(_MortalSockets, self, ground.wire),
            ahead=Precaution(self.records, self.recorder, ground.clock),
        )
        engine: Any = _Connection(self, ground.engine)
        adapters: Any = _Connection(self, ground.adapters)
        self.browsers = Browsers(adapters, WebCallSettings(trunk="web"))
        self.bus.subscribe("browsers", CallView, self.browsers.on_call)
        self.mosaics = FakeMosaics()
        self.calls.attach(
            services := Services(
                driver=self.driver,
                voice=engine,
                rooms=engine,
                recorder=self.recorder,
                clock=ground.clock,
                ids=ids,
                routing=Routing(dict(ground.trunks), list(ground.routes)),
                settings=ground.settings,
                bus=self.bus,
                desks=self.desks,
                records=self.records,
                boot="virtual",
                browsers=self.browsers,
                mosaics=self.mosaics,
                recordings=_Recordings(self, ground),
            )
        )
        self.requests.admit_browsers(SipDoor(self.calls, self.browsers, Tokens()))
        self._recovery = Recovery(services, self.calls)
        self._releasing: asyncio.Task[None] | None = None

    async def begin(self) -> Recovered:
        """Begin, with the calls that the one before has left."""
        await self.driver.start(hearing=False)
        found = await self._recovery.take_up(tuple(self._ground.rows.values()))
        self.driver.hear()
        self._releasing = asyncio.create_task(self._release())
        await asyncio.sleep(0)
        return found

    async def _release(self) -> None:
        await self._recovery.settled()
        await self._ground.engine.release_unclaimed()

    async def die(self) -> None:
        """Be killed: nothing is said to anybody."""
        self.alive = False
        self._ground.engine.abandon()
        self._ground.adapters.abandon()
        await self.driver.stop()
        tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("call ")]
        tasks += [self._releasing] if self._releasing is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def does(self) -> bool:
        """It does something that others notice. False for one that is dead, and for one that dies of it."""
        if self.alive and self.acts == self.last_act:
            self.alive = False
        self.acts += self.alive
        return self.alive

    # ---- those who watch ----

    def _changed(self, view: CallView) -> None:
        if self.alive:
            self._ground.changed(view)

    def _noticed(self, notice: Notice) -> None:
        if self.alive:
            self._ground.noticed(notice)

    # ---- the sink of the trace ----

    def write(self, event: TraceEvent) -> None:
        if self.alive:
            self._ground.write(event)

    # ---- the store of records; a disk that is always there ----

    generation = 0

    def keep(self, call_id: str, record: bytes, note: bytes | None = None) -> None:
        if self.does():
            self._ground.rows[call_id] = LiveRow(call_id, self._ground.clock.wall(), record, note)

    def doubt(self, call_id: str, note: bytes) -> None:
        if self.does() and (row := self._ground.rows.get(call_id)) is not None:
            self._ground.rows[call_id] = LiveRow(call_id, row.written_at, row.record, note)

    def whole(self) -> None:
        """Nothing is ever lost here."""

    def forget(self, call_id: str) -> None:
        if self.does():
            self._ground.rows.pop(call_id, None)


class _MortalSockets(WireSockets):
    def __init__(self, life: Life, wire: Wire, *rest: Any) -> None:
        super().__init__(wire, *rest)
        self._life = life

    def send(self, transmit: Transmit) -> None:
        if self._life.does():
            super().send(transmit)


class _Connection:
    """The connection of one life to the media engine: what a dead process asks for is never heard."""

    def __init__(self, life: Life, engine: FakeEngine | FakeAdapters) -> None:
        self._life = life
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        its = getattr(self._engine, name)
        return its if not iscoroutinefunction(its) or self._life.does() else _unheard


class _Recordings:
    """The recorder, as one life asks it: what a dead process says is never heard."""

    def __init__(self, life: Life, ground: Ground) -> None:
        self._life = life
        self._ground = ground

    @property
    def settings(self) -> RecordingSettings:
        return self._ground.recordings.settings

    @property
    def fault(self) -> str:
        return self._ground.recordings.fault

    async def say(self, view: CallView, recording: str, paused: bool) -> str:
        return await self._ground.recordings.say(view, recording, paused) if self._life.does() else ""

    def end(self, recording: str, reason: str) -> None:
        if self._life.does():
            self._ground.recordings.end(recording, reason)

    def note(self, recording: str, what: str, more: dict[str, Any]) -> None:
        if self._life.does():
            self._ground.recordings.note(recording, what, more)

    async def tap(self, media_id: str, recording: str, left_out: tuple[str, ...] = ()) -> str:
        return await self._ground.recordings.tap(media_id, recording, left_out) if self._life.does() else ""


async def _unheard(*args: object, **named: object) -> None:
    raise MediaUnavailable("the process is dead")
