"""The index of recordings: SQLite, written by the recorder and read by whoever lists them. Does I/O.

It is for finding. What counts as evidence is the ledger; `verify` tells where they differ.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from splitter.core.errors import LocalError
from splitter.core.number_search import FROM_OR_TO, learn_number, values_of
from splitter.media.record.about import RecordedOutcome, RecordingAbout

NAME = "index.db"
LIMIT_MOST = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS recording (
    id TEXT PRIMARY KEY, call_id TEXT NOT NULL, short_code TEXT NOT NULL, caller TEXT NOT NULL, called TEXT NOT NULL,
    agent TEXT NOT NULL, route TEXT NOT NULL, direction TEXT NOT NULL, began REAL NOT NULL, ended REAL,
    state TEXT NOT NULL, reason TEXT NOT NULL, held INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS recording_began ON recording (began);
CREATE INDEX IF NOT EXISTS recording_caller ON recording (caller);
CREATE INDEX IF NOT EXISTS recording_agent ON recording (agent);
CREATE INDEX IF NOT EXISTS recording_call ON recording (call_id);
CREATE INDEX IF NOT EXISTS recording_ended ON recording (ended);
CREATE TABLE IF NOT EXISTS part (
    recording TEXT NOT NULL, number INTEGER NOT NULL, path TEXT NOT NULL, began REAL NOT NULL, ended REAL,
    size INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (recording, number));
CREATE TABLE IF NOT EXISTS stored (
    path TEXT PRIMARY KEY, recording TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS stored_recording ON stored (recording);
CREATE TABLE IF NOT EXISTS beside (
    recording TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, at REAL NOT NULL,
    size INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (recording, number));
CREATE TABLE IF NOT EXISTS film (
    recording TEXT PRIMARY KEY, state TEXT NOT NULL, asked REAL NOT NULL, tries INTEGER NOT NULL, path TEXT NOT NULL,
    made REAL, seconds REAL NOT NULL, size INTEGER NOT NULL, hash TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS private (recording TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS concluded (
    call_id TEXT PRIMARY KEY, outcome TEXT NOT NULL, video TEXT NOT NULL, consent TEXT NOT NULL, reason TEXT NOT NULL);
"""


class RecordingPart(msgspec.Struct, frozen=True):
    """A file of a recording. `path`: within the folder; `ended`: None while it is written."""

    number: int
    path: str
    began: float
    ended: float | None
    size: int
    hash: str


class BesideFile(msgspec.Struct, frozen=True):
    """A picture of the call that is kept beside its recording.

    `kind`: "still" (a screenshot), "photo" or "pdf" (that the caller sent). `at`: Unix seconds.
    """

    number: int
    kind: str
    path: str
    at: float
    size: int
    hash: str


class RecordingFilm(msgspec.Struct, frozen=True):
    """The film of a recording, which browsers play.

    `state`: "waiting", "rendering", "ready" or "failed". `reason`: why it failed, or what is not in it, in words.
    `asked`: Unix seconds; 0 where nobody has. `made`: when it was ready.
    """

    state: str
    asked: float = 0.0
    tries: int = 0
    path: str = ""
    made: float | None = None
    seconds: float = 0.0
    size: int = 0
    hash: str = ""
    reason: str = ""


class RecordingRow(msgspec.Struct, frozen=True):
    """A recording.

    `state`: "recording", "paused", "ended", "stopped" (by a fault, see `reason`) or "deleted". `held`: nothing may
    delete it. `film`: None where none is made or wanted. `node`: that keeps it; empty for the one that answers. `call`:
    how its call ended; None while it lives. `private`: the caller hides its number.
    """

    id: str
    call_id: str
    short_code: str
    caller: str
    called: str
    agent: str
    route: str
    direction: str
    began: float
    ended: float | None
    state: str
    reason: str
    held: bool
    parts: tuple[RecordingPart, ...] = ()
    beside: tuple[BesideFile, ...] = ()
    film: RecordingFilm | None = None
    node: str = ""
    call: RecordedOutcome | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class RecordingQuery:
    """A search. Times are Unix seconds; what is empty does not matter."""

    number: str = ""
    agent: str = ""
    route: str = ""
    call_id: str = ""
    since: float = 0.0
    until: float = 0.0
    limit: int = 50
    state: str = ""
    outcome: str = ""
    video: str = ""
    consent: str = ""


_COLUMNS = "id, call_id, short_code, caller, called, agent, route, direction, began, ended, state, reason, held"


_BESIDE = "SELECT number, kind, path, at, size, hash FROM beside WHERE recording = ? ORDER BY number"
_FILM = "SELECT state, asked, tries, path, made, seconds, size, hash, reason FROM film WHERE recording = ?"


def search(folder: Path, query: RecordingQuery) -> list[RecordingRow]:
    """The recordings that match, the newest first.

    Raises:
        LocalError: the index cannot be read.
    """
    tests: list[tuple[str, tuple[object, ...]]] = []
    if query.number:
        tests.append((FROM_OR_TO, values_of(query.number)))
    for column, value in (("agent", query.agent), ("route", query.route), ("state", query.state)):
        if value:
            tests.append((f"{column} = ?", (value,)))
    for column, value in (("outcome", query.outcome), ("video", query.video), ("consent", query.consent)):
        if value:
            tests.append((f"call_id IN (SELECT call_id FROM concluded WHERE {column} = ?)", (value,)))
    if query.call_id:
        tests.append(("(call_id = ? OR id = ? OR short_code = ?)", (query.call_id,) * 3))
    if query.since:
        tests.append(("began >= ?", (query.since,)))
    if query.until:
        tests.append(("began < ?", (query.until,)))
    where = " AND ".join(test for test, _ in tests) or "1"
    values = [value for _, given in tests for value in given]
    limit = max(1, min(LIMIT_MOST, query.limit))
    statement = f"SELECT {_COLUMNS} FROM recording WHERE {where} ORDER BY began DESC LIMIT {limit}"
    return _read(folder, statement, values, query.number)


def everything(folder: Path) -> list[RecordingRow]:
    """All recordings that the index has. Raises LocalError."""
    return _read(folder, f"SELECT {_COLUMNS} FROM recording ORDER BY began", ())


def expired(folder: Path, before: float, limit: int, route: str = "", but: tuple[str, ...] = ()) -> list[RecordingRow]:
    """The recordings that ended before and may be deleted, the oldest first.

    Args:
        route: of this one alone; "": of all, `but` these.

    Raises:
        LocalError: the index cannot be read.
    """
    test = "ended < ? AND NOT held AND state != 'deleted'"
    values: tuple[object, ...] = (before,)
    if route:
        test, values = f"{test} AND route = ?", (before, route)
    elif but:
        test, values = f"{test} AND route NOT IN ({', '.join('?' * len(but))})", (before, *but)
    statement = f"SELECT {_COLUMNS} FROM recording WHERE {test} ORDER BY ended LIMIT ?"
    return _read(folder, statement, (*values, max(0, limit)))


def one(folder: Path, id: str) -> RecordingRow | None:
    """The recording with this id. Raises LocalError."""
    found = _read(folder, f"SELECT {_COLUMNS} FROM recording WHERE id = ?", (id,))
    return found[0] if found else None


def _read(folder: Path, statement: str, values: Iterable[Any], number: str = "") -> list[RecordingRow]:
    path = folder / NAME
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)) as db:
            learn_number(db, number)
            rows = db.execute(statement, tuple(values)).fetchall()
            return [_row(db, row) for row in rows]
    except sqlite3.Error as error:
        raise LocalError(f"the index of recordings cannot be read: {error}") from error


def _row(db: sqlite3.Connection, row: tuple[Any, ...]) -> RecordingRow:
    found = db.execute(
        "SELECT number, path, began, ended, size, hash FROM part WHERE recording = ? ORDER BY number", (row[0],)
    ).fetchall()
    parts = tuple(RecordingPart(*part) for part in found)
    row_of: Any = RecordingRow
    try:
        beside = tuple(BesideFile(*one) for one in db.execute(_BESIDE, (row[0],)))
        films = [RecordingFilm(*one) for one in db.execute(_FILM, (row[0],))]
    except sqlite3.OperationalError:  # a recorder of an older version writes it
        beside, films = (), []
    film, call = films[0] if films else None, conclusions(db, row[1]).get(row[1])
    found_row: RecordingRow = row_of(*row[:12], bool(row[12]), parts, beside, film, "", call, _is_private(db, row[0]))
    return found_row


def _is_private(db: sqlite3.Connection, id: str) -> bool:
    with suppress(sqlite3.OperationalError):  # a recorder of an older version writes it
        return db.execute("SELECT 1 FROM private WHERE recording = ?", (id,)).fetchone() is not None
    return False


def conclusions(db: sqlite3.Connection, call_id: str = "") -> dict[str, RecordedOutcome]:
    """How calls ended, by their ids: this one, or ("") all."""
    where = (
        "SELECT call_id, outcome, video, consent, reason FROM concluded WHERE call_id = ? OR ? = ''",
        (call_id, call_id),
    )
    with suppress(sqlite3.OperationalError):  # a recorder of an older version writes it
        return {id: RecordedOutcome(*rest) for id, *rest in db.execute(*where)}
    return {}


def due(folder: Path, everything: bool) -> RecordingRow | None:
    """The recording whose film is to be made next: those that were asked for first, then the newest. Raises LocalError.

    Args:
        everything: also those that nobody has asked for.
    """
    wanted = "film.state = 'waiting'" + (" OR film.state IS NULL" if everything else "")
    statement = (
        f"SELECT {_COLUMNS.replace('state', 'recording.state').replace('reason', 'recording.reason')}"
        " FROM recording LEFT JOIN film ON film.recording = recording.id"
        f" WHERE ({wanted}) AND recording.state IN ('ended', 'stopped')"
        " AND NOT EXISTS (SELECT 1 FROM part WHERE part.recording = recording.id AND part.ended IS NULL)"
        " AND EXISTS (SELECT 1 FROM part WHERE part.recording = recording.id)"
        " ORDER BY COALESCE(film.tries, 0) > 0, COALESCE(film.asked, 0) = 0, film.asked, began DESC LIMIT 1"
    )
    found = _read(folder, statement, ())
    return found[0] if found else None


class RecordingIndex:
    """The index, for the one process that writes it.

    Raises:
        LocalError: it cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._db = sqlite3.connect(folder / NAME, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript(_SCHEMA)
            (folder / NAME).chmod(0o600)
        except (sqlite3.Error, OSError) as error:
            raise LocalError(f"the index of recordings: {error}") from error

    def begun(self, about: RecordingAbout, at: float) -> None:
        """A recording has begun, or goes on; what it is of may have changed."""
        self._do(
            "INSERT INTO recording"
            " (id, call_id, short_code, caller, called, agent, route, direction, began, state, reason) VALUES"
            " (?, ?, ?, ?, ?, ?, ?, ?, ?, 'recording', '') ON CONFLICT (id) DO UPDATE SET"
            " agent = excluded.agent, route = excluded.route, state = 'recording', reason = '', ended = NULL",
            (*msgspec.structs.astuple(about)[:-2], at),  # who is left out stands in the ledger
        )
        if about.private:
            self._do("INSERT OR IGNORE INTO private (recording) VALUES (?)", (about.id,))

    def changed(self, about: RecordingAbout) -> None:
        """Note that what it is of has changed."""
        self._do("UPDATE recording SET agent = ?, route = ? WHERE id = ?", (about.agent, about.route, about.id))

    def entered(self, id: str, state: str, reason: str = "", ended: float | None = None) -> None:
        """A recording has another state."""
        self._do("UPDATE recording SET state = ?, reason = ?, ended = ? WHERE id = ?", (state, reason, ended, id))

    def held(self, id: str, held: bool) -> None:
        """Nothing may delete it, or that is over."""
        self._do("UPDATE recording SET held = ? WHERE id = ?", (held, id))

    def part(self, id: str, part: RecordingPart) -> None:
        """A file of a recording has begun or ended."""
        self._do(
            "INSERT OR REPLACE INTO part (recording, number, path, began, ended, size, hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id, *msgspec.structs.astuple(part)),
        )

    def stored(self, recording: str, paths: Iterable[str], state: str = "stored") -> None:
        """Files of a recording are in the store, or on their way ("moving")."""
        for path in paths:
            statement = "INSERT OR REPLACE INTO stored (path, recording, state) VALUES (?, ?, ?)"
            self._do(statement, (path, recording, state))

    def unstored(self, path: str) -> None:
        """Forget a file that is not in the store any longer."""
        self._do("DELETE FROM stored WHERE path = ?", (path,))

    def unwanted(self, recording: str) -> None:
        """Have the files of a recording removed from the store."""
        self._do("UPDATE stored SET state = 'unwanted' WHERE recording = ?", (recording,))

    def beside(self, id: str, file: BesideFile) -> None:
        """A picture is kept beside a recording; it gets the next number."""
        self._do(
            "INSERT INTO beside (recording, number, kind, path, at, size, hash)"
            " SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ?, ? FROM beside WHERE recording = ?",
            (id, *msgspec.structs.astuple(file)[1:], id),
        )

    def film(self, id: str, film: RecordingFilm) -> None:
        """The film of a recording has another state."""
        self._do(
            "INSERT OR REPLACE INTO film (recording, state, asked, tries, path, made, seconds, size, hash, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (id, *msgspec.structs.astuple(film)),
        )

    def emptied(self, id: str) -> None:
        """A recording has no film and nothing beside it any more."""
        self._do("DELETE FROM film WHERE recording = ?", (id,))
        self._do("DELETE FROM beside WHERE recording = ?", (id,))

    def films_left(self) -> None:
        """Films that were being made when the recorder before died are made anew."""
        self._do("UPDATE film SET state = 'waiting' WHERE state = 'rendering'", ())

    def concluded(self, call_id: str, outcome: RecordedOutcome) -> None:
        """A call has ended so."""
        statement = "INSERT OR REPLACE INTO concluded (call_id, outcome, video, consent, reason) VALUES (?, ?, ?, ?, ?)"
        self._do(statement, (call_id, *msgspec.structs.astuple(outcome)))

    def close(self) -> None:
        """Close it."""
        self._db.close()

    def _do(self, statement: str, values: tuple[Any, ...]) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise OSError(5, f"the index of recordings: {error}") from error
