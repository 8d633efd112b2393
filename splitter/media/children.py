"""Processes that one of ours has begun for a piece of work. Does I/O."""

from __future__ import annotations

from asyncio.subprocess import Process
from contextlib import suppress


async def end_child(process: Process) -> None:
    """End it, if it still runs, and wait until it and the pipe to it are gone.

    What could not be written to it any more is nobody's fault: asyncio tells it to whoever waits for the pipe.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()
        with suppress(OSError):
            await process.stdin.wait_closed()
