"""A disk has time: a slow one makes a test of the store take longer, and nothing else."""

from __future__ import annotations

import pytest

from splitter.store.copies import Copies
from splitter.store.gathering import Gatherer
from splitter.store.sqlite import Store
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names no limit for what is to be kept waits as long as it takes."""
    for waits in (Gatherer.flush, Gatherer.stop, Copies.flush, Store.flush, Store.stop):
        monkeypatch.setattr(waits, "__defaults__", (PATIENCE_S,))
