"""The file of live calls: what is handed in is there for the next process, whatever happens to the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from splitter.store.live import LiveStore
from splitter.store.rows import LiveRow
from tests.patience import wait


@contextmanager
def opened(path: Path | None) -> Iterator[tuple[LiveStore, dict[str, bytes]]]:
    """A store that runs, and what it found at its start."""
    store = LiveStore(path)
    rows = store.start().rows
    try:
        yield store, {row.call_id: row.record for row in rows}
    finally:
        store.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.db"


class TestRecords:
    def test_the_newest_of_each_call_is_found_by_the_next_process(self, path: Path) -> None:
        with opened(path) as (store, found):
            assert found == {}
            store.keep("a", b"1")
            store.keep("b", b"2")
            store.keep("a", b"3")
            assert store.flush()
        with opened(path) as (_, found):
            assert found == {"a": b"3", "b": b"2"}

    def test_those_of_calls_that_are_over_are_gone(self, path: Path) -> None:
        with opened(path) as (store, _):
            store.keep("a", b"1")
            store.keep("b", b"2")
            store.flush()
            store.forget("a")
            store.forget("never there")
        with opened(path) as (_, found):
            assert found == {"b": b"2"}

    def test_one_is_in_doubt_until_the_next_is_written(self, path: Path) -> None:
        with opened(path) as (store, _):
            for call in ("a", "b", "c"):
                store.keep(call, b"1")
            store.doubt("a", b"?")  # while its record still waits
            store.flush()
            store.doubt("b", b"?")
            store.flush()
            store.doubt("c", b"?")
            store.flush()
            store.keep("c", b"2")
            store.doubt("not kept yet", b"?")
        store = LiveStore(path)
        rows = {row.call_id: (row.record, row.doubt) for row in store.start().rows}
        store.stop()
        assert rows == {"a": (b"1", b"?"), "b": (b"1", b"?"), "c": (b"2", None)}

    def test_the_oldest_call_comes_first(self, path: Path) -> None:
        with opened(path) as (store, _):
            for call in ("a", "b", "c"):
                store.keep(call, b"1")
                store.flush()
            store.keep("a", b"2")
        store = LiveStore(path)
        rows = store.start().rows
        store.stop()
        assert [row.call_id for row in rows] == ["a", "b", "c"]
        assert all(isinstance(row, LiveRow) and row.written_at > 0 for row in rows)

    def test_what_waits_is_written_at_the_end(self, path: Path) -> None:
        with opened(path) as (store, _):
            store.keep("a", b"1")
        with opened(path) as (_, found):
            assert found == {"a": b"1"}

    def test_is_there_for_nobody_else(self, path: Path) -> None:
        with opened(path):
            assert path.stat().st_mode & 0o077 == 0

    def test_nothing_is_kept_without_a_file(self) -> None:
        with opened(None) as (store, found):
            store.keep("a", b"1")
            assert store.flush() and found == {} and store.alarm == ""


class TestFaults:
    def test_a_corrupt_file_is_moved_aside(self, path: Path) -> None:
        path.write_bytes(b"no database at all" * 400)
        with opened(path) as (store, found):
            assert found == {}
            store.keep("a", b"1")
            assert store.flush() and store.alarm == ""
        assert path.with_name("live.db.corrupt").exists()
        with opened(path) as (_, found):
            assert found == {"a": b"1"}

    def test_a_file_that_was_deleted_under_us_is_begun_anew(self, path: Path) -> None:
        with opened(path) as (store, _):
            store.keep("a", b"1")
            store.flush()
            generation = store.generation
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            store.keep("b", b"2")
            assert store.flush()
            assert store.generation == generation + 1, "whoever has records hands them in again"
            store.keep("a", b"1")
        with opened(path) as (_, found):
            assert found == {"a": b"1", "b": b"2"}

    def test_a_file_that_cannot_be_written_is_an_alarm_until_it_can(self, path: Path) -> None:
        with opened(path) as (store, _):
            store.keep("a", b"1")
            store.flush()
            with sqlite3.connect(path) as other:  # a table of another program in its place: every write fails
                other.execute("ALTER TABLE live RENAME TO away")
            other.close()
            store.keep("a", b"2")
            wait(lambda: "a restart would lose these calls" in store.alarm)
            assert not store.flush(0.0)
            with sqlite3.connect(path) as other:
                other.execute("ALTER TABLE away RENAME TO live")
            other.close()
            assert store.flush() and store.alarm == ""
        with opened(path) as (_, found):
            assert found == {"a": b"2"}

    def test_a_path_that_is_none_is_an_alarm(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with opened(tmp_path / "file" / "live.db") as (store, found):
            assert found == {} and "cannot be written" in store.alarm
            store.keep("a", b"1")
            assert not store.flush(0.2)
