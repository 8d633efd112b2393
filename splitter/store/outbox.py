"""Webhook deliveries that nobody has taken yet: their table and its rows. Does I/O over an open SQLite connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

TABLE = """
CREATE TABLE webhook_outbox (
    id   TEXT PRIMARY KEY,
    hook TEXT NOT NULL,
    at   REAL NOT NULL,
    body BLOB NOT NULL            -- JSON, as it is sent; rows are in the order of writing
);
"""
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook.

    Attributes:
        id: told to the receiver, which may get it more than once.
        hook: the name of the webhook.
        at: Unix seconds.
        body: JSON.
    """

    id: str
    hook: str
    at: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """Note that a delivery was taken, or given up."""

    id: str


def insert(db: sqlite3.Connection, rows: Iterable[Delivery | Delivered]) -> None:
    """Write rows of a batch, inside its transaction; what was delivered at once is never written."""
    waiting: dict[str, Delivery] = {}
    gone: list[tuple[str]] = []
    for row in rows:
        if isinstance(row, Delivery):
            waiting[row.id] = row
        elif waiting.pop(row.id, None) is None:
            gone.append((row.id,))
    if waiting:
        values = [(row.id, row.hook, row.at, row.body) for row in waiting.values()]
        db.executemany("INSERT OR IGNORE INTO webhook_outbox VALUES (?, ?, ?, ?)", values)
    if gone:
        db.executemany("DELETE FROM webhook_outbox WHERE id = ?", gone)


def waiting(db: sqlite3.Connection) -> list[Delivery]:
    """The deliveries that are still to be made, in order."""
    rows = db.execute("SELECT id, hook, at, body FROM webhook_outbox ORDER BY rowid LIMIT ?", (_MOST,))
    return [Delivery(key, hook, at, bytes(body)) for key, hook, at, body in rows]


def prune(db: sqlite3.Connection, before: float) -> None:
    """Delete what nobody will want any longer."""
    db.execute("DELETE FROM webhook_outbox WHERE at < ?", (before,))
