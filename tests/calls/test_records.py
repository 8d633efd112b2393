"""When calls are written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from splitter.calls.persistence.frame import RecordKind, framed, unframed
from splitter.calls.persistence.records import FLUSH_S, Records
from splitter.calls.talk.outstanding import Outstanding
from splitter.core.net import Address, Flow
from tests.world.loop import VirtualLoop


@dataclass
class Shelf:
    """A store of records that remembers what it was told."""

    generation: int = 0
    told: list[tuple[str, ...]] = field(default_factory=list)

    def keep(self, call_id: str, record: bytes, note: bytes | None = None) -> None:
        self.told.append(
            (
                "keep",
                call_id,
                unframed(record).body.decode(errors="replace"),
                *([] if note is None else [note.decode()]),
            )
        )

    def doubt(self, call_id: str, note: bytes) -> None:
        self.told.append(("doubt", call_id, note.decode()))

    def forget(self, call_id: str) -> None:
        self.told.append(("forget", call_id))

    def whole(self) -> None:
        self.told.append(("whole",))

    def news(self) -> list[tuple[str, ...]]:
        told, self.told = self.told, []
        return told


OUR_BYE = Outstanding("caller", "branch BYE", Flow("access", "udp", Address("::1", 1), Address("::1", 2)), b"BYE")
FIRST = framed(RecordKind.CALL, b"1")


@dataclass
class OneCall:
    """A call that says what it is told to say."""

    key: str = "a"
    says: bytes | Exception | None = FIRST
    asks: bytes = b"?"
    restless: bytes | None = None
    looks: int = 0

    def record(self) -> tuple[bytes | None, bool]:
        self.looks += 1
        if isinstance(self.says, Exception):
            raise self.says
        return (self.says, True) if self.says is not None else (self.restless, False)

    def doubt(self, outstanding: Sequence[Outstanding], at_rest: bool = False) -> bytes:
        return self.asks if not outstanding else b" ".join(one.message for one in outstanding)


class TestWhen:
    def test_a_burst_of_changes_is_one_record_a_moment_later(self) -> None:
        shelf, call, loop = Shelf(), OneCall(), VirtualLoop()
        records = Records(shelf)

        async def burst() -> None:
            records.touch(call.key, call)
            await asyncio.sleep(FLUSH_S / 100)
            assert shelf.news() == [("keep", "a", "1")], "nothing was known of it"
            for word in (b"2", b"3"):
                call.says = framed(RecordKind.CALL, word)
                records.touch(call.key, call)
            await asyncio.sleep(FLUSH_S / 2)
            assert shelf.news() == []
            await asyncio.sleep(FLUSH_S)
            assert shelf.news() == [("keep", "a", "3")]

        loop.run_until_complete(burst())
        loop.close()

    def test_what_is_new_and_leaves_at_once_is_looked_at_once(self) -> None:
        shelf, call, loop = Shelf(), OneCall(), VirtualLoop()
        records = Records(shelf)

        async def leaving() -> None:
            records.touch(call.key, call)
            records.write_ahead({"a"})
            await asyncio.sleep(2 * FLUSH_S)

        loop.run_until_complete(leaving())
        loop.close()
        assert (shelf.news(), call.looks) == ([("keep", "a", "1")], 1)

    def test_what_is_as_before_is_not_written_again(self) -> None:
        shelf, call = Shelf(), OneCall()
        records = Records(shelf)
        loop = VirtualLoop()

        async def twice() -> None:
            for _ in range(2):
                records.touch(call.key, call)
                records.flush()

        loop.run_until_complete(twice())
        loop.close()
        assert shelf.news() == [("keep", "a", "1")]

    def test_before_something_leaves_only_its_call_is_written(self) -> None:
        shelf, one, other, loop = Shelf(), OneCall("a"), OneCall("b"), VirtualLoop()
        records = Records(shelf)

        async def leaving() -> None:
            for call in (one, other):
                records.touch(call.key, call)
                call.says = framed(RecordKind.CALL, b"2")
            shelf.told.clear()
            records.write_ahead({"a"})
            assert shelf.news() == [("keep", "a", "2")]
            await asyncio.sleep(FLUSH_S)

        loop.run_until_complete(leaving())
        loop.close()
        assert shelf.news() == [("keep", "b", "2")]


class TestWhat:
    @pytest.fixture
    def shelf(self) -> Shelf:
        return Shelf()

    @pytest.fixture
    def records(self, shelf: Shelf) -> Records:
        return Records(shelf)

    @staticmethod
    def look(records: Records, *calls: OneCall) -> None:
        async def touch() -> None:
            for call in calls:
                records.touch(call.key, call)
            records.flush()

        asyncio.run(touch())

    @staticmethod
    def over(records: Records, key: str) -> None:
        async def end() -> None:
            records.end(key, "hung up")
            await asyncio.sleep(0)
            records.finish(key)
            records.flush()

        asyncio.run(end())

    def test_a_call_that_is_not_at_rest_is_in_doubt_once(self, records: Records, shelf: Shelf) -> None:
        call = OneCall()
        self.look(records, call)
        call.says = None
        self.look(records, call)
        self.look(records, call)
        assert shelf.news() == [("keep", "a", "1"), ("doubt", "a", "?")]
        call.asks = b"??"
        self.look(records, call)
        assert shelf.news() == [("doubt", "a", "??")], "something else is under way"
        call.says = framed(RecordKind.CALL, b"1")
        self.look(records, call)
        assert shelf.news() == [("keep", "a", "1")], "what it says is sure again, though it is what it was"

    def test_one_that_is_answered_has_one_though_it_never_rested(self, records: Records, shelf: Shelf) -> None:
        call = OneCall(says=framed(RecordKind.UNFINISHED, b"rings"))
        self.look(records, call)
        call.says, call.restless = None, framed(RecordKind.CALL, b"answered")
        self.look(records, call)
        self.look(records, call)
        assert shelf.news() == [("keep", "a", "rings"), ("keep", "a", "answered", "?")], "one step"

    def test_one_that_was_never_at_rest_has_none(self, records: Records, shelf: Shelf) -> None:
        self.look(records, OneCall(says=None))
        assert shelf.news() == []

    def test_the_end_is_told_and_nothing_after_it(self, records: Records, shelf: Shelf) -> None:
        self.look(records, OneCall())
        shelf.news()
        self.over(records, "a")
        news = shelf.news()
        assert [word for word, *_ in news] == ["keep", "forget"] and "hung up" in news[0][2]
        shelf.generation += 1
        self.look(records)
        assert shelf.news() == [("whole",)]

    def test_what_a_peer_has_yet_to_confirm_stands_beside_it(self, records: Records, shelf: Shelf) -> None:
        call = OneCall()
        self.look(records, call)
        records.note_outstanding("a", OUR_BYE)
        self.look(records, call)
        assert shelf.news() == [("keep", "a", "1"), ("keep", "a", "1", "BYE")], "though it is at rest"
        self.confirmed(records)
        self.look(records, call)
        assert shelf.news() == [("keep", "a", "1")]

    def test_it_outlives_the_call(self, records: Records, shelf: Shelf) -> None:
        self.look(records, OneCall())
        records.note_outstanding("a", OUR_BYE)
        self.over(records, "a")
        assert "BYE" in shelf.news()[-1][2]
        shelf.generation += 1
        self.look(records)
        assert [word for word, *_ in shelf.news()] == ["keep", "whole"]
        self.confirmed(records)
        assert shelf.news() == [("forget", "a")]

    @staticmethod
    def confirmed(records: Records) -> None:
        async def confirm() -> None:
            records.note_confirmed(OUR_BYE.txn)
            records.flush()

        asyncio.run(confirm())

    def test_all_that_lives_is_kept_again_in_a_store_that_was_begun_anew(self, records: Records, shelf: Shelf) -> None:
        self.look(records, OneCall("a"), OneCall("b"))
        shelf.news()
        shelf.generation += 1
        self.look(records, OneCall("c"))
        news = shelf.news()
        assert sorted(set(news[:-1])) == [("keep", "a", "1"), ("keep", "b", "1"), ("keep", "c", "1")]
        assert news[-1] == ("whole",)

    def test_a_call_that_cannot_be_written_costs_no_other(self, records: Records, shelf: Shelf) -> None:
        self.look(records, OneCall("a", says=KeyError("fault")), OneCall("b"))
        assert shelf.news() == [("keep", "b", "1")]

    def test_without_a_store_nothing_is_written(self) -> None:
        records = Records()
        self.look(records, OneCall(says=KeyError("never asked")))
        self.over(records, "a")
