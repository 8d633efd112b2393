"""Records of live calls: when they are written.

A call that is at rest is written down a moment after its last change (`FLUSH_S`), so that a burst of changes is one
record. One that does not come to rest keeps its last record, and beside it stands what is under way: its peers know
something that the record does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

import structlog

from splitter.calls.persistence.frame import RecordKind, framed, is_of_call
from splitter.calls.talk.outstanding import Outstanding, OutstandingBook
from splitter.calls.talk.unfinished import Unfinished, written
from splitter.telemetry import metrics

FLUSH_S = 0.1

log = structlog.get_logger(__name__)


class RecordStore(Protocol):
    """Where records are kept; nothing here blocks or raises. `splitter.store.copies.Copies` implements it."""

    @property
    def generation(self) -> int:
        """A number that goes up when everything that lives has to be kept again."""

    def keep(self, call_id: str, record: bytes, note: bytes | None = None) -> None:
        """Keep this record of a call instead of the one before, and with it, in one step, what is under way."""

    def doubt(self, call_id: str, note: bytes) -> None:
        """Keep beside the record of a call what is under way; the next record takes it away."""

    def forget(self, call_id: str) -> None:
        """Keep no record of a call any longer."""

    def whole(self) -> None:
        """Know that everything that lives was kept again since `generation` was asked for."""


class Recorded(Protocol):
    """A call, as far as it is written down."""

    def record(self) -> tuple[bytes | None, bool]:
        """The call as it is now, framed by `frame.framed`, or None while nothing can be said of it; and whether nothing
        is under way beside it."""

    def doubt(self, outstanding: Sequence[Outstanding], at_rest: bool = False) -> bytes:
        """A note of what is under way, while the call is not at rest.

        Args:
            outstanding: messages of its that their peers have not confirmed.
            at_rest: it is, but for these.
        """


class Records:
    """Keeps the records of all calls up to date.

    Args:
        store: where they are kept; None where nothing outlives the process.
    """

    def __init__(self, store: RecordStore | None = None) -> None:
        self._store = store
        self._generation = store.generation if store is not None else 0
        self._changed: dict[str, Recorded] = {}
        self._written: dict[str, int] = {}  # by call, the hash of its last record
        self._answered: set[str] = set()  # calls that have a record of their own, and not that of an unanswered one
        self._doubtful: dict[str, int] = {}  # by call, the hash of what is under way
        self._living: dict[str, Recorded] = {}
        self._held: dict[str, Unfinished] = {}  # by call, what is left of one that lives no more
        self._outstanding = OutstandingBook()
        self._rests: set[str] = set()  # calls that live no more, and have a record all the same
        self._over: set[str] = set()  # calls that live no more, and of which something has changed
        self._timer: asyncio.TimerHandle | None = None

    def touch(self, key: str, call: Recorded, answered: bool = False) -> None:
        """Look at a call in a moment: something has happened to it.

        Args:
            key: the id of the call.
            answered: it is. Of a call that nothing is known of yet, or was said to be unanswered, no moment is lost: it
                is written in a turn or two of the loop, by `write_ahead` if something leaves then.
        """
        if self._store is None:
            return
        self._changed[key] = call
        if self._is_news(key, answered):
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._write_news, self._store, key, answered)  # as `Departures` does
        else:
            self._write_soon()

    def resume(self, key: str, call: Recorded) -> None:
        """Know a call that was taken up from its record: the record stays, until there is a better one."""
        self._written[key], self._living[key] = 0, call
        self._answered.add(key)

    def hold(self, left: Unfinished, seconds: float) -> None:
        """Keep for a while what a former process has left of a call that is over, and was ended by this one."""
        if self._store is not None:
            self._held[left.call_id] = left
            self._try_to_write_rest(self._store, left.call_id)
            asyncio.get_running_loop().call_later(seconds, self.finish, left.call_id)

    def end(self, key: str, reason: str) -> None:
        """A call is over: it does not come back. `finish` says when its trace says so.

        What it has just said leaves in the next turn of the loop and is written down then; so this waits for that.

        Args:
            reason: why.
        """
        for known in (self._changed, self._living, self._doubtful, self._written):
            known.pop(key, None)
        self._answered.discard(key)
        if self._store is not None:
            self._held[key] = Unfinished(key, reason=reason)
            self._over.add(key)
            asyncio.get_running_loop().call_soon(self.flush)

    def finish(self, key: str) -> None:
        """Keep nothing more of a call that is over than what its peers have yet to confirm."""
        if self._held.pop(key, None) is not None and self._store is not None:
            self._over.add(key)
            self._write_soon()

    def forget(self, key: str) -> None:
        """Keep nothing of what could not be read."""
        if self._store is not None:
            self._store.forget(key)

    def note_outstanding(self, key: str, one: Outstanding) -> None:
        """Have a message of this call repeated by the next process, until `note_confirmed`."""
        if self._store is not None and not self._outstanding.knows(one.txn):
            self._outstanding.add(key, one)
            self._look_again(key)

    def note_confirmed(self, txn: str) -> None:
        """Know that a message has arrived, or will not be told again; harmless for any other transaction."""
        if key := self._outstanding.drop(txn):
            self._look_again(key)
            self._write_soon()

    def write_ahead(self, keys: Iterable[str]) -> None:
        """Write now what has changed in these calls, whatever it is, and what is left of those that are over: something
        leaves that peers build on."""
        store = self._store
        if store is None:
            return
        if store.generation != self._generation:
            return self.flush()
        for key in keys:
            self._look_again(key)
            self._write_if_changed(store, key)
        self._write_rests(store)

    def flush(self) -> None:
        """Write now what has changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        store = self._store
        if store is None:
            return
        if again := (generation := store.generation) != self._generation:
            self._generation = generation
            self._written.clear()
            self._answered.clear()
            self._doubtful.clear()
            self._changed |= self._living
            self._over |= self._held.keys() | self._outstanding.calls - self._living.keys()
        changed, self._changed = self._changed, {}
        for key, call in changed.items():
            self._try_to_write(store, key, call)
        self._write_rests(store)
        if again:
            store.whole()

    def _write_rests(self, store: RecordStore) -> None:
        over, self._over = self._over, set()
        for key in over:
            self._try_to_write_rest(store, key)

    def _is_news(self, key: str, answered: bool) -> bool:
        """Nothing is known of this call yet, or not that it is answered."""
        return key not in self._written or (answered and key not in self._answered)

    def _write_news(self, store: RecordStore, key: str, answered: bool) -> None:
        if self._is_news(key, answered):
            self._write_if_changed(store, key)
        elif key in self._changed:  # what has left meanwhile said it; this came after that
            self._write_soon()

    def _write_if_changed(self, store: RecordStore, key: str) -> None:
        if (call := self._changed.pop(key, None)) is not None:
            self._try_to_write(store, key, call)

    def _write_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def _look_again(self, key: str) -> None:
        """Something of a call has changed, be it alive or over."""
        if (call := self._living.get(key)) is not None:
            self._changed[key] = call
        elif key in self._outstanding.calls or key in self._held or key in self._rests:
            self._over.add(key)

    def _try_to_write_rest(self, store: RecordStore, key: str) -> None:
        """Write what is left of one call; see `_try_to_write`."""
        try:
            self._write_rest(store, key)
        except Exception:
            metrics.records.RECORD_FAULTS.inc()
            log.exception("what is left of a call could not be written down", call_id=key)

    def _write_rest(self, store: RecordStore, key: str) -> None:
        """Write what is left of a call that is over; nothing, in the end."""
        outstanding, held = self._outstanding.of(key), self._held.get(key)
        if held is None and not outstanding:
            self._rests.discard(key)
            store.forget(key)
            return
        self._rests.add(key)
        left = held.beside(outstanding) if held else Unfinished(key, ended=True, outstanding=outstanding)
        store.keep(key, framed(RecordKind.UNFINISHED, written(left)))

    def _try_to_write(self, store: RecordStore, key: str, call: Recorded) -> None:
        """Write one call: what goes wrong with it must not cost the records of the others, nor the call itself."""
        try:
            self._write(store, key, call)
        except Exception:
            metrics.records.RECORD_FAULTS.inc()
            log.exception("a call could not be written down", call_id=key)

    def _write(self, store: RecordStore, key: str, call: Recorded) -> None:
        outstanding = self._outstanding.of(key)
        record, at_rest = call.record()
        note = call.doubt(outstanding, at_rest) if outstanding or not at_rest else None
        other = self._doubtful.get(key) != (hash(note) if note is not None else None)
        if record is not None and (self._written.get(key) != hash(record) or (at_rest and other)):
            self._written[key], self._living[key] = hash(record), call
            if is_of_call(record):
                self._answered.add(key)
            # Both or neither: a record without what is under way would say that nothing was.
            store.keep(key, record, note)
        elif note is not None and key in self._written and other:
            store.doubt(key, note)
        else:
            return
        if note is not None:
            self._doubtful[key] = hash(note)
        else:
            self._doubtful.pop(key, None)
