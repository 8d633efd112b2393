"""What the event socket has told, for the process that comes next."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from splitter.store.journal import Journal, KeptEvent


def filled(path: Path, count: int = 3, **bounds: float) -> Journal:
    """A journal in which so many events stand; it is not closed, as if its process had been killed."""
    journal = Journal(path, **bounds)  # type: ignore[arg-type]
    journal.begin("e1", 10, [("call 1", b"ringing")])
    for number in range(1, count + 1):
        journal.append(KeptEvent(10 + number, float(number), b"event %d" % number), f"call {number}", b"connected")
    return journal


class TestTheNextProcess:
    def test_knows_every_event_and_what_they_came_to(self, tmp_path: Path) -> None:
        filled(tmp_path / "events.db").append(KeptEvent(14, 4.0, b"over"), "call 2", None)
        kept = Journal(tmp_path / "events.db").read()
        assert kept is not None and (kept.epoch, kept.seq) == ("e1", 14)
        assert [event.body for event in kept.events] == [b"event 1", b"event 2", b"event 3", b"over"]
        assert kept.state == {"call 1": b"connected", "call 3": b"connected"}

    def test_goes_on_in_the_same_file(self, tmp_path: Path) -> None:
        filled(tmp_path / "events.db")
        after = Journal(tmp_path / "events.db")
        after.read()
        after.append(KeptEvent(14, 4.0, b"of the second"))
        assert Journal(tmp_path / "events.db").read().seq == 14

    def test_knows_the_number_where_nothing_happened(self, tmp_path: Path) -> None:
        filled(tmp_path / "events.db", 0)
        assert Journal(tmp_path / "events.db").read().seq == 10

    def test_knows_nothing_where_there_is_nothing(self, tmp_path: Path) -> None:
        assert Journal(tmp_path / "events.db").read() is None
        assert Journal(None).read() is None

    def test_knows_nothing_once_it_was_forgotten(self, tmp_path: Path) -> None:
        journal = filled(tmp_path / "events.db")
        journal.forget()
        assert journal.idle and Journal(tmp_path / "events.db").read() is None

    def test_others_cannot_read_it(self, tmp_path: Path) -> None:
        journal = filled(tmp_path / "events.db")  # held: SQLite takes files of its own away with it
        assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}
        assert journal.read().seq


class TestBounds:
    def test_the_oldest_give_way_and_the_last_stays(self, tmp_path: Path) -> None:
        filled(tmp_path / "events.db", 600, most=100)
        kept = Journal(tmp_path / "events.db").read()
        assert kept.seq == 610 and 100 <= len(kept.events) <= 100 + 64

    def test_what_is_too_old_goes(self, tmp_path: Path) -> None:
        journal = filled(tmp_path / "events.db", 63, age_s=100.0)
        journal.append(KeptEvent(74, 10_000.0, b"much later"))
        assert [event.seq for event in Journal(tmp_path / "events.db").read().events] == [74]

    def test_a_clock_that_was_set_back_makes_no_gap(self, tmp_path: Path) -> None:
        journal = filled(tmp_path / "events.db", 62, age_s=100.0)
        journal.append(KeptEvent(73, 100_000.0, b"by a wrong clock"))
        journal.append(KeptEvent(74, 300.0, b"by the right one"))
        assert Journal(tmp_path / "events.db").read() is not None


class TestFaults:
    @pytest.mark.parametrize("spoil", ["DELETE FROM events WHERE seq = 12", "UPDATE life SET version = 99"])
    def test_what_is_not_whole_is_nothing(self, tmp_path: Path, spoil: str) -> None:
        path = tmp_path / "events.db"
        filled(path).close()
        with sqlite3.connect(path) as db:
            db.execute(spoil)
        assert Journal(path).read() is None
        assert not path.exists(), "nor is it anything at the next start"

    def test_a_file_of_garbage(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        path.write_bytes(b"no database at all" * 100)
        journal = Journal(path)
        assert journal.read() is None and journal.idle
        journal.begin("e2", 0, [])
        assert Journal(path).read().epoch == "e2"

    def test_what_cannot_be_kept_is_an_alarm_and_the_file_goes(self, tmp_path: Path) -> None:
        journal = filled(tmp_path / "events.db")
        journal.append(KeptEvent(13, 4.0, b"a number that was given already"))
        assert "event sockets would begin anew" in journal.alarm
        assert not journal.idle and Journal(tmp_path / "events.db").read() is None
        journal.append(KeptEvent(14, 5.0, b"no more of it"))

    def test_a_folder_that_cannot_be_written(self) -> None:
        journal = Journal(Path("/proc/nowhere/events.db"))
        journal.begin("e1", 0, [])
        assert journal.alarm
