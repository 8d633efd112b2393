"""The records of live calls in Valkey, beside those on disk. Does I/O, and waits: for the thread of its gatherer.

Each write carries the fence of the lease; a script refuses it where the lease has changed hands meanwhile, so that a
process that does not know yet that it was overtaken changes nothing. The same script counts what is there: what was
flushed, evicted or deleted is noticed, and everything is handed in again.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from splitter.cluster.keys import ClusterKeys
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Script, Valkey, ValkeyError
from splitter.store.gathering import ShelfFault
from splitter.store.rows import Batch, LiveRow, Mark, RecordChange, ShelfContent

_STEP = 200
"""Calls that one script writes: it takes a millisecond, and Valkey serves nobody else meanwhile."""

_TIME = struct.Struct(">d")

_WRITE = Script("""
local lease = redis.call('HMGET', KEYS[1], 'fence', 'owner')
if not lease[1] then return {'flushed', 0} end
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return {'overtaken', 0} end
if ARGV[3] == 'anew' then redis.call('DEL', KEYS[2], KEYS[3], KEYS[4]) end
local at = 5
while ARGV[at] do
    local what, call = ARGV[at], ARGV[at + 1]
    if what == 'k' then
        redis.call('HSET', KEYS[2], call, ARGV[at + 2])
        redis.call('HDEL', KEYS[3], call)
    elseif what == 'd' then
        if redis.call('HEXISTS', KEYS[2], call) == 1 then redis.call('HSET', KEYS[3], call, ARGV[at + 2]) end
    else
        redis.call('HDEL', KEYS[2], call)
        redis.call('HDEL', KEYS[3], call)
    end
    at = at + 3
end
if ARGV[4] ~= '' then
    redis.call('HSET', KEYS[4], 'fence', ARGV[1], 'number', ARGV[4])
end
return {'ok', redis.call('HLEN', KEYS[2])}
""")

_WORDS = {
    "overtaken": "another process is this node now: what this one writes is refused",
    "flushed": "Valkey has lost what it held; it is written again",
}


class LeaseHolder(Protocol):
    """Process that writes: `splitter.cluster.membership.Membership`."""

    @property
    def owner(self) -> str: ...

    @property
    def fence(self) -> int: ...

    def hurry(self) -> None:
        """Look after the lease: it is another's, or is gone."""


class ValkeyShelf:
    """The records of one node."""

    name = "valkey"

    def __init__(self, settings: ClusterSettings, holder: LeaseHolder) -> None:
        keys, node = ClusterKeys(settings.prefix), settings.node
        self._valkey = Valkey(settings)
        self._keys = (keys.lease(node), keys.calls(node), keys.doubts(node), keys.mark(node))
        self._holder = holder
        self._held: set[str] = set()  # calls that have a record there

    @property
    def late(self) -> str:
        return "records of live calls wait for Valkey: if this host died now, their last changes would be lost"

    def read(self) -> ShelfContent:
        """All records, the oldest first."""
        _, calls, doubts, mark = self._keys
        try:
            records = self._scan(calls)
            notes = self._scan(doubts)
            marked = _pairs(self._valkey.command("HGETALL", mark))
        except ValkeyError as error:
            raise _fault(error) from error
        rows = (_row(call, value, notes.get(call)) for call, value in records.items())
        ordered = tuple(sorted(rows, key=lambda row: row.written_at))
        self._held = {row.call_id for row in ordered}
        return ShelfContent(ordered, _mark(marked))

    def write(self, batch: Batch) -> bool:
        """Write in steps; only the last one says how complete the records are."""
        held = set() if batch.anew else set(self._held)
        for call, change in batch.changes.items():
            if change.record is not None:
                held.add(call)
            elif change.over:
                held.discard(call)
        try:
            count = self._write_steps(batch)
            if whole := count == len(held):
                self._held = held
            else:
                there = {call.decode(errors="replace") for call in self._valkey.command("HKEYS", self._keys[1])}
                self._held = there & held
                if strange := there - held:  # calls that ended, which a replica had not heard of yet
                    over = {call: RecordChange(over=True) for call in strange}
                    self._write_steps(Batch(over, Mark(batch.mark.fence, -1)))
        except ValkeyError as error:
            raise _fault(error) from error
        return whole

    def close(self) -> None:
        self._valkey.close()

    def _scan(self, key: str) -> dict[bytes, bytes]:
        """A hash in pages: thousands of records at once would take Valkey longer than anybody waits for it."""
        found, cursor = dict[bytes, bytes](), b"0"
        while True:
            cursor, page = self._valkey.command("HSCAN", key, cursor, "COUNT", _STEP)
            found.update(_pairs(page))
            if cursor == b"0":
                return found

    def _write_steps(self, batch: Batch) -> int:
        changes = iter(batch.changes.items())
        anew, count = "anew" if batch.anew else "", 0
        words = list(_words(islice(changes, _STEP)))
        while True:
            following = list(_words(islice(changes, _STEP)))
            # Between two steps it is as complete as before, or not at all.
            mark = str(batch.mark.number) if not following else "-1" if anew else ""
            arguments = [str(self._holder.fence), self._holder.owner, anew, mark, *words]
            word, count = self._valkey.run(_WRITE, self._keys, arguments)
            if (said := word.decode()) != "ok":
                self._holder.hurry()
                raise ShelfFault(said, f"nothing is protected: {_WORDS[said]}")
            if not following:
                return int(count)
            words, anew = following, ""


def _words(changes: Iterator[tuple[str, RecordChange]]) -> Iterator[str | bytes]:
    """What the script is told of each call."""
    now = _TIME.pack(time.time())
    for call, change in changes:
        if change.over:
            yield from ("f", call, "")
            continue
        if change.record is not None:
            yield from ("k", call, now + change.record)
        if change.doubt is not None:
            yield from ("d", call, change.doubt)


def _row(call: bytes, value: bytes, doubt: bytes | None) -> LiveRow:
    """A record; one that was cut is none, and those who read it say so."""
    written_at = _TIME.unpack_from(value)[0] if len(value) >= _TIME.size else 0.0
    return LiveRow(call.decode(errors="replace"), written_at, value[_TIME.size :], doubt)


def _mark(fields: dict[bytes, bytes]) -> Mark | None:
    try:
        return Mark(int(fields[b"fence"]), int(fields[b"number"]))
    except (KeyError, ValueError):
        return None


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _fault(error: ValkeyError) -> ShelfFault:
    return ShelfFault(str(error.fault), f"nothing is protected: {error}; if this host died now, its calls would end")
