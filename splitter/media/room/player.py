"""Plays a still (the slate, a picture) to one viewer. No I/O: packets leave by `Outgoing`, time is an argument.

Where the native form of the short way can, it plays by itself, from the same numbers: then this only begins and ends
it, and answers the viewer who asks for a key frame.
"""

from __future__ import annotations

from splitter.media.room.outgoing import Outgoing
from splitter.media.slate.still import Still

LATE_S = 1.0
"""So long after a picture was due that the native form was to play, Python does."""


class StillPlayer:
    """The still's two groups in turn, and a key frame at once when the viewer asks for one."""

    __slots__ = ("_numbers", "_out", "_repeat_s", "_still")

    def __init__(self, out: Outgoing, repeat_s: float) -> None:
        """`repeat_s`: key frames that were asked for come at most this often."""
        self._out, self._numbers = out, out.going.playing
        self._repeat_s = repeat_s
        self._still: Still | None = None

    @property
    def playing(self) -> bool:
        """Whether a still is what goes out."""
        return self._still is not None

    @property
    def due(self) -> float | None:
        """When to call `play`; None while stopped."""
        if self._still is None:
            return None
        return self._numbers.due + LATE_S if self._out.way.plays() else self._numbers.due

    def start(self, still: Still, now: float) -> None:
        """Begin, or begin again in another form. The first key frame is repeated soon: many handsets miss it."""
        self._still = still
        self._out.show(still)
        self._restart()
        self.play(now)
        self.key_frame_wanted(now)

    def stop(self) -> None:
        """Another source takes over."""
        if self._still is not None:
            self._still = None
            self._out.show(None)

    def key_frame_wanted(self, now: float) -> None:
        """The next picture is a key frame; it comes now, unless the last one was a moment ago."""
        if self._still is None:
            return
        numbers = self._numbers
        at = numbers.key_at + self._repeat_s
        if numbers.index or at <= now:
            self._restart()
        numbers.due = max(at, now)
        if at <= now:
            self.play(now)
        else:
            self._out.way.schedule()

    def _restart(self) -> None:
        self._numbers.group ^= 1
        self._numbers.index = 0

    def play(self, now: float) -> None:
        """Send one access unit. Its orientation is upright, whatever was shown before."""
        still, numbers = self._still, self._numbers
        if still is None or self._out.way.play(now):
            return
        group = still.groups[numbers.group]
        units = group[numbers.index]
        key = numbers.index == 0
        if key:
            numbers.key_at = now
        switch = self._out.switch
        timestamp = switch.tick(now)
        last = len(units) - 1
        for index, unit in enumerate(units):
            marker = index == last
            self._out.emit(switch.take(), timestamp, marker, unit, 0 if key and marker else None)
        numbers.due = now + still.interval_s
        numbers.index += 1
        if numbers.index == len(group):
            self._restart()
        self._out.way.schedule()
