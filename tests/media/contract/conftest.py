"""Each test of this folder runs against each engine; those that need processes are slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.media.contract.given import Given, fake, rtpengine, workers

ENGINES: list[Any] = ["fake", pytest.param("workers", marks=pytest.mark.slow)]
VOICE_ALONE: list[Any] = [pytest.param("rtpengine", marks=pytest.mark.interop)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each engine is put to the test in what it is there for; what it cannot do beyond that is skipped."""
    about = metafunc.module.__name__.rpartition(".")[2]
    able = ENGINES if about in ("test_rooms", "test_survivors", "test_restored", "test_mix") else ENGINES + VOICE_ALONE
    if about == "test_survivors" and metafunc.cls.__name__ == "TestARelay":
        able = ENGINES + VOICE_ALONE
    for name in {"given", "hasty"} & set(metafunc.fixturenames):
        metafunc.parametrize(name, able, indirect=True)


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


@pytest.fixture(scope="module")
def distant() -> Iterator[Given]:
    """An rtpengine that is started once for the tests of a module."""
    with rtpengine() as given:
        yield given


@pytest.fixture
def given(request: pytest.FixtureRequest) -> Iterator[Given]:
    """The engine."""
    if request.param == "fake":
        with fake() as made:
            yield made
    else:
        yield request.getfixturevalue({"workers": "patient", "rtpengine": "distant"}[request.param])


@pytest.fixture
def hasty(request: pytest.FixtureRequest) -> Iterator[Given]:
    """An engine that waits for no answer longer than two seconds."""
    make = {"fake": fake, "workers": lambda: workers(request_limit_s=2), "rtpengine": lambda: rtpengine(2)}
    with make[request.param]() as made:  # type: ignore[no-untyped-call]
        yield made
