"""The port of engines for mosaics: several pictures in one stream, for those who have one stream. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.events import MediaListener
from splitter.media.ports.rooms import ParticipantMedia
from splitter.sdp.video import VideoFormat

MOST = 4
"""How many pictures are in one at most; fewer than two are none."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture of a mosaic: a participant of the room, and the name that is written in it."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class MosaicPlan:
    """The plan of a mosaic.

    Attributes:
        pictures: two to four, in their order.
        viewers: what those receive who are shown it: it keeps to the least of that.
        upright: a phone is among them that is held upright, unless it asked for another size.
    """

    pictures: tuple[Pictured, ...]
    viewers: tuple[VideoFormat, ...]
    upright: bool = True

    @property
    def sources(self) -> tuple[str, ...]:
        """List whose pictures are in it."""
        return tuple(one.source for one in self.pictures)


@dataclass(frozen=True, slots=True)
class MosaicHandle:
    """An open mosaic.

    Attributes:
        output: media of the participant that it is in the room. inputs: of those that take the pictures to it.
    """

    mosaic_id: str
    call_id: str
    output: ParticipantMedia
    inputs: tuple[ParticipantMedia, ...]


@dataclass(frozen=True, slots=True)
class MosaicStatus:
    """Mosaics as the operator sees them: that are made now, how many may be, and their processes."""

    open: int = 0
    limit: int = 0
    pids: tuple[int, ...] = ()


class MosaicEngine(Protocol):
    """Mosaics of calls. Each is made by a process that may die alone, and take no more than the mosaic with it.

    Listeners are told MosaicLost.
    """

    async def open_mosaic(self, call_id: str, on_event: MediaListener) -> MosaicHandle:
        """Begin one; it shows nothing yet.

        Raises:
            MediaUnavailable: as many as may be are there, or it cannot be begun.
        """
        ...

    def arrange_mosaic(
        self, mosaic: MosaicHandle, plan: MosaicPlan, output: LocalEnd, inputs: Mapping[str, tuple[int, LocalEnd]]
    ) -> None:
        """Say what it is to be from now on.

        Args:
            output: the room's ports towards it.
            inputs: by source, the number of its input, and the room's ports towards that.
        Raises:
            MediaUnavailable: it is gone.
        """
        ...

    async def close_mosaic(self, mosaic: MosaicHandle) -> None:
        """End it."""
        ...


class NoMosaics:
    """A MosaicEngine that has none."""

    async def open_mosaic(self, call_id: str, on_event: MediaListener) -> MosaicHandle:
        raise MediaUnavailable("there are no mosaics here")

    def arrange_mosaic(
        self, mosaic: MosaicHandle, plan: MosaicPlan, output: LocalEnd, inputs: Mapping[str, tuple[int, LocalEnd]]
    ) -> None:
        pass

    async def close_mosaic(self, mosaic: MosaicHandle) -> None:
        pass
