"""Each test of this folder runs against each engine; those that need processes are slow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.media.contract.given import Given, fake, workers

ENGINES = ["fake", pytest.param("workers", marks=pytest.mark.slow)]


@pytest.fixture
def runner(request: pytest.FixtureRequest) -> Iterator[Given]:
    """The loop of the test's engine, in which nothing may be left behind."""
    given: Given = request.getfixturevalue("hasty" if "hasty" in request.fixturenames else "given")
    yield given
    given.run(given.nothing_left())


@pytest.fixture(scope="module")
def patient() -> Iterator[Given]:
    """Workers that are started once for the tests of a module."""
    with workers() as given:
        yield given


@pytest.fixture(params=ENGINES)
def given(request: pytest.FixtureRequest) -> Iterator[Given]:
    """The engine."""
    if request.param == "workers":
        yield request.getfixturevalue("patient")
    else:
        with fake() as made:
            yield made


@pytest.fixture(params=ENGINES)
def hasty(request: pytest.FixtureRequest) -> Iterator[Given]:
    """An engine that waits for no answer longer than two seconds."""
    with fake() if request.param == "fake" else workers(request_limit_s=2) as made:
        yield made
