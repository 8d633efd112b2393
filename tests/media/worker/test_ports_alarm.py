"""Ports that run out are told before calls are refused for want of them."""

from __future__ import annotations

import pytest

from splitter.media.ports.health import WorkerStatus, port_alarm
from splitter.media.wire.pairs import PortPairs
from splitter.media.worker.status import pairs_in


def worker(free: int, pairs: int = 100, state: str = "ready") -> WorkerStatus:
    return WorkerStatus(0, 1, state, 0, 0, pairs, free, 0)


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


@pytest.mark.parametrize("ports", [(30000, 30099), (30001, 30099), (30000, 30000), (30000, 30001)])
def test_pairs_are_counted_as_a_worker_counts_them(ports: tuple[int, int]) -> None:
    assert pairs_in(ports) == PortPairs(*ports, 0.0).free(0.0)
