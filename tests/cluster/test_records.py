"""Records of live calls in a real Valkey: fenced, counted, written again where they vanished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from splitter.cluster.records import ValkeyShelf
from splitter.store.copies import Copies
from splitter.store.gathering import Gatherer
from splitter.store.live import LiveStore
from splitter.store.rows import LiveRow
from tests.cluster.server import Server, short_folder
from tests.interop.process import eventually

pytestmark = pytest.mark.interop

LEASE = "p:lease:a"


@dataclass
class Holder:
    """Who writes, as it says itself."""

    owner: str = "me"
    fence: int = 7
    hurried: int = 0

    def hurry(self) -> None:
        self.hurried += 1


def lease(server: Server, fence: int = 7, owner: str = "me") -> None:
    server.command("HSET", LEASE, "fence", fence, "owner", owner)


@contextmanager
def opened(
    server: Server, fence: int = 7, owner: str = "me", **changes: Any
) -> Iterator[tuple[Gatherer, list[LiveRow]]]:
    store = Gatherer(ValkeyShelf(server.settings(**changes), Holder(owner, fence)))
    rows = list(store.start(fence).rows)
    try:
        yield store, rows
    finally:
        store.stop(20)


def alarmed(store: Gatherer, why: str) -> None:
    """Wait for an alarm that says so; before it there may be one that records wait."""
    eventually(
        lambda: store.alarm.startswith("nothing is protected: ") and why in store.alarm, why, 20, lambda: store.alarm
    )


def held(server: Server) -> dict[bytes, bytes]:
    flat = server.command("HGETALL", "p:calls:a")
    return {call: value[8:] for call, value in zip(flat[::2], flat[1::2], strict=True)}


class TestRecords:
    def test_are_there_for_the_next_process(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, rows):
            assert rows == []
            store.keep("a", b"\x00\xff")
            store.keep("b", b"1")
            store.keep("over", b"1")
            store.flush()
            store.doubt("b", b"?")
            store.forget("over")
        with opened(server) as (store, rows):
            assert sorted((row.call_id, row.record, row.doubt) for row in rows) == [
                ("a", b"\x00\xff", None),
                ("b", b"1", b"?"),
            ]
            assert all(row.written_at > 1e9 for row in rows)
            store.keep("b", b"2")
        with opened(server) as (_, rows):
            assert {row.call_id: (row.record, row.doubt) for row in rows}["b"] == (b"2", None)

    def test_a_thousand_in_one_go(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, _):
            for number in range(1000):
                store.keep(f"c{number}", b"x" * 1000)
            assert store.flush()
        with opened(server) as (_, rows):
            assert len(rows) == 1000
        assert server.command("HGETALL", "p:mark:a") == [b"fence", b"7", b"number", b"1000"]

    def test_what_is_no_record_is_left_to_those_who_read_it(self, server: Server) -> None:
        lease(server)
        server.command("HSET", "p:calls:a", "short", "x", "foreign", "something foreign")
        server.command("HSET", "p:mark:a", "fence", "none")
        with opened(server) as (_, rows):
            assert {row.call_id: row.record for row in rows} == {"short": b"", "foreign": b"g foreign"}


class TestFence:
    def test_an_overtaken_process_changes_nothing(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, _):
            store.keep("a", b"old")
            assert store.flush()
            lease(server, 8, "other")
            with opened(server, 8, "other") as (other, _):
                other.keep("a", b"new")
                assert other.flush()
                store.keep("a", b"late")
                store.forget("a")
                alarmed(store, "another process is this node now")
                assert not store.flush(0.0) and held(server) == {b"a": b"new"}

    def test_neither_does_one_of_the_same_number(self, server: Server) -> None:
        lease(server, 7, "other")
        with opened(server) as (store, _):
            store.keep("a", b"1")
            alarmed(store, "another process is this node now")
        assert held(server) == {}


class TestFaults:
    def test_flushed(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, _):
            store.keep("a", b"1")
            assert store.flush()
            server.command("FLUSHALL")
            store.keep("b", b"1")
            alarmed(store, "Valkey has lost what it held")
            assert not store.flush(0.0), "nobody holds the lease yet"
            lease(server)
            assert store.flush() and store.generation == 1
            eventually(lambda: not store.alarm, "no alarm")

    def test_one_record_that_vanished_is_noticed_without_a_change(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, _):
            store.keep("a", b"1")
            store.keep("b", b"1")
            assert store.flush()
            server.command("HDEL", "p:calls:a", "a")
            eventually(lambda: store.generation == 1, "the loss is noticed", 30)
            store.look()
            store.keep("a", b"1")
            store.keep("b", b"1")
            store.whole()
            assert store.flush() and store.generation == 1
            store.keep("c", b"1")
            assert store.flush() and store.generation == 1
        assert len(held(server)) == 3

    def test_restarted(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, _):
            store.keep("a", b"1")
            assert store.flush()
            server.kill()
            store.keep("b", b"1")
            alarmed(store, "Valkey cannot be reached")
            server.start()
            lease(server)
            assert store.flush()
            eventually(lambda: store.generation == 1 and not store.alarm, "the loss is noticed", 30)

    def test_paused_for_two_seconds(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, _):
            server.pause()
            store.keep("a", b"1")
            alarmed(store, "does not answer in time")
            server.go_on()
            assert store.flush() and store.alarm == ""
        assert held(server) == {b"a": b"1"}

    def test_full_and_then_not(self, server: Server) -> None:
        lease(server)
        with opened(server) as (store, _):
            server.command("CONFIG", "SET", "maxmemory", "1")
            store.keep("a", b"1")
            alarmed(store, "out of memory")
            server.command("CONFIG", "SET", "maxmemory", "0")
            assert store.flush() and store.alarm == ""

    def test_a_wrong_password(self, server: Server) -> None:
        server.command("CONFIG", "SET", "requirepass", "right")
        with opened(server) as (store, rows):
            assert rows == [] and "does not believe our user or password" in store.alarm

    def test_nobody_there_costs_the_caller_no_time(self, server: Server) -> None:
        server.kill()
        with opened(server) as (store, _):
            for number in range(1000):
                store.keep(f"c{number}", b"1")
            assert store.lag_s < 30


class TestWithTheDisk:
    def test_a_host_that_was_away_does_not_bring_back_what_is_over(self, server: Server) -> None:
        with short_folder() as folder:
            lease(server, 7, "A")
            first = self.copies(server, folder, "A", 7)
            first.start(7)
            first.keep("a", b"1")
            first.keep("over", b"1")
            first.stop()
            lease(server, 8, "B")
            with opened(server, 8, "B") as (other, rows):
                assert len(rows) == 2
                other.replace(tuple(rows))
                other.forget("over")
                other.keep("new", b"1")
            lease(server, 9, "A")
            third = self.copies(server, folder, "A", 9)
            assert {row.call_id for row in third.start(9)} == {"a", "new"}
            third.stop()
            assert {row.call_id for row in LiveStore(folder / "live.db").start().rows} == {"a", "new"}

    def test_what_valkey_lost_is_on_the_disk(self, server: Server) -> None:
        with short_folder() as folder:
            lease(server, 7, "A")
            first = self.copies(server, folder, "A", 7)
            first.start(7)
            first.keep("a", b"1")
            first.stop()
            server.command("FLUSHALL")
            lease(server, 8, "A")
            second = self.copies(server, folder, "A", 8)
            assert {row.call_id for row in second.start(8)} == {"a"}
            second.stop()
            assert held(server) == {b"a": b"1"}

    def copies(self, server: Server, folder: Path, owner: str, fence: int) -> Copies:
        disk = LiveStore(folder / "live.db")
        return Copies([disk, Gatherer(ValkeyShelf(server.settings(), Holder(owner, fence)))])
