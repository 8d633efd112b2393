"""Let one more into a room, on the transport of one who speaks WebRTC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Message, RoomVerb

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class JoinedBeside(Message, frozen=True):
    """Answer: the SSRC and the CNAME of what it is sent."""

    ssrc: int
    cname: str


class JoinBeside(RoomVerb[JoinedBeside], frozen=True):
    """Bundle a participant with another one, who is there."""

    answer = JoinedBeside

    name: str
    other: str

    def apply(self, room: Room) -> JoinedBeside:
        return JoinedBeside(*room.join_beside(self.name, self.other))
