"""The video room of a call as the media engine was told it: who is in it, and what desks want to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.media.ports.rooms import ParticipantHandle, ParticipantMedia, RoomHandle


@dataclass(slots=True)
class Member:
    """A participant and what it negotiated.

    Attributes:
        taken: as far as we know, the engine does that.
    """

    network: str
    handle: ParticipantHandle
    media: ParticipantMedia | None = None
    taken: bool = True

    @property
    def secure(self) -> bool:
        """True where it speaks WebRTC: its transport dies with its worker, only the client can make another."""
        return self.handle.secure is not None


@dataclass(slots=True)
class RoomState:
    """The room of one call.

    Attributes:
        room: None where there is none yet, or it was lost.
        members: the participants that have a place in it, by name.
        homeless: participants of a lost room that have no place in a new one yet; their networks.
        choices: by viewer, what desks want it to be shown; a new room has to be told again.
        covers: by viewer who was given the slate, the name of who chose that; it goes with that one.
        aside: participants that are shown by choice alone; see ParticipantMedia.
        images: uploaded ones that the room has, the oldest first.
    """

    room: RoomHandle | None = None
    members: dict[str, Member] = field(default_factory=dict)
    homeless: dict[str, str] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    covers: dict[str, str] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)
    images: list[str] = field(default_factory=list)
