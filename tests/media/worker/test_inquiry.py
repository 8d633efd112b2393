"""When a worker is asked how it is, in virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from splitter.media.wire.pairs import PortLedger
from splitter.media.worker import supervisor
from splitter.media.worker.pulse import COUNTS_S, Doing, Inquiry, Look
from splitter.media.worker.supervisor import Supervisor, SupervisorTimers
from splitter.media.worker.verbs.process import PROTOCOL, Hello, Ping, Status
from splitter.telemetry.settings import TelemetrySettings
from tests.world.loop import VirtualLoop

BEAT_S = 0.1


def asked(beats: int, replies_a_beat: int) -> int:
    """How often a worker is asked that answers every question within a beat, and so many requests of calls."""
    inquiry, replies, told, questions = Inquiry(), 0, False, 0
    for beat in range(1, beats + 1):
        replies += replies_a_beat + told
        inquiry.look(beat * BEAT_S, replies, told)
        told = inquiry.due(beat * BEAT_S)
        questions += told
    return questions


def test_one_that_says_nothing_else_is_asked_at_each_heartbeat() -> None:
    assert asked(beats=100, replies_a_beat=0) == 100


def test_one_that_talks_with_calls_is_asked_for_its_counts_alone() -> None:
    assert 0 < asked(beats=100, replies_a_beat=3) <= 100 * BEAT_S / COUNTS_S


def test_one_that_falls_silent_is_asked_at_the_next_heartbeat() -> None:
    inquiry = Inquiry()
    inquiry.look(0.1, 5, True)
    assert not inquiry.due(0.1), "it has just answered calls"
    inquiry.look(0.2, 5, False)
    assert inquiry.due(0.2)


class Backlog:
    """The control connection of a worker that has a long queue of requests before each ping, and works through it."""

    def __init__(self, loop: VirtualLoop, answers_s: float) -> None:
        self._loop, self._until = loop, loop.time() + answers_s
        self.lost = asyncio.Event()

    @property
    def replies(self) -> int:
        return int(min(self._loop.time(), self._until) / 0.01)

    async def ask(self, verb: object, limit_s: float) -> Any:
        if isinstance(verb, Ping):
            await asyncio.Event().wait()

    def tell(self, verb: object) -> None: ...

    def close(self) -> None: ...


class Come:
    """The arrival of that worker."""

    status = Status(PROTOCOL, 1, 0, 0, 50)

    def __init__(self, *site: object) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._client = Backlog(loop, 10.0)
        ended = asyncio.Event()
        self.process = SimpleNamespace(pid=1, ended=ended, how="", kill=ended.set)

    async def find(self) -> Backlog:
        return self._client


def test_one_that_answers_calls_is_not_given_up_for_a_ping_that_waits_behind_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=loop.time))
        monkeypatch.setattr(supervisor, "look", lambda pid: Look(Doing.RUNNABLE, loop.time()))
        monkeypatch.setattr(supervisor, "Arrival", Come)
        hello = Hello(PROTOCOL, (30_000, 30_099), 30.0, [], "slate", "", 5.0)
        timers, logs, lost = SupervisorTimers(), TelemetrySettings(), asyncio.Queue[tuple[float, str]]()

        def on_lost(reason: str) -> None:
            lost.put_nowait((loop.time(), reason))

        ledger = PortLedger(30)
        one = Supervisor(
            *(0, hello, ledger, Path(), True, timers, logs), print, print, lambda: True, on_lost, lambda: None
        )

        async def given_up() -> tuple[float, str]:
            one.start()
            try:
                return await lost.get()
            finally:
                await one.stop()

        at, reason = runner.run(given_up())
        assert "busy with something else" in reason and 10 + timers.slow_limit_s < at < 10 + 2 * timers.slow_limit_s
