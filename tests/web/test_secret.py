"""The secret that tokens are signed with: one for good, readable by us alone."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splitter.core.errors import LocalError
from splitter.web.access.secret import load_secret, secret_beside


def test_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "store" / "api-secret"
    secret = load_secret(path)
    assert len(secret) == 32 and load_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["api-secret"], "nothing is left behind"


def test_two_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(load_secret, [tmp_path / "api-secret"] * 8))) == 1


def test_without_a_file_is_another_one_each_time() -> None:
    assert secret_beside(":memory:") is None
    assert load_secret(None) != load_secret(None)


def test_stands_beside_the_store() -> None:
    assert secret_beside("/var/lib/splitter/calls.db") == Path("/var/lib/splitter/api-secret")


def test_that_is_too_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(LocalError, match="less than 32 bytes"):
        load_secret(tmp_path / "secret")


def test_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot be read"):
        load_secret(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match="cannot be"):
        load_secret(tmp_path / "file" / "secret")


def test_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"s" * 32)
    path.chmod(0o644)
    with capture_logs() as logs:
        assert load_secret(path) == b"s" * 32
    assert "others can read" in logs[0]["event"]
