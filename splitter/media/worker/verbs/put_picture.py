"""Put a still picture into a room."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Done, RoomVerb, promise

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class PutPicture(RoomVerb[Done], frozen=True):
    """Answered when it is decoded, or cannot be."""

    answer = Done

    picture_id: str
    image: bytes

    def apply(self, room: Room) -> asyncio.Future[Done]:
        return promise(partial(room.put_picture, self.picture_id, self.image), lambda _: Done())
