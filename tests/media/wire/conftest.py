"""Asynchronous tests run on the loop of the worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitter.media.wire.waiting import PacketLoop
from tests.conftest import Runner, strict


@pytest.fixture
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """The loop of this test; a parameter is what makes another one."""
    with strict(getattr(request, "param", PacketLoop)) as runner:
        yield runner
