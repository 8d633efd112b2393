"""The store on real files: what is kept, what is bounded, and that no fault of it reaches a call."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.core.clock import SystemClock
from splitter.store import packing, schema, writer
from splitter.store.schema import CallRow, EndedCalls, StoreError
from splitter.store.settings import StoreSettings
from splitter.store.sqlite import Store
from splitter.store.writer import Writer
from splitter.telemetry import metrics
from splitter.telemetry.trace import TraceEvent
from tests.counted import value
from tests.patience import PATIENCE_S, until

EVENT = TraceEvent(
    "call1", 1_767_225_600.0, "caller", "message", "in", "access/udp 10.0.0.1:5060", "INVITE", b"INVITE", 1
)
DAY_S = 86_400
NOW = 1_000_000.0  # so early that nothing is older than the default age


class StoppedClock:
    def now(self) -> float:
        return NOW

    def wall(self) -> float:
        return NOW


def row(call_id: str, *, started: float = 1000.0, ended: float | None = 1010.0, **more: Any) -> CallRow:
    view = more.pop("view", f'{{"call_id":"{call_id}"}}'.encode())
    return CallRow(call_id, started, ended, more.pop("caller", "13800138000"), more.pop("called", "110"), view, **more)


@asynccontextmanager
async def opened(path: Path | str, **settings: Any) -> AsyncIterator[Store]:
    store = Store(StoreSettings(str(path), **settings), StoppedClock())
    store.start()
    try:
        yield store
    finally:
        await store.stop()


def listed(path: Path) -> list[Path]:
    return sorted(path.iterdir())


def beside(path: Path) -> list[Path]:
    """Files that were moved aside."""
    return sorted(path.glob("calls.db.corrupt-*"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_S", (0.01,))
    monkeypatch.setattr(writer, "GATHER_S", 0.001)
    monkeypatch.setattr(writer, "TIDY_LIMIT_S", PATIENCE_S)


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "sub" / "calls.db") if request.param == "file" else ":memory:"


class TestTrace:
    async def test_events_come_back_as_they_were_in_order(self, place: str) -> None:
        events = [
            replace(EVENT, data=bytes([number]) * size, seq=number, at=EVENT.at + number / 7)
            for number, size in enumerate([0, 1, 60_000, packing.MOST_BYTES - 1, packing.MOST_BYTES, 2], 1)
        ]
        async with opened(place) as store:
            for event in events:
                store.write(event)
            store.write(replace(EVENT, call_id="call2"))
            assert await store.flush()
            assert await store.trace("call1") == events
            assert await store.trace("none") == []

    async def test_what_comes_together_is_kept_together_and_compressed(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            for number in range(packing.MOST_EVENTS + 50):
                store.write(replace(EVENT, data=b"Via: SIP/2.0/UDP 10.0.0.1\r\n" * 40, seq=number))
            await store.flush()
            assert [one.seq for one in await store.trace("call1")] == list(range(packing.MOST_EVENTS + 50))
        with sqlite3.connect(tmp_path / "calls.db") as db:
            rows = db.execute("SELECT packed, length(data) FROM trace").fetchall()
        assert len(rows) <= 10
        assert all(packed == packing.PACKED for packed, _ in rows)
        assert sum(size for _, size in rows) < 20_000

    async def test_traces_of_an_older_format_are_read(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            await store.flush()
            with sqlite3.connect(tmp_path / "calls.db") as db:
                old = "INSERT INTO trace VALUES (NULL, 'call1', ?, 5.5, 'caller', 'message', 'in', 'udp', 'BYE', ?, ?)"
                db.execute(old, (1, 0, b"short"))
                db.execute(old, (2, 1, zlib.compress(b"long")))
                db.execute("UPDATE trace SET at = 6.5 WHERE seq = 2")
            store.write(replace(EVENT, seq=3))
            await store.flush()
            events = await store.trace("call1")
        assert [(one.seq, one.at, one.text, one.data) for one in events[:2]] == [
            (1, 5.5, "BYE", b"short"),
            (2, 6.5, "BYE", b"long"),
        ]
        assert events[2] == replace(EVENT, seq=3)

    async def test_a_damaged_trace_is_said_to_be_one(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            store.write(EVENT)
            await store.flush()
            with sqlite3.connect(tmp_path / "calls.db") as db:
                db.execute("UPDATE trace SET data = x'00ff'")
            with pytest.raises(StoreError, match="damaged"):
                await store.trace("call1")

    async def test_what_is_not_unicode_is_kept_spelled_out(self, place: str) -> None:
        async with opened(place) as store:
            store.write(EVENT)
            store.write(replace(EVENT, text="INVITE \udcff", seq=2))
            store.write(replace(EVENT, seq=3))
            await store.flush()
            assert [event.text for event in await store.trace("call1")] == ["INVITE", "INVITE \\udcff", "INVITE"]

    async def test_one_row_that_cannot_be_kept_costs_only_itself(self, place: str) -> None:
        async with opened(place) as store:
            store.write(EVENT)
            store.write(replace(EVENT, call_id="bad \udcff"))
            store.write(replace(EVENT, text=None))  # type: ignore[arg-type]
            store.write(replace(EVENT, seq=1 << 70))
            store.write(replace(EVENT, seq=2))
            with capture_logs() as logs:
                await store.flush()
            assert [event.seq for event in await store.trace("call1")] == [1, 2]
        assert [entry["event"] for entry in logs].count("row cannot be kept") == 3


class TestCalls:
    async def test_a_call_is_found_by_id_by_its_beginning_and_by_short_code(self, place: str) -> None:
        async with opened(place) as store:
            store.save_call(row("7kq2x", short_code="4711"))
            store.save_call(row("7kq9z", started=2000.0, short_code="4712"))
            store.save_call(row("8aaaa", started=3000.0, short_code="4711"))
            await store.flush()
            assert await store.find("7kq2x") == [b'{"call_id":"7kq2x"}']
            assert await store.find("7kq") == [b'{"call_id":"7kq9z"}', b'{"call_id":"7kq2x"}']
            assert await store.find("4711") == [b'{"call_id":"8aaaa"}'], "the latest one with that code"
            assert await store.find("%") == []

    async def test_saving_again_replaces(self, place: str) -> None:
        async with opened(place) as store:
            store.save_call(row("a", ended=None, view=b"1"))
            await store.flush()
            assert [row.view for row in await store.ended(EndedCalls(), 50)] == []
            store.save_call(row("a", view=b"2"))
            await store.flush()
            assert [row.view for row in await store.ended(EndedCalls(), 50)] == [b"2"]

    async def test_ended_calls_come_newest_first_in_pages(self, place: str) -> None:
        async with opened(place) as store:
            for number in range(10):
                store.save_call(row(f"c{number}", started=float(number), view=b"%d" % number))
            await store.flush()
            assert [row.view for row in await store.ended(EndedCalls(), 3)] == [b"9", b"8", b"7"]
            assert [row.view for row in await store.ended(EndedCalls(before=7.0), 3)] == [b"6", b"5", b"4"]

    async def test_a_number_is_searched_whole_and_else_by_its_end(self, place: str) -> None:
        async with opened(place) as store:
            store.save_call(row("a", started=1.0, caller="8000", view=b"exact"))
            store.save_call(row("b", started=2.0, caller="+868000", view=b"longer"))
            store.save_call(row("c", started=3.0, called="8000", view=b"called"))
            await store.flush()
            assert await store.search("8000") == [b"called", b"exact"]
            assert await store.search("68000") == [b"longer"]
            assert await store.search("99") == []
            assert await store.search("") == []

    async def test_a_number_is_searched_in_all_its_spellings(self, place: str) -> None:
        async with opened(place) as store:
            for call_id, caller in [("plain", "13800138000"), ("whole", "+8613800138000"), ("other", "+8613800138001")]:
                store.save_call(row(call_id, caller=caller, view=call_id.encode()))
            await store.flush()
            for typed in ("0086 138-0013-8000", "13800138000", "+8613800138000"):
                assert set(await store.search(typed)) == {b"plain", b"whole"}
                assert {kept.view for kept in await store.ended(EndedCalls(typed), 9)} == {b"plain", b"whole"}


class TestOverARestart:
    async def test_everything_is_still_there(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            store.write(EVENT)
            store.save_call(row("call1"))
        async with opened(tmp_path / "calls.db") as store:
            await store.flush()
            assert await store.trace("call1") == [EVENT]
            assert await store.find("call1") == [b'{"call_id":"call1"}']

    async def test_after_a_crash_what_was_written_is_still_there(self, tmp_path: Path) -> None:
        crashed = tmp_path / "crashed"
        crashed.mkdir()

        async with opened(tmp_path / "calls.db") as store:
            store.write(EVENT)
            await store.flush()
            for name in ("calls.db", "calls.db-wal"):  # as a crash leaves them: the rows are in the log only
                shutil.copy(tmp_path / name, crashed / name)
        async with opened(crashed / "calls.db") as store:
            store.write(replace(EVENT, seq=2))
            await store.flush()
            assert [event.seq for event in await store.trace("call1")] == [1, 2]

    async def test_stopping_writes_what_is_queued(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            for number in range(3 * writer.BATCH_ROWS):
                store.write(replace(EVENT, seq=number))
        with sqlite3.connect(tmp_path / "calls.db") as db:
            rows = schema.events_of(db, EVENT.call_id, 10 * writer.BATCH_ROWS)
        assert [event.seq for event in rows] == list(range(3 * writer.BATCH_ROWS))

    async def test_the_file_is_nobody_elses_to_read(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            store.write(EVENT)
            await store.flush()
            modes = {stat.S_IMODE(file.stat().st_mode) for file in listed(tmp_path)}
            assert modes == {0o600}

    async def test_a_file_of_a_newer_version_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "calls.db"
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")

        with capture_logs() as logs:
            async with opened(path) as store:
                store.write(EVENT)
                assert not await store.flush(0.05)
        assert "format 99" in logs[0]["error"]
        assert beside(tmp_path) == []


class TestBounds:
    async def test_old_calls_and_their_traces_go(self, tmp_path: Path) -> None:
        now = NOW
        async with opened(tmp_path / "calls.db", max_age_days=2) as store:
            for number in range(3 * schema.CALLS_PRUNED):
                store.save_call(row(f"old{number}", started=now - 3 * DAY_S))
                store.write(replace(EVENT, call_id=f"old{number}", at=now - 3 * DAY_S))
            store.write(replace(EVENT, call_id="old and never saved", at=now - 3 * DAY_S))
            store.save_call(row("new", started=now - DAY_S))
            store.write(replace(EVENT, call_id="new", at=now - DAY_S))
            await store.flush()
        async with opened(tmp_path / "calls.db", max_age_days=2) as store:
            store.write(replace(EVENT, call_id="new", at=now, seq=2))
            assert await store.flush()
            async with asyncio.timeout(PATIENCE_S):
                # It tidies on a thread of its own, soon after it opens.
                while await store.find("") != [b'{"call_id":"new"}']:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        with sqlite3.connect(tmp_path / "calls.db") as db:
            assert db.execute("SELECT DISTINCT call_id FROM trace").fetchall() == [("new",)]

    async def test_past_the_size_the_oldest_calls_go(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db", max_size_mb=1) as store:
            for number in range(1500):
                store.write(replace(EVENT, call_id=f"c{number:04}", data=os.urandom(2000)))
                store.save_call(row(f"c{number:04}", started=float(number)))
                if number % 100 == 0:
                    await store.flush()
            assert await store.flush()
        with sqlite3.connect(tmp_path / "calls.db") as db:
            kept = [call_id for (call_id,) in db.execute("SELECT call_id FROM calls ORDER BY call_id")]
            traced = {call_id for (call_id,) in db.execute("SELECT call_id FROM trace")}
        assert kept[-1] == "c1499"
        assert kept == [f"c{number:04}" for number in range(1500 - len(kept), 1500)], "the oldest went, in order"
        assert traced == set(kept)
        assert 100 < len(kept) < 500
        assert (tmp_path / "calls.db").stat().st_size < 1_500_000

    async def test_traces_without_a_call_are_bounded_as_well(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db", max_size_mb=1) as store:
            for number in range(4000):
                store.write(replace(EVENT, data=os.urandom(1000), seq=number))
                if number % 200 == 0:
                    await store.flush()
            await store.flush()
            events = await store.trace("call1")
        assert [event.seq for event in events] == list(range(4000 - len(events), 4000)), "the oldest went"
        assert 500 < len(events) < 1500


class TestFaultsDoNotReachCalls:
    async def test_an_unwritable_place_is_an_alarm_and_heals(self, tmp_path: Path) -> None:
        blocked = tmp_path / "dir"
        blocked.write_text("a file where a directory should be")

        before = value(metrics.store.ALARMS, "unwritable")
        with capture_logs() as logs:
            async with opened(blocked / "calls.db") as store:
                store.write(EVENT)
                await until(lambda: value(metrics.store.ALARMS, "unwritable") > before + 3)
                assert value(metrics.store.UP) == 0
                assert "unwritable" in store.alarm
                with pytest.raises(StoreError):
                    await store.trace("call1")
                blocked.unlink()
                assert await store.flush()
                await until(lambda: value(metrics.store.UP) == 1 and store.alarm == "")
                assert await store.trace("call1") == [EVENT]
        assert [entry["log_level"] for entry in logs] == ["error", "info"], "one alarm, not one per try"

    async def test_a_full_disk_is_an_alarm_and_heals(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A limit on the pages of the file fails a write just as a full disk does: SQLITE_FULL."""

        before = value(metrics.store.ALARMS, "full")
        async with opened(tmp_path / "calls.db") as store:
            store.write(EVENT)
            await store.flush()
            pragma = "PRAGMA max_page_count = 1"  # no page more than there are, so not one of these rows finds room
            insert = schema.insert
            monkeypatch.setattr(schema, "insert", lambda db, rows: (db.execute(pragma), insert(db, rows)))
            for seq in range(2, 22):
                store.write(replace(EVENT, data=os.urandom(40_000), seq=seq))
            await until(lambda: value(metrics.store.ALARMS, "full") > before + 2)
            assert "full" in store.alarm
            assert await store.trace("call1") in ([EVENT], []), "what is there can still be read"
            pragma = "PRAGMA max_page_count = 100000"
            assert await store.flush()
            assert [event.seq for event in await store.trace("call1")][-20:] == list(range(2, 22)), "none is lost"

    async def test_room_is_made_when_the_file_reaches_its_own_limit(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(tmp_path / "calls.db") as store:
            insert = schema.insert
            pragma = "PRAGMA max_page_count = 60"
            monkeypatch.setattr(schema, "insert", lambda db, rows: (db.execute(pragma), insert(db, rows)))
            for number in range(100):
                store.save_call(row(f"c{number}", started=float(number), view=os.urandom(3000)))
                await store.flush()
            assert [len(view) for view in await store.find("c99")] == [3000]
            assert await store.find("c0") == []

    @pytest.mark.parametrize(
        "damage", [b"this is not a database, it is a text file" * 200, b"SQLite format 3\0" + b"\xff" * 8000]
    )
    async def test_a_corrupt_file_is_moved_aside_and_a_new_one_begun(self, tmp_path: Path, damage: bytes) -> None:
        path = tmp_path / "calls.db"
        path.write_bytes(damage)

        before = value(metrics.store.ALARMS, "corrupt")
        with capture_logs() as logs:
            async with opened(path) as store:
                store.write(EVENT)
                assert await store.flush()
                assert await store.trace("call1") == [EVENT]
        assert value(metrics.store.ALARMS, "corrupt") == before + 1
        (aside,) = beside(tmp_path)
        assert aside.read_bytes() == damage
        assert str(aside) in str(logs)

    async def test_corruption_in_the_middle_of_the_work_is_survived(self, tmp_path: Path) -> None:
        path = tmp_path / "calls.db"

        async with opened(path) as store:
            for seq in range(2000):
                store.write(replace(EVENT, data=os.urandom(500), seq=seq))
            await store.flush()
        with path.open("r+b") as file:  # everything but the first page, which holds the tables' names
            size = path.stat().st_size
            file.seek(4096)
            file.write(b"\xff" * (size - 4096))
        async with opened(path) as store:
            for seq in range(2000, 2100):
                store.write(replace(EVENT, seq=seq))
            assert await store.flush()
            assert [event.seq for event in await store.trace("call1")] == list(range(2000, 2100))
        assert len(beside(tmp_path)) == 1

    async def test_a_reader_that_meets_corruption_has_the_file_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def corrupt(*_: object) -> None:
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        path = tmp_path / "calls.db"

        async with opened(path) as store:
            store.write(EVENT)
            await store.flush()
            with monkeypatch.context() as patched, pytest.raises(StoreError):
                patched.setattr(schema, "events_of", corrupt)
                await store.trace("call1")
            store.write(replace(EVENT, seq=2))
            assert await store.flush()
            assert [event.seq for event in await store.trace("call1")] == [2]

    async def test_only_the_newest_corrupt_files_are_kept(self, tmp_path: Path) -> None:
        for number in range(6):
            (tmp_path / f"calls.db.corrupt-2020010{number}T000000").write_text("old")
        (tmp_path / "calls.db").write_bytes(b"broken" * 1000)

        async with opened(tmp_path / "calls.db") as store:
            store.write(EVENT)
            assert await store.flush()
        assert len(beside(tmp_path)) == writer.MOVED_ASIDE

    async def test_a_file_deleted_under_us_is_begun_anew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer, "TIDY_EVERY_S", 0.0)
        path = tmp_path / "calls.db"

        async with opened(path) as store:
            store.write(EVENT)
            await store.flush()
            path.unlink()
            store.write(replace(EVENT, seq=2))
            await store.flush()
            await until(lambda: path.exists())
            store.write(replace(EVENT, seq=3))
            await store.flush()
            assert [event.seq for event in await store.trace("call1")][-1] == 3

    async def test_a_full_queue_drops_events_counts_them_and_prefers_calls(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer, "QUEUE_ROWS", 10)
        store = Store(
            StoreSettings(str(tmp_path / "calls.db")), StoppedClock()
        )  # not started: nothing empties the queue
        before = value(metrics.store.TRACE_DROPPED)
        for seq in range(15):
            store.write(replace(EVENT, seq=seq))
        assert value(metrics.store.TRACE_DROPPED) == before + 5
        store.save_call(row("a"))
        assert value(metrics.store.TRACE_DROPPED) == before + 5

        store.start()
        await store.flush()
        assert [event.seq for event in await store.trace("call1")] == list(range(10))
        assert len([row.view for row in await store.ended(EndedCalls(), 50)]) == 1
        await store.stop()

    async def test_the_queue_is_bounded_in_bytes_and_empties_its_account(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer, "QUEUE_BYTES", 10_000)
        made = Writer(StoreSettings(str(tmp_path / "calls.db")), SystemClock())
        large = replace(EVENT, data=b"x" * 9_000)
        assert made.put(large, 9_000)
        assert made.put(large, 9_000)
        assert not made.put(EVENT, len(EVENT.data)), "nothing is written yet, and this is enough"
        made.start()
        for _ in range(5):
            assert made.flush(PATIENCE_S)
            assert made.put(large, 9_000)
        made.finish(PATIENCE_S)

    async def test_a_broken_store_does_not_hold_up_the_stop(self, tmp_path: Path) -> None:
        (tmp_path / "dir").write_text("in the way")

        before = value(metrics.store.TRACE_DROPPED)
        with capture_logs() as logs:
            async with opened(tmp_path / "dir" / "calls.db") as store:
                store.write(EVENT)
        assert value(metrics.store.TRACE_DROPPED) == before + 1, "and says what was lost"
        assert logs[-1]["lost"] == 1
        store.write(EVENT)  # after the stop: dropped, not an error


class TestKinds:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (OSError(28, "No space left"), "full"),
            (PermissionError(13, "denied"), "unwritable"),
            (sqlite3.OperationalError("who knows"), "other"),
        ],
    )
    def test_a_failure_has_the_kind_its_metric_names(self, error: Exception, kind: str) -> None:
        assert writer.kind_of(error) == kind
