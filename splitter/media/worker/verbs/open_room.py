"""Open a room."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from splitter.media.worker.verbs.verb import Done, Message, Need, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class First(msgspec.Struct, frozen=True):
    """A participant with plain RTP that is let in at once; see `JoinRoom`."""

    name: str
    host: str
    advertised: str = ""


class RoomOpened(Message, frozen=True):
    """Answer where somebody was let in: the RTP and the RTCP port."""

    ports: tuple[int, int]


class OpenRoom(Verb[Done | RoomOpened], frozen=True):
    """Open a room, empty, or with its first participant: then both, or nothing.

    A worker from before there was `first` passes over it, and answers Done.
    """

    answer = (Done, RoomOpened)
    needs: ClassVar[Need] = Need.SLATE

    room_id: str
    call_id: str
    first: First | None = None

    def run(self, worker: Dispatcher) -> Done | RoomOpened:
        room = worker.open_room(self.call_id, self.room_id)
        if self.first is None:
            return Done()
        try:
            return RoomOpened(room.join(self.first.name, self.first.host))
        except BaseException:
            worker.close_room(self.room_id)
            raise
