"""The packets of a recording's files, in the order of time. Reads."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import av
import av.error

from splitter.media.record.happenings import RecordedEvent, recorded_events
from splitter.media.record.render_job import RenderPart
from splitter.media.record.shelf import RecordingShelf
from splitter.media.record.source import RecordingSource

_WINDOW_S = 3.0  # the recorder writes packets as they come: those of one track may be that late
_HELD_LIMIT = 20_000
_AHEAD_BYTES = 1 << 20  # read at once: each read may be a request to a store, or the opening of a seal
_TURNS_LIMIT = 10_000


class SourceFile(io.RawIOBase):
    """A recorded file as FFmpeg reads it, wherever it lies and whatever seals it."""

    def __init__(self, source: RecordingSource) -> None:
        self._source, self._at = source, 0
        self._held, self._held_at = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._source.size)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        size = size if size >= 0 else self._source.size
        begin = self._at - self._held_at
        if not 0 <= begin < len(self._held):
            self._held, self._held_at, begin = self._source.read(self._at, _AHEAD_BYTES), self._at, 0
        data = self._held[begin : begin + size]
        self._at += len(data)
        return data

    def close(self) -> None:
        self._source.close()
        super().close()


@dataclass(slots=True)
class FilmTrack:
    """A track of a recording.

    Attributes:
        part: the file that it is in, counted from 0. number: within that file, from 1 on.
        name: of its sender, or "shown to the caller". codec: as FFmpeg names it, "" where no decoder knows it.
        first, last: seconds of the recording. turns: when it is to be turned to how many degrees.
    """

    part: int
    number: int
    name: str
    video: bool
    codec: str
    first: float = 0.0
    last: float = -1.0
    turns: list[tuple[float, int]] = field(default_factory=list)


class RecordedFiles:
    """The files of one recording, and its time, which begins with the first of them.

    Args:
        shelf: where its files are read. parts: those files, the oldest first.

    Attributes:
        tracks: of all files. seconds: how long it is. events: what happened, of all files.

    Raises:
        OSError: a file cannot be opened. LocalError: it cannot be unsealed. av.error.FFmpegError: it is none.
    """

    def __init__(self, shelf: RecordingShelf, parts: tuple[RenderPart, ...]) -> None:
        self._shelf, self._parts = shelf, parts
        self.began = parts[0].began
        self.tracks: list[FilmTrack] = []
        self.events: list[RecordedEvent] = []
        self.seconds = 0.0
        for index, part in enumerate(parts):
            self._look_through(index, part.path, part.began - self.began)

    def packets(self) -> Iterator[tuple[float, FilmTrack, av.Packet[Any]]]:
        """All packets with their times; of one track in the order in which they are to be decoded."""
        for index, part in enumerate(self._parts):
            mine = {track.number - 1: track for track in self.tracks if track.part == index}
            with closing(SourceFile(self._shelf.open(part.path))) as file:
                yield from _sorted_by_time(file, part.began - self.began, mine)

    def _look_through(self, index: int, path: str, offset: float) -> None:
        """Read all packets once without decoding them: who is there, and from when to when."""
        with closing(SourceFile(self._shelf.open(path))) as source, av.open(source) as file:
            mine: dict[int, FilmTrack] = {}
            for stream in file.streams:
                if stream.type in ("audio", "video"):
                    name, codec = stream.metadata.get("title", ""), _decodable(stream)
                    mine[stream.index] = FilmTrack(index, stream.index + 1, name, stream.type == "video", codec)
            for packet in _whole(file):
                if packet.pts is None or packet.time_base is None or packet.stream.index not in mine:
                    continue
                at, track = offset + float(packet.pts * packet.time_base), mine[packet.stream.index]
                if track.last < 0:
                    track.first = at
                track.last = max(track.last, at)
        self.tracks.extend(track for track in mine.values() if track.last >= 0)
        self._read_events(path, offset, mine)
        self.seconds = max([self.seconds, *(track.last + 0.1 for track in mine.values())])

    def _read_events(self, path: str, offset: float, mine: dict[int, FilmTrack]) -> None:
        for event in recorded_events(self._shelf, path, offset):
            self.events.append(event)
            track = mine.get(int(event.more.get("track", 0)) - 1)
            degrees = event.more.get("degrees")
            if track is not None and degrees in (0, 90, 180, 270) and len(track.turns) < _TURNS_LIMIT:
                track.turns.append((event.at, degrees))
            if event.what == "ended":
                self.seconds = max(self.seconds, event.at)


def _sorted_by_time(
    source: SourceFile, offset: float, tracks: dict[int, FilmTrack]
) -> Iterator[tuple[float, FilmTrack, av.Packet[Any]]]:
    held: list[tuple[float, int, FilmTrack, av.Packet[Any]]] = []
    count, newest = 0, 0.0
    with av.open(source) as file:
        for packet in _whole(file):
            track = tracks.get(packet.stream.index)
            if track is None or packet.pts is None or packet.time_base is None:
                continue
            at = offset + float(packet.pts * packet.time_base)
            newest, count = max(newest, at), count + 1
            heapq.heappush(held, (at, count, track, packet))
            while held and (held[0][0] < newest - _WINDOW_S or len(held) > _HELD_LIMIT):
                due, _, whose, one = heapq.heappop(held)
                yield due, whose, one
        while held:
            due, _, whose, one = heapq.heappop(held)
            yield due, whose, one


def _whole(file: Any) -> Iterator[av.Packet[Any]]:
    """Its packets up to where it was cut off."""
    with suppress(av.error.FFmpegError):
        yield from file.demux()


def _decodable(stream: Any) -> str:
    with suppress(av.error.FFmpegError, ValueError, AttributeError):
        name = str(stream.codec_context.name)
        av.Codec(name, "r")
        return name
    return ""
