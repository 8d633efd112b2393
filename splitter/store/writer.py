"""The one thread that writes to the store. Does I/O.

The event loop only appends to a bounded queue. The thread takes what has gathered, writes it in one transaction, keeps
the file within its bounds, and when the disk is full or the file unwritable keeps the batch and tries again: calls
notice nothing of it.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from splitter.core.clock import Clock
from splitter.store import schema
from splitter.store.schema import Row
from splitter.store.settings import StoreSettings
from splitter.telemetry import metrics

QUEUE_ROWS = 20_000
QUEUE_BYTES = 64_000_000
BATCH_ROWS = 2000
GATHER_S = 0.2  # rows gather this long, so that the thread wakes seldom and a call's changes become one row
RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
ALARM_EVERY_S = 60.0
TIDY_EVERY_S = 30.0
TIDY_LIMIT_S = 1.0  # deleting may take this long while the queue fills
MOVED_ASIDE = 3

# What the fault of one row looks like, as against a fault of the store.
UNSTORABLE = (
    ValueError,  # not Unicode, not a number that SQLite knows
    OverflowError,
    TypeError,
    AttributeError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
)

log = structlog.get_logger(__name__)

_KINDS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_READONLY: "unwritable",
    sqlite3.SQLITE_CANTOPEN: "unwritable",
    sqlite3.SQLITE_PERM: "unwritable",
    sqlite3.SQLITE_IOERR: "unwritable",
}


def kind_of(error: Exception) -> str:
    """The kind of a failure, as the metric names it: full, unwritable, corrupt or other."""
    if isinstance(error, OSError):
        return "full" if error.errno == errno.ENOSPC else "unwritable"
    code = getattr(error, "sqlite_errorcode", None) or 0
    return _KINDS.get(code & 0xFF, "other")  # the low byte is the primary code, the rest details


class Writer(threading.Thread):
    """Writes rows; heals itself.

    Args:
        settings: where and how much.
        clock: wall time for the age of calls.
    """

    def __init__(self, settings: StoreSettings, clock: Clock) -> None:
        super().__init__(name="store", daemon=True)
        self._settings = settings
        self._clock = clock
        self._max_bytes = settings.max_size_mb * 1_000_000
        self._queue: deque[Row] = deque()
        self._batch: list[Row] = []  # taken from the queue, not written yet
        self._bytes_in = 0  # counted up by the event loop only …
        self._bytes_out = 0  # … and this by the writer only, so neither needs a lock
        self._rows_in = 0
        self._rows_out = 0
        self._opened = False  # the tables are there
        self._progress = threading.Condition()
        self._wake = threading.Event()
        self._woken = False  # what `_wake` says, for the event loop: to ask the event costs a call for each row
        self._hurry = threading.Event()
        self._stopping = False
        self._suspect = False
        self._bounded = True  # the file has the bound that the settings say
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._tidy_at = 0.0
        self._failures = 0
        self._alarmed_at = float("-inf")
        self.alarm = ""  # what is wrong now; read by other threads

    # ---- called by the event loop --------------------------------------------------------------------------------

    def put(self, row: Row, size_bytes: int, room: int = 1) -> bool:
        """Queue a row. Never blocks; returns False where it was dropped because the queue is full.

        Args:
            size_bytes: as `schema.size` says.
            room: how many times as long as others it is taken.
        """
        full = len(self._queue) >= QUEUE_ROWS * room or self._bytes_in - self._bytes_out > QUEUE_BYTES * room
        if full or self._stopping:
            metrics.store.TRACE_DROPPED.inc()
            return False
        self._bytes_in += size_bytes
        self._rows_in += 1
        self._queue.append(row)
        if not self._woken:
            self._woken = True
            self._wake.set()
        return True

    def adopt(self, settings: StoreSettings) -> None:
        """Keep as much as these say, from the next tidying on; in the same file."""
        path = self._settings.path
        self._settings = replace(settings, path=path)
        self._max_bytes = settings.max_size_mb * 1_000_000
        self._bounded = False
        self._tidy_at = 0.0
        self._wake.set()

    # ---- called by other threads ---------------------------------------------------------------------------------

    def flush(self, limit_s: float) -> bool:
        """Wait until everything queued before now can be read; False where that takes longer than `limit_s`."""
        goal = self._rows_in
        self._hurry.set()
        with self._progress:
            return self._progress.wait_for(lambda: self._opened and self._rows_out >= goal, limit_s)

    def finish(self, limit_s: float) -> None:
        """Write what is queued, close the file, end the thread; give up on a broken store after `limit_s`."""
        self._stopping = True
        self._hurry.set()
        self._wake.set()
        self.join(limit_s)

    def report_corrupt(self) -> None:
        """A reader found the file corrupt: it is replaced at the next write."""
        self._suspect = True
        self._wake.set()

    # ---- the thread ----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Write until told to finish."""
        works = self._step()  # open at once: a wrong path shows at the start, not at the first call
        while not self._stopping or ((self._queue or self._batch) and works):
            if works:
                self._wake.wait(0 if self._queue else TIDY_EVERY_S)
                if not self._stopping:
                    self._hurry.wait(GATHER_S)
            else:
                self._hurry.wait(RETRY_S[min(self._failures, len(RETRY_S)) - 1])
            self._hurry.clear()
            self._wake.clear()
            self._woken = False  # after that, and before the queue is looked at, so that no row is overlooked
            works = self._step()
        lost = self._waiting()
        if lost:
            metrics.store.TRACE_DROPPED.inc(lost)
            log.error("store closed with rows that could not be written", path=self._settings.path, lost=lost)
        self._close()

    def _step(self) -> bool:
        """One round: open if need be, write one batch, tidy. False where the store does not work."""
        while self._queue and len(self._batch) < BATCH_ROWS:
            self._batch.append(self._queue.popleft())
        try:
            if self._suspect:
                raise sqlite3.DatabaseError("found corrupt by a reader")
            if self._db is None:
                self._db = self._open()
            if not self._bounded:
                self._bounded = True
                schema.bound(self._db, self._max_bytes)
            if self._batch:
                self._write(self._db)
            if time.monotonic() >= self._tidy_at or schema.used_bytes(self._db) > self._max_bytes:
                self._tidy(self._db)
        except (sqlite3.Error, OSError) as error:
            self._failed("corrupt" if self._suspect else kind_of(error), str(error))
            return False
        self._works()
        metrics.store.QUEUE.set(self._waiting())
        return True

    def _works(self) -> None:
        if self._failures:
            log.info("store works again", path=self._settings.path, queued=self._waiting())
        self._failures = 0
        self.alarm = ""
        metrics.store.UP.set(1)

    def _waiting(self) -> int:
        return len(self._queue) + len(self._batch)

    def _write(self, db: sqlite3.Connection) -> None:
        try:
            schema.insert(db, self._batch)
        except UNSTORABLE:
            self._salvage(db)
        self._works()  # before whoever waits for these rows is told
        for row in self._batch:
            self._bytes_out += schema.size(row)
        with self._progress:
            self._rows_out += len(self._batch)
            self._progress.notify_all()
        self._batch.clear()

    def _salvage(self, db: sqlite3.Connection) -> None:
        """One row spoiled the batch: write them singly and leave out what cannot be kept."""
        for row in self._batch:
            try:
                schema.insert(db, [schema.clean(row)])
            except UNSTORABLE as error:
                metrics.store.TRACE_DROPPED.inc()
                log.error("row cannot be kept", row=schema.name(row), error=str(error))

    def _open(self) -> sqlite3.Connection:
        db = schema.open_for_writing(self._settings.path, self._max_bytes)
        self._inode = self._inode_now()
        self._tidy_at = 0.0
        with self._progress:
            self._opened = True
            self._progress.notify_all()
        return db

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close()
            except sqlite3.Error as error:
                log.warning("store did not close cleanly", path=self._settings.path, error=str(error))

    # ---- bounds --------------------------------------------------------------------------------------------------

    def _tidy(self, db: sqlite3.Connection) -> None:
        """Delete what is too old or too much, and give pages back; bounded in time, the rest after the next batch."""
        deadline = time.monotonic() + TIDY_LIMIT_S
        self._tidy_at = time.monotonic() + TIDY_EVERY_S
        before = self._clock.wall() - self._settings.max_age_days * 86_400
        pruned = schema.CALLS_PRUNED
        while pruned == schema.CALLS_PRUNED and time.monotonic() < deadline:
            pruned = schema.prune_age(db, before)
            metrics.store.PRUNED.labels("age").inc(pruned)
        used, more = schema.used_bytes(db), True
        while used > self._max_bytes * 0.95 and more and time.monotonic() < deadline:
            metrics.store.PRUNED.labels("size").inc(schema.prune_size(db))
            used_before, used = used, schema.used_bytes(db)
            more = used < used_before
        if time.monotonic() >= deadline:
            self._tidy_at = 0.0
        schema.give_back(db)
        metrics.store.BYTES.set(used)
        if self._inode != self._inode_now():
            log.warning("store file was replaced or deleted under us; a new one is begun", path=self._settings.path)
            self._close()

    def _inode_now(self) -> int:
        if schema.in_memory(self._settings.path):
            return 0
        try:
            return Path(self._settings.path).stat().st_ino
        except FileNotFoundError:
            return -1

    # ---- failures ------------------------------------------------------------------------------------------------

    def _failed(self, kind: str, error: str) -> None:
        """Alarm, and get ready for the next try."""
        self._failures += 1
        self.alarm = f"store {kind}: {error} ({self._settings.path})"
        metrics.store.UP.set(0)
        metrics.store.ALARMS.labels(kind).inc()
        metrics.store.QUEUE.set(self._waiting())
        now = time.monotonic()
        if self._failures == 1 or now >= self._alarmed_at + ALARM_EVERY_S:
            self._alarmed_at = now
            log.error(
                "store does not work; calls go on, their traces wait in memory",
                kind=kind,
                error=error,
                path=self._settings.path,
                queued=self._waiting(),
                failures=self._failures,
            )
        if kind == "full" and self._db is not None:
            self._make_room(self._db)
            return
        self._close()
        if kind == "corrupt":
            self._move_aside()

    def _make_room(self, db: sqlite3.Connection) -> None:
        """The file reached its own limit: the oldest calls give way. On a full disk this fails as well, and we wait."""
        try:
            metrics.store.PRUNED.labels("size").inc(schema.prune_size(db))
        except sqlite3.Error:
            self._close()

    def _move_aside(self) -> None:
        """A corrupt file is kept for whoever wants to look, and a new one is begun."""
        self._suspect = False
        path = Path(self._settings.path)
        stamp = datetime.fromtimestamp(self._clock.wall(), UTC).strftime("%Y%m%dT%H%M%S")
        target = path.with_name(f"{path.name}.corrupt-{stamp}")
        try:
            path.rename(target)
            for suffix in ("-wal", "-shm"):  # they belong to the old file and would spoil the new one
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            for old in sorted(path.parent.glob(f"{path.name}.corrupt-*"))[:-MOVED_ASIDE]:
                old.unlink()
        except OSError as error:
            log.error("corrupt store could not be moved aside", path=str(path), error=str(error))
        else:
            log.error("corrupt store moved aside; a new one is begun", path=str(path), moved_to=str(target))
