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


def shown(socket: str, shell: str, *words: str) -> list[str]:
    """The lines that the shell is given after Tab behind these words."""
    asked = {"_SPLITTER_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(["splitter", *words])}
    environment = {**asked, "COMP_CWORD": str(len(words)), "SPLITTER_SOCKET": socket, "SPLITTER_CONFIG": str(MISSING)}
    result = CliRunner().invoke(main, [], prog_name="splitter", env=environment)
    assert (result.exit_code, result.stderr) == (0, ""), "it would stand in the middle of what is being typed"
    return result.stdout.splitlines()


def completed(socket: str, *words: str) -> list[str]:
    """What stands after Tab behind these words, in bash."""
    return [line.partition(",")[2] for line in shown(socket, "bash", *words) if line]


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


async def test_nothing_where_the_answer_breaks_off(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"calls": [')
        writer.close()

    socket = str(tmp_path / "half")
    async with await asyncio.start_unix_server(answer, socket):
        assert await asyncio.to_thread(completed, socket, "why", "") == []


async def test_what_is_typed_is_looked_for_among_many(parts: Gateway) -> None:
    parts.calls.add(*(replace(CALL, call_id=f"c{number:03}", started_at=1000.0 + number) for number in range(150)))
    assert len(await tab(parts, "hangup", "")) == 100
    assert await tab(parts, "hangup", "c00") == [f"c{number:03}" for number in reversed(range(10))]


async def test_what_a_caller_calls_itself_acts_on_no_terminal(parts: Gateway) -> None:
    parts.calls.add(replace(CALL, caller="\x1b[2J\nplain"))
    assert await asyncio.to_thread(shown, parts.socket, "zsh", "hangup", "") == [
        *("plain", LIVE, "\\x1b[2J\\nplain, connected")
    ]


async def test_commands(parts: Gateway) -> None:
    assert await tab(parts, "hang") == ["hangup"]
