"""What of recordings lies in a store: rows of the index. Reads."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from splitter.core.errors import LocalError
from splitter.media.record.index import NAME


class PartToMove(NamedTuple):
    """A file of a recording that has ended, or its film, that is not stored yet."""

    recording: str
    path: str
    hash: str


def to_move(folder: Path, limit: int) -> list[PartToMove]:
    """Files that are to be moved, the oldest first. Raises LocalError."""
    found = _read(
        folder,
        "SELECT part.recording, path, hash FROM part JOIN recording ON recording.id = part.recording"
        " WHERE part.ended IS NOT NULL AND hash != '' AND state IN ('ended', 'stopped')"
        " AND path NOT IN (SELECT path FROM stored WHERE state != 'moving') ORDER BY part.ended LIMIT ?",
        (limit,),
    )
    return [PartToMove(*row) for row in found]


def films_to_move(folder: Path, limit: int) -> list[PartToMove]:
    """Films that are to be moved, the oldest first. Raises LocalError."""
    found = _read(
        folder,
        "SELECT recording, path, hash FROM film WHERE state = 'ready' AND hash != ''"
        " AND path NOT IN (SELECT path FROM stored WHERE state != 'moving') ORDER BY made LIMIT ?",
        (limit,),
    )
    return [PartToMove(*row) for row in found]


def stored_of(folder: Path, recording: str) -> list[str]:
    """Paths of a recording that are stored. Raises LocalError."""
    return [
        row[0]
        for row in _read(folder, "SELECT path FROM stored WHERE recording = ? AND state = 'stored'", (recording,))
    ]


def all_stored(folder: Path) -> set[str]:
    """Paths that are stored. Raises LocalError."""
    return {row[0] for row in _read(folder, "SELECT path FROM stored WHERE state = 'stored'", ())}


def to_remove(folder: Path, limit: int) -> list[str]:
    """Paths that are still stored, or half so, and were deleted. Raises LocalError."""
    return [row[0] for row in _read(folder, "SELECT path FROM stored WHERE state = 'unwanted' LIMIT ?", (limit,))]


def size_here(folder: Path) -> int:
    """Sum up the bytes of ended files that lie here: recordings, pictures, films. Raises LocalError.

    It walks through all that there ever was.
    """
    here = "path NOT IN (SELECT path FROM stored WHERE state = 'stored')"
    statement = " UNION ALL ".join(
        f"SELECT SUM({table}.size) AS size FROM {table} JOIN recording ON recording.id = {table}.recording"
        f" WHERE recording.state != 'deleted' AND {table}.{here}"
        for table in ("part", "beside", "film")
    )
    return int(_read(folder, f"SELECT COALESCE(SUM(size), 0) FROM ({statement})", ())[0][0])


def _read(folder: Path, statement: str, values: tuple[object, ...]) -> list[tuple[str, ...]]:
    try:
        with closing(sqlite3.connect(f"file:{folder / NAME}?mode=ro", uri=True, timeout=2.0)) as db:
            return db.execute(statement, values).fetchall()
    except sqlite3.Error as error:
        raise LocalError(f"the index of recordings cannot be read: {error}") from error
