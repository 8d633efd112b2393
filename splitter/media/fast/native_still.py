"""A still whose packets the library plays (native/still.c, native/play.c). Does no I/O of its own."""

from __future__ import annotations

from itertools import accumulate
from typing import Any
from weakref import WeakValueDictionary

from splitter.media.fast.state import PACKET_LIMIT
from splitter.media.fast.way import PreparedStill
from splitter.rtp.packet import HEADER_SIZE

BLOCK_LIMIT = 16
"""Bytes of a header extension that the library may add."""

_PAYLOAD_LIMIT = PACKET_LIMIT - HEADER_SIZE - BLOCK_LIMIT


class NativeStill:
    """A still in the library's memory.

    Attributes:
        record: of native/layout.h; what it points to lives as long as this.
    """

    __slots__ = ("__weakref__", "_parts", "record", "still")

    def __init__(self, ffi: Any, still: PreparedStill) -> None:
        self.still = still  # nobody else's id as long as this one is kept by it
        pictures = [picture for group in still.groups for picture in group]
        units = [unit for picture in pictures for unit in picture]
        firsts = ffi.new("int32_t[]", [0, *accumulate(map(len, pictures))])
        offsets = ffi.new("int32_t[]", [0, *accumulate(map(len, units))])
        payloads = ffi.new("uint8_t[]", b"".join(units))
        self._parts = (firsts, offsets, payloads)
        self.record = ffi.new("struct still *")
        self.record.interval_s = still.interval_s
        self.record.groups = [0, *accumulate(map(len, still.groups))]
        self.record.firsts, self.record.offsets, self.record.bytes = self._parts


class NativeStills:
    """The stills that are played: one record each, however many are shown it."""

    def __init__(self, ffi: Any) -> None:
        self._ffi = ffi
        self._known: WeakValueDictionary[int, NativeStill] = WeakValueDictionary()

    def prepare(self, still: PreparedStill) -> NativeStill | None:
        """Make or find the record of a still; None where it is not one that the library can play."""
        known = self._known.get(id(still))
        if known is None:
            groups = still.groups
            if len(groups) != 2 or not all(groups) or not all(map(len, (one for group in groups for one in group))):
                return None
            if any(len(unit) > _PAYLOAD_LIMIT for group in groups for picture in group for unit in picture):
                return None
            known = self._known[id(still)] = NativeStill(self._ffi, still)
        return known
