"""Begin an ICE restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.join_secure import JoinedSecure
from splitter.media.worker.verbs.verb import RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class RestartIce(RoomVerb[JoinedSecure], frozen=True):
    """Open another port with other credentials beside the path that there is."""

    answer = JoinedSecure

    name: str

    def apply(self, room: Room) -> JoinedSecure:
        return JoinedSecure(*room.restart_ice(self.name))
