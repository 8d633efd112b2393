"""A gateway whose API is served to the network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.kit import Gateway, Web, web


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Web]]:
    """It, with the usual settings, and somebody who reaches it."""
    async with web(tmp_path) as served:
        yield served


@pytest.fixture
def parts(served: tuple[Gateway, Web]) -> Gateway:
    """The gateway that is served."""
    return served[0]


@pytest.fixture
def outside(served: tuple[Gateway, Web]) -> Web:
    """Somebody who reaches it over the network."""
    return served[1]
