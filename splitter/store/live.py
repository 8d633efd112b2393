"""The records of calls that live now, in a small SQLite file of their own. Does I/O on a thread of its own.

Apart from the store of traces, which may be large, full or replaced: a record must be on disk within moments, and what
is kept here is never more than the calls that live. The event loop hands over the newest record of a call; one that was
not written yet is replaced by it, so what waits is bounded by the number of calls.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from splitter.store.schema import BUSY_S
from splitter.store.writer import kind_of
from splitter.telemetry import metrics

GATHER_S = 0.05  # a call that changes twice in a moment is written once
RETRY_S = 0.5
SLOW_S = 0.5  # a record that waits longer is late: what would be lost now is more than was promised

log = structlog.get_logger(__name__)

_TABLE = """
CREATE TABLE IF NOT EXISTS live (
    call_id    TEXT PRIMARY KEY,
    written_at REAL NOT NULL,
    doubt      BLOB,           -- what was under way after this was written
    record     BLOB NOT NULL
)
"""

_KEEP = """
INSERT INTO live VALUES (?, ?, NULL, ?)
ON CONFLICT (call_id) DO UPDATE SET written_at = excluded.written_at, doubt = NULL, record = excluded.record
"""


@dataclass(frozen=True, slots=True)
class LiveRow:
    """The record of one call, as it was last written.

    Attributes:
        written_at: Unix seconds.
        record: opaque here.
        doubt: what was under way after it was written; None for nothing. Opaque as well.
    """

    call_id: str
    written_at: float
    record: bytes
    doubt: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be written of one call.

    Attributes:
        record: None: the one that is there stays.
        over: nothing is kept of it any longer.
    """

    record: bytes | None = None
    doubt: bytes | None = None
    over: bool = False


class LiveStore:
    """The records of live calls; nothing that a call does here blocks or raises.

    Args:
        path: of the file; None keeps nothing over a restart.

    Attributes:
        generation: goes up when the file had to be begun anew: whatever lives has to be kept again.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.generation = 0
        self._inode = -1  # of the open file: one that was deleted under us is begun anew
        self._waiting: dict[str, _Change] = {}  # by call
        self._since: float | None = None  # when the oldest of them was handed in
        self._lock = threading.Condition()
        self._stopping = False
        self._busy = False
        self._alarm = ""
        self._thread: threading.Thread | None = None

    # ---- at the start and at the end -----------------------------------------------------------------------------

    def start(self) -> list[LiveRow]:
        """Open the file and begin to write. Returns: what calls lived when it was last written, the oldest first.

        A file that cannot be read is moved aside and an alarm, not an error: calls go on without records of before.
        """
        if self._path is None:
            return []
        rows: list[LiveRow] = []
        try:
            with closing(self._open()) as db:
                found = db.execute("SELECT call_id, written_at, record, doubt FROM live ORDER BY rowid")
                rows = [LiveRow(*row) for row in found]
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            if kind_of(error) == "corrupt":
                self._move_aside()
        self._thread = threading.Thread(target=self._run, name="live records", daemon=True)
        self._thread.start()
        return rows

    def stop(self, limit_s: float = 5.0) -> None:
        """Write what waits and close the file; a broken one is given up after `limit_s`."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(limit_s)

    # ---- called by the event loop --------------------------------------------------------------------------------

    def keep(self, call_id: str, record: bytes) -> None:
        """Keep this record of a call instead of the one before."""
        self._put(call_id, _Change(record))

    def doubt(self, call_id: str, note: bytes) -> None:
        """Keep beside the record of a call what is under way; the next record takes it away."""
        with self._lock:
            before = self._waiting.get(call_id, _Change())
        self._put(call_id, replace(before, doubt=note))

    def forget(self, call_id: str) -> None:
        """Keep no record of a call any longer: it is over."""
        self._put(call_id, _Change(over=True))

    @property
    def alarm(self) -> str:
        """The alarm of the records, in plain words; "" while records are written in time."""
        since = self._since
        if not self._alarm and since is not None and time.monotonic() - since > SLOW_S + GATHER_S:
            return (
                f"records of live calls wait for the disk ({self._path}): a restart now would lose their last changes"
            )
        return self._alarm

    def flush(self, limit_s: float = 5.0) -> bool:
        """Wait until all that was handed in is on disk; False where that takes longer than `limit_s`."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._waiting and not self._busy, limit_s)

    def _put(self, call_id: str, change: _Change) -> None:
        if self._path is None:
            return
        with self._lock:
            self._waiting[call_id] = change
            if self._since is None:
                self._since = time.monotonic()
                self._lock.notify_all()

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        db: sqlite3.Connection | None = None
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    break
                if not self._stopping:
                    self._lock.wait(GATHER_S)
                batch, self._waiting = self._waiting, {}
                began, self._since, self._busy = self._since, None, True
            try:
                if db is not None and self._is_gone():
                    db.close()
                    db = None
                    self.generation += 1
                db = db or self._open()
                _write(db, batch)
            except (sqlite3.Error, OSError) as error:
                self._give_up(db, error)
                db = None
                if not self._put_back(batch, began):
                    break
            else:
                self._works(batch, began)
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _open(self) -> sqlite3.Connection:
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Made by us rather than by SQLite: records hold telephone numbers and are nobody else's to read.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        try:
            # With WAL, NORMAL loses nothing when the process dies (sqlite.org/wal.html); when the machine does, its
            # calls are gone with it.
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(_TABLE)
        except BaseException:
            db.close()
            raise
        self._inode = self._path.stat().st_ino
        return db

    def _is_gone(self) -> bool:
        assert self._path is not None
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def _works(self, batch: dict[str, _Change], began: float | None) -> None:
        metrics.RECORDS_WRITTEN.inc(len(batch))
        if began is not None:
            metrics.RECORD_SECONDS.observe(time.monotonic() - began)
        if self._alarm:
            log.info("records of live calls are written again", path=str(self._path))
        self._alarm = ""
        with self._lock:
            self._busy = False
            self._lock.notify_all()

    def _give_up(self, db: sqlite3.Connection | None, error: Exception) -> None:
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()
        self._failed(error)
        if kind_of(error) == "corrupt":
            self._move_aside()

    def _put_back(self, batch: dict[str, _Change], began: float | None) -> bool:
        """Keep what could not be written for the next try; False where there will be none."""
        with self._lock:
            for call_id, older in batch.items():
                newer = self._waiting.get(call_id)
                if newer is None:
                    self._waiting[call_id] = older
                elif newer.record is None and not newer.over:
                    self._waiting[call_id] = replace(newer, record=older.record)
            self._since, self._busy = began, False
            if self._stopping:
                return False
            self._lock.wait_for(lambda: self._stopping, RETRY_S)
            return True

    def _failed(self, error: Exception) -> None:
        first = not self._alarm
        self._alarm = (
            f"records of live calls cannot be written: {error} ({self._path}); a restart would lose these calls"
        )
        metrics.STORE_ALARMS.labels(kind_of(error)).inc()
        if first:
            log.error(
                "records of live calls cannot be written", kind=kind_of(error), error=str(error), path=str(self._path)
            )

    def _move_aside(self) -> None:
        """Keep a corrupt file for those who want to look, and begin a new one."""
        assert self._path is not None
        with suppress(OSError):
            self._path.replace(self._path.with_name(f"{self._path.name}.corrupt"))
            for suffix in ("-wal", "-shm"):  # they belong to the old file and would spoil the new one
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self.generation += 1
            log.error("a corrupt file of live calls was moved aside", path=str(self._path))


def _write(db: sqlite3.Connection, batch: dict[str, _Change]) -> None:
    """Write the newest record of each call, and delete those of calls that are over, in one transaction."""
    now = time.time()
    db.execute("BEGIN IMMEDIATE")
    try:
        kept = [(call_id, now, change.record) for call_id, change in batch.items() if change.record is not None]
        db.executemany(_KEEP, kept)
        doubts = [(change.doubt, call_id) for call_id, change in batch.items() if change.doubt is not None]
        db.executemany("UPDATE live SET doubt = ? WHERE call_id = ?", doubts)
        db.executemany("DELETE FROM live WHERE call_id = ?", [(one,) for one, change in batch.items() if change.over])
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise
