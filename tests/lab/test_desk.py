"""The demo in which a person is the agent, played by a desk without one."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from splitter.lab.consent import Reaction
from splitter.lab.desk import CALLERS, Keyboard, _in_words, _wanted
from splitter.lab.gateway import _children
from splitter.lab.places import usual_port
from splitter.lab.whip import WebSeat, WebSeatSettings
from tests.patience import PATIENCE_S, until

COMMAND = (sys.executable, "-c", "from splitter.cli import main; main()", "demo", "--desk")
HOST = "127.0.0.1"
FIRST_SENDER = 2


class TestKeys:
    async def test_lines_come_whole_however_they_arrive(self) -> None:
        reading, writing = os.pipe()
        with os.fdopen(reading) as stream, os.fdopen(writing, "wb", buffering=0) as typed:
            keys = Keyboard(stream)
            with keys.listening():
                typed.write(b"V\n\nre")
                assert [await keys.next(PATIENCE_S), await keys.next(PATIENCE_S), await keys.next(0.02)] == [
                    "v",
                    "",
                    None,
                ]
                typed.write(b"fuse\n")
                assert await keys.next(PATIENCE_S) == "refuse"
                typed.close()
                assert await keys.next(0.02) is None

    async def test_without_anybody_there_nothing_is_typed(self) -> None:
        with open(os.devnull) as stream:  # noqa: PTH123, ASYNC230 — what a service has for standard input
            keys = Keyboard(stream)
            with keys.listening():
                assert await keys.next(0.02) is None

    def test_each_kind_of_caller_has_its_key(self) -> None:
        said: list[str] = []
        assert [_wanted(caller.key, said.append) for caller in CALLERS] == list(CALLERS)
        assert not said
        assert _wanted("x", said.append) is None
        assert "'x'" in said[0]
        assert {caller.answer for caller in CALLERS if not caller.video} == set(Reaction) - {Reaction.DECLINE}


@pytest.mark.parametrize(
    ("state", "outcome", "words"),
    [
        ("on", "accepted", "sees desk-1"),
        ("asking", "", "is asked for video"),
        ("off", "", "has voice alone"),
        ("off", "accepted", "has voice alone"),
        ("off", "refused", "has voice alone; asked for video: refused (because)"),
    ],
)
def test_what_a_caller_has_in_words(state: str, outcome: str, words: str) -> None:
    video = {"state": state, "outcome": outcome, "reason": "because"}
    assert _in_words({"video": video, "showing": "desk-1"}) == words


async def test_a_port_that_somebody_has_is_left_alone() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert usual_port(HOST, port) == 0
    assert usual_port(HOST, port) == port


class Demo:
    """`splitter demo --desk`, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def hear(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(line.decode().rstrip())

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def told(self, pattern: str) -> re.Match[str]:
        await until(lambda: any(re.search(pattern, line) for line in self.said))
        return next(found for line in self.said if (found := re.search(pattern, line)))


@asynccontextmanager
async def demo() -> AsyncIterator[Demo]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe)
    running = Demo(process)
    hearing = asyncio.create_task(running.hear())
    try:
        yield running
    finally:
        if process.returncode is None:  # a test has failed: what it started ends with it
            process.send_signal(signal.SIGINT)
        await process.wait()
        await hearing


@pytest.mark.interop
class TestAgent:
    async def test_calls_come_once_somebody_is_there_and_callers_are_as_asked_for(self) -> None:
        async with demo() as running:
            api = (await running.told(r"^  (http://\S+?)/$"))[1]
            password = (await running.told(r"password\s+(\S+)$"))[1]
            desk = WebSeat(WebSeatSettings(), HOST)
            await desk.start(api, password)
            await running.told("a video call$")  # by itself
            await until(lambda: desk.place is not None)
            assert desk.place is not None
            place = desk.place
            await until(lambda: place.sight.rising(FIRST_SENDER) >= 10)
            await running.told("13800000001  sees desk-1")
            await self._hangs_up(desk)
            await running.told("13800000001  over: hung up by 2001")
            await self._asks(running, desk, "a", "on", "accepted")
            await self._hangs_up(desk)
            await self._asks(running, desk, "n", "off", "unsupported")
            await running.told("13800000003  has voice alone; asked for video: unsupported")
            left = _children(running.process.pid)
            assert left
            running.process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(running.process.wait(), PATIENCE_S) == 0
            await running.told("all ended")
            await desk.stop()
            await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))

    async def _asks(self, running: Demo, desk: WebSeat, key: str, state: str, outcome: str) -> None:
        running.type(key)
        await until(lambda: desk.place is not None)
        assert desk.place is not None
        call_id = desk.place.call_id
        reply = await desk.ask("POST", f"/v1/calls/{call_id}/video")
        assert reply.accepted, reply.in_words()
        await until(lambda: [desk.calls[call_id]["video"][name] for name in ("outcome", "state")] == [outcome, state])

    async def _hangs_up(self, desk: WebSeat) -> None:
        assert desk.place is not None
        await desk.ask("DELETE", f"/v1/calls/{desk.place.call_id}")
        await until(lambda: desk.place is None)
