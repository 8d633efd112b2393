"""What workers hold for us: who holds it, what it costs them, and who is told of it. Does no I/O of its own.

What workers carry from before our time is held for nobody until a call claims it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace

import structlog

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import AdapterLost, MediaEvent, MediaListener, RelayLost, RoomLost, VoiceOffloaded
from splitter.media.standing import Standing
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.held import Carried as CarriedMedia
from splitter.media.worker.held import Handle, Held, Unclaimed, is_same
from splitter.media.worker.notices import read_event
from splitter.media.worker.supervisor import Supervisor
from splitter.media.worker.verbs.inventory import Carried
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)


class Holdings:
    """Relays, rooms and adapters that workers hold for us."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._unclaimed: dict[str, Unclaimed] = {}
        self._loads: Counter[int] = Counter()  # by worker: the sum over what it holds

    # ---- records -------------------------------------------------------------------------------------------------

    def hold(self, id: str, held: Held) -> None:
        """A worker has it from now on, or is asked to."""
        self._held[id] = held
        self._loads[held.supervisor.index] += held.media.load

    def drop(self, id: str) -> Held:
        """Take it off its worker: it is closed, or lost."""
        held = self._held.pop(id)
        held.closed = True
        self._unclaimed.pop(id, None)
        self._loads[held.supervisor.index] -= held.media.load
        return held

    def release(self, id: str) -> Held | None:
        """Forget a relay, room or adapter; its ports rest from now on."""
        if id not in self._held:
            return None
        held = self.drop(id)
        held.supervisor.ledger.closed(time.monotonic(), *held.ports.values())
        return held

    def get(self, id: str) -> Held | None:
        """What a worker holds; None where that is nothing."""
        return self._held.get(id)

    def find(self, id: str) -> Held:
        """What a worker holds. Raises MediaUnavailable."""
        held = self._held.get(id)
        if held is None:
            raise MediaUnavailable(f"{id} is gone")
        return held

    def weigh(self, held: Held, load: int) -> None:
        """Something costs its worker more, or less, from now on."""
        held.media = replace(held.media, load=held.media.load + load)
        self._loads[held.supervisor.index] += 0 if held.closed else load

    def load_of(self, supervisor: Supervisor) -> int:
        """What all that a worker holds costs it."""
        return self._loads[supervisor.index]

    def burdens(self, supervisor: Supervisor) -> bool:
        """True while a worker holds anything."""
        return any(held.supervisor is supervisor for held in self._held.values())

    @property
    def ports(self) -> int:
        """Count the ports that are in use."""
        return sum(2 * len(held.ports) for held in self._held.values())

    def forget(self) -> None:
        """The workers end, or are left to others."""
        self._held.clear()
        self._unclaimed.clear()
        self._loads.clear()

    # ---- events --------------------------------------------------------------------------------------------------

    def on_event(self, owner: str, event: MediaEvent) -> None:
        """A worker has told something of what it holds."""
        held = self._held.get(owner)
        if held is None:
            return  # it was closed while the event was on its way
        if isinstance(event, RelayLost | RoomLost | AdapterLost):
            self.release(owner)
        elif isinstance(event, VoiceOffloaded) and event.fault:
            metrics.media.OFFLOAD_LOST.inc()
        _tell(held.media.listener, event)

    def on_lost(self, supervisor: Supervisor, reason: str) -> None:
        """A worker died, with all that it held."""
        gone = [id for id, held in self._held.items() if held.supervisor is supervisor]
        for held in [self.drop(id) for id in gone]:
            event = held.media.lost(f"media worker {supervisor.index} died: {reason}")
            metrics.media.LOST.labels(held.media.kind).inc()
            _tell(held.media.listener, event)

    # ---- what was there before us --------------------------------------------------------------------------------

    def on_found(self, supervisor: Supervisor, client: WorkerClient, page: Carried) -> None:
        """A worker carries what was opened by a gateway before us."""
        entries: list[CarriedMedia] = [*page.relays, *page.rooms, *page.adapters]
        for carried in entries:
            standing = Standing()
            held = Held.found(carried, standing.note, supervisor, client)
            self.hold(held.media.id, held)
            self._unclaimed[held.media.id] = Unclaimed(carried, standing)
        for notice in page.told:
            self.on_event(notice.owner, read_event(notice))

    def unclaimed(self) -> list[CarriedMedia]:
        """What nobody has claimed."""
        return [one.carried for one in self._unclaimed.values()]

    def claim(self, id: str, handle: Handle, listener: MediaListener) -> CarriedMedia:
        """Hold something for its call from now on, which is told how things stand. Raises MediaUnavailable."""
        held = self.find(id)
        found = self._unclaimed.get(id)
        if found is None:
            raise MediaUnavailable(f"{id} was taken up already")
        if not is_same(found.carried.handle, handle):
            raise MediaUnavailable(f"{id} is gone, and its name is another one's")
        del self._unclaimed[id]
        held.media = replace(held.media, listener=listener)
        metrics.media.ADOPTED.labels(held.media.kind).inc()
        for event in found.standing.events:
            asyncio.get_running_loop().call_soon(self.on_event, id, event)
        return found.carried


def _tell(listener: MediaListener, event: MediaEvent) -> None:
    try:
        listener(event)
    except Exception:
        log.exception("media listener failed", call=event.call_id)
