"""What the tests in a browser are given. A peer that is missing is a failure, never a skip."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright, async_playwright

from tests.browser import camera, chromium
from tests.browser.desk import Desk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever is asynchronous in this folder needs the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents and inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def runner() -> Iterator[asyncio.Runner]:
    """The loop of this worker's browser."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera sees."""
    return camera.film(tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="session")
def playwright(runner: asyncio.Runner) -> Iterator[Playwright]:
    """The driver of browsers."""

    async def start() -> tuple[AsyncExitStack, Playwright]:
        stack = AsyncExitStack()
        return stack, await stack.enter_async_context(async_playwright())

    stack, playwright = runner.run(start())
    yield playwright
    runner.run(stack.aclose())


@pytest.fixture(scope="session")
def browser(runner: asyncio.Runner, playwright: Playwright, film: Path) -> Iterator[Browser]:
    """One Chromium for all tests of this worker; each gets a context of its own."""
    browser = runner.run(chromium.launch(playwright.chromium, film))
    yield browser
    runner.run(browser.close())


@pytest.fixture
def stack(runner: asyncio.Runner) -> Iterator[AsyncExitStack]:
    """What is entered here is left when the test is over."""
    stack = AsyncExitStack()
    yield stack
    runner.run(stack.aclose())


@pytest.fixture
def make_desk(browser: Browser, request: pytest.FixtureRequest) -> Callable[..., Desk]:
    """`async with make_desk() as desk:` has everything around an agent's desk; settings are those of `Gateway`."""
    return partial(Desk, browser, request.node.name.removeprefix("test_"))
