"""The pictures of a film: those of all sides in their cells, and the line below; says when a frame is due. Draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import av
import av.error

from splitter.media.mosaic.canvas import Canvas
from splitter.media.playback.blocks import FilmTrack
from splitter.media.playback.cells import FilmCell
from splitter.media.playback.line import LINE_HEIGHT, TimeLine
from splitter.media.record.happenings import RecordedEvent

TICKS = 25
"""A second has so many places for frames; only those are filled where something has changed."""

CELL_WIDTH, CELL_HEIGHT = 640, 480
_STALE_S = 5.0  # a picture that nothing follows is no picture any more
_INSTEAD_S = 1.5  # after so long what the caller was shown stands in for the agent's own picture
_PIXELS_LIMIT = 1920 * 1200 * 2
_QUARTERS = {0: 0, 90: 1, 180: 2, 270: 3}


class FilmPictures:
    """The film's pictures.

    Args:
        cells: as they stand. began: Unix seconds of its time 0. title: of the line.
        events: what happened, for pauses and turns.

    Attributes:
        failed: packets that could not be decoded.
    """

    def __init__(self, cells: list[FilmCell], began: float, title: str, events: list[RecordedEvent]) -> None:
        columns = 2 if len(cells) > 1 else 1
        rows = -(-len(cells) // columns)
        self.width, self.height = CELL_WIDTH * columns, CELL_HEIGHT * rows + LINE_HEIGHT
        names = tuple((cell.name, cell.plain) for cell in cells)
        self._canvas = Canvas(self.width, CELL_HEIGHT * rows, names)
        self._line = TimeLine(self.width, began, title)
        self._pauses = sorted((one.at, one.what) for one in events if one.what in ("paused", "resumed", "begun"))
        self._state = ""
        self._of = {id(track): (at, False) for at, cell in enumerate(cells) for track in cell.tracks}
        self._of |= {id(track): (at, True) for at, cell in enumerate(cells) for track in cell.shown}
        self._own = [float("-inf")] * len(cells)  # when each cell had a picture of its own
        self._seen = [float("-inf")] * len(cells)
        self._filled = [False] * len(cells)
        self._tick = 0
        self._given = -1
        self._changed = True
        self.failed = 0

    def take(self, at: float, track: FilmTrack, packet: av.Packet[Any]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Take in a packet; yields the frames that are due before its time."""
        yield from self.until(at)
        place = self._of.get(id(track))
        if place is None:
            return
        for picture in self._decoded(packet):
            self._put(at, track, *place, picture)

    def until(self, at: float) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield the frames that are due before a time, each with its tick."""
        tick = int(at * TICKS + 0.5)
        while self._tick < tick:
            now = self._tick / TICKS
            self._look(now)
            if self._line.show(now, self._state) or self._changed:
                self._changed = False
                self._given = self._tick
                yield self._tick, self._canvas.frame(self._line.plane)
            # Where nothing changes the line alone does, with the next second.
            self._tick = self._tick + 1 if self._tick + 1 >= tick else min(tick, (self._tick // TICKS + 1) * TICKS)

    def _look(self, now: float) -> None:
        """Take away what is no picture any more, and what was not recorded."""
        while self._pauses and self._pauses[0][0] <= now:
            self._state = "paused" if self._pauses.pop(0)[1] == "paused" else ""
            if self._state:
                self._seen = [float("-inf")] * len(self._seen)
        for index, seen in enumerate(self._seen):
            if self._filled[index] and now - seen > _STALE_S:
                self._filled[index] = False
                self._canvas.clear(index)
                self._changed = True

    def _decoded(self, packet: av.Packet[Any]) -> list[av.VideoFrame]:
        context = packet.stream.codec_context
        if not context.is_open:
            context.thread_count = 1
            context.options = {"max_pixels": str(_PIXELS_LIMIT)}
        try:
            return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
        except (av.error.FFmpegError, ValueError):
            self.failed += 1
            return []

    def _put(self, at: float, track: FilmTrack, index: int, instead: bool, picture: av.VideoFrame) -> None:
        if picture.width * picture.height > _PIXELS_LIMIT:
            self.failed += 1
            return
        if instead and at - self._own[index] < _INSTEAD_S:
            return
        if not instead:
            self._own[index] = at
        while len(track.turns) > 1 and track.turns[1][0] <= at + 1e-3:
            track.turns.pop(0)
        turned = track.turns[0][1] if track.turns else 0
        with suppress(av.error.FFmpegError):
            self._canvas.put(index, picture, _QUARTERS[turned])
        self._seen[index], self._filled[index], self._changed = at, True, True
