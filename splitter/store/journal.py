"""What the event socket has told lately, kept over the end of the process. Does I/O: a small SQLite file.

It stands in the folder of the workers' sockets, which is memory (a tmpfs) and goes with the host, as the calls do. So a
write costs some 30 µs and waits for no disk, and each event is there before anybody hears of it: whoever comes after a
process that was killed knows every number that it gave away. A file that cannot be trusted is none.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from splitter.telemetry import metrics

SLOW_S = 1.0  # a file that is no memory, and whose disk hangs, must not hold up calls twice
_VERSION = 1
_FORGET_EVERY = 64  # events; twice as many may go then

_TABLES = """
CREATE TABLE IF NOT EXISTS life (version INTEGER NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event that was told; `body` is opaque here, `at`: Unix seconds."""

    seq: int
    at: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Journalled:
    """What a former process has told.

    Attributes:
        epoch: whose numbers they are.
        seq: the last one.
        events: the newest ones, without a gap up to `seq`.
        state: what they have come to, by key.
    """

    epoch: str
    seq: int
    events: list[KeptEvent] = field(default_factory=list)
    state: dict[str, bytes] = field(default_factory=dict)


class Journal:
    """The events of this process, for itself and the one that comes after it. Raises nothing: it gives up instead.

    Args:
        path: of the file; None keeps nothing.
        most, age_s: how many events are kept, and for how long.

    Attributes:
        alarm: why nothing is kept; "" while it is.
    """

    def __init__(self, path: Path | None, most: int = 10_000, age_s: float = 600.0) -> None:
        self._path = path
        self._most = most
        self._age_s = age_s
        self._db: sqlite3.Connection | None = None
        self._since_forgotten = 0
        self.alarm = ""

    def read(self) -> Journalled | None:
        """What a former process has told; None where there is nothing that can be believed."""
        if self._path is None or not self._path.exists():
            return None
        try:
            self._db = self._open(self._path)
            return _read(self._db)
        except (sqlite3.Error, OSError, ValueError) as error:
            log.warning("what was told before is not known: event sockets begin anew", reason=str(error))
            self._discard()
            return None

    def begin(self, epoch: str, seq: int, state: Iterable[tuple[str, bytes]]) -> None:
        """Begin anew, from this number and this state."""
        if self._path is None or self.alarm:
            return
        try:
            self._db = self._db or self._open(self._path)
            with _Step(self._db) as db:
                for table in ("life", "events", "state"):
                    db.execute(f"DELETE FROM {table}")
                db.execute("INSERT INTO life VALUES (?, ?, ?)", (_VERSION, epoch, seq))
                db.executemany("INSERT INTO state VALUES (?, ?)", state)
        except (sqlite3.Error, OSError) as error:
            self._give_up(str(error))

    def append(self, event: KeptEvent, key: str = "", state: bytes | None = None) -> None:
        """Keep one more event.

        Args:
            key: of the state that it has changed; empty for none.
            state: None where nothing is left of it.
        """
        if self._db is None:
            return
        began = time.monotonic()
        try:
            with _Step(self._db) as db:
                db.execute("INSERT INTO events VALUES (?, ?, ?)", (event.seq, event.at, event.body))
                if key and state is None:
                    db.execute("DELETE FROM state WHERE key = ?", (key,))
                elif key:
                    db.execute("REPLACE INTO state VALUES (?, ?)", (key, state))
                self._since_forgotten += 1
                if self._since_forgotten >= _FORGET_EVERY:
                    self._since_forgotten = 0
                    self._forget_old(db, event)
        except sqlite3.Error as error:
            self._give_up(str(error))
        else:
            if (spent_s := time.monotonic() - began) > SLOW_S:
                self._give_up(f"a write took {spent_s:.1f} s")

    def forget(self) -> None:
        """Keep nothing any longer, until `begin`: nobody will ask for it."""
        if self._db is not None:
            self._discard()

    @property
    def idle(self) -> bool:
        """True where it has to begin before anything can be kept, and can."""
        return self._db is None and self._path is not None and not self.alarm

    def discard(self) -> None:
        """Remove the file: what it holds has gone on elsewhere."""
        self._discard()

    def close(self) -> None:
        """Close the file; what it holds is for the next process."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _open(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made by us rather than by SQLite: it holds telephone numbers, which are nobody else's to read.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")  # what outlives the host is of no use
            db.executescript(_TABLES)
        except BaseException:
            db.close()
            raise
        return db

    def _forget_old(self, db: sqlite3.Connection, last: KeptEvent) -> None:
        """Forget the oldest ones, even where the clock was set back; never the last, which has the number."""
        until = last.seq - self._most
        for seq, at in db.execute("SELECT seq, at FROM events ORDER BY seq LIMIT ?", (2 * _FORGET_EVERY,)):
            if at >= last.at - self._age_s:
                break
            until = max(until, seq)
        db.execute("DELETE FROM events WHERE seq <= ?", (min(until, last.seq - 1),))

    def _give_up(self, reason: str) -> None:
        """What is not whole would be worse than nothing: a successor must not believe it."""
        metrics.store.ALARMS.labels("events").inc()
        log.error("what event sockets were told is no longer kept", path=str(self._path), reason=reason)
        self.alarm = f"event sockets would begin anew after a restart: {self._path}: {reason}"
        self._discard()

    def _discard(self) -> None:
        self.close()
        if self._path is not None:
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):
                    self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


class _Step:
    """A transaction: whole or not at all."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _read(db: sqlite3.Connection) -> Journalled:
    lives = db.execute("SELECT version, epoch, first FROM life").fetchall()
    if len(lives) != 1 or lives[0][0] != _VERSION:
        raise ValueError("it was written by another version")
    _, epoch, first = lives[0]
    rows = [KeptEvent(*row) for row in db.execute("SELECT seq, at, body FROM events ORDER BY seq")]
    seq = rows[-1].seq if rows else first
    if [row.seq for row in rows] != [*range(seq + 1 - len(rows), seq + 1)]:
        raise ValueError("it has gaps")
    return Journalled(epoch, seq, rows, dict(db.execute("SELECT key, body FROM state")))
