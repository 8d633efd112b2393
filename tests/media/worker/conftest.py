"""Scenarios run on uvloop, as the gateway does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from splitter.media.worker.engine import WorkerEngine
from tests.media.worker.stand import engine

Run = Callable[[Coroutine[Any, Any, None]], None]
Shared = Callable[[Callable[[WorkerEngine], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def run() -> Run:
    """Runs a scenario to its end; whatever the loop complains of fails the test."""

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        complaints: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.get_loop().set_exception_handler(lambda loop, context: complaints.append(context))
            runner.run(scenario)
        assert not complaints

    return run


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    """Runs scenarios on one engine that is started once, for tests that leave it as they found it."""
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        opening = engine()
        made = runner.run(opening.__aenter__())

        def run(scenario: Callable[[WorkerEngine], Coroutine[Any, Any, None]]) -> None:
            complaints.clear()
            runner.run(scenario(made))
            assert not complaints

        yield run
        runner.run(opening.__aexit__(None, None, None))
