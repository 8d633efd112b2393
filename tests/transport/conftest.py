"""Each asynchronous test of the driver runs on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from tests.conftest import Runner, strict


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """The loop of this test."""
    with strict(uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop) as runner:
        yield runner
