"""Records of live calls: when they are written.

A call that is at rest is written down a moment after its last change (`FLUSH_S`), so that a burst of changes is one
record. One that does not come to rest keeps its last record, and beside it stands what is under way: its peers know
something that the record does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog

from splitter.calls.frame import RecordKind, kind_of
from splitter.telemetry import record_counts

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

    def record(self, restless: bool = False) -> bytes | None:
        """The call as it is now, framed by `frame.framed`; None while it is not at rest.

        Args:
            restless: an answered one all the same, at rest or not.
        """

    def doubt(self) -> bytes:
        """A note of what is under way, while the call is not at rest."""


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
        self._held: dict[str, bytes] = {}  # records of calls that live no more, and are kept for a while
        self._timer: asyncio.TimerHandle | None = None

    def touch(self, key: str, call: Recorded, answered: bool = False) -> None:
        """Look at a call in a moment: something has happened to it.

        Args:
            key: the id of the call.
            answered: it is. Of a call that nothing is known of yet, or was said to be unanswered, no moment is lost.
        """
        if self._store is None:
            return
        if key not in self._written or (answered and key not in self._answered):
            self._try_to_write(self._store, key, call)
        self._changed[key] = call
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def resume(self, key: str, call: Recorded) -> None:
        """Know a call that was taken up from its record: the record stays, until there is a better one."""
        self._written[key], self._living[key] = 0, call
        self._answered.add(key)

    def hold(self, key: str, record: bytes, seconds: float) -> None:
        """Keep the record of a call that does not live any more, for a while."""
        if self._store is not None:
            self._held[key] = record
            self._store.keep(key, record)
            asyncio.get_running_loop().call_later(seconds, self.forget, key)

    def forget(self, key: str) -> None:
        """A call is over."""
        self._changed.pop(key, None)
        self._living.pop(key, None)
        self._held.pop(key, None)
        self._doubtful.pop(key, None)
        self._written.pop(key, None)
        self._answered.discard(key)
        if self._store is not None:
            self._store.forget(key)

    def write_ahead(self, keys: Iterable[str]) -> None:
        """Write now what has changed, for something leaves that peers build on; in these calls whatever has."""
        for key in keys:
            if (call := self._living.get(key)) is not None:
                self._changed[key] = call
        self.flush()

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
            for key, record in self._held.items():
                store.keep(key, record)
        changed, self._changed = self._changed, {}
        for key, call in changed.items():
            self._try_to_write(store, key, call)
        if again:
            store.whole()

    def _try_to_write(self, store: RecordStore, key: str, call: Recorded) -> None:
        """Write one call: what goes wrong with it must not cost the records of the others, nor the call itself."""
        try:
            self._write(store, key, call)
        except Exception:
            record_counts.RECORD_FAULTS.inc()
            log.exception("a call could not be written down", call_id=key)

    def _write(self, store: RecordStore, key: str, call: Recorded) -> None:
        record = call.record()
        if record is not None:
            if self._written.get(key) != hash(record) or key in self._doubtful:
                self._keep(store, key, call, record)
            return
        restless = call.record(restless=True)
        if restless is not None and self._written.get(key) != hash(restless):
            self._keep(store, key, call, restless, call.doubt())
        elif key in self._written and self._doubtful.get(key) != (seen := hash(note := call.doubt())):
            self._doubtful[key] = seen
            store.doubt(key, note)

    def _keep(self, store: RecordStore, key: str, call: Recorded, record: bytes, note: bytes | None = None) -> None:
        """Keep both or neither: a record without what is under way would say that nothing was."""
        self._written[key], self._living[key] = hash(record), call
        if note is None:
            self._doubtful.pop(key, None)
        else:
            self._doubtful[key] = hash(note)
        if kind_of(record) is RecordKind.CALL:
            self._answered.add(key)
        store.keep(key, record, note)
