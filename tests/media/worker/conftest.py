"""Asynchronous tests run on uvloop, as the gateway does; those of a worker's own parts on its loop, LOOP of their module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvloop

from splitter.media.worker.engine import WorkerEngine
from tests.conftest import Runner, strict
from tests.media.worker.adopted import folder
from tests.media.worker.stand import engine

__all__ = ["folder"]


@dataclass(frozen=True)
class Shared:
    """An engine, and what runs its loop."""

    runner: Runner
    engine: WorkerEngine


@pytest.fixture(scope="module")
def running() -> Iterator[Shared]:
    """An engine that is started once."""
    with strict(uvloop.new_event_loop) as runner:
        opening = engine()
        yield Shared(runner, runner.run(opening.__aenter__()))
        runner.run(opening.__aexit__(None, None, None))


@pytest.fixture
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """The loop of this test, or that of the shared engine."""
    if "shared" in request.fixturenames:
        yield request.getfixturevalue("running").runner
    else:
        with strict(getattr(request.module, "LOOP", uvloop.new_event_loop)) as runner:
            yield runner


@pytest.fixture
def shared(running: Shared) -> WorkerEngine:
    """An engine that is started once, for tests that leave it as they found it."""
    return running.engine
