"""One port of a relay whose packets the library takes (native/lane.c). Does no I/O of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from splitter.core.net import Address
from splitter.media.fast.state import LaneNumbers
from splitter.media.fast.way import ShortLane


class NativeLane:
    """One port of a relay. As `ShortLane`.

    What its record points to lives as long as the pointers, and so is held here.
    """

    __slots__ = ("_ffi", "_line", "_onward", "_peer", "lane", "numbers")

    coming = None

    def __init__(self, ffi: Any) -> None:
        self._ffi = ffi
        self.lane = ffi.new("struct lane *")
        self.lane.generation = 1
        self.numbers = cast(LaneNumbers, self.lane)
        self._line: Any = None
        self._peer: Address | None = None
        self._onward: ShortLane | None = None

    def touch(self) -> None:
        self.lane.generation += 1

    def settle(self, source: Address, onward: ShortLane, destination: Address) -> None:
        if not isinstance(onward, NativeLane) or source != self._peer or destination != onward._peer:
            return
        lane = self.lane
        self._onward = onward
        lane.onward, lane.onward_generation = onward.lane, onward.lane.generation
        lane.settled = lane.generation

    def samples(self) -> Sequence[tuple[bytes, int, float]]:
        lane = self.lane
        if not lane.sampled:
            return ()
        taken = [(bytes(one.header), one.packets, one.at) for one in lane.samples[0 : lane.sampled]]
        lane.sampled = 0
        return taken

    def ride(self, port: Any) -> None:
        port.carry(self)

    def reach(self, line: Any, peer: Address | None) -> None:
        """Know by which short cut packets come from and go to `peer`; None: by none."""
        self._line, self._peer = line, peer if line is not None else None
        self.lane.line = line if line is not None else self._ffi.NULL
        self.touch()

    def close(self) -> None:
        self.reach(None, None)
        self.lane.settled = 0
        self.lane.onward = self._ffi.NULL
        self._onward = None
