"""Deliveries of webhooks in the store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from splitter.store import schema
from splitter.store.outbox import Delivered, Delivery
from splitter.store.schema import CallRow, EndedCalls
from splitter.store.settings import StoreSettings
from splitter.store.sqlite import Store
from tests.patience import PATIENCE_S
from tests.telemetry.kit import VirtualClock


def row(number: int, at: float = 0.0) -> Delivery:
    return Delivery(f"id-{number}", "crm", at, b'{"type":"call"}')


@asynccontextmanager
async def opened(path: Path, max_age_days: float = 36_500) -> AsyncIterator[Store]:
    store = Store(StoreSettings(str(path), max_age_days=max_age_days), VirtualClock())
    store.start()
    try:
        yield store
    finally:
        await store.stop()


class TestOutbox:
    async def test_keeps_what_waits_in_order_and_forgets_what_was_taken(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            for number in (3, 1, 2):
                store.save_delivery(row(number))
            await store.flush()
            store.save_delivery(Delivered("id-1"))
            store.save_delivery(row(4))
            store.save_delivery(Delivered("id-4"))  # in the same batch
            store.save_delivery(Delivered("never"))
            await store.flush()
            assert await store.deliveries() == [row(3), row(2)]

    async def test_survives_a_restart(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            store.save_delivery(row(1))
        async with opened(tmp_path / "calls.db") as store:
            await store.flush()
            assert await store.deliveries() == [row(1)]

    async def test_forgets_what_is_too_old(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "calls.db") as store:
            store.save_delivery(row(1, at=VirtualClock().wall() - 3 * 86_400))
            store.save_delivery(row(2, at=VirtualClock().wall()))
        async with opened(tmp_path / "calls.db", max_age_days=2) as store:
            await store.flush()
            async with asyncio.timeout(PATIENCE_S):
                # It tidies on a thread of its own, soon after it opens.
                while len(await store.deliveries()) > 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert await store.deliveries() == [row(2, at=VirtualClock().wall())]


class TestOlderFiles:
    async def test_get_the_table_and_keep_their_calls(self, tmp_path: Path) -> None:
        """Format 1 had calls and traces alone."""
        path = tmp_path / "calls.db"
        with sqlite3.connect(path) as db:
            db.executescript(f"{schema.TABLES} PRAGMA user_version = 1;")
            db.execute("INSERT INTO calls VALUES ('old', '4711', 0.5, 0.9, '110', '119', x'7B226F6C64223A317D')")
        db.close()

        async with opened(path) as store:
            store.save_call(CallRow("one", 1.0, 2.0, "110", "119", b"{}"))
            store.save_delivery(row(1))
            await store.flush()
            assert await store.deliveries() == [row(1)] and [
                row.view for row in await store.ended(EndedCalls(), 50)
            ] == [b"{}", b'{"old":1}']
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        db.close()
