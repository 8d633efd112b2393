"""Let somebody with plain RTP into a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Message, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class Joined(Message, frozen=True):
    """Answer: its RTP and its RTCP port."""

    ports: tuple[int, int]


class JoinRoom(RoomVerb[Joined], frozen=True):
    """Bind a participant's ports on `host`. `advertised`: what SDP says instead."""

    answer = Joined

    name: str
    host: str
    advertised: str = ""

    def apply(self, room: Room) -> Joined:
        return Joined(room.join(self.name, self.host))
