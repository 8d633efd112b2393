"""The gateway's end of a worker's control connection, against a worker that behaves as each test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from splitter.core.errors import MediaTimeout, MediaUnavailable
from splitter.media.worker.client import WorkerClient
from splitter.media.worker.protocol import Framer, VerbCall, VerbReply, read_call, write_reply
from splitter.media.worker.verbs.process import Ping
from splitter.media.worker.verbs.show import ShowSource
from splitter.media.worker.verbs.verb import Done

Behave = Callable[[VerbCall, asyncio.StreamWriter], None]


class FakeWorker:
    """One that behaves as it is told, and a client of it; `reads`: how many commands each read of it found."""

    def __init__(self, behave: Behave) -> None:
        self._behave = behave
        self.reads: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        while data := await reader.read(65_536):
            bodies = framer.feed(data)
            self.reads.append(len(bodies))
            for body in bodies:
                self._behave(read_call(body), writer)
        writer.close()


@asynccontextmanager
async def worker(tmp_path: Path, behave: Behave) -> AsyncIterator[tuple[FakeWorker, WorkerClient]]:
    path, fake = tmp_path / "worker.sock", FakeWorker(behave)
    server = await asyncio.start_unix_server(fake.serve, str(path))
    client = await WorkerClient.connect(path, lambda owner, event: None)
    try:
        yield fake, client
    finally:
        client.close()
        server.close()


def well(call: VerbCall, writer: asyncio.StreamWriter) -> None:
    writer.write(write_reply(call.id, Done()))


class TestRequests:
    async def test_what_one_turn_asks_for_leaves_in_one_write(self, tmp_path: Path) -> None:
        async with worker(tmp_path, well) as (fake, client):
            asks = [client.ask(ShowSource("room", "caller", source), 5.0) for source in ("", "slate", "seat-1")]
            assert await asyncio.gather(*asks) == [Done(), Done(), Done()]
            assert fake.reads == [3]

    async def test_one_without_an_answer_is_given_up_and_delays_no_other(self, tmp_path: Path) -> None:
        def deaf_to_ping(call: VerbCall, writer: asyncio.StreamWriter) -> None:
            if msgspec.msgpack.decode(call.verb)["type"] != "Ping":
                well(call, writer)

        async with worker(tmp_path, deaf_to_ping) as (_, client):
            slow = asyncio.ensure_future(client.ask(Ping(), 0.1))
            assert await client.ask(ShowSource("room", "caller", ""), 5.0) == Done()
            with pytest.raises(MediaTimeout, match=r"Ping: no answer in 0\.1 s"):
                await slow

    async def test_an_answer_that_cannot_be_understood_is_none(self, tmp_path: Path) -> None:
        def babble(call: VerbCall, writer: asyncio.StreamWriter) -> None:
            body = msgspec.msgpack.encode(VerbReply(call.id, msgspec.Raw(msgspec.msgpack.encode({"type": "Nonsense"}))))
            writer.write(len(body).to_bytes(4, "big") + body)

        async with worker(tmp_path, babble) as (_, client):
            with pytest.raises(MediaTimeout):
                await client.ask(Ping(), 0.1)

    async def test_a_worker_that_dies_fails_what_waits(self, tmp_path: Path) -> None:
        def die(call: VerbCall, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        async with worker(tmp_path, die) as (_, client):
            with pytest.raises(MediaUnavailable, match="died"):
                await client.ask(Ping(), 5.0)
            with pytest.raises(MediaUnavailable, match="gone"):
                await client.ask(Ping(), 5.0)
