"""Screenshots that are kept with ended calls: over a restart, within a size, and until they are too old."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from splitter.store import kept_screenshots, screenshots
from splitter.store.kept_screenshots import KeptScreenshots
from splitter.store.screenshots import ShotFile
from tests.patience import patient

NOW = float(int(time.time()))  # as the times of files
DAY_S = 86_400.0


def shot(number: int, size: int = 10, call_id: str = "7kq2m0000000") -> ShotFile:
    return ShotFile(call_id, number, bytes(size), 480, 640, NOW)


def of(folder: Path, size_bytes: int = 1000) -> KeptScreenshots:
    return KeptScreenshots(folder, size_bytes, lambda: 30.0, lambda: NOW)


async def test_are_there_for_the_next_process(tmp_path: Path) -> None:
    assert await of(tmp_path / "kept").keep([shot(1), shot(2)]) == (1, 2)
    found = await of(tmp_path / "kept").get("7kq2m0000000", 2)
    assert found == shot(2)
    assert await of(tmp_path / "kept").get("7kq2m0000000", 3) is None
    assert await of(tmp_path / "kept").get("7kq2m000000", 2) is None
    assert (tmp_path / "kept" / shot(1).name).stat().st_mode & 0o077 == 0


async def test_the_oldest_give_way(tmp_path: Path) -> None:
    kept = of(tmp_path, 250)
    for number in range(1, 4):
        assert await kept.keep([shot(number, 100)]) == (number,)
        os.utime(tmp_path / shot(number).name, (NOW - 100 + number,) * 2)
    await kept.start()
    assert [await kept.get("7kq2m0000000", number) is not None for number in (1, 2, 3)] == [False, True, True]


async def test_go_with_their_age(tmp_path: Path) -> None:
    kept = of(tmp_path)
    await kept.keep([shot(1), shot(2)])
    os.utime(tmp_path / shot(1).name, (NOW - 31 * DAY_S,) * 2)
    os.utime(tmp_path / shot(2).name, (NOW - 29 * DAY_S,) * 2)
    (tmp_path / "half.new").write_bytes(b"")
    (tmp_path / "of somebody else").write_bytes(b"")
    await kept.start()
    assert sorted(path.name for path in tmp_path.iterdir()) == [shot(2).name, "of somebody else"]


async def test_are_none_where_none_are_wanted(tmp_path: Path) -> None:
    kept = of(tmp_path / "kept", 0)
    assert await kept.keep([shot(1)]) == () and await kept.get("7kq2m0000000", 1) is None
    assert not (tmp_path / "kept").exists()


async def test_a_disk_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    write = screenshots.write_whole
    monkeypatch.setattr(kept_screenshots, "write_whole", lambda path, png: goes_on.wait() and write(path, png))
    monkeypatch.setattr(kept_screenshots, "PATIENCE_S", 0.02)
    kept = of(tmp_path)
    try:
        for number in range(1, kept_screenshots.MOST_WAITING + 3):
            assert await kept.keep([shot(number)]) == ()
    finally:
        goes_on.set()
    monkeypatch.setattr(kept_screenshots, "PATIENCE_S", patient(10))
    await kept.start()  # one thread does all of it: what was to be written is done, and heard of
    assert await kept.keep([shot(9)]) == (9,)
    assert not (tmp_path / shot(kept_screenshots.MOST_WAITING + 1).name).exists(), "few wait, with their pictures"


async def test_a_disk_that_takes_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    assert await of(tmp_path / "kept").keep([shot(1)]) == ()
