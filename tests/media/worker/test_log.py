"""A worker's log is no part of its voice: whatever becomes of standard error, packets flow and commands are answered."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from splitter.media.worker.client import WorkerClient
from splitter.media.worker.verbs.open_relay import OpenRelay
from splitter.media.worker.verbs.process import PROTOCOL, Hello, Ping
from splitter.media.worker.verbs.set_remote import SetRemote
from tests.media.worker.stand import BOTH, FIRST_PORT, LIMIT_S, Peer, receive, rtp

pytestmark = pytest.mark.slow

LINES = 300  # of some hundred bytes each: more than any pipe or queue of a line or two would take
HELLO = Hello(PROTOCOL, (FIRST_PORT, FIRST_PORT + 99), 30.0, [], "slate", "", 5.0)


@contextmanager
def full_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads and that holds nothing more."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


@asynccontextmanager
async def worker(stderr: int | None) -> AsyncIterator[Path]:
    """A worker whose standard error is this; None: it has none."""
    with tempfile.TemporaryDirectory(prefix="media-") as folder:
        path = Path(folder) / "w.sock"
        words = [sys.executable, "-m", "splitter.media.worker", "--socket", str(path), "--grace", "60"]
        if stderr is None:
            words = ["sh", "-c", 'exec "$@" 2>&-', "sh", *words]
        process = await asyncio.create_subprocess_exec(*words, stderr=stderr)
        try:
            yield path
        finally:
            process.kill()
            await process.wait()


async def connect(path: Path) -> WorkerClient:
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                return await WorkerClient.connect(path, lambda owner, event: None)
            except OSError:
                await asyncio.sleep(0.01)


async def make_it_log(path: Path) -> None:
    """Write what it cannot understand; each message makes a line."""
    _, writer = await asyncio.open_unix_connection(str(path))
    for _ in range(LINES):
        writer.write((100).to_bytes(4, "big") + bytes(100))
    await writer.drain()
    writer.close()


async def relays_on(path: Path) -> None:
    """Assert that a call's voice gets through before and after the worker has had much to say."""
    client = await connect(path)
    await client.ask(HELLO, LIMIT_S)
    opened = await client.ask(OpenRelay("c", "r", BOTH), LIMIT_S)
    caller, centre = Peer(), Peer()
    await client.ask(SetRemote("r", 0, caller.remote), LIMIT_S)
    await client.ask(SetRemote("r", 1, centre.remote), LIMIT_S)
    local = ("127.0.0.1", opened.ports[0][0])
    caller.rtp.sendto(rtp(1), local)
    assert (await receive(centre.rtp))[0] == rtp(1)
    await make_it_log(path)
    for sequence in range(2, 20):
        caller.rtp.sendto(rtp(sequence), local)
        assert (await receive(centre.rtp))[0] == rtp(sequence)
    await client.ask(Ping(), LIMIT_S)
    caller.close()
    centre.close()


class TestTheLogOfAWorker:
    async def test_may_go_into_a_pipe_that_nobody_reads(self) -> None:
        with full_pipe() as pipe:
            async with worker(pipe) as path:
                await relays_on(path)

    async def test_may_go_nowhere(self) -> None:
        async with worker(None) as path:
            await relays_on(path)

    async def test_may_go_into_a_pipe_whose_reader_is_gone(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            async with worker(writer) as path:
                await relays_on(path)
        finally:
            os.close(writer)

    async def test_may_go_onto_a_full_disk(self) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            async with worker(full) as path:
                await relays_on(path)
        finally:
            os.close(full)
