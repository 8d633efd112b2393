"""Asynchronous tests and fixtures. They run on the loop of the fixture `runner`, which a folder may replace with its own."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings

T = TypeVar("T")
# A busy machine is no fault of the code; and each run plays the same examples, so that none of them fails by chance. New
# ones are what `make fuzz` and `make sim` are for.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


class Runner(Protocol):
    """What runs coroutines one after the other on one loop, as `asyncio.Runner` does."""

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        """Run to the end."""


@contextmanager
def strict(loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> Iterator[asyncio.Runner]:
    """A runner of real time; whatever its loop complains of fails the test."""
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        yield runner
    assert not complaints


@pytest.fixture
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """The loop of this test; a parameter is what makes the loop."""
    with strict(getattr(request, "param", None)) as runner:
        yield runner


def pytest_collection_finish() -> None:
    """Set all that was imported and collected aside: it stays, and need not be looked through during each test."""
    gc.collect()
    gc.freeze()


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Give each asynchronous test the runner, though it does not name it."""
    if inspect.iscoroutinefunction(obj) and name.startswith("test"):
        pytest.mark.usefixtures("runner")(obj)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an asynchronous test on the runner."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    test = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    runner: Any = pyfuncitem.funcargs["runner"]
    runner.run(test)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
    """Enter and leave an asynchronous fixture (`async def`, one `yield`) on the runner."""
    func = fixturedef.func
    if not inspect.isasyncgenfunction(func):
        return (yield)
    runner: Runner = request.getfixturevalue("runner")

    def plain(**given: Any) -> Iterator[Any]:
        opened = asynccontextmanager(func)(**given)
        yield runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))

    fixturedef.func = plain  # type: ignore[misc]
    try:
        return (yield)
    finally:
        fixturedef.func = func  # type: ignore[misc]
