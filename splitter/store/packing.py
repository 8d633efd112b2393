"""Trace events of one call packed together, as a row of the store keeps them. Does no I/O.

SIP messages of one call are nearly the same: together they take a third of the room that they take one by one, and a
quarter of the time to compress.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any, NamedTuple

import msgspec

from splitter.telemetry.trace import TraceEvent

PACKED = 2
"""How the data of a row are kept: several events. Format 2 had one event a row: 1, compressed, and 0, plain."""

MOST_EVENTS, MOST_BYTES = 100, 100_000
"""Of a row, so that none is a burden to who reads or deletes it; one event that is larger is a row by itself."""

_LEVEL = 1
_Event = tuple[float, str, str, str, str, str, bytes, int]
_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(list[_Event])


class PackedRow(NamedTuple):
    """Some events of one call in order; number of the first, time of the last."""

    call_id: str
    seq: int
    at: float
    packed: int
    data: bytes


class Packer:
    """The events of one call that are to be written in one transaction."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._waiting: list[TraceEvent] = []
        self._bytes = 0
        self._rows: list[PackedRow] = []

    def add(self, event: TraceEvent) -> None:
        """Take the next event. Raises as `rows`."""
        if self._waiting and (len(self._waiting) >= MOST_EVENTS or self._bytes + len(event.data) > MOST_BYTES):
            self._pack()
        self._waiting.append(event)
        self._bytes += len(event.data)

    def rows(self) -> list[PackedRow]:
        """All that was taken.

        Raises:
            ValueError: text that is no Unicode.
        """
        self._pack()
        return self._rows

    def _pack(self) -> None:
        some, self._waiting, self._bytes = self._waiting, [], 0
        events = [(one.at, one.leg, one.kind, one.direction, one.peer, one.text, one.data, one.seq) for one in some]
        data = zlib.compress(_ENCODER.encode(events), _LEVEL)
        self._rows.append(PackedRow(self._call_id, some[0].seq, some[-1].at, PACKED, data))


def unpacked(call_id: str, packed: int, data: bytes, *one: Any) -> list[TraceEvent]:
    """The events of a row.

    Args:
        packed: how its data are kept; see `PACKED`.
        one: its other columns, which say all of a row that holds one event: `at` to `text`, and `seq`.
    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    try:
        if packed == PACKED:
            return [TraceEvent(call_id, *event) for event in _DECODER.decode(zlib.decompress(data))]
        at, leg, kind, direction, peer, text, seq = one
        data = zlib.decompress(data) if packed else data
        return [TraceEvent(call_id, at, leg, kind, direction, peer, text, data, seq)]
    except (zlib.error, msgspec.MsgspecError) as error:
        raise sqlite3.DatabaseError(f"a row of the trace of {call_id} is damaged: {error}") from error
