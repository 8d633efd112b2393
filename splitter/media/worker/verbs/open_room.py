"""Open a room."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from splitter.media.worker.verbs.verb import Done, Need, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher


class OpenRoom(Verb[Done], frozen=True):
    """Open an empty room."""

    answer = Done
    needs: ClassVar[Need] = Need.SLATE

    room_id: str
    call_id: str

    def run(self, worker: Dispatcher) -> Done:
        worker.open_room(self.call_id, self.room_id)
        return Done()
