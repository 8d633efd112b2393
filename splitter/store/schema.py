"""Tables, rows and pruning: plain functions over an open SQLite connection. Does I/O."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import structlog

from splitter.core.errors import SplitterError
from splitter.core.number_search import index_of
from splitter.core.tenancy import Tenancy
from splitter.store import outbox
from splitter.store.outbox import Delivered, Delivery
from splitter.store.packing import Packer, unpacked
from splitter.store.settings import StoreSettings
from splitter.telemetry.trace import TraceEvent

log = structlog.get_logger(__name__)

VERSION = 3
BUSY_S = 5.0
MEMORY = ":memory:"
_PAGES_GIVEN_BACK = 2000  # at a time, so that one vacuum step stays short
CALLS_PRUNED = 100  # at a time for age,
_CALLS_SQUEEZED = 10  # and for size, where one too many is a pity
_EVENTS_PRUNED = 2000

TABLES = """
CREATE TABLE calls (
    call_id    TEXT PRIMARY KEY,
    short_code TEXT NOT NULL,
    started_at REAL NOT NULL,
    ended_at   REAL,
    caller     TEXT NOT NULL,
    called     TEXT NOT NULL,
    view       BLOB NOT NULL      -- JSON, as the API shows it
);
CREATE INDEX calls_by_start  ON calls (started_at, caller, called);  -- covers the search for less than an end
CREATE INDEX calls_by_caller ON calls (caller, started_at);
CREATE INDEX calls_by_called ON calls (called, started_at);
CREATE INDEX calls_by_code   ON calls (short_code, started_at);
CREATE TABLE trace (
    id        INTEGER PRIMARY KEY, -- in the order of writing, which is the order of time
    call_id   TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    at        REAL NOT NULL,       -- of the last event, where there are several
    leg       TEXT NOT NULL,
    kind      TEXT NOT NULL,
    direction TEXT NOT NULL,
    peer      TEXT NOT NULL,
    text      TEXT NOT NULL,
    packed    INTEGER NOT NULL,    -- 2: data is several events; see `packing`, also for those of format 2
    data      BLOB NOT NULL
);
CREATE INDEX trace_by_call ON trace (call_id);
"""

# Made in files of the same format that have them not; an older program writes them too, and knows nothing of them.
_LATER_INDEXES = f"""
CREATE INDEX IF NOT EXISTS calls_by_caller_end ON calls ({index_of("caller", "started_at")});
CREATE INDEX IF NOT EXISTS calls_by_called_end ON calls ({index_of("called", "started_at")});
"""

# Not REPLACE: that would delete the row and every index entry of it each time a call changes.
_SAVE_CALL = """
INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (call_id) DO UPDATE SET
    short_code = excluded.short_code, started_at = excluded.started_at, ended_at = excluded.ended_at,
    caller = excluded.caller, called = excluded.called, view = excluded.view
"""


_FROM_VERSION = {1: outbox.TABLE, 2: ""}  # what a file of that version lacks; 3 packs traces otherwise


NEWEST = 1e18
"""Later than any call."""


class StoreError(SplitterError):
    """The store could not be read."""


class NewerStore(sqlite3.DatabaseError):
    """The file was made by a newer version of the program: it must not be touched."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call as it is kept: what is searched for, and the whole as JSON.

    Attributes:
        view: the call as the API shows it, JSON-encoded; opaque here.
    """

    call_id: str
    started_at: float
    ended_at: float | None
    caller: str
    called: str
    view: bytes
    short_code: str = ""


@dataclass(frozen=True, slots=True)
class EndedCalls:
    """Which of the calls that ended are wanted.

    Attributes:
        number: from or to it, or to what ends so; "" for all. extension: of the desk that had it; "" for all.
        since, before: when they started, Unix seconds: from `since` on, and before `before`.
    """

    number: str = ""
    extension: str = ""
    since: float = 0.0
    before: float = NEWEST


class KeptView(NamedTuple):
    """A call that was kept: when it started, and its view."""

    started_at: float
    view: bytes


Row = TraceEvent | CallRow | Delivery | Delivered


def tenancy_of(settings: StoreSettings) -> Tenancy | None:
    """The right to a store, and to the records of live calls beside it; None where it is memory alone.

    Raises:
        LocalError: another gateway has it.
    """
    if in_memory(settings.path):
        return None
    path = Path(settings.path)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        return None  # the store says so itself, and calls go on without it
    return Tenancy(path.with_name(f"{path.name}.lock"), f"store.path {path}")


def beside(store: str, name: str) -> Path | None:
    """A file or folder beside the store's; None where that keeps nothing over a restart."""
    return None if store == MEMORY else Path(store).with_name(name)


def size(row: Row) -> int:
    """Bytes that it takes up while it waits, roughly."""
    match row:
        case TraceEvent():
            return len(row.data)
        case CallRow():
            return len(row.view)
        case Delivery():
            return len(row.body)
        case Delivered():
            return 0


def name(row: Row) -> str:
    """The name of a row, for the log."""
    return row.id if isinstance(row, Delivery | Delivered) else row.call_id


def in_memory(path: str) -> bool:
    """True for a database without a file."""
    return path.startswith(MEMORY)


def location(path: str, mode: str) -> str:
    """The URI of a database. ":memory:NAME" is shared between connections, so that readers see what was written."""
    if in_memory(path):
        return f"file:{quote(path.removeprefix(MEMORY))}?mode=memory&cache=shared"
    return f"file:{quote(path)}?mode={mode}"


def open_for_writing(path: str, max_size_bytes: int) -> sqlite3.Connection:
    """Open, and make it where it is missing.

    Raises:
        sqlite3.Error, OSError: it cannot be opened, is corrupt, or comes from a newer version.
    """
    if not in_memory(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Made by us rather than by SQLite: traces hold telephone numbers and are nobody else's to read.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(location(path, "rw"), uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        _prepare(db, max_size_bytes)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, max_size_bytes: int) -> None:
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only has effect before the first table
    db.execute("PRAGMA journal_mode = WAL")
    # With WAL, NORMAL loses at most the last moments on power failure and never corrupts (sqlite.org/wal.html).
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA journal_size_limit = 16777216")
    bound(db, max_size_bytes)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise NewerStore(f"the file has format {version}, this program knows {VERSION}")
    if version == 0:
        db.executescript(f"BEGIN; {TABLES} {outbox.TABLE} PRAGMA user_version = {VERSION}; COMMIT;")
    for older in range(version or VERSION, VERSION):
        db.executescript(f"BEGIN; {_FROM_VERSION[older]} PRAGMA user_version = {older + 1}; COMMIT;")
    _index(db)


def _index(db: sqlite3.Connection) -> None:
    """Make the indexes that the file has not. Without them searches take longer; so one that has no room for them, or
    that somebody reads just now, gets them at another start."""
    try:
        db.executescript(f"BEGIN; {_LATER_INDEXES} COMMIT;")
    except sqlite3.OperationalError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        log.warning("searches for a number take longer: their index could not be made", error=str(error))


def bound(db: sqlite3.Connection, max_size_bytes: int) -> None:
    """Set how large the file may become: the last line of defence of the disk; pruning keeps far below it."""
    (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
    db.execute(f"PRAGMA max_page_count = {max_size_bytes * 5 // 4 // page_bytes + 64}")


def open_for_reading(path: str) -> sqlite3.Connection:
    """A connection that cannot write. Raises sqlite3.Error."""
    db = sqlite3.connect(location(path, "ro"), uri=True, timeout=BUSY_S, isolation_level=None)
    db.execute("PRAGMA query_only = ON")
    if in_memory(path):  # a shared cache locks whole tables; a torn read is worse for nobody here
        db.execute("PRAGMA read_uncommitted = ON")
    return db


# ---- rows --------------------------------------------------------------------------------------------------------


def clean(row: Row) -> Row:
    """The row with characters that are not Unicode (from a peer's raw bytes) spelled out, so that it can be kept."""
    if isinstance(row, CallRow):
        return replace(row, caller=_clean(row.caller), called=_clean(row.called), short_code=_clean(row.short_code))
    if not isinstance(row, TraceEvent):
        return row
    return replace(row, leg=_clean(row.leg), peer=_clean(row.peer), text=_clean(row.text))


def _clean(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def insert(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write a batch in one transaction: all of it or nothing. Of a call only its last row counts, and its events are
    packed together."""
    traces: dict[str, Packer] = {}
    calls: dict[str, tuple[object, ...]] = {}
    deliveries: list[Delivery | Delivered] = []
    for row in rows:
        if isinstance(row, TraceEvent):
            if (packer := traces.get(row.call_id)) is None:
                packer = traces[row.call_id] = Packer(row.call_id)
            packer.add(row)
        elif isinstance(row, Delivery | Delivered):
            deliveries.append(row)
        else:
            times = (row.started_at, row.ended_at)
            calls[row.call_id] = (row.call_id, row.short_code, *times, row.caller, row.called, row.view)
    packed = [row for packer in traces.values() for row in packer.rows()]
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany("INSERT INTO trace VALUES (NULL, ?, ?, ?, '', '', '', '', '', ?, ?)", packed)
        db.executemany(_SAVE_CALL, calls.values())
        outbox.insert(db, deliveries)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have rolled back already
            db.execute("ROLLBACK")
        raise


def events_of(db: sqlite3.Connection, call_id: str, limit: int) -> list[TraceEvent]:
    """The trace of one call, in order; at most `limit` events."""
    columns = "packed, data, at, leg, kind, direction, peer, text, seq"
    rows = db.execute(f"SELECT {columns} FROM trace WHERE call_id = ? ORDER BY id LIMIT ?", (call_id, limit))
    return list(islice(chain.from_iterable(unpacked(call_id, *row) for row in rows), limit))


# ---- bounds ------------------------------------------------------------------------------------------------------


def used_bytes(db: sqlite3.Connection) -> int:
    """Bytes of pages that hold something."""
    pages, free, page_bytes = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def prune_age(db: sqlite3.Connection, before: float) -> int:
    """Delete some calls that started before `before`, and events of no call that are older. Returns: calls deleted."""
    calls = _delete_calls(db, "WHERE started_at < ?", (before,), CALLS_PRUNED)
    outbox.prune(db, before)
    # Events whose call was never saved; rows are in the order of time, so the first ones are the oldest.
    db.execute(
        "DELETE FROM trace WHERE id IN (SELECT id FROM (SELECT id, at FROM trace ORDER BY id LIMIT ?) WHERE at < ?)",
        (_EVENTS_PRUNED, before),
    )
    return calls


def prune_size(db: sqlite3.Connection) -> int:
    """Delete some of the oldest calls or, where there is no call left, of the oldest events. Returns: calls deleted."""
    calls = _delete_calls(db, "", (), _CALLS_SQUEEZED)
    if not calls:
        first, last = db.execute("SELECT min(id), max(id) FROM trace").fetchone()
        if last is not None:
            db.execute("DELETE FROM trace WHERE id <= ?", (first + (last - first) // 50,))
    return calls


def give_back(db: sqlite3.Connection) -> None:
    """Return some free pages to the file system."""
    # Each step of the statement frees one page, so it must be run to its end.
    db.execute(f"PRAGMA incremental_vacuum({_PAGES_GIVEN_BACK})").fetchall()


def _delete_calls(db: sqlite3.Connection, where: str, values: tuple[float, ...], limit: int) -> int:
    query = f"SELECT call_id FROM calls {where} ORDER BY started_at LIMIT {limit}"
    ids = db.execute(query, values).fetchall()
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany("DELETE FROM trace WHERE call_id = ?", ids)
        db.executemany("DELETE FROM calls WHERE call_id = ?", ids)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return len(ids)
