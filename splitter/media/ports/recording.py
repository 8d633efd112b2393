"""The port of engines that recordings are tapped from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RecordingTap:
    """Where copies of packets go.

    Attributes:
        recording: the id of the recording that they belong to.
        socket: of who takes them, such as the recorder; datagrams.
        also: of others who take the same.
    """

    recording: str
    socket: str
    also: tuple[str, ...] = ()

    @property
    def sockets(self) -> tuple[str, ...]:
        """The sockets of all of them."""
        return self.socket, *self.also


class MediaTaps(Protocol):
    """Taps on what relays and rooms carry."""

    async def tap(self, media_id: str, tap: RecordingTap | None) -> None:
        """Copy what comes from all sides of a relay or room to a recorder, those too that come later; None: no longer.

        Of a room what the caller is shown is copied as well. The same again is no error. A tap ends with its relay or
        room, and with their worker: whoever opens or restores another one asks again. Voice and picture go on,
        whatever becomes of the recorder: what it does not take is dropped and counted.

        Raises:
            MediaUnavailable: there is no such relay or room, or its engine records nothing.
        """
        ...

    async def key_frame(self, media_id: str, name: str) -> None:
        """Ask who sends a picture into a room for a key frame; nobody there is no error.

        Raises:
            MediaUnavailable: there is no such room.
        """
        ...
