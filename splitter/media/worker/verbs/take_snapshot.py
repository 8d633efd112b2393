"""Take a still of what a participant sends."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from splitter.media.ports.rooms import Snapshot
from splitter.media.worker.verbs.verb import Message, RoomVerb, promise

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class SnapshotTaken(Message, frozen=True):
    """The still."""

    snapshot: Snapshot


class TakeRoomSnapshot(RoomVerb[SnapshotTaken], frozen=True):
    """Answered when a key frame has come and is decoded, or too long has not."""

    answer = SnapshotTaken

    name: str

    def apply(self, room: Room) -> asyncio.Future[SnapshotTaken]:
        return promise(partial(room.snapshot, self.name), SnapshotTaken)
