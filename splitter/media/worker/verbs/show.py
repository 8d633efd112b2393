"""Choose what somebody in a room is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Done, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class ShowSource(RoomVerb[Done], frozen=True):
    """Show `source` to `viewer`; "" leaves the choice to the room."""

    answer = Done

    viewer: str
    source: str

    def apply(self, room: Room) -> Done:
        room.show(self.viewer, self.source)
        return Done()
