"""The command line against a served gateway, in one process or in another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from splitter.cli import main
from tests.missing import MISSING
from tests.web.kit import Gateway, gateway

SPLITTER = [sys.executable, "-c", "from splitter.cli import main; main()"]

Command = Callable[..., Awaitable[Result]]


def splitter(*arguments: str, typed: str = "", **environment: str) -> Result:
    """Run a command in this process; its output is no terminal. `typed`: what its standard input says."""
    return CliRunner().invoke(main, list(arguments), typed, env={"SPLITTER_CONFIG": str(MISSING), **environment})


@asynccontextmanager
async def served(directory: Path, **more: Any) -> AsyncIterator[tuple[Gateway, Command]]:
    """Serve a gateway; gives it, and a command that talks to it. `more`: of Ports."""
    async with gateway(directory, **more) as parts:

        async def command(*arguments: str) -> Result:
            return await asyncio.to_thread(splitter, *arguments, SPLITTER_SOCKET=parts.socket)

        yield parts, command
