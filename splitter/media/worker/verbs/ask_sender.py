"""Ask who sends a picture for a key frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Done, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class AskSender(RoomVerb[Done], frozen=True):
    """Ask a participant for a key frame of what it sends, for somebody who gets copies of it."""

    answer = Done

    name: str

    def apply(self, room: Room) -> Done:
        room.ask_sender(self.name)
        return Done()
