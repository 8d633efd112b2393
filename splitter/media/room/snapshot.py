"""Stills of what participants send: from a fresh key frame, whole, upright. Decoding goes to a thread of the host."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.rooms import Snapshot
from splitter.media.room.decode import Undecodable, upright_png
from splitter.media.room.stream import Stream
from splitter.media.wire.host import Host, Timer
from splitter.rtp import h264
from splitter.rtp.reorder import OrderedPacket
from splitter.rtp.repacketise import SingleUnits, Unit

Taken = Callable[[Snapshot | Exception], None]
_UNITS_LIMIT = 2000  # of one access unit; a peer that never ends its picture must not fill the memory


class Shot:
    """One snapshot under way: watches the stream until it has a whole key frame.

    Args:
        ended: told once what came of it.
    """

    def __init__(self, stream: Stream, loop: Host, limit_s: float, ended: Taken) -> None:
        self._stream = stream
        self._loop = loop
        self._ended = ended
        self._generation = -1
        self._single = SingleUnits()
        self._timestamp = -1
        self._units: list[bytes] = []
        self._broken = True  # the picture in the making misses a part, or its begin
        self._reason = f"no key frame from {stream.name} within {limit_s:g} s"
        self._decoding = False
        self._timer: Timer | None = loop.call_later(limit_s, self._give_up)
        stream.watchers = (*stream.watchers, self)
        stream.broker.want(burst=True)

    # ---- packets in -------------------------------------------------------------------------------------------------

    def forward(self, stream: Stream, now: float) -> None:
        """The packet in hand of the stream."""
        if stream.generation != self._generation:
            self._generation = stream.generation
            self._single = SingleUnits()
            self._timestamp, self._units = -1, []
        held = OrderedPacket(stream.sequence, stream.timestamp, stream.marker, bytes(stream.payload), False)
        for unit in self._single.push(held, now):
            if not self._decoding:
                self._take(unit)

    def _take(self, unit: Unit) -> None:
        if unit.timestamp != self._timestamp:
            self._ended_without_marker(unit.gap)
            if self._decoding:
                return
            self._timestamp, self._units, self._broken = unit.timestamp, [], False
        elif unit.gap:
            self._spoil()
        self._units.append(bytes(unit.payload))
        if len(self._units) > _UNITS_LIMIT:
            self._spoil()
        if unit.marker:
            self._complete()
            self._units = []

    def _ended_without_marker(self, gap: bool) -> None:
        """Another picture begins: the one before is whole unless packets are missing between them."""
        if not gap:
            self._complete()
        elif any(unit[0] & 0x1F == h264.IDR for unit in self._units):
            self._spoil()

    def _spoil(self) -> None:
        """A part of the picture is missing; a key frame that was spoilt must be asked for again."""
        self._broken = True
        self._units = []
        self._stream.broker.want()
        self._stream.wake = True

    def _complete(self) -> None:
        """A picture has ended: if it is a whole key frame, it is decoded."""
        slices = [unit for unit in self._units if unit[0] & 0x1F == h264.IDR]
        if self._broken or not slices:
            return
        if not h264.starts_idr(slices[0]):  # its first slice was lost
            self._spoil()
            return
        sets = {unit[0] & 0x1F for unit in self._units}
        missing = [] if {h264.SPS, h264.PPS} <= sets else self._stream.lens.units()
        orientation = self._stream.last_orientation or 0
        self._decoding = True
        work = partial(upright_png, (*missing, *self._units), orientation, self._loop.wall())
        self._loop.in_thread(work, self._decoded)

    # ---- the end ----------------------------------------------------------------------------------------------------

    def _decoded(self, snapshot: Snapshot | Exception) -> None:
        if self._timer is None:
            return  # it was given up meanwhile
        if isinstance(snapshot, Undecodable):
            self._reason = f"the key frame of {self._stream.name} cannot be decoded: {snapshot}"
            self._decoding = False
            self._stream.broker.want()
            return
        self._end(snapshot)

    def _give_up(self) -> None:
        self._end(MediaUnavailable(self._reason))

    def cancel(self, reason: str) -> None:
        """The stream is no more."""
        self._end(MediaUnavailable(reason))

    def _end(self, outcome: Snapshot | Exception) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._stream.watchers = tuple(watcher for watcher in self._stream.watchers if watcher is not self)
        self._ended(outcome)


class Snapshots:
    """The snapshots of a room: whoever asks while one is under way gets the same."""

    def __init__(self, loop: Host, limit_s: float) -> None:
        self._loop = loop
        self._limit_s = limit_s
        self._shots: dict[str, tuple[Shot, list[Taken]]] = {}

    def take(self, stream: Stream, taken: Taken) -> None:
        """Take one; `taken` is told the picture, or why there is none."""
        under_way = self._shots.get(stream.name)
        if under_way is not None:
            under_way[1].append(taken)
            return
        waiting = [taken]

        def ended(outcome: Snapshot | Exception) -> None:
            del self._shots[stream.name]
            for one in waiting:
                one(outcome)

        self._shots[stream.name] = Shot(stream, self._loop, self._limit_s, ended), waiting

    def lose(self, name: str, reason: str) -> None:
        """A participant sends no more."""
        under_way = self._shots.get(name)
        if under_way is not None:
            under_way[0].cancel(reason)

    def close(self) -> None:
        """The room ends."""
        for name in list(self._shots):
            self.lose(name, "the room was closed")
