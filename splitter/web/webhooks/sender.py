"""The task that sends one receiver what waits for it, over whatever way leads there. asyncio; no I/O of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.store.outbox import Delivery
from splitter.web.webhooks.delivery import Concluded, DeliveryQueue, Effort, Postponed, Receipt

_CHANCE = 1000


class Courier(Protocol):
    """A way to a receiver, such as HTTP. Its faults are receipts: `deliver` raises nothing but cancellation."""

    async def deliver(self, row: Delivery) -> Receipt:
        """Make one attempt, bounded in time."""
        ...

    async def close(self) -> None:
        """Let go of what is held; harmless where nothing is."""
        ...


class Ledger(Protocol):
    """The account of what became of deliveries."""

    def enter(self, news: Concluded | Postponed) -> None: ...

    def wait(self, count: int) -> None:
        """Note how many wait now."""
        ...


class Sender:
    """A receiver of a webhook: its queue, and the one task that sends from it."""

    def __init__(self, queue: DeliveryQueue, courier: Courier, ledger: Ledger, clock: Clock, ids: IdSource) -> None:
        self._queue = queue
        self._courier = courier
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._wake = asyncio.Event()

    def adopt(self, courier: Courier, effort: Effort) -> None:
        """Go this way from the next attempt on, which is made at once."""
        self._courier = courier
        self._enter(self._queue.adopt(effort))
        self._wake.set()

    def give_up(self, why: str) -> int:
        """The receiver is no longer to be told; its task has ended. Returns: how many had waited."""
        dropped = self._queue.clear(why)
        self._enter(dropped)
        return len(dropped)

    def send(self, row: Delivery, kept: bool = False) -> None:
        """Send it in its turn; `kept`: the outbox holds it already."""
        dropped = self._queue.restore(row) if kept else self._queue.add(row)
        self._enter([dropped] if dropped else [])
        self._wake.set()

    async def run(self) -> None:
        """Send until the task is ended."""
        courier = self._courier
        try:
            while True:
                await self._until_due()
                if courier is not self._courier:
                    await courier.close()
                    courier = self._courier
                if row := self._queue.begin(self._clock.now()):
                    receipt = await courier.deliver(row)
                    chance = self._ids.number(_CHANCE) / _CHANCE
                    self._enter([self._queue.end(receipt, self._clock.now(), chance)])
        finally:
            await courier.close()

    async def _until_due(self) -> None:
        while (due_at := self._queue.due_at) is None or due_at > self._clock.now():
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due_at is None else due_at - self._clock.now()):
                    await self._wake.wait()

    def _enter(self, news: Iterable[Concluded | Postponed]) -> None:
        for one in news:
            self._ledger.enter(one)
        self._ledger.wait(len(self._queue))
