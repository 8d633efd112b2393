"""Jobs: in order for each key, beside the inbox, and ended with the call."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from splitter.calls.events import CallEvent, PlacesMade
from splitter.calls.jobs import Jobs


class Desk:
    """Jobs with an inbox, and what was done in which order."""

    def __init__(self) -> None:
        self.inbox: list[CallEvent] = []
        self.done: list[str] = []
        self.jobs = Jobs("call", self.inbox.append)
        self.gate = asyncio.Event()

    def start(self, key: str, name: str, *, waits: bool = False, fails: bool = False) -> None:
        async def work() -> CallEvent:
            if waits:
                await self.gate.wait()
            if fails:
                raise ValueError(name)
            self.done.append(name)
            return PlacesMade((name,))

        self.jobs.start(key, work)

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class TestOrder:
    async def test_of_one_key_one_after_the_other_of_others_beside_them(self) -> None:
        desk = Desk()
        desk.start("desk-1", "a", waits=True)
        desk.start("desk-1", "b")
        desk.start("desk-2", "c")
        await desk.settle()
        assert desk.done == ["c"]
        desk.gate.set()
        await desk.settle()
        assert desk.done == ["c", "a", "b"] and len(desk.jobs) == 0

    async def test_what_came_of_it_waits_for_the_inbox(self) -> None:
        desk = Desk()
        desk.start("desk-1", "a")
        await desk.settle()
        assert desk.done == ["a"] and desk.inbox == [PlacesMade(("a",))]


class TestFaults:
    async def test_one_that_fails_is_logged_and_the_next_one_runs(self) -> None:
        desk = Desk()
        with capture_logs() as logs:
            desk.start("desk-1", "a", fails=True)
            desk.start("desk-1", "b")
            await desk.settle()
        assert desk.done == ["b"] and len(desk.inbox) == 1
        assert [entry["event"] for entry in logs] == ["a job of a call failed"]


class TestTheEnd:
    async def test_nothing_is_left(self) -> None:
        desk = Desk()
        desk.start("desk-1", "a", waits=True)
        desk.start("desk-1", "b")
        await desk.settle()
        await desk.jobs.close()
        desk.start("desk-1", "c")
        desk.gate.set()
        await desk.settle()
        assert desk.done == [] and desk.inbox == [] and len(desk.jobs) == 0
