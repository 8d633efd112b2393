"""Calls and traces in one SQLite file. Does I/O: writes on a thread of its own, reads on the pool of the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from splitter.core.clock import Clock, SystemClock
from splitter.core.number_search import Clause, branches, learn_number
from splitter.store import outbox, schema
from splitter.store.outbox import Delivered, Delivery
from splitter.store.schema import CallRow, EndedCalls, KeptView, StoreError
from splitter.store.settings import StoreSettings
from splitter.store.writer import Writer, kind_of
from splitter.telemetry.trace import TraceEvent

TRACE_EVENTS = 50_000  # the most of one call that is read at a time
_ROOM = 2  # calls are few and worth more than events: they are queued a good while longer

_TEXT = "CAST(view AS TEXT)"  # SQLite takes a BLOB for another form of JSON from 3.45 on
_EXTENSION = f"CASE WHEN json_valid({_TEXT}) THEN json_extract({_TEXT}, '$.extension') END"

T = TypeVar("T")


class Store:
    """The calls, traces and deliveries that outlast a restart; the sink of the trace.

    Nothing that a call does here blocks or raises; only readers are told of failures, as StoreError.

    Args:
        settings: where and how much.
        clock: wall time for the age of calls.
    """

    def __init__(self, settings: StoreSettings, clock: Clock | None = None) -> None:
        if settings.path == schema.MEMORY:  # each store has its own, or two in one process would share it
            settings = replace(settings, path=f"{schema.MEMORY}{id(self)}")
        self._path = settings.path
        self._writer = Writer(settings, clock or SystemClock())

    # ---- writing -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start writing. A file that cannot be opened is an alarm, not an error."""
        self._writer.start()

    def adopt(self, settings: StoreSettings) -> None:
        """Keep as much as these say, from now on; in the same file."""
        self._writer.adopt(settings)

    async def stop(self, limit_s: float = 5.0) -> None:
        """Write what is queued and close the file."""
        await asyncio.to_thread(self._writer.finish, limit_s)

    def write(self, event: TraceEvent) -> None:
        """Keep one trace event. Never blocks, never raises; dropped and counted where the queue is full."""
        self._writer.put(event, len(event.data))

    def save_call(self, row: CallRow) -> None:
        """Keep a call as it is now, instead of what was kept of it before. Never blocks, never raises."""
        self._writer.put(row, schema.size(row), _ROOM)

    def save_delivery(self, row: Delivery | Delivered) -> None:
        """Keep what a webhook is to get, or forget what it got. Never blocks, never raises."""
        self._writer.put(row, schema.size(row), _ROOM)

    async def flush(self, limit_s: float = 1.0) -> bool:
        """Wait until what was handed in so far can be read; False where that takes longer than `limit_s`."""
        return await asyncio.to_thread(self._writer.flush, limit_s)

    @property
    def alarm(self) -> str:
        """The alarm of the store, in plain words; "" while it works."""
        return self._writer.alarm

    # ---- reading -------------------------------------------------------------------------------------------------

    async def ended(self, wanted: EndedCalls, limit: int) -> list[KeptView]:
        """The calls that ended and are wanted, the newest first."""
        return await self._read(lambda db: ended_calls(db, wanted, limit))

    async def find(self, reference: str, limit: int = 10) -> list[bytes]:
        """Views of the calls whose id begins with `reference`, or else whose short code it is; the newest first."""
        return await self._read(lambda db: _find(db, reference, limit))

    async def search(self, number: str, limit: int = 50) -> list[bytes]:
        """Views of the calls from or to a number, in any spelling, the newest first; if there is none, its end does."""
        return await self._read(lambda db: _search(db, number, limit))

    async def trace(self, call_id: str) -> list[TraceEvent]:
        """The trace of one call, in order."""
        return await self._read(lambda db: schema.events_of(db, call_id, TRACE_EVENTS))

    async def deliveries(self) -> list[Delivery]:
        """The deliveries that webhooks did not get yet, in order."""
        return await self._read(outbox.waiting)

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection of its own; a new one each time, since the file may have been replaced."""

        def work() -> T:
            with closing(schema.open_for_reading(self._path)) as db:
                return query(db)

        try:
            return await asyncio.to_thread(work)
        except sqlite3.Error as error:
            if kind_of(error) == "corrupt":
                self._writer.report_corrupt()
            raise StoreError(f"the store cannot be read: {error}") from error


def _views(db: sqlite3.Connection, clause: str, values: tuple[object, ...]) -> list[bytes]:
    return [bytes(view) for (view,) in db.execute(f"SELECT view FROM calls {clause}", values)]


def ended_calls(db: sqlite3.Connection, wanted: EndedCalls, limit: int) -> list[KeptView]:
    """Calls that ended and are wanted, the newest first.

    The extension is looked for in the view itself: so it needs no column, and a store of any version can be asked.
    """
    clause = "ended_at IS NOT NULL AND started_at >= ? AND started_at < ?"
    values: tuple[object, ...] = (wanted.since, wanted.before)
    if wanted.extension:
        clause, values = f"{clause} AND {_EXTENSION} = ?", (*values, wanted.extension)
    if not wanted.number:
        return _newest(db, [(clause, values)], limit)
    learn_number(db, wanted.number)
    ways = branches(wanted.number, end=True)
    return _newest(db, [(f"{clause} AND {way}", (*values, *more)) for way, more in ways], limit)


def _find(db: sqlite3.Connection, reference: str, limit: int) -> list[bytes]:
    # A range instead of LIKE: the primary key answers it, and "%" means nothing.
    by_id = _views(
        db,
        "WHERE call_id >= ? AND call_id < ? ORDER BY started_at DESC LIMIT ?",
        (reference, reference + "\U0010ffff", limit),
    )
    return by_id or _views(db, "WHERE short_code = ? ORDER BY started_at DESC LIMIT 1", (reference,))


def _search(db: sqlite3.Connection, number: str, limit: int) -> list[bytes]:
    learn_number(db, number)
    whole = _newest(db, branches(number), limit)
    if whole or not number:
        return [call.view for call in whole]
    return [call.view for call in _newest(db, branches(number, whole=False, end=True), limit)]


def _newest(db: sqlite3.Connection, ways: list[Clause], limit: int) -> list[KeptView]:
    """The newest of the calls that meet one of these conditions; none meets two."""
    each = " UNION ALL ".join(f"SELECT started_at, view FROM calls WHERE {clause}" for clause, _ in ways)
    values = [value for _, more in ways for value in more]
    rows = db.execute(f"{each} ORDER BY started_at DESC LIMIT ?", (*values, limit))
    return [KeptView(at, bytes(view)) for at, view in rows]
