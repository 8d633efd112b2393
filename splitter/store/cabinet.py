"""A cabinet: small values by key that are on disk when `put` returns. Does I/O: SQLite, on a thread of its own.

For what must not be done twice, or forgotten: the caller waits until it is written. Apart from the store of traces,
which writes later; see `writer`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from splitter.store.schema import BUSY_S, StoreError
from splitter.store.writer import kind_of
from splitter.telemetry import metrics

T = TypeVar("T")

log = structlog.get_logger(__name__)

_TABLE = "CREATE TABLE IF NOT EXISTS cabinet (key TEXT PRIMARY KEY, data BLOB NOT NULL)"
_PUT = "INSERT INTO cabinet VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET data = excluded.data"


class Cabinet:
    """Values that outlast a restart.

    Args:
        path: of the file; None keeps them only as long as the process.
    """

    alarm = ""  # whoever keeps something hears at once what is wrong

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._memory: dict[str, bytes] = {}
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cabinet")

    async def put(self, key: str, data: bytes) -> None:
        """Keep it instead of what was there. Raises StoreError: it could not be written."""
        if self._path is None:
            self._memory[key] = data
            return
        await self._do(lambda db: db.execute(_PUT, (key, data)))

    async def drop(self, keys: list[str]) -> None:
        """Keep these no longer. Raises StoreError."""
        for key in keys:
            self._memory.pop(key, None)
        if self._path is not None:
            await self._do(lambda db: db.executemany("DELETE FROM cabinet WHERE key = ?", [(key,) for key in keys]))

    async def all(self) -> dict[str, bytes]:
        """Read what is kept, the oldest first. A file that cannot be read is moved aside. Raises StoreError."""
        if self._path is None:
            return dict(self._memory)
        rows = await self._do(lambda db: db.execute("SELECT key, data FROM cabinet ORDER BY rowid").fetchall())
        return {key: bytes(data) for key, data in rows}

    async def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, db.close)
        self._thread.shutdown(wait=False)

    # ---- the thread ----------------------------------------------------------------------------------------------

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._db = self._db or self._open()
            return work(self._db)
        except (sqlite3.Error, OSError) as error:
            metrics.store.ALARMS.labels(kind_of(error)).inc()
            if self._db is not None:
                with suppress(sqlite3.Error):
                    self._db.close()
                self._db = None
            if kind_of(error) == "corrupt":
                self._move_aside()
            raise StoreError(f"{self._path} cannot be used: {error}") from error

    def _open(self) -> sqlite3.Connection:
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Made by us rather than by SQLite: it holds telephone numbers and is nobody else's to read.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        # Closed by another thread than the one that opened it.
        db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # what was written stays so when the machine dies
            db.execute(_TABLE)
        except BaseException:
            db.close()
            raise
        return db

    def _move_aside(self) -> None:
        """Keep a corrupt file for those who want to look, and begin a new one."""
        assert self._path is not None
        with suppress(OSError):
            self._path.replace(self._path.with_name(f"{self._path.name}.corrupt"))
            for suffix in ("-wal", "-shm"):  # they belong to the old file and would spoil the new one
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            log.error("a corrupt file was moved aside", path=str(self._path))
