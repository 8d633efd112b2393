"""How much at a time, how much in all: turns and the album."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.media.ports.rooms import Snapshot
from splitter.store.screenshots import ScreenshotFiles
from splitter.web.http.errors import ApiError
from splitter.web.http.turns import Turns
from splitter.web.stills import album
from splitter.web.stills.album import Album
from tests.garbage import held_by
from tests.patience import until


def still(size: int = 10) -> Snapshot:
    return Snapshot(b"p" * size, 4, 4, 1.0)


class TestTurns:
    def test_are_bounded_for_each_and_for_all(self) -> None:
        turns = Turns(each=1, together=2)
        with turns.take("a"):
            with pytest.raises(ApiError) as caught, turns.take("a"):
                pass
            assert (caught.value.status, caught.value.code) == (429, "too-many")
            with turns.take("b"), pytest.raises(ApiError), turns.take("c"):
                pass
        with turns.take("a"):
            pass

    def test_are_given_back_by_whoever_fails(self) -> None:
        turns = Turns(each=1, together=1)
        with pytest.raises(ValueError), turns.take("a"):
            raise ValueError
        with turns.take("a"):
            pass


class TestAlbum:
    async def test_numbers_the_stills_of_each_call(self) -> None:
        kept = Album()
        assert [await kept.add(call_id, still()) for call_id in "aab"] == [1, 2, 1]
        assert kept.get("a", 2) is not None and kept.get("a", 3) is None

    async def test_keeps_so_many_of_a_call(self) -> None:
        kept = Album(per_call=2)
        for _ in range(3):
            await kept.add("a", still())
        assert [kept.get("a", number) is not None for number in (1, 2, 3)] == [False, True, True]

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 60)), max_size=50))
    def test_holds_no_more_than_it_may_and_knows_how_much(self, added: list[tuple[str, int]]) -> None:
        kept = Album(per_call=5, size_bytes=100)
        ids = set[tuple[str, int]]()
        for call_id, size in added:
            ids.add((call_id, asyncio.run(kept.add(call_id, still(size)))))
            assert kept.size_bytes == sum(len(one.png) for id in ids if (one := kept.get(*id))) <= 100

    async def test_the_newest_is_always_there(self) -> None:
        kept = Album(size_bytes=100)
        await kept.add("a", still(60))
        assert kept.get("a", await kept.add("a", still(5000))) is not None

    async def test_forgets_a_call_a_while_after_its_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(album, "KEPT_S", 0.02)
        kept = Album()
        await kept.add("a", still())
        await kept.add("b", still())
        of_b = Album()
        await of_b.add("b", still())
        kept.ended("a")
        kept.ended("none")
        assert kept.get("a", 1) is not None, "not at once"
        await until(lambda: kept.get("a", 1) is None)
        assert kept.size_bytes == 10 and kept.get("b", 1) is not None
        held = held_by(kept)
        assert held == held_by(of_b), "as if there had been no other call"
        kept.ended("b")
        assert held_by(kept) > held
        kept.close()
        assert held_by(kept) == held


class TestAlbumOverARestart:
    def album(self, folder: Path, wall: float = 1000.0, **bounds: int) -> Album:
        return Album(files=ScreenshotFiles(folder, **bounds), wall=lambda: wall)

    async def test_the_next_process_has_them_and_numbers_on(self, tmp_path: Path) -> None:
        before = self.album(tmp_path)
        for size in (5, 6):
            await before.add("a", Snapshot(b"p" * size, 64, 48, 12.5))
        after = self.album(tmp_path)
        await after.start({"a"})
        assert after.get("a", 2) == Snapshot(b"pppppp", 64, 48, 12.5)
        assert await after.add("a", still()) == 3 and after.size_bytes == 21
        before.close(), after.close()

    async def test_those_of_a_call_that_has_ended_go_when_they_would_have_gone(self, tmp_path: Path) -> None:
        before = self.album(tmp_path)
        for call_id in ("long ago", "just now"):
            await before.add(call_id.replace(" ", "-"), still())
        for name, at in (("long-ago", 1000.0), ("just-now", 1500.0)):
            [file] = tmp_path.glob(f"{name}*")
            os.utime(file, (at, at))
        after = self.album(tmp_path, wall=1000.0 + album.KEPT_S)
        await after.start(())
        await asyncio.sleep(0)
        while after.get("long-ago", 1) is not None:  # noqa: ASYNC110 - pytest's timeout is the limit
            await asyncio.sleep(0.005)
        assert after.get("just-now", 1) is not None
        before.close(), after.close()

    async def test_the_end_of_a_call_is_known_to_the_next(self, tmp_path: Path) -> None:
        kept = self.album(tmp_path)
        await kept.add("a", still())
        [file] = tmp_path.iterdir()
        os.utime(file, (1.0, 1.0))
        kept.ended("a")
        await until(lambda: file.stat().st_mtime > 1.0)
        kept.close()

    async def test_others_cannot_read_them_and_what_is_dropped_is_deleted(self, tmp_path: Path) -> None:
        kept = Album(per_call=1, files=ScreenshotFiles(tmp_path / "shots"))
        await kept.add("a", still())
        await kept.add("a", still())
        await until(lambda: len(list((tmp_path / "shots").iterdir())) == 1)
        [file] = (tmp_path / "shots").iterdir()
        assert file.name.startswith("a.2.") and stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        kept.close()

    async def test_garbage_and_too_much_are_deleted_and_strangers_left(self, tmp_path: Path) -> None:
        before = self.album(tmp_path)
        for call_id in "abc":
            await before.add(call_id, still(40))
        for name in ("a.7.1.4x4.new", "notes.txt"):
            (tmp_path / name).write_bytes(b"x")
        after = self.album(tmp_path, size_bytes=100)
        await after.start("abc")
        assert after.size_bytes == 80
        assert len(list(tmp_path.glob("*.png"))) == 2 and (tmp_path / "notes.txt").exists()
        assert not list(tmp_path.glob("*.new"))
        before.close(), after.close()

    async def test_a_folder_that_cannot_be_written_costs_the_next_process_alone(self) -> None:
        kept = self.album(Path("/proc/nowhere"))
        assert await kept.add("a", still()) == 1 and kept.get("a", 1) is not None
        kept.close()
