"""A real Valkey for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.server import Server, short_folder


@pytest.fixture
def server() -> Iterator[Server]:
    with short_folder() as folder, Server(folder) as one:
        yield one
