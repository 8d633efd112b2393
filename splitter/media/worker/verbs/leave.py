"""Take a participant out of a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.rooms import ParticipantReport
from splitter.media.worker.verbs.verb import Message, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class ParticipantCounts(Message, frozen=True):
    """The last counters; None where it is not in the room."""

    report: ParticipantReport | None


class Leave(RoomVerb[ParticipantCounts], frozen=True):
    """Give its ports back and say the last counters."""

    answer = ParticipantCounts

    name: str

    def apply(self, room: Room) -> ParticipantCounts:
        return ParticipantCounts(room.leave(self.name))

    def without(self) -> ParticipantCounts:
        return ParticipantCounts(None)
