"""The command line against a served gateway, in one process or in another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from click.testing import CliRunner, Result

from splitter.cli import main
from tests.missing import MISSING
from tests.web.kit import Gateway, gateway

SPLITTER = [sys.executable, "-c", "from splitter.cli import main; main()"]

Command = Callable[..., Awaitable[Result]]


def splitter(*arguments: str, **environment: str) -> Result:
    """Run a command in this process; its output is no terminal."""
    return CliRunner().invoke(main, list(arguments), env={"SPLITTER_CONFIG": str(MISSING), **environment})


def run(directory: Path, story: Callable[[Gateway, Command], Awaitable[None]]) -> None:
    """Serve a gateway, and hand the story a command that talks to it."""

    async def served() -> None:
        async with gateway(directory) as parts:

            async def command(*arguments: str) -> Result:
                return await asyncio.to_thread(splitter, *arguments, SPLITTER_SOCKET=parts.socket)

            await story(parts, command)

    asyncio.run(served())
