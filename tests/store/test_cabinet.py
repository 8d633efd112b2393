"""The cabinet: what `put` has returned from is there after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from splitter.store.cabinet import Cabinet
from splitter.store.schema import StoreError
from tests.web.kit import in_thread

_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from splitter.store.cabinet import Cabinet

async def main():
    cabinet = Cabinet(Path(sys.argv[1]))
    await cabinet.put("a", b"1")
    await cabinet.put("b", b"2")
    await cabinet.put("a", b"3")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_outlasts_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "sms.db"
    done = await in_thread(subprocess.run, [sys.executable, "-c", _KILLED, str(path)])
    assert done.returncode == -signal.SIGKILL
    cabinet = Cabinet(path)
    assert await cabinet.all() == {"a": b"3", "b": b"2"}
    await cabinet.drop(["a"])
    assert await cabinet.all() == {"b": b"2"}
    await cabinet.close()


async def test_is_nobody_elses_to_read(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path / "sms.db")
    await cabinet.put("a", b"1")
    assert (tmp_path / "sms.db").stat().st_mode & 0o077 == 0
    await cabinet.close()


async def test_says_that_it_could_not_keep_and_goes_on_when_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    cabinet = Cabinet(folder / "sms.db")
    with pytest.raises(StoreError):
        await cabinet.put("a", b"1")
    folder.unlink()
    await cabinet.put("a", b"1")
    assert await cabinet.all() == {"a": b"1"}
    await cabinet.close()


async def test_a_corrupt_file_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    path.write_bytes(b"no database, " * 500)
    cabinet = Cabinet(path)
    with pytest.raises(StoreError):
        await cabinet.all()
    assert await cabinet.all() == {} and (tmp_path / "sms.db.corrupt").exists()
    await cabinet.close()


async def test_without_a_file_keeps_as_long_as_the_process() -> None:
    cabinet = Cabinet(None)
    await cabinet.put("a", b"1")
    assert await cabinet.all() == {"a": b"1"}
    await cabinet.close()
