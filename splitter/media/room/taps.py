"""Taps on what the participants of a room send, and on what the caller is shown. Sends by the recorder's line.

A stream that is tapped takes the long way: the short one shows its packets to nobody.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from splitter.media.ports.recording import RecordingTap
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, PicturePacket
from splitter.media.record.outlets import TapOutlet, TapStream
from splitter.media.room.layout import CALLER, is_tile
from splitter.media.room.participant import Participant
from splitter.media.room.stream import Stream
from splitter.media.room.view import View
from splitter.media.wire.host import Host
from splitter.rtp.packet import Buffer

_RATE = 90_000


class RoomTaps:
    """The taps of one room."""

    def __init__(self, tap: RecordingTap, line: TapOutlet, host: Host) -> None:
        self.tap = tap
        self._line = line
        self._host = host
        self._streams: dict[str, StreamTap] = {}
        self._shown: ShownTap | None = None

    def follow(self, participants: Mapping[str, Participant]) -> None:
        """Tap those who are there."""
        for name, tapped in tuple(self._streams.items()):
            one = participants.get(name)
            if one is None or one.stream is not tapped.stream:
                self._streams.pop(name).close()
        for name, one in participants.items():
            if name not in self._streams and not one.beside and not is_tile(name) and self.tap.takes(name):
                self._streams[name] = StreamTap(one.stream, self._feed(name, "picture"))
                one.way.touch()
        caller = participants.get(CALLER)
        out = caller.view.out if caller is not None else None
        if self._shown is not None and self._shown.out is not out:
            self._shown.close()
            self._shown = None
        if self._shown is None and caller is not None and out is not None:
            self._shown = ShownTap(caller.view, self._feed(CALLER, "shown"), self._host, self.tap)
            caller.key_frame_wanted(self._host.now())

    def close(self) -> None:
        """Tap nothing any more."""
        for tapped in self._streams.values():
            tapped.close()
        if self._shown is not None:
            self._shown.close()
        self._streams.clear()
        self._shown = None

    def _feed(self, name: str, kind: str) -> TapStream:
        return self._line.open(Described(self.tap.recording, name, kind, _RATE))


class StreamTap:
    """The tap of what one participant sends; a watcher of its stream, which is asked for a key frame to begin with."""

    def __init__(self, stream: Stream, feed: TapStream) -> None:
        self.stream = stream
        self._feed = feed
        self._begun = secrets.randbits(32)  # packets of another tap, and its numbers, are no part of these
        self._mapping: tuple[int, int, float] | None = None
        stream.watchers = (*stream.watchers, self)
        if stream.alive:
            stream.broker.want(burst=True)

    def forward(self, stream: Stream, now: float) -> None:
        """The packet in hand; no fault of the tap holds it up."""
        try:
            self._copy(stream, now)
        except Exception:
            self._feed.fail()

    def _copy(self, stream: Stream, now: float) -> None:
        mapping = stream.mapping
        if mapping is not self._mapping and mapping is not None:
            self._feed.put(Kind.REPORT, now, batch.report(mapping[0], mapping[1]))
        self._mapping = mapping
        if not stream.payload:
            return
        generation = self._begun + stream.generation
        packet = PicturePacket(stream.sequence, stream.timestamp, generation, stream.marker, stream.orientation, b"")
        self._feed.put(Kind.PICTURE, now, batch.picture_head(packet), stream.payload)

    def close(self) -> None:
        """Watch it no longer."""
        self.stream.watchers = tuple(watcher for watcher in self.stream.watchers if watcher is not self)
        self._feed.close()


class ShownTap:
    """The tap of what the caller is shown."""

    def __init__(self, view: View, feed: TapStream, host: Host, tap: RecordingTap) -> None:
        self.out = out = view.out
        self._view = view
        self._tap = tap
        self._hidden = False
        self._feed = feed
        self._host = host
        self._begun = secrets.randbits(32)
        self._extended = -1
        out.tap = self.take

    def take(self, sequence: int, timestamp: int, marker: bool, payload: Buffer, orientation: int | None) -> None:
        """Copy a packet that is sent, but of who is left out; no fault of that holds it up."""
        try:
            self._copy(sequence, timestamp, marker, payload, orientation)
        except Exception:
            self._feed.fail()

    def _copy(self, sequence: int, timestamp: int, marker: bool, payload: Buffer, orientation: int | None) -> None:
        if self._tap.without and not self._tap.takes(self._view.shown):
            self._hidden = True
            return
        if self._hidden:  # a stream of its own: its begin is a key frame
            self._hidden, self._begun = False, self._begun + 1 & 0xFFFFFFFF
        self._extended = sequence if self._extended < 0 else self._extended + ((sequence - self._extended) & 0xFFFF)
        packet = PicturePacket(self._extended, timestamp, self._begun, marker, orientation, b"")
        self._feed.put(Kind.PICTURE, self._host.now(), batch.picture_head(packet), payload)

    def close(self) -> None:
        """Tap it no longer."""
        self.out.tap = None
        self._feed.close()
