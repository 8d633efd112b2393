"""Records on two shelves: the one that is furthest is believed, whole; both are brought to the same."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from splitter.core.errors import LocalError
from splitter.store import gathering
from splitter.store.copies import Copies
from splitter.store.gathering import Gatherer, ShelfFault
from splitter.store.rows import Batch, LiveRow, Mark, ShelfContent
from splitter.store.write_ahead import WriteAheadLog
from tests.interop.process import eventually


@dataclass
class Plank:
    """A shelf in memory that fails, and forgets, when it is told to."""

    rows: dict[str, bytes] = field(default_factory=dict)
    mark: Mark | None = None
    fault: Exception | None = None
    forgets: bool = False
    name = "plank"
    late = "it waits"

    def read(self) -> ShelfContent:
        if self.fault:
            raise self.fault
        return ShelfContent(tuple(LiveRow(call, 1.0, record) for call, record in self.rows.items()), self.mark)

    def write(self, batch: Batch) -> bool:
        if self.fault:
            raise self.fault
        gone, self.forgets = self.forgets, False
        if batch.anew or gone:
            self.rows.clear()
        for call, change in batch.changes.items():
            if change.record is not None:
                self.rows[call] = change.record
            elif change.over:
                self.rows.pop(call, None)
        self.mark = batch.mark
        return not gone

    def close(self) -> None: ...


def started(*planks: Plank, fence: int = 9) -> tuple[Copies, Mapping[str, bytes]]:
    copies = Copies([Gatherer(plank) for plank in planks])
    return copies, {row.call_id: row.record for row in copies.start(fence)}


class TestWhichIsBelieved:
    def test_the_greater_mark_decides_for_all_of_it(self) -> None:
        ahead = Plank({"a": b"2"}, Mark(5, 11))
        behind = Plank({"a": b"1", "over": b"1"}, Mark(5, 10))
        copies, found = started(behind, ahead)
        assert found == {"a": b"2"}, "what is missing on the newer one is over"
        copies.stop()
        assert behind.rows == ahead.rows == {"a": b"2"}

    def test_a_later_fence_counts_more_than_many_changes(self) -> None:
        assert started(Plank({"old": b"1"}, Mark(5, 1000)), Plank({"a": b"1"}, Mark(6, -1)))[1] == {"a": b"1"}

    def test_one_that_is_not_complete_only_where_there_is_no_other(self) -> None:
        part, whole = Plank({"a": b"1"}, Mark(5, -1)), Plank({"a": b"1", "b": b"1"}, Mark(5, 3))
        assert set(started(part, whole)[1]) == {"a", "b"}
        assert set(started(Plank(), Plank({"a": b"1"}))[1]) == {"a"}

    def test_one_that_cannot_be_read_is_not_asked(self) -> None:
        broken = Plank({"a": b"1"}, Mark(5, 10), ShelfFault("down", "away"))
        copies, found = started(broken, Plank({"b": b"1"}, Mark(5, 1)))
        assert found == {"b": b"1"} and copies.alarms == ["away", ""]
        copies.stop()

    def test_but_where_its_own_may_be_old_nothing_begins_without_it(self) -> None:
        broken = Plank({"a": b"1"}, Mark(5, 10), ShelfFault("down", "away"))
        copies = Copies([Gatherer(Plank({"b": b"1"}, Mark(4, 1))), Gatherer(broken)])
        with pytest.raises(LocalError, match="the calls of before are not known: away"):
            copies.start(9, shared=True)
        copies.stop()

    def test_and_a_broken_one_of_its_own_stops_nobody(self) -> None:
        broken = Plank(fault=ShelfFault("full", "no room"))
        copies = Copies([Gatherer(broken), Gatherer(Plank({"b": b"1"}, Mark(4, 1)))])
        assert [row.call_id for row in copies.start(9, shared=True)] == ["b"]
        copies.stop()


class TestMarks:
    def test_both_go_on_with_the_new_fence(self) -> None:
        one, other = Plank({"a": b"1"}, Mark(5, 11)), Plank()
        copies, _ = started(one, other)
        copies.keep("b", b"1")
        copies.forget("a")
        copies.stop()
        assert one.mark == other.mark == Mark(9, 3)
        assert one.rows == other.rows == {"b": b"1"}

    def test_a_fault_of_ours_is_an_alarm_and_tried_again(self) -> None:
        plank = Plank(fault=KeyError("a mistake"))
        store = Gatherer(plank)
        plank.fault, fault = None, plank.fault
        store.start(9)
        plank.fault = fault
        store.keep("a", b"1")
        eventually(lambda: "KeyError" in store.alarm, "an alarm")
        plank.fault = None
        assert store.flush() and store.alarm == "" and plank.rows == {"a": b"1"}
        store.stop()

    def test_nothing_waits_for_long_where_no_log_has_it_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gathering, "GATHER_AHEAD_S", 3600.0)
        plank = Plank()
        store = Gatherer(plank, ahead=WriteAheadLog(tmp_path / "not there"))
        store.start(9)
        store.keep("a", b"1")
        eventually(lambda: plank.rows == {"a": b"1"}, "a record")
        store.stop()

    def test_numbers_go_on_where_the_lease_does(self) -> None:
        plank = Plank({"a": b"1"}, Mark(9, 11))
        copies, _ = started(plank, Plank())
        copies.stop()
        assert plank.mark == Mark(9, 12)

    def test_a_shelf_that_lost_something_is_complete_when_all_was_kept_again(self) -> None:
        plank = Plank()
        lost: list[int] = []
        store = Gatherer(plank, lambda: lost.append(1))
        store.start(9)
        store.keep("a", b"1")
        assert store.flush()
        plank.forgets = True
        store.keep("b", b"1")
        eventually(lambda: plank.mark == Mark(9, -1), "it says that something is missing")
        assert store.generation == len(lost) == 1 and plank.rows == {"b": b"1"}
        store.whole()  # of a generation that nobody has asked for
        store.keep("b", b"2")
        assert store.flush() and plank.mark == Mark(9, -1)
        store.look()
        store.keep("a", b"1")
        store.whole()
        store.stop()
        assert plank.mark == Mark(9, 4) and plank.rows == {"a": b"1", "b": b"2"}


class TestATakeOverThatFails:
    def test_marks_nothing_that_was_not_believed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The disk of a host that was the node long ago, and a Valkey that is silent just now."""
        monkeypatch.setattr(gathering, "LOOK_S", 0.01)
        disk, valkey = Plank({"old": b"x"}, Mark(5, 10)), Plank({"a": b"y"}, Mark(7, 3))
        valkey.fault = ShelfFault("slow", "it does not answer in time")
        copies = Copies([Gatherer(disk), Gatherer(valkey)])
        with pytest.raises(LocalError):
            copies.start(9, shared=True)
        time.sleep(0.1)
        copies.stop()
        assert disk.mark == Mark(5, 10)
        valkey.fault = None
        assert started(disk, valkey, fence=10)[1] == {"a": b"y"} and valkey.rows == {"a": b"y"}
