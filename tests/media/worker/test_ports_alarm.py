"""Ports that run out are told before calls are refused for want of them."""

from __future__ import annotations

import pytest

from splitter.media.ports.health import WorkerStatus, port_alarm
from splitter.media.wire.pairs import PortPairs
from splitter.media.worker.status import pairs_in


def worker(free: int, pairs: int = 100, state: str = "ready", resting: int = 0, for_pictures: int = 9) -> WorkerStatus:
    return WorkerStatus(0, 1, state, 0, 0, pairs, free, 0, resting=resting, for_pictures=for_pictures)


@pytest.mark.parametrize(
    ("workers", "alarm"),
    [
        ([worker(100)], False),
        ([worker(11)], False),
        ([worker(10)], True),
        ([worker(0), worker(100)], False),
        ([worker(0), worker(15)], True),
        ([worker(0, state="down"), worker(100)], False),
        ([worker(0, state="starting")], False),
        ([], False),
    ],
)
def test_few_are_an_alarm(workers: list[WorkerStatus], alarm: bool) -> None:
    assert bool(port_alarm(workers)) is alarm


@pytest.mark.parametrize(
    ("workers", "alarm"),
    [
        ([worker(0, resting=30)], "used again before they have rested: 0 of 100 pairs are free"),
        ([worker(4, resting=5)], "run out: 9 of 100 pairs are left"),
        ([worker(40, for_pictures=0)], "left for pictures: 40 of 100 pairs are left, for voice"),
        ([worker(40, for_pictures=0), worker(40, for_pictures=1)], ""),
        ([worker(40, for_pictures=-1)], ""),
    ],
)
def test_the_alarm_says_what_is_short(workers: list[WorkerStatus], alarm: str) -> None:
    assert alarm in port_alarm(workers) and bool(alarm) is bool(port_alarm(workers))


@pytest.mark.parametrize("ports", [(30000, 30099), (30001, 30099), (30000, 30000), (30000, 30001)])
def test_pairs_are_counted_as_a_worker_counts_them(ports: tuple[int, int]) -> None:
    assert pairs_in(ports) == PortPairs(*ports, 0.0).free(0.0)
