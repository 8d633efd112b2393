"""Let somebody who speaks WebRTC into a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitter.media.worker.verbs.verb import Message, RoomVerb
from splitter.sdp.webrtc import SecureLocal

if TYPE_CHECKING:
    from splitter.media.room.room import Room


class JoinedSecure(Message, frozen=True):
    """Answer: its one port, and our side of its transport."""

    port: int
    local: SecureLocal


class JoinSecure(RoomVerb[JoinedSecure], frozen=True):
    """Bind a participant's port. `host` is bound; `advertised` is what the candidate says."""

    answer = JoinedSecure

    name: str
    host: str
    advertised: str

    def apply(self, room: Room) -> JoinedSecure:
        return JoinedSecure(*room.join_secure(self.name, self.host, self.advertised))
