"""A worker with media in it that outlives its gateway."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from splitter.rtp import packet
from tests.media.room.kit import Camera
from tests.media.worker.owner import Written
from tests.media.worker.stand import LIMIT_S, Peer, runs
from tests.media.worker.stand import waiting as arrived
from tests.patience import until
from tests.rtp.payloads import packetise

NUMBER = struct.Struct("!I")


LATER_PICTURE = b"\x41\x9a"  # a slice of no key frame (H.264 §7.3.1)


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="media-") as path:
        yield path


@dataclass
class Stream:
    """Packets on their way from one peer to another, by our port; each has a number in its payload."""

    source: socket.socket
    to: tuple[str, int]
    target: socket.socket
    video: bool
    sent: int = 0
    got: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of RTP, as they came

    def send(self) -> None:
        self.sent += 1
        mark = NUMBER.pack(self.sent)
        payload = LATER_PICTURE + mark if self.video else mark * 40
        self._send(payload, self.sent)

    def send_key_frame(self) -> None:
        for payload in packetise(Camera(150).picture(), 1, 1200):
            self.sent += 1
            self._send(payload, self.sent)

    def _send(self, payload: bytes, number: int) -> None:
        data = packet.Packet(self.video, 96 if self.video else 8, number & 0xFFFF, number * 160, 0x77, payload, ())
        self.source.sendto(packet.build(data), self.to)

    def receive(self) -> None:
        for data in arrived(self.target):
            came = packet.parse(data)
            if not self.video or came.payload[:2] == LATER_PICTURE:
                self.got.append(NUMBER.unpack(came.payload[-4:])[0])
                self.numbers.append(came.sequence)

    def assert_whole(self) -> None:
        """Every packet arrived once and in order."""
        assert self.got == list(range(self.got[0], self.sent + 1))
        assert [(later - one) & 0xFFFF for one, later in zip(self.numbers, self.numbers[1:], strict=False)] == [1] * (
            len(self.numbers) - 1
        )


@dataclass
class Owned:
    """A gateway in a process of its own, and the streams of its call."""

    process: asyncio.subprocess.Process
    written: Written
    streams: list[Stream]
    peers: list[Peer]

    async def flow(self, over: Callable[[], object] = lambda: False) -> None:
        """50 packets a second on each, until this is so."""
        while not over():
            for stream in self.streams:
                stream.send()
                stream.receive()
            await asyncio.sleep(0.02)

    async def all_arrived(self) -> None:
        def last() -> bool:
            for stream in self.streams:
                stream.receive()
            return all(stream.got and stream.got[-1] == stream.sent for stream in self.streams)

        await until(last)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def owned(folder: str) -> AsyncIterator[Owned]:
    peers = [Peer(host) for host in ("127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2")]
    named = [f"{peer.host}:{peer.remote.rtp.port}:{peer.remote.rtcp.port}" for peer in peers]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.media.worker.owner", folder, *named, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            line = b""
            while not line.startswith(b'{"relay"'):
                line = await process.stderr.readline()
                assert line, "the gateway ended"
        written = msgspec.json.decode(line, type=Written)
        ours = [*written.relay.local, written.caller.local, written.seat.local]
        hosts = ("127.0.0.1", "127.0.0.2") * 2
        to = [(host, end.rtp_port) for host, end in zip(hosts, ours, strict=True)]
        pairs = ((0, 1), (1, 0), (2, 3), (3, 2))
        yield Owned(process, written, [Stream(peers[a].rtp, to[a], peers[b].rtp, video=a > 1) for a, b in pairs], peers)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        for peer in peers:
            peer.close()


def nothing_left(folder: str) -> bool:
    return not list(Path(folder).glob("*.sock"))


def ended(pid: int) -> bool:
    """Whether a process is gone; a child of ours may be left as a zombie."""
    return not runs(pid)
