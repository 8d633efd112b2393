"""The records of calls that live now, in a small SQLite file of their own. Does I/O on a thread of its own.

Apart from the store of traces, which may be large, full or replaced: a record must be on disk within moments, and what
is kept here is never more than the calls that live.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import structlog

from splitter.store.gathering import Gatherer, ShelfFault
from splitter.store.rows import Batch, LiveRow, Mark, ShelfContent
from splitter.store.schema import BUSY_S
from splitter.store.write_ahead import WriteAheadLog
from splitter.store.writer import kind_of
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS live (
    call_id    TEXT PRIMARY KEY,
    written_at REAL NOT NULL,
    doubt      BLOB,           -- what was under way after this was written
    record     BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS mark (fence INTEGER NOT NULL, number INTEGER NOT NULL);  -- of a cluster; one row or none
"""

_KEEP = """
INSERT INTO live VALUES (?, ?, NULL, ?)
ON CONFLICT (call_id) DO UPDATE SET written_at = excluded.written_at, doubt = NULL, record = excluded.record
"""


class LiveStore(Gatherer):
    """The records of live calls on this host.

    Args:
        path: of the file; None keeps nothing over a restart.
        on_loss: see `Gatherer`.
        ahead: the folder of what is not in the file yet; None keeps that in memory alone.
    """

    def __init__(
        self, path: Path | None, on_loss: Callable[[], None] = lambda: None, ahead: Path | None = None
    ) -> None:
        super().__init__(None if path is None else LiveFile(path), on_loss, WriteAheadLog(ahead))


class LiveFile:
    """The file, as a shelf."""

    name = "disk"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._inode = -1  # of the open file: one that was deleted under us is begun anew
        self._mark: Mark | None = None

    @property
    def late(self) -> str:
        return f"records of live calls wait for the disk ({self._path}): a restart now would lose their last changes"

    def read(self) -> ShelfContent:
        """All records, the oldest first. A file that cannot be read is moved aside."""
        try:
            with closing(self._open()) as db:
                rows = db.execute("SELECT call_id, written_at, record, doubt FROM live ORDER BY rowid")
                found = tuple(LiveRow(*row) for row in rows)
                mark = db.execute("SELECT fence, number FROM mark").fetchone()
                return ShelfContent(found, Mark(*mark) if mark else None)
        except (sqlite3.Error, OSError) as error:
            raise self._fault(error) from error

    def write(self, batch: Batch) -> bool:
        """Write in one transaction; a file that was deleted under us is begun anew, and what it held is gone."""
        gone = self._is_gone()
        try:
            if gone:
                self.close()
            self._db = self._db or self._open()
            if batch.changes or batch.anew or batch.mark != self._mark:
                _write(self._db, batch)
                self._mark = batch.mark
        except (sqlite3.Error, OSError) as error:
            raise self._fault(error) from error
        return not gone

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Made by us rather than by SQLite: records hold telephone numbers and are nobody else's to read.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            # With WAL, NORMAL loses nothing when the process dies (sqlite.org/wal.html); when the machine does, its
            # calls are gone with it.
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_TABLES)
        except BaseException:
            db.close()
            raise
        self._inode = self._path.stat().st_ino
        return db

    def _is_gone(self) -> bool:
        try:
            return self._inode >= 0 and self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def _fault(self, error: Exception) -> ShelfFault:
        kind = kind_of(error)
        metrics.store.ALARMS.labels(kind).inc()
        self.close()
        text = f"records of live calls cannot be written: {error} ({self._path}); a restart would lose these calls"
        return ShelfFault(kind, text, lost=kind == "corrupt" and self._move_aside())

    def _move_aside(self) -> bool:
        """Keep a corrupt file for those who want to look, and begin a new one."""
        with suppress(OSError):
            self._path.replace(self._path.with_name(f"{self._path.name}.corrupt"))
            for suffix in ("-wal", "-shm"):  # they belong to the old file and would spoil the new one
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            log.error("a corrupt file of live calls was moved aside", path=str(self._path))
            return True
        return False


def _write(db: sqlite3.Connection, batch: Batch) -> None:
    """Write the newest record of each call, and delete those of calls that are over, in one transaction."""
    now, changes = time.time(), batch.changes
    db.execute("BEGIN IMMEDIATE")
    try:
        if batch.anew:
            db.execute("DELETE FROM live")
        kept = [(call_id, now, change.record) for call_id, change in changes.items() if change.record is not None]
        db.executemany(_KEEP, kept)
        doubts = [(change.doubt, call_id) for call_id, change in changes.items() if change.doubt is not None]
        db.executemany("UPDATE live SET doubt = ? WHERE call_id = ?", doubts)
        db.executemany("DELETE FROM live WHERE call_id = ?", [(one,) for one, change in changes.items() if change.over])
        if batch.mark.fence:
            db.execute("DELETE FROM mark")
            db.execute("INSERT INTO mark VALUES (?, ?)", (batch.mark.fence, batch.mark.number))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise
