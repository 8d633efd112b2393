"""Close a room."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from splitter.media.worker.verbs.report_room import RoomCounts
from splitter.media.worker.verbs.verb import Need, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class CloseRoom(Verb[RoomCounts], frozen=True):
    """Close it with all its ports and say the last counters."""

    answer = RoomCounts
    needs: ClassVar[Need] = Need.SLATE

    room_id: str

    def run(self, worker: Dispatcher) -> RoomCounts:
        return RoomCounts(worker.close_room(self.room_id))
