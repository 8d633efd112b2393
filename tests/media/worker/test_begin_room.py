"""A room and its first participant by one request, of a worker that knows that and of one from before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.media.worker import engine as engine_module
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.verbs.open_room import First, OpenRoom
from tests.media.worker.stand import engine


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What workers are asked for, by name."""
    names: list[str] = []
    before: Callable[..., Any] = WorkerClient.ask

    def ask(self: WorkerClient, verb: Any, limit_s: float) -> Any:
        names.append(type(verb).__name__)
        return before(self, verb, limit_s)

    monkeypatch.setattr(WorkerClient, "ask", ask)
    return names


@pytest.mark.slow
class TestAWorkerFromBefore:
    """It passes over whom the room is for."""

    @pytest.fixture(autouse=True)
    def old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def without(room_id: str, call_id: str, first: First | None = None) -> OpenRoom:
            return OpenRoom(room_id, call_id)

        monkeypatch.setattr(engine_module, "OpenRoom", without)

    async def test_is_asked_twice(self, asked: list[str]) -> None:
        async with engine() as made:
            caller = await made.begin_room("call-1", "caller", "access", print)
            assert asked.count("OpenRoom") == asked.count("JoinRoom") == 1
            assert made.sizes()["ports"] == 2
            assert await made.close_room(caller.room) is not None

    async def test_closes_the_room_where_nobody_can_be_let_in(self) -> None:
        async with engine() as made:
            with pytest.raises((MediaUnavailable, LocalError)):
                await made.begin_room("call-1", "slate", "access", print)
            assert made.sizes()["ports"] == 0


@pytest.mark.slow
async def test_one_of_now_is_asked_once(asked: list[str]) -> None:
    async with engine() as made:
        caller = await made.begin_room("call-1", "caller", "access", print)
        assert asked.count("OpenRoom") == 1 and "JoinRoom" not in asked
        assert made.sizes()["ports"] == 2
        assert await made.close_room(caller.room) is not None
