"""The TCP port of all workers: whose a connection is, and who is not let in."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from splitter.media.wire.frames import framed
from splitter.media.wire.generation import Generation
from splitter.media.wire.pairs import PortPairs
from splitter.media.wire.waiting import PacketLoop
from splitter.media.worker.entrance import SPEECHLESS_LIMIT, SPEECHLESS_OF_A_SOURCE, EntranceSettings, TcpEntrance
from splitter.media.worker.loop import PacketHost, RoomLoop
from tests.garbage import no_rings
from tests.media.wire.test_frames import request
from tests.media.worker.stand import FIRST_PORT
from tests.patience import PATIENCE_S, until

LOOP = PacketLoop

HOST = "127.0.0.1"


class Guests:
    """A user at an entrance, and what its connections bring."""

    def __init__(self, entrance: TcpEntrance) -> None:
        self.faults: list[Exception] = []
        door = entrance.open_door(HOST, self.faults.append)
        assert door is not None
        self.door = door
        self.streams: list[object] = []
        self.frames: list[bytes] = []
        door.admit(self._enter)

    def _enter(self, stream: object) -> None:
        self.streams.append(stream)
        stream.serve(lambda data, source, now: self.frames.append(bytes(data)), lambda reason: None)  # type: ignore[attr-defined]


@asynccontextmanager
async def entrances(folder: Path, count: int = 1, limit_s: float = 60.0) -> AsyncIterator[list[TcpEntrance]]:
    """Entrances of so many workers, on one port."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((HOST, 0))
        port = held.getsockname()[1]
        made = [
            TcpEntrance(
                asyncio.get_running_loop(),
                EntranceSettings(index, folder, port, 0, (HOST,), speech_limit_s=limit_s),
            )
            for index in range(count)
        ]
    try:
        yield made
    finally:
        for one in made:
            one.close()
        assert not list(folder.iterdir())


class Callers:
    """Connections to a port."""

    def __init__(self, entrance: TcpEntrance) -> None:
        door = entrance.open_door(HOST, lambda fault: None)
        assert door is not None
        self._port = door.port
        door.close()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Callers:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def connect(self, first: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(HOST, self._port)
        self._stack.callback(writer.close)
        writer.write(first)
        return reader, writer


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    except ConnectionError:
        return True


async def test_whoever_names_a_user_is_its_own_whichever_worker_was_reached(tmp_path: Path) -> None:
    async with entrances(tmp_path, 3) as made:
        guests = Guests(made[1])
        async with Callers(made[0]) as callers:
            for _ in range(12):
                _, writer = await callers.connect(framed(request(f"{guests.door.ufrag}:x")) + framed(b"and more"))
            await until(lambda: len(guests.frames) == 24)
            writer.write(framed(b"later on"))
            await until(lambda: guests.frames[-1] == b"later on")
            assert [one.tally.open for one in made] == [0, 12, 0]
        await until(lambda: made[1].tally.open == 0)
        assert not guests.faults


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (framed(b"GET / HTTP/1.1 and so on"), "no-request"),
        (framed(request("00nobody:x")), "unknown"),
        (framed(request("77nobody:x")), "unknown"),
        (framed(request("nonsense")), "unknown"),
        (b"\xff\xff" + bytes(2000), "oversize"),
        (b"\x00\x00", "oversize"),
        (b"\x00\x50 half of it", "silent"),
        (b"", "silent"),
    ],
    ids=["http", "nobody", "no-worker", "no-index", "long", "empty", "half", "nothing"],
)
async def test_who_cannot_be_a_browser_is_closed_and_counted(said: bytes, reason: str, tmp_path: Path) -> None:
    async with (
        entrances(tmp_path, limit_s=0.05 if reason == "silent" else PATIENCE_S) as (entrance,),
        Callers(entrance) as callers,
    ):
        reader, _ = await callers.connect(said)
        assert await ended(reader)
        assert entrance.tally.refused == {reason: 1}
        assert entrance.tally.open == 0


async def test_a_worker_that_is_busy_for_a_moment_gets_its_connections_after_it(tmp_path: Path) -> None:
    async with entrances(tmp_path) as (entrance,), Callers(entrance) as callers:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as busy:
            busy.bind(str(tmp_path / "tcp-5.sock"))
            busy.setblocking(False)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, suppress(BlockingIOError):
                other.setblocking(False)
                other.connect(busy.getsockname())
                while True:
                    other.send(b"connections of others")
            reader, _ = await callers.connect(framed(request("05guest:x")))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(), 0.1)
            handed: list[int] = []

            def take() -> bool:
                with suppress(BlockingIOError):
                    while True:
                        handed.extend(socket.recv_fds(busy, 2048, 1)[1])
                return bool(handed)

            await until(take)
            os.close(*handed)
            (tmp_path / "tcp-5.sock").unlink()
        assert not entrance.tally.refused


async def test_the_silent_of_one_address_keep_nobody_else_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with entrances(tmp_path) as (entrance,), Callers(entrance) as callers:
        silent = [await callers.connect() for _ in range(SPEECHLESS_OF_A_SOURCE + 3)]
        for reader, _ in silent[-3:]:
            assert await ended(reader)
        assert entrance.tally.refused["crowded"] == 3
        monkeypatch.setattr("splitter.media.worker.entrance.SPEECHLESS_OF_A_SOURCE", 10_000)
        many = [await callers.connect() for _ in range(SPEECHLESS_LIMIT)]
        for reader, _ in silent[:SPEECHLESS_OF_A_SOURCE]:
            assert await ended(reader), "the oldest make room"
        guests = Guests(entrance)
        await callers.connect(framed(request(f"{guests.door.ufrag}:x")))
        await until(lambda: len(guests.streams) == 1)
        assert len(many) == SPEECHLESS_LIMIT


async def test_a_browser_that_does_not_read_loses_whole_packets_and_holds_up_nobody(tmp_path: Path) -> None:
    async with entrances(tmp_path) as (entrance,), Callers(entrance) as callers:
        guests = Guests(entrance)
        reader, _ = await callers.connect(framed(request(f"{guests.door.ufrag}:x")))
        await until(lambda: len(guests.streams) == 1)
        send: Callable[[bytes], bool] = guests.streams[0].send  # type: ignore[attr-defined]
        sent = [number for number in range(100_000) if send(number.to_bytes(4, "big") * 300)]
        assert entrance.tally.unsent == 100_000 - len(sent) > 0
        for number in sent:
            length = int.from_bytes(await reader.readexactly(2), "big")
            assert await reader.readexactly(length) == number.to_bytes(4, "big") * 300


async def test_where_pictures_find_a_connection_full_a_voice_still_has_room_but_not_for_ever(tmp_path: Path) -> None:
    async with entrances(tmp_path) as (entrance,), Callers(entrance) as callers:
        guests = Guests(entrance)
        reader, _ = await callers.connect(framed(request(f"{guests.door.ufrag}:x")))
        await until(lambda: len(guests.streams) == 1)
        send: Callable[[bytes], bool] = guests.streams[0].send  # type: ignore[attr-defined]
        pictures = 0
        while send(bytes(1200)):
            pictures += 1
        voices = [number for number in range(10_000) if send(number.to_bytes(4, "big") * 50)]
        assert voices[:50] == list(range(50)), "a second of it"
        assert len(voices) < 1000
        assert not send(bytes(1200))
        await reader.readexactly(pictures * 1202)
        for number in voices:
            assert await reader.readexactly(202) == framed(number.to_bytes(4, "big") * 50)


async def test_with_its_user_a_connection_is_gone(tmp_path: Path) -> None:
    async with entrances(tmp_path) as (entrance,), Callers(entrance) as callers:
        guests = Guests(entrance)
        reader, _ = await callers.connect(framed(request(f"{guests.door.ufrag}:x")))
        await until(lambda: len(guests.streams) == 1)
        guests.door.close()
        assert await ended(reader)
        late, _ = await callers.connect(framed(request(f"{guests.door.ufrag}:x")))
        assert await ended(late)
        assert entrance.tally.refused == {"unknown": 1}


async def test_a_generation_of_ice_takes_its_connections_along_and_leaves_no_rings(tmp_path: Path) -> None:
    async with entrances(tmp_path) as (entrance,), Callers(entrance) as callers:
        loop = asyncio.get_running_loop()
        host = PacketHost(loop, PortPairs(FIRST_PORT + 300, FIRST_PORT + 309, 0, random.Random(1)))
        host.entrance = entrance
        room, user = RoomLoop(host, lambda fault: None), SimpleNamespace(strays=0, on_agent_path=print, on_heard=print)
        with no_rings("splitter.media"):
            generation = Generation(user, room, HOST, HOST)
            agent = generation.agent
            assert sum(one.endswith("tcptype passive") for one in agent.candidates) == 1
            reader, _ = await callers.connect(framed(request(f"{agent.local_username}:x")))
            await until(lambda agent=agent: agent.rejected == 1)  # type: ignore[misc]  # that was not its password
            assert entrance.tally.open == 1
            generation.close()
            assert await ended(reader)
            await asyncio.sleep(0.01)
            del generation, agent, reader
        assert not room.timers
        room.close()
        host.poller.close()


async def test_what_a_participant_raises_is_its_own_fault(tmp_path: Path) -> None:
    async with entrances(tmp_path) as (entrance,), Callers(entrance) as callers:
        guests = Guests(entrance)
        guests.door.admit(lambda stream: 1 / 0)  # type: ignore[arg-type]
        await callers.connect(framed(request(f"{guests.door.ufrag}:x")))
        await until(lambda: bool(guests.faults))
        assert isinstance(guests.faults[0], ZeroDivisionError)
