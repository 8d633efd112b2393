"""Plays a still (the slate, a picture) to one viewer. No I/O: packets leave by `Outgoing`, time is an argument."""

from __future__ import annotations

from splitter.media.room.outgoing import Outgoing
from splitter.media.slate.still import Still


class StillPlayer:
    """The still's two groups in turn, and a key frame at once when the viewer asks for one.

    Attributes:
        due: when to call `play`; None while stopped.
    """

    __slots__ = ("_group", "_index", "_key_at", "_out", "_repeat_s", "_still", "due")

    def __init__(self, out: Outgoing, repeat_s: float) -> None:
        """`repeat_s`: key frames that were asked for come at most this often."""
        self.due: float | None = None
        self._out = out
        self._repeat_s = repeat_s
        self._still: Still | None = None
        self._group = self._index = 0
        self._key_at = float("-inf")

    @property
    def playing(self) -> bool:
        """Whether a still is what goes out."""
        return self._still is not None

    def start(self, still: Still, now: float) -> None:
        """Begin, or begin again in another form. The first key frame is repeated soon: many handsets miss it."""
        self._still = still
        self._restart()
        self.play(now)
        self.key_frame_wanted(now)

    def stop(self) -> None:
        """Another source takes over."""
        self.due = self._still = None

    def key_frame_wanted(self, now: float) -> None:
        """The next picture is a key frame; it comes now, unless the last one was a moment ago."""
        if self._still is None:
            return
        at = self._key_at + self._repeat_s
        if self._index or at <= now:
            self._restart()
        self.due = max(at, now)
        if at <= now:
            self.play(now)

    def _restart(self) -> None:
        self._group ^= 1
        self._index = 0

    def play(self, now: float) -> None:
        """Send one access unit. Its orientation is upright, whatever was shown before."""
        still = self._still
        if still is None:
            return
        group = still.groups[self._group]
        units = group[self._index]
        key = self._index == 0
        if key:
            self._key_at = now
        switch = self._out.switch
        timestamp = switch.tick(now)
        last = len(units) - 1
        for index, unit in enumerate(units):
            marker = index == last
            self._out.emit(switch.take(), timestamp, marker, unit, 0 if key and marker else None)
        self.due = now + still.interval_s
        self._index += 1
        if self._index == len(group):
            self._restart()
