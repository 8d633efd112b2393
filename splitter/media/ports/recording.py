"""The port of engines that recordings are tapped from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RecordingTap:
    """Where copies of packets go.

    Attributes:
        recording: the id of the recording that they belong to.
        socket: of the recorder; datagrams.
    """

    recording: str
    socket: str


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
