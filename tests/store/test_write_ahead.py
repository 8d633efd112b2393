"""The log of live calls: what was handed in is there for the next process, though nothing was written to the file."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from splitter.store import gathering
from splitter.store.live import LiveStore
from splitter.store.rows import LiveRow, Mark, RecordChange, ShelfContent
from splitter.store.write_ahead import WriteAheadLog
from tests.patience import wait

NOTHING = ShelfContent()
FIRST = Mark(0, 1)


def found_by(folder: Path, path: Path) -> dict[str, tuple[bytes, bytes | None]]:
    """What the next process finds."""
    store = LiveStore(path, ahead=folder)
    rows = store.start().rows
    store.stop()
    return {row.call_id: (row.record, row.doubt) for row in rows}


def left_in(folder: Path) -> dict[str, RecordChange]:
    """What a log holds."""
    return WriteAheadLog(folder).begin(NOTHING)[1]


@contextmanager
def size_limit(most: int) -> Iterator[None]:
    """No file of ours grows larger: the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


class TestLog:
    def test_the_newest_of_each_call_is_found(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path)
        assert log.begin(NOTHING) == (NOTHING, {})
        log.append(FIRST, "a", RecordChange(b"1"))
        log.append(FIRST, "b", RecordChange(b"2"))
        log.append(FIRST, "a", RecordChange(doubt=b"?"))
        log.turn()
        log.append(FIRST, "b", RecordChange(over=True))
        assert left_in(tmp_path) == {"a": RecordChange(b"1", b"?"), "b": RecordChange(over=True)}

    def test_what_is_in_the_file_is_removed(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path)
        log.begin(NOTHING)
        log.append(FIRST, "a", RecordChange(b"1"))
        log.turn()
        log.append(FIRST, "b", RecordChange(b"2"))
        log.clear()
        assert left_in(tmp_path) == {"b": RecordChange(b"2")}

    def test_the_half_of_an_entry_is_overlooked(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path)
        log.begin(NOTHING)
        log.append(FIRST, "a", RecordChange(b"1"))
        [path] = tmp_path.glob("live-*.log")
        whole = path.stat().st_size
        log.append(FIRST, "b", RecordChange(b"2"))
        for cut in range(whole, path.stat().st_size):
            os.truncate(path, cut)
            assert list(tmp_path.glob("live-*.log")) == [path]
        assert left_in(tmp_path) == {"a": RecordChange(b"1")}

    @pytest.mark.parametrize("data", [b"\xff" * 40, b"\0\0\0\x01\xc1", b"\0\0\0\0"])
    def test_a_damaged_one_costs_itself_alone(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "live-1.log").write_bytes(data)
        (tmp_path / "live-x.log").write_bytes(data)
        log = WriteAheadLog(tmp_path)
        assert log.begin(NOTHING) == (NOTHING, {})
        log.append(FIRST, "a", RecordChange(b"1"))
        assert left_in(tmp_path) == {"a": RecordChange(b"1")}

    def test_where_nothing_can_be_kept_it_says_so(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path / "not there")
        assert log.begin(NOTHING) == (NOTHING, {})
        log.append(FIRST, "a", RecordChange(b"1"))
        assert log.fault

    def test_a_full_disk_costs_what_finds_no_room(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path)
        log.begin(NOTHING)
        log.append(FIRST, "a", RecordChange(b"1"))
        with size_limit(100):
            log.append(FIRST, "b", RecordChange(b"2" * 500))
            assert log.fault
        log.append(FIRST, "c", RecordChange(b"3"))
        assert log.fault == ""
        assert set(left_in(tmp_path)) == {"a", "c"}


class TestBesideTheFile:
    def test_a_process_that_is_killed_at_once_has_lost_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "live.db"
        program = f"""
import os
from pathlib import Path
from splitter.store import gathering
from splitter.store.live import LiveStore
store = LiveStore(Path({str(path)!r}), ahead=Path({str(tmp_path)!r}))
store.start()
for number in range(200):
    store.keep(f"call-{{number}}", b"record")
store.doubt("call-7", b"?")
store.forget("call-8")
os.kill(os.getpid(), 9)
"""
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
        found = found_by(tmp_path, path)
        assert found["call-7"] == (b"record", b"?") and "call-8" not in found and len(found) == 199

    def test_nothing_is_left_of_it_at_a_good_end(self, tmp_path: Path) -> None:
        path = tmp_path / "live.db"
        store = LiveStore(path, ahead=tmp_path)
        store.start()
        store.keep("a", b"1")
        store.stop()
        assert list(tmp_path.glob("live-*.log")) == []
        assert found_by(tmp_path, path) == {"a": (b"1", None)}

    def test_it_does_not_grow_while_the_file_is_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gathering, "GATHER_AHEAD_S", 0.01)
        store = LiveStore(tmp_path / "live.db", ahead=tmp_path)
        store.start()
        for number in range(20):
            store.keep("a", bytes(10_000))
            assert store.flush(), number
        size = sum(part.stat().st_size for part in tmp_path.glob("live-*.log"))
        store.stop()
        assert size < 20_000

    def test_it_bridges_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "live.db"
        path.mkdir()
        store = LiveStore(path, ahead=tmp_path)
        store.start()
        store.keep("a", b"1")
        store.stop()
        path.rmdir()
        assert found_by(tmp_path, path) == {"a": (b"1", None)}

    def test_a_file_that_was_deleted_is_noticed_though_nothing_changes(self, tmp_path: Path) -> None:
        renewed: list[float] = []
        store = LiveStore(tmp_path / "live.db", lambda: renewed.append(time.monotonic()), tmp_path)
        store.start()
        store.keep("a", b"1")
        assert store.flush()
        for path in tmp_path.glob("live.db*"):
            path.unlink()
        wait(lambda: renewed)
        store.stop()
        assert len(renewed) == 1 and store.generation == 1


class TestMarks:
    def test_a_log_makes_its_shelf_the_newer_one(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path)
        log.begin(NOTHING)
        log.append(Mark(3, 12), "a", RecordChange(b"2"))
        row = LiveRow("a", 0.0, b"1")
        found, _ = WriteAheadLog(tmp_path).begin(ShelfContent((row,), Mark(3, 11)))
        assert found.mark == Mark(3, 12) and found.rows[0].record == b"2"

    def test_one_of_before_another_had_the_calls_is_of_no_use(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path)
        log.begin(NOTHING)
        log.append(Mark(3, 12), "a", RecordChange(b"2"))
        content = ShelfContent((LiveRow("a", 0.0, b"1"),), Mark(4, 1))
        assert WriteAheadLog(tmp_path).begin(content) == (content, {})

    def test_a_shelf_that_may_lack_records_still_may(self, tmp_path: Path) -> None:
        log = WriteAheadLog(tmp_path)
        log.begin(NOTHING)
        log.append(Mark(3, 12), "a", RecordChange(b"2"))
        found, _ = WriteAheadLog(tmp_path).begin(ShelfContent((), Mark(3, -1)))
        assert found.mark == Mark(3, -1) and len(found.rows) == 1


def test_rows_follow_what_was_written_last() -> None:
    assert RecordChange(doubt=b"?").after(RecordChange(b"1")) == RecordChange(b"1", b"?")
    assert RecordChange(b"2").after(RecordChange(b"1", b"?")) == RecordChange(b"2")
    assert RecordChange(over=True).after(RecordChange(b"1", b"?")) == RecordChange(over=True)
    assert LiveRow("a", 0.0, b"1").doubt is None
