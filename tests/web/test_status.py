"""What is measured of calls that a cluster is to protect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from splitter.cluster.membership import Membership
from splitter.cluster.tenure import NodeStanding
from splitter.telemetry.metrics import REGISTRY
from splitter.web.status.status import measure_records


@dataclass
class Records:
    lag_s: float = 0.0
    waiting: int = 0


@dataclass
class Standing:
    standing: NodeStanding
    standbys: tuple[str, ...]


@pytest.mark.parametrize(
    ("standing", "standbys", "unprotected"),
    [
        (NodeStanding.ACTIVE, ("B",), 0),
        (NodeStanding.ACTIVE, (), 2),
        (NodeStanding.ALONE, ("B",), 2),
    ],
)
def test_calls_that_would_end_with_their_host(
    standing: NodeStanding, standbys: tuple[str, ...], unprotected: int
) -> None:
    membership: Any = Standing(standing, standbys)
    measure_records(Records(), ["one", "another"], cast(Membership, membership))
    assert REGISTRY.get_sample_value("splitter_calls_unprotected") == unprotected
    assert REGISTRY.get_sample_value("splitter_node_standbys") == len(standbys)
