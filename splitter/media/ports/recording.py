"""The port of engines that recordings are tapped from. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RecordingTap:
    """Where copies of packets go.

    Attributes:
        recording: the id of the recording that they belong to.
        socket: of who takes them, such as the recorder; datagrams.
        also: of others who take the same.
        without: kinds of participants, and names, of whom nothing is copied; see `takes`.
    """

    recording: str
    socket: str
    also: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def sockets(self) -> tuple[str, ...]:
        """The sockets of all of them."""
        return self.socket, *self.also

    def takes(self, name: str) -> bool:
        """Whether anything of who has this name is copied.

        Nobody can be taken out of a mosaic, so that is not copied either where anybody is left out.
        """
        return takes(self.without, name)


def takes(without: Collection[str], name: str) -> bool:
    """Whether anything of this participant, such as "expert-1", is recorded without these kinds and names."""
    kind = name.partition("-")[0]
    left_out = name.partition(".")[0] in without or ("desk" if kind == "seat" else kind) in without
    return not without or (kind != "mosaic" and not left_out)


class MediaTaps(Protocol):
    """Taps on what relays and rooms carry."""

    async def tap(self, media_id: str, tap: RecordingTap | None) -> None:
        """Copy what comes from all sides of a relay or room to a recorder, those too that come later; None: no longer.

        Of a room what the caller is shown is copied as well, while it is of nobody who is left out. The same again
        is no error. A tap ends with its relay or room, and with their worker: whoever opens or restores another one
        asks again. Voice and picture go on, whatever becomes of the recorder: what it does not take is dropped and
        counted.

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
