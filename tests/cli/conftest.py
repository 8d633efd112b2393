"""A gateway that is served on its control socket, and the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.kit import Command, served
from tests.web.kit import Gateway


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Command]]:
    async with served(tmp_path) as both:
        yield both


@pytest.fixture
def parts(both: tuple[Gateway, Command]) -> Gateway:
    """The gateway that is served."""
    return both[0]


@pytest.fixture
def command(both: tuple[Gateway, Command]) -> Command:
    """A command that talks to it."""
    return both[1]
