"""A Matroska file (RFC 9559) of a recording: its head, which stays open for more tracks, and what follows. Pure.

The head has a fixed size and is written again whenever a track is added: a desk comes in minutes after the caller.
Behind it are clusters of unknown size, each block as it comes, so that a file whose writer was killed opens all the
same. At the end the head gets the duration, and an index follows.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from splitter.media.record import ebml

HEAD_BYTES = 16_384
TRACKS_LIMIT = 40
"""Of a file: the head must hold them."""

_ENTRIES_BYTES = HEAD_BYTES - 2_048  # what is left for all tracks: parameters of peers can be long
_CLUSTER_MS = 5_000
_BLOCK_MS = 32_000  # a block's time is 16 bits, from its cluster's on
_UNIX_TO_MATROSKA_S = 978_307_200  # its dates begin with 2001
_CUES_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a file.

    Attributes:
        name: for people: "caller", "desk-1", "shown to the caller".
        codec: as Matroska names it. data: its private data.
        video: it is one; else it is audio.
        width, height: of a video. turned: how far it is to be turned clockwise when it is shown, in degrees.
        rate, channels, depth: of an audio; depth 0 for none.
        delay_ns, preroll_ns: of Opus.
    """

    name: str
    codec: str
    data: bytes = b""
    video: bool = False
    width: int = 0
    height: int = 0
    turned: int = 0
    rate: int = 8000
    channels: int = 1
    depth: int = 0
    delay_ns: int = 0
    preroll_ns: int = 0

    def entry(self, number: int) -> bytes:
        """Write its entry in the head."""
        parts = [
            ebml.number(ebml.NUMBER, number),
            ebml.number(ebml.UID, number),
            ebml.number(ebml.TYPE, 1 if self.video else 2),
            ebml.number(ebml.LACING, 0),
            ebml.text(ebml.NAME, self.name[:64]),
            ebml.text(ebml.CODEC, self.codec),
        ]
        if self.data:
            parts.append(ebml.element(ebml.CODEC_DATA, self.data))
        if self.delay_ns:
            parts.append(ebml.number(ebml.CODEC_DELAY, self.delay_ns))
        if self.preroll_ns:
            parts.append(ebml.number(ebml.PREROLL, self.preroll_ns))
        parts.append(self._picture() if self.video else self._sound())
        return ebml.master(ebml.TRACK, *parts)

    def _picture(self) -> bytes:
        parts = [ebml.number(ebml.WIDTH, max(1, self.width)), ebml.number(ebml.HEIGHT, max(1, self.height))]
        if self.turned:
            roll = ebml.real(ebml.ROLL, float(-self.turned if self.turned <= 180 else 360 - self.turned))
            parts.append(ebml.master(ebml.PROJECTION, ebml.number(ebml.PROJECTION_TYPE, 0), roll))
        return ebml.master(ebml.VIDEO, *parts)

    def _sound(self) -> bytes:
        parts = [ebml.real(ebml.RATE, float(self.rate)), ebml.number(ebml.CHANNELS, self.channels)]
        if self.depth:
            parts.append(ebml.number(ebml.DEPTH, self.depth))
        return ebml.master(ebml.AUDIO, *parts)


class Muxer:
    """One file in the making. What it returns is to be written, in this order; `head` at the begin of the file.

    Args:
        title: of the recording. began: Unix seconds that its time 0 stands for.

    Attributes:
        tracks: in the order of their numbers, which begin with 1.
        size: of the file, in bytes.
    """

    def __init__(self, title: str, began: float) -> None:
        self._title, self._began = title, began
        self.tracks: list[Track] = []
        self.size = HEAD_BYTES
        self._cluster_ms = -1
        self._last_ms = 0
        self._cues: list[tuple[int, int, int]] = []  # ms, track, where its cluster begins
        self._cluster_at = 0
        self._cues_at = 0
        self._begin = b""  # of the file, up to where the segment's data begin

    # ---- the head --------------------------------------------------------------------------------------------------

    def add(self, track: Track) -> int:
        """Add a track. Returns: its number; 0 where there are too many, or the head cannot hold it."""
        size = sum(len(one.entry(number)) for number, one in enumerate((*self.tracks, track), 1))
        if len(self.tracks) >= TRACKS_LIMIT or size > _ENTRIES_BYTES:
            return 0
        self.tracks.append(track)
        return len(self.tracks)

    def turn(self, number: int, degrees: int) -> bool:
        """Say how a track is to be turned. Returns: whether that is new."""
        before = self.tracks[number - 1]
        self.tracks[number - 1] = replace(before, turned=degrees)
        return before.turned != degrees

    @property
    def head(self) -> bytes:
        """The begin of the file, HEAD_BYTES long."""
        begin = ebml.master(
            ebml.EBML,
            ebml.number(0x4286, 1),
            ebml.number(0x42F7, 1),
            ebml.number(0x42F2, 4),
            ebml.number(0x42F3, 8),
            ebml.text(0x4282, "matroska"),
            ebml.number(0x4287, 4),
            ebml.number(0x4285, 2),
        ) + ebml.identity(ebml.SEGMENT)
        sized = ebml.size(self.size - len(begin) - 8, 8) if self._cues_at else ebml.UNKNOWN
        self._begin = begin + sized
        info = [
            ebml.number(ebml.SCALE, 1_000_000),
            ebml.signed(ebml.DATE, round((self._began - _UNIX_TO_MATROSKA_S) * 1e9)),
            ebml.text(ebml.TITLE, self._title[:200]),
            ebml.text(ebml.MUXER, "splitter"),
            ebml.text(ebml.WRITER, "splitter"),
        ]
        parts = [self._begin]
        if self._cues_at:
            info.append(ebml.real(ebml.DURATION, float(self._last_ms)))
            position = ebml.number(ebml.SEEK_POSITION, self._cues_at - len(self._begin))
            seek = ebml.master(ebml.SEEK, ebml.element(ebml.SEEK_ID, ebml.identity(ebml.CUES)), position)
            parts.append(ebml.master(ebml.SEEK_HEAD, seek))
        parts.append(ebml.master(ebml.INFO, *info))
        entries = [track.entry(number) for number, track in enumerate(self.tracks, 1)]
        parts.append(ebml.master(ebml.TRACKS, *entries))
        head = b"".join(parts)
        return head + ebml.void(HEAD_BYTES - len(head))

    # ---- what follows ----------------------------------------------------------------------------------------------

    def block(self, number: int, at_s: float, data: bytes, key: bool) -> bytes:
        """One frame of a track, at a time of the recording. Returns: what is to be written."""
        at_ms = max(0, round(at_s * 1000))
        out = b""
        apart = at_ms - self._cluster_ms
        if self._cluster_ms < 0 or apart >= _CLUSTER_MS or not -_BLOCK_MS < apart < _BLOCK_MS:
            out = self._cluster(at_ms)
            apart = 0
        if key and self.tracks[number - 1].video and len(self._cues) < _CUES_LIMIT:
            self._cues.append((at_ms, number, self._cluster_at))
        self._last_ms = max(self._last_ms, at_ms)
        flags = 0x80 if key else 0
        out += ebml.element(ebml.SIMPLE_BLOCK, ebml.size(number) + struct.pack("!hB", apart, flags) + data)
        self.size += len(out)
        return out

    def _cluster(self, at_ms: int) -> bytes:
        self._cluster_ms, self._cluster_at = at_ms, self.size
        if not self._cues or not any(track.video for track in self.tracks):
            self._cues.append((at_ms, 1, self._cluster_at))
        return ebml.identity(ebml.CLUSTER) + ebml.UNKNOWN + ebml.number(ebml.CLUSTER_TIME, at_ms)

    def end(self) -> bytes:
        """The index, with which the file ends; the head has changed then."""
        if not self._begin:
            self.head  # noqa: B018 -- says where the segment's data begin
        offset = len(self._begin)
        points = [
            ebml.master(
                ebml.CUE,
                ebml.number(ebml.CUE_TIME, at_ms),
                ebml.master(
                    ebml.CUE_PLACES,
                    ebml.number(ebml.CUE_TRACK, number),
                    ebml.number(ebml.CUE_CLUSTER, at - offset),
                ),
            )
            for at_ms, number, at in sorted(self._cues)
        ]
        self._cues_at = self.size
        out = ebml.master(ebml.CUES, *points) if points else ebml.void(9)
        self.size += len(out)
        return out
