"""A world to call in, and a call in it that is answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.calls.kit import connected
from tests.world import PeerCall, World


@pytest.fixture
def world() -> Iterator[World]:
    """A gateway among its neighbours, in virtual time."""
    with World() as world:
        yield world


@pytest.fixture
def pair(world: World) -> tuple[PeerCall, PeerCall]:
    """The caller and the centre of a call that is answered, with voice and video."""
    return connected(world)


@pytest.fixture
def caller(pair: tuple[PeerCall, PeerCall]) -> PeerCall:
    """The caller of the answered call."""
    return pair[0]


@pytest.fixture
def centre(pair: tuple[PeerCall, PeerCall]) -> PeerCall:
    """The centre's side of the answered call."""
    return pair[1]
