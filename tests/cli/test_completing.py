"""What the shell completes: asked of the running gateway as a Tab asks it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from splitter.cli import main
from tests.missing import MISSING
from tests.web.kit import CALL, Gateway, ended

LIVE, OVER = CALL.call_id, "9yy2m0000000"


def completed(socket: str, *words: str) -> list[str]:
    """What stands after Tab behind these words, in bash."""
    asked = {"_SPLITTER_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["splitter", *words])}
    environment = {**asked, "COMP_CWORD": str(len(words)), "SPLITTER_SOCKET": socket, "SPLITTER_CONFIG": str(MISSING)}
    result = CliRunner().invoke(main, [], prog_name="splitter", env=environment)
    assert result.stderr == "", "it would stand in the middle of what is being typed"
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


async def tab(parts: Gateway, *words: str) -> list[str]:
    return await asyncio.to_thread(completed, parts.socket, *words)


async def test_ids_of_calls(parts: Gateway) -> None:
    parts.calls.add(CALL)
    parts.save(ended(replace(CALL, call_id=OVER)))
    for command in ("call", "why", "trace", "redial"):
        assert await tab(parts, command, "") == [LIVE, OVER], command
    for command in ("hangup", "raise", "invite", "say", "record", "mute"):
        assert await tab(parts, command, "") == [LIVE], command
    assert await tab(parts, "why", "9y") == [OVER] and await tab(parts, "why", "x") == []


def test_nothing_where_no_gateway_runs(tmp_path: Path) -> None:
    assert completed(str(tmp_path / "none"), "why", "") == []


async def test_commands(parts: Gateway) -> None:
    assert await tab(parts, "hang") == ["hangup"]
