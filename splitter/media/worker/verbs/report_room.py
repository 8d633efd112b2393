"""Report what a room carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.ports.rooms import RoomReport
from splitter.media.worker.verbs.verb import Message, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class RoomCounts(Message, frozen=True):
    """The counters of its participants; None where there is no such room."""

    report: RoomReport | None


class ReportRoom(RoomVerb[RoomCounts], frozen=True):
    """Say the counters now."""

    answer = RoomCounts

    def apply(self, room: Room) -> RoomCounts:
        return RoomCounts(room.report())

    def without(self) -> RoomCounts:
        return RoomCounts(None)
