"""Pass on that a participant wants a key frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Done, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class RequestKeyFrame(RoomVerb[Done], frozen=True):
    """Pass on that a participant asked for a key frame of what it is shown."""

    answer = Done

    name: str

    def apply(self, room: Room) -> Done:
        room.request_key_frame(self.name)
        return Done()
