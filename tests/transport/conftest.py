"""Each asynchronous test of the driver runs on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from tests.conftest import Runner, strict


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """The loop of this test."""
    with strict(request.param) as runner:
        yield runner
