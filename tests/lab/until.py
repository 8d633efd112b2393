"""Waiting for what other tasks bring about."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Wait until it is so; TimeoutError if it never is."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 — several conditions, several tasks
            await asyncio.sleep(0.01)
