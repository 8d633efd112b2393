"""A real Valkey for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitter.cluster.keeper import Keeper
from tests.cluster.server import Server, short_folder
from tests.patience import PATIENCE_S
from tests.store.conftest import patience

__all__ = ["patience"]


@pytest.fixture(autouse=True)
def end_of_keepers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends one goes on when it has ended."""
    monkeypatch.setattr(Keeper.stop, "__defaults__", (None, PATIENCE_S))


@pytest.fixture
def server() -> Iterator[Server]:
    with short_folder() as folder, Server(folder) as one:
        yield one
