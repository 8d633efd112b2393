"""Each test of this folder runs against each engine; those that need processes are slow."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from tests.media.contract.given import Given, fake, workers

ENGINES = ["fake", pytest.param("workers", marks=pytest.mark.slow)]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """An asynchronous test runs on the loop of its engine, and leaves nothing behind in it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    given: Given = pyfuncitem.funcargs.get("given") or pyfuncitem.funcargs["hasty"]
    names = inspect.signature(pyfuncitem.obj).parameters
    given.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    given.run(given.nothing_left())
    return True


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
