"""Two processes must not have the same files; the second one hears who has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from splitter.core.errors import LocalError
from splitter.core.tenancy import Tenancy
from splitter.store.schema import MEMORY, tenancy_of
from splitter.store.settings import StoreSettings


class TestTenancy:
    def test_is_one_process_at_a_time(self, tmp_path: Path) -> None:
        first = Tenancy(tmp_path / "lock", "store.path x")
        with pytest.raises(LocalError, match=f"store.path x: another gateway, process {os.getpid()}, works there"):
            Tenancy(tmp_path / "lock", "store.path x")
        first.end()
        first.end()
        Tenancy(tmp_path / "lock", "store.path x").end()

    def test_of_a_store_is_by_its_path(self, tmp_path: Path) -> None:
        first = tenancy_of(StoreSettings(path=str(tmp_path / "new" / "calls.db")))
        other = tenancy_of(StoreSettings(path=str(tmp_path / "new" / "other.db")))
        assert first is not None and other is not None
        with pytest.raises(LocalError, match="another gateway"):
            tenancy_of(StoreSettings(path=str(tmp_path / "new" / "calls.db")))
        first.end()
        other.end()

    def test_memory_and_a_folder_that_cannot_be_made_need_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert tenancy_of(StoreSettings(path=MEMORY)) is None
        assert tenancy_of(StoreSettings(path=str(tmp_path / "file" / "calls.db"))) is None
