"""Relays, rooms and adapters that workers hold for us, and those that they hold for nobody. Does no I/O of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.adapters import AdapterHandle, CarriedAdapter
from splitter.media.ports.events import AdapterLost, MediaEvent, MediaListener, RelayLost, RoomLost
from splitter.media.ports.rooms import CarriedRoom, RoomHandle
from splitter.media.ports.voice import CarriedRelay, RelayHandle
from splitter.media.standing import Standing
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.supervisor import Supervisor
from splitter.media.worker.verbs.restore_relay import ends_of

RELAY_LOAD = 1
SIDE_LOAD = 4  # a side of a mix is decoded and encoded; docs/decisions/0030
ADAPTER_LOAD = 6  # voice and a picture, sealed and unsealed
ROOM_LOAD = 8  # a picture is a few hundred packets per second, each read and rewritten


_KINDS: dict[type, str] = {RelayLost: "relay", RoomLost: "room", AdapterLost: "adapter"}

Carried = CarriedRelay | CarriedRoom | CarriedAdapter
Handle = RelayHandle | RoomHandle | AdapterHandle


def is_same(found: Handle, known: Handle) -> bool:
    """True where a worker carries what a record knows.

    An adapter may be ahead by an ICE restart whose answer the browser never got: the path before it still carries.
    """
    if isinstance(found, AdapterHandle) and isinstance(known, AdapterHandle):
        return replace(found, public=known.public, secure=known.secure) == known
    return found == known


@dataclass(frozen=True, slots=True)
class Opening:
    """A relay, room or adapter that is wanted.

    Attributes:
        load: what it costs a worker, in relays.
        lost: makes the event that tells its loss, of the reason.
    """

    id: str
    call_id: str
    listener: MediaListener
    load: int
    lost: Callable[[str], MediaEvent]

    @property
    def kind(self) -> str:
        """The kind of it: "relay", "room" or "adapter"."""
        return _KINDS[type(self.lost(""))]


def relay_opening(id: str, call_id: str, listener: MediaListener, added: int = 0) -> Opening:
    """A relay that is wanted. `added`: sides beyond the first two."""
    return Opening(id, call_id, listener, RELAY_LOAD + SIDE_LOAD * added, partial(RelayLost, call_id, id))


def room_opening(id: str, call_id: str, listener: MediaListener) -> Opening:
    """A room that is wanted."""
    return Opening(id, call_id, listener, ROOM_LOAD, partial(RoomLost, call_id, id))


def adapter_opening(id: str, call_id: str, listener: MediaListener) -> Opening:
    """An adapter that is wanted."""
    return Opening(id, call_id, listener, ADAPTER_LOAD, partial(AdapterLost, call_id, id))


@dataclass(slots=True)
class Held:
    """A relay, room or adapter that a worker holds for us.

    Attributes:
        ports: the even port of each pair, by whose it is.
        closed: it was closed, or is lost.
    """

    media: Opening
    supervisor: Supervisor
    client: WorkerClient
    ports: dict[str, int] = field(default_factory=dict)
    closed: bool = False

    @classmethod
    def found(cls, carried: Carried, listener: MediaListener, supervisor: Supervisor, client: WorkerClient) -> Held:
        """What a worker carries from before our time."""
        call_id = carried.handle.call_id
        if isinstance(carried, CarriedRelay):
            opening = relay_opening(carried.handle.relay_id, call_id, listener, len(carried.added))
            held = cls(opening, supervisor, client)
            for side, end in ends_of(carried).items():
                held.bound(str(side), end.rtp_port)
            return held
        if isinstance(carried, CarriedAdapter):
            held = cls(adapter_opening(carried.handle.adapter_id, call_id, listener), supervisor, client)
            held.bound_for(carried.handle)
            return held
        held = cls(room_opening(carried.handle.room_id, call_id, listener), supervisor, client)
        for one in carried.participants:
            if one.handle.beside:
                continue
            held.bound(one.handle.name, one.handle.local.rtp_port)
        return held

    @property
    def call_id(self) -> str:
        return self.media.call_id

    def bound_for(self, adapter: AdapterHandle) -> None:
        """The ports of an adapter are in use from now on."""
        for whose, end in (("browser", adapter.public), ("voice", adapter.voice), ("picture", adapter.picture)):
            self.bound(whose, end.rtp_port)

    def bound(self, whose: str, port: int) -> None:
        """A pair of ports is in use from now on; the one that it takes the place of rests.

        Raises:
            MediaUnavailable: all that it is for was closed meanwhile, and the pair along with it.
        """
        if self.closed:
            self.supervisor.ledger.closed(time.monotonic(), port)
            raise MediaUnavailable(f"{self.media.id} is gone")
        self.freed(whose)
        self.ports[whose] = port
        self.supervisor.ledger.opened(port)

    def freed(self, whose: str) -> bool:
        """A pair of ports rests from now on; False where there was none."""
        port = self.ports.pop(whose, None)
        if port is not None:
            self.supervisor.ledger.closed(time.monotonic(), port)
        return port is not None


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Relay, room or adapter that is held for nobody. `standing`: what was heard of it."""

    carried: Carried
    standing: Standing
