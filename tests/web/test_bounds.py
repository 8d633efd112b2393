"""How much at a time, how much in all: turns and the album."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.media.ports.rooms import Snapshot
from splitter.web import album
from splitter.web.album import Album
from splitter.web.errors import ApiError
from splitter.web.turns import Turns
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
    def test_numbers_the_stills_of_each_call(self) -> None:
        kept = Album()
        assert [kept.add("a", still()), kept.add("a", still()), kept.add("b", still())] == [1, 2, 1]
        assert kept.get("a", 2) is not None and kept.get("a", 3) is None

    def test_keeps_so_many_of_a_call(self) -> None:
        kept = Album(per_call=2)
        for _ in range(3):
            kept.add("a", still())
        assert [kept.get("a", number) is not None for number in (1, 2, 3)] == [False, True, True]

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 60)), max_size=50))
    def test_holds_no_more_than_it_may_and_knows_how_much(self, added: list[tuple[str, int]]) -> None:
        kept = Album(per_call=5, size_bytes=100)
        ids = set[tuple[str, int]]()
        for call_id, size in added:
            ids.add((call_id, kept.add(call_id, still(size))))
            assert kept.size_bytes == sum(len(one.png) for id in ids if (one := kept.get(*id))) <= 100

    def test_the_newest_is_always_there(self) -> None:
        kept = Album(size_bytes=100)
        kept.add("a", still(60))
        assert kept.get("a", kept.add("a", still(5000))) is not None

    async def test_forgets_a_call_a_while_after_its_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(album, "KEPT_S", 0.02)
        kept = Album()
        kept.add("a", still())
        kept.add("b", still())
        of_b = Album()
        of_b.add("b", still())
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
