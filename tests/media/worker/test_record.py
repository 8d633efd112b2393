"""The record of ports: what a gateway leaves to the next one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from splitter.media.worker import record
from splitter.media.worker.record import PortRecord

FIRST, LAST = 30_000, 30_099


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(record, "time", made)
    return made


def at(folder: Path, first: int = FIRST, last: int = LAST) -> PortRecord:
    found = PortRecord.at(folder, first, last)
    assert found is not None
    return found


class TestTheNextGateway:
    def test_knows_of_nothing_at_first(self, tmp_path: Path) -> None:
        assert at(tmp_path).used(30) == []

    def test_knows_what_was_open_and_what_had_been_closed(self, tmp_path: Path, clock: Clock) -> None:
        before = at(tmp_path)
        before.opened(30_000)
        before.opened(30_098)
        before.closed(30_098)
        clock.now += 20
        assert at(tmp_path).used(30) == [(30_098, 20), (30_000, 0)]

    def test_does_not_care_for_what_was_closed_long_ago(self, tmp_path: Path, clock: Clock) -> None:
        at(tmp_path).closed(30_002)
        clock.now += 30
        assert at(tmp_path).used(30) == []

    def test_takes_what_was_open_for_closed(self, tmp_path: Path, clock: Clock) -> None:
        at(tmp_path).opened(30_002)
        clock.now += 3600
        assert at(tmp_path).used(30) == [(30_002, 0)]
        clock.now += 31
        assert at(tmp_path).used(30) == []

    def test_lets_ports_rest_as_if_just_closed_where_the_clock_was_put_back(self, tmp_path: Path, clock: Clock) -> None:
        at(tmp_path).closed(30_002)
        clock.now -= 3600
        assert at(tmp_path).used(30) == [(30_002, 0)]

    def test_may_have_another_range(self, tmp_path: Path) -> None:
        at(tmp_path).opened(30_002)
        assert at(tmp_path, 30_000, 30_199).used(30) == []
        assert at(tmp_path).used(30) == [(30_002, 0)]


class TestARecord:
    def test_of_an_odd_range_holds_its_last_pair(self, tmp_path: Path) -> None:
        made = at(tmp_path, 30_001, 30_005)
        made.opened(30_002)
        made.opened(30_004)
        assert [port for port, _ in made.used(30)] == [30_002, 30_004]

    def test_does_not_mind_ports_beside_it(self, tmp_path: Path) -> None:
        made = at(tmp_path)
        for port in (29_998, LAST + 1):
            made.opened(port)
        assert made.used(30) == []

    @pytest.mark.parametrize("content", [b"", b"\xff" * 400, b"\x00" * 7, os.urandom(5000)])
    def test_made_by_somebody_else_breaks_nothing(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / f"ports-{FIRST}-{LAST}").write_bytes(content)
        made = at(tmp_path)
        assert all(FIRST <= port < LAST and 0 <= since_s <= 30 for port, since_s in made.used(30))

    def test_that_cannot_be_kept_is_none(self, tmp_path: Path) -> None:
        assert PortRecord.at(tmp_path / "missing", FIRST, LAST) is None
        (tmp_path / f"ports-{FIRST}-{LAST}").symlink_to(tmp_path / "elsewhere")
        assert PortRecord.at(tmp_path, FIRST, LAST) is None
