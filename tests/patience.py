"""Waiting for what other tasks, threads and processes bring about.

A slow machine makes a test take longer, and nothing else: a limit is there so that a test that waits in vain ends, with
a word on what it waited for; it is no measure. What has to come in time is tested in virtual time (tests/world).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0


def patient(usual_s: float) -> float:
    """The limit for what takes so long at most on a machine that has nothing else to do."""
    return 10 * usual_s


async def until(condition: Callable[[], T], every_s: float = 0.01) -> T:
    """Wait until it is true, and return it; TimeoutError if it never is."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := condition()):  # noqa: ASYNC110 — what is waited for sets no event of ours
            await asyncio.sleep(every_s)
        return found


async def eventually(holds: Callable[[], Awaitable[object]], every_s: float = 0.05) -> None:
    """Wait until it holds by the word of another process, which is asked; TimeoutError if it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 — what is waited for sets no event of ours
            await asyncio.sleep(every_s)


def wait(condition: Callable[[], object]) -> None:
    """Wait until it is true, without a loop; AssertionError if it never is."""
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "waited in vain"
        time.sleep(0.02)
