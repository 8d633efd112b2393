"""Fixtures of tests beneath the relay: a machine of namespaces, and its kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitter.media.offload.kernel import KernelOffload
from tests.media.offload.lab import Lab, kernel, missing


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A machine with two networks; the test runs on its gateway."""
    if reason := missing():
        pytest.skip(reason)
    with Lab() as made:
        yield made


@pytest.fixture
def offload(lab: Lab) -> Iterator[KernelOffload]:
    """The kernel of the gateway."""
    with kernel() as made:
        yield made
