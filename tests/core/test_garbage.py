"""When the garbage collector looks at what: at what is new, and at the rest while nobody would notice."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from splitter.core.garbage import Collector, FullLook, resident_bytes
from tests.world.loop import VirtualLoop

MB = 1_000_000


class TestFullLook:
    """Everything is looked at while few calls live, or where memory is not explained by those that do."""

    def test_waits_for_few_calls(self) -> None:
        look = FullLook(few=20)
        assert not look.is_due(7000, 21, 50 * MB)
        assert look.is_due(7000, 20, 50 * MB)

    def test_pauses(self) -> None:
        look = FullLook(few=20, pause_s=600)
        look.note(7000, 3, 50 * MB)
        assert not look.is_due(7599, 0, 50 * MB)
        assert look.is_due(7600, 0, 50 * MB)

    def test_does_not_wait_where_memory_has_grown_without_calls(self) -> None:
        look = FullLook(few=20)
        look.note(7000, 3, 50 * MB)
        assert not look.is_due(7060, 10_003, 1300 * MB), "ten thousand calls more"
        assert look.is_due(7060, 10_003, 1310 * MB)
        look.note(7060, 10_003, 1310 * MB)
        assert not look.is_due(7120, 10_003, 1310 * MB), "what it is now is the measure"
        assert look.is_due(7120, 5000, 1570 * MB), "with fewer calls it may not be more"


class TestCollector:
    @pytest.fixture(autouse=True)
    def restored(self) -> Iterator[None]:
        before = gc.get_threshold()
        yield
        gc.set_threshold(*before)

    def test_looks_at_what_is_old_only_while_few_calls_live(self, monkeypatch: pytest.MonkeyPatch) -> None:
        looked: list[int] = []
        calls = [()] * 100

        def collect() -> int:
            looked.append(len(calls))
            return 0

        monkeypatch.setattr(gc, "collect", collect)
        loop = VirtualLoop()
        loop.call_soon(Collector(5000, FullLook(few=20), lambda: len(calls)).start)
        loop.run_until(lambda: False, 1000)
        assert not looked
        del calls[5:]
        loop.run_until(lambda: False, 600)
        assert looked == [5]
        loop.run_until(lambda: False, 120)
        assert looked == [5, 5]
        loop.close()
        assert gc.get_threshold()[0] == 5000 and min(gc.get_threshold()[1:]) > 1_000_000

    def test_knows_the_size_of_this_process(self) -> None:
        assert 5 * MB < resident_bytes() < 100_000 * MB
