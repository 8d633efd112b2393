"""Numbers among many calls: by an index, the newest first, and the same that a look at each row finds."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splitter.core.numbers import WantedNumber
from splitter.store import outbox, schema, sqlite
from splitter.store.schema import CallRow, EndedCalls
from tests.patience import until
from tests.store.test_store import opened

CALLED = ["95588", "110", "+864008000000", ""]


def made(seed: int) -> list[CallRow]:
    """Calls whose numbers often end alike, or are others' spellings."""
    dice, rows = random.Random(seed), []
    for at in range(300):
        end = f"{dice.randrange(40):02}8000"[-dice.randint(1, 6) :]
        caller = dice.choice(["+86138001", "0086138001", "138001", "", "sip-", "138 001-"]) + end
        rows.append(CallRow(f"c{at}", float(at), at + 5.0, caller, dice.choice([*CALLED, caller]), b"%d" % at))
    return rows


def found_by_looking(rows: list[CallRow], number: str, whole: bool, end: bool) -> list[bytes]:
    wanted = WantedNumber(number)

    def is_it(text: str) -> bool:
        return (whole and wanted.names(text) and (text == number or " " not in text)) or (end and text.endswith(number))

    return [row.view for row in reversed(rows) if is_it(row.caller) or is_it(row.called)]


@pytest.mark.parametrize("seed", range(3))
async def test_finds_what_a_look_at_each_row_finds(seed: int) -> None:
    rows, dice = made(seed), random.Random(seed)
    numbers = [dice.choice(rows).caller for _ in range(20)] + [*CALLED[:3], "8000", "00", "+86 138-0010-8000", "x"]
    async with opened(":memory:") as store:
        for row in rows:
            store.save_call(row)
        await store.flush()
        for number in filter(None, numbers):
            found = [call.view for call in await store.ended(EndedCalls(number), 1000)]
            assert found == found_by_looking(rows, number, True, True), number
            page = [call.view for call in await store.ended(EndedCalls(number, since=20.0, before=200.0), 7)]
            assert page == [view for view in found if 20 <= int(view) < 200][:7]
            searched = found_by_looking(rows, number, True, False) or found_by_looking(rows, number, False, True)
            assert await store.search(number, 1000) == searched, number


async def test_takes_an_index_in_its_order_in_files_of_before_as_well(tmp_path: Path) -> None:
    """Of a million calls to the centre's own number the newest are read alone, and none is sorted."""
    path = tmp_path / "calls.db"
    with sqlite3.connect(path) as db:  # of the same format, without the index
        db.executescript(f"{schema.TABLES} {outbox.TABLE} PRAGMA user_version = {schema.VERSION};")
    db.close()
    async with opened(path) as store:
        store.save_call(CallRow("one", 1.0, 2.0, "13800138000", "95588", b"{}"))
        await store.flush()
        assert await store.search("38000") == [b"{}"]
    asked: list[str] = []
    with sqlite3.connect(path) as db:
        db.set_trace_callback(asked.append)
        sqlite.ended_calls(db, EndedCalls("95588"), 50)
        db.set_trace_callback(None)
        (plan,) = ["\n".join(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {one}")) for one in asked]
        # an older program knows nothing of the index, and keeps it
        db.execute("INSERT INTO calls VALUES ('two', '4711', 3, 4, '119', '110', x'7B7D')")
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
    db.close()
    assert "calls_by_caller_end" in plan and "calls_by_called_end" in plan and "SCAN" not in plan and "TEMP" not in plan


async def test_a_file_that_has_no_room_for_the_index_is_used_without(tmp_path: Path) -> None:
    """As one is whose limit was lowered: it has to be opened, or nothing would ever be taken out of it."""
    path = tmp_path / "calls.db"
    with sqlite3.connect(path) as db:
        db.executescript(f"{schema.TABLES} {outbox.TABLE} PRAGMA user_version = {schema.VERSION};")
        rows = [(f"c{at:05}", "", at, at + 5, f"1380{at:07}", "95588", b"{}" + b" " * 400) for at in range(6000)]
        db.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    db.close()
    assert path.stat().st_size > 3_000_000
    with capture_logs() as logs:
        async with opened(path, max_size_mb=1) as store:
            store.save_call(CallRow("new", 1e9, 1e9, "13800138000", "95588", b"{}"))
            assert await store.flush()
            await until(lambda: store.alarm == "")
            assert await store.search("38000") == [b"{}"]
    assert [entry["error"] for entry in logs if "index" in entry["event"]] == ["database or disk is full"]
    async with opened(path, max_size_mb=10) as store:
        assert await store.flush()
    with sqlite3.connect(path) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    db.close()
    assert {"calls_by_caller_end", "calls_by_called_end"} <= names
