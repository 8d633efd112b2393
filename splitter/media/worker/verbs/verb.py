"""What verbs have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec

from splitter.core.errors import LocalError

if TYPE_CHECKING:
    from splitter.media.adapter.adapter import Adapter
    from splitter.media.relay.relay import Relay
    from splitter.media.room.room import Room
    from splitter.media.worker.dispatch import Dispatcher

R = TypeVar("R", bound="Message")
T = TypeVar("T")


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of verbs and of what answers them; the tag is the class's name."""


class Need(Enum):
    """What a worker must have made before it can carry out a verb."""

    NOTHING = 0
    SLATE = 1
    ALL_STILLS = 2  # every form of the slate that the first rooms may ask for


class Gone(Exception):
    """A verb names what is not here (any more)."""


class Verb(Message, Generic[R], frozen=True):
    """A request to a worker.

    Attributes:
        answer: the class of its answer, or those that it may have.
        needs: what it waits for.
    """

    answer: ClassVar[Any]
    needs: ClassVar[Need] = Need.NOTHING

    @property
    def subject(self) -> str:
        """The relay, room or adapter that is in an unknown state if carrying it out breaks; "" for none."""
        return ""

    def run(self, worker: Dispatcher) -> R | asyncio.Future[R]:
        """Carry it out, or begin to.

        Raises:
            Gone: it names what is not here.
            MediaUnavailable, LocalError: it cannot be had, or is nonsense; nothing is changed.
        """
        raise NotImplementedError


class RelayVerb(Verb[R], Generic[R], frozen=True):
    """A request to an open relay."""

    relay_id: str

    @property
    def subject(self) -> str:
        return self.relay_id

    def run(self, worker: Dispatcher) -> R:
        relay = worker.relays.get(self.relay_id)
        return self.without() if relay is None else self.apply(relay)

    def apply(self, relay: Relay) -> R:
        """Carry it out on the relay."""
        raise NotImplementedError

    def without(self) -> R:
        """The answer where there is no such relay."""
        raise Gone(f"no relay {self.relay_id}")


class RoomVerb(Verb[R], Generic[R], frozen=True):
    """A request to an open room."""

    room_id: str
    needs: ClassVar[Need] = Need.SLATE

    @property
    def subject(self) -> str:
        return self.room_id

    def run(self, worker: Dispatcher) -> R | asyncio.Future[R]:
        held = worker.rooms.get(self.room_id)
        return self.without() if held is None else self.apply(held.room)

    def apply(self, room: Room) -> R | asyncio.Future[R]:
        """Carry it out on the room."""
        raise NotImplementedError

    def without(self) -> R:
        """The answer where there is no such room."""
        raise Gone(f"no room {self.room_id}")


class AdapterVerb(Verb[R], Generic[R], frozen=True):
    """A request to an open adapter."""

    adapter_id: str

    @property
    def subject(self) -> str:
        return self.adapter_id

    def run(self, worker: Dispatcher) -> R:
        held = worker.adapters.get(self.adapter_id)
        if held is None:
            raise Gone(f"no adapter {self.adapter_id}")
        return self.apply(held.adapter)

    def apply(self, adapter: Adapter) -> R:
        """Carry it out on the adapter."""
        raise NotImplementedError


class Done(Message, frozen=True):
    """Answer of a verb that was carried out, where there is nothing more to say."""


class Failed(Message, frozen=True):
    """Answer of a verb that was not carried out.

    Attributes:
        kind: "unavailable" (no ports), "gone" (unknown relay, room or participant), "fault" (a bug, or nonsense),
            "version" (another protocol is spoken) or "busy" (another gateway is obeyed).
    """

    kind: str
    reason: str
    retry_after_s: int = 5


def promise(begin: Callable[[Callable[[T | Exception], None]], None], answer: Callable[[T], R]) -> asyncio.Future[R]:
    """Begin what is told later how it ended: with a value, or with what went wrong."""
    promised: asyncio.Future[R] = asyncio.get_running_loop().create_future()

    def ended(value: T | Exception) -> None:
        if promised.done():
            return
        if isinstance(value, Exception):
            promised.set_exception(value)
        else:
            promised.set_result(answer(value))

    begin(ended)
    return promised


def checked(relay: Relay, side: int) -> int:
    """A side that the relay has. Raises LocalError."""
    if side not in relay.sides:
        raise LocalError(f"a relay has no side {side}")
    return side
