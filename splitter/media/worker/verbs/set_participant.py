"""Tell a room what was negotiated with a participant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.worker.verbs.verb import Done, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class SetParticipant(RoomVerb[Done], frozen=True):
    """Start, change or (None) pause a participant's media."""

    answer = Done

    name: str
    media: ParticipantMedia | None

    def apply(self, room: Room) -> Done:
        room.set_participant(self.name, self.media)
        return Done()
