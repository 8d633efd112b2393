"""The latest key frame of a stream: where it begins, and whether it can be shown. No I/O."""

from __future__ import annotations

from typing import NamedTuple

from splitter.media.fast.state import Coming
from splitter.media.room.lens import Lens
from splitter.rtp.broker import KeyFrameBroker
from splitter.rtp.losses import Losses


class Start(NamedTuple):
    """Where a key frame begins.

    Attributes:
        sequence: of the packet with its first slice.
        after: of the latest packet that belongs to another picture: what is missing between the two may be its sets.
        pps: the id that its first slice refers to.
    """

    sequence: int
    after: int
    pps: int


_NO_START = Start(0, 0, -1)


class LatestKeyFrame:
    """The latest key frame, as far as it is known.

    Attributes:
        start: where it begins.
    """

    __slots__ = ("_broker", "_coming", "_lens", "_unseen", "start")

    def __init__(self, lens: Lens, broker: KeyFrameBroker, coming: Coming) -> None:
        self.start = _NO_START
        self._lens, self._broker, self._coming = lens, broker, coming
        self._unseen = False  # it may miss something that it needs

    def reset(self) -> None:
        """The stream begins anew."""
        self.start = _NO_START
        self._unseen, self._coming.picture_timestamp = False, -1

    def pause(self) -> None:
        """The stream has stopped: nothing is missing any more."""
        self._unseen = False

    def enter_picture(self, timestamp: int, after: int) -> None:
        """A picture is looked into that may be another one; `after`: the latest packet before this one."""
        if timestamp != self._coming.picture_timestamp:
            self._coming.picture_timestamp, self._coming.picture_after = timestamp, after

    def begin(self, sequence: int, pps: int, losses: Losses, now: float) -> bool:
        """One begins; whether all is there that it needs is another question. Returns: whether it wants another one."""
        self.start = Start(sequence, min(self._coming.picture_after, sequence - 1), pps)
        losses.forget(self.start.after)  # what was missing before it matters no more
        self._unseen = True
        self.judge(losses, now)
        if self._unseen and not self._lens.has(pps):
            self._broker.want()
            return True
        return False

    def decodable(self, losses: Losses) -> bool:
        """Whether it has its sets, and no packet is missing before it that may bring others."""
        start = self.start
        return self._lens.has(start.pps) and not losses.between(start.after, start.sequence)

    def judge(self, losses: Losses, now: float) -> bool:
        """See whether it can be shown; else it is still wanted. Returns: whether its sets are now those in force."""
        if not self._unseen or not self._lens.serve(self.start.pps):
            return False
        if self.decodable(losses):
            self._unseen = False
            self._broker.seen(now)
        return True
