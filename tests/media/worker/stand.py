"""A stand for the engine: real worker processes and real sockets on loopback."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from splitter.core.net import Address
from splitter.lab.places import claim
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.voice import RelayHandle, SideSpec
from splitter.media.settings import MediaSettings
from splitter.media.wire.latch import LatchRules
from splitter.media.worker.engine import WorkerEngine
from splitter.media.worker.supervisor import SupervisorTimers
from tests.patience import PATIENCE_S, until

LIMIT_S = PATIENCE_S
_BLOCK = 500


def _first_port() -> int:
    """The first of the ports that this process has as long as it lives; see `splitter.lab.places`, whose are others."""
    mine = 20_000 + _BLOCK * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    return claim("media", [mine, *range(20_000, 24_000, _BLOCK)]) or mine


FIRST_PORT = _first_port()
"""Of the media ports; test processes that run side by side, of one run or several, have ports of their own."""
T = TypeVar("T")
BOTH = ("caller", "127.0.0.1"), ("centre", "127.0.0.1")
"""The sides of a relay as a worker is told them."""
E = TypeVar("E", bound=MediaEvent)


@dataclass(frozen=True)
class Network:
    media_address: str
    advertised_address: str | None = None


NETWORKS = {
    "access": Network("127.0.0.1", "192.0.2.1"),
    "core": Network("127.0.0.2"),
    "six": Network("::1"),
    "elsewhere": Network("192.0.2.77"),
}


def sides(caller: str = "access", centre: str = "core") -> tuple[SideSpec, SideSpec]:
    """The two sides of a call's relay, in these networks."""
    return SideSpec("caller", caller), SideSpec("centre", centre)


@dataclass
class Events:
    """A listener that remembers."""

    seen: list[MediaEvent] = field(default_factory=list)

    def __call__(self, event: MediaEvent) -> None:
        self.seen.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.seen if isinstance(event, kind)]

    async def next(self, kind: type[E]) -> E:
        return (await until(lambda: self.of(kind)))[0]


def rtp(sequence: int, ssrc: int = 0xCA11, payload: bytes = b"\xd5" * 160) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc) + payload


def rtcp(ssrc: int = 0xCA11) -> bytes:
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc)


class Peer:
    """A phone's two ports. `extra()` opens another port of the same host."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._opened: list[socket.socket] = []
        self.rtp, self.rtcp = self.extra(), self.extra()

    def extra(self, host: str = "") -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host or self.host, 0))
        sock.setblocking(False)
        self._opened.append(sock)
        return sock

    @property
    def remote(self) -> RemoteEnd:
        return RemoteEnd(address(self.rtp), address(self.rtcp))

    def close(self) -> None:
        for sock in self._opened:
            sock.close()


def address(sock: socket.socket) -> Address:
    return Address(*sock.getsockname()[:2])


async def receive(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
    """The next packet and its source."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def arrived() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(sock.fileno(), arrived)
    try:
        async with asyncio.timeout(LIMIT_S):
            await readable
    finally:
        loop.remove_reader(sock.fileno())
    data, source = sock.recvfrom(65536)
    return data, source[:2]


def waiting(sock: socket.socket) -> list[bytes]:
    """What has come so far."""
    packets = []
    try:
        while True:
            packets.append(sock.recv(65536))
    except BlockingIOError:
        return packets


def gateway(
    folder: str,
    workers: int = 1,
    *,
    first_port: int = FIRST_PORT,
    last_port: int = FIRST_PORT + 199,
    quarantine_s: float = 300.0,
    request_limit_s: float = 50.0,
    window_s: float = 60.0,
    timers: SupervisorTimers | None = None,
    networks: Mapping[str, Network] = NETWORKS,
    **others: Any,
) -> WorkerEngine:
    """An engine whose workers are found in a folder."""
    settings = MediaSettings(
        workers=workers,
        first_port=first_port,
        last_port=last_port,
        quarantine_s=quarantine_s,
        request_limit_s=request_limit_s,
        socket_dir=folder,
        **others,
    )
    timers = timers or SupervisorTimers(start_limit_s=PATIENCE_S)
    return WorkerEngine(settings, networks, timers=timers, rules=LatchRules(window_s=window_s))


@asynccontextmanager
async def engine(workers: int = 1, **settings: Any) -> AsyncIterator[WorkerEngine]:
    """An engine with ready workers."""
    with tempfile.TemporaryDirectory(prefix="media-") as folder:
        made = gateway(folder, workers, **settings)
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


@dataclass
class Talk:
    """An open relay between two peers whose addresses it knows."""

    engine: WorkerEngine
    relay: RelayHandle
    caller: Peer
    centre: Peer
    events: Events

    async def report_until(self, what: Callable[..., bool]) -> None:
        """Ask for the counters until `what(side 0, side 1)` holds."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                report = await self.engine.report(self.relay)
                assert report is not None
                if what(*report.sides):
                    return
                await asyncio.sleep(0.005)

    async def flows(self, source: socket.socket, local: LocalEnd, target: socket.socket, sequence: int = 1) -> None:
        """Assert that a packet from `source` reaches `target`, unchanged."""
        packet = rtp(sequence)
        source.sendto(packet, (self.host(local), local.rtp_port))
        assert (await receive(target))[0] == packet

    def host(self, local: LocalEnd) -> str:
        """Where to send to: tests cannot reach the advertised address."""
        side = self.relay.local.index(local)
        return NETWORKS[self.networks[side]].media_address

    networks: tuple[str, str] = ("access", "core")


@asynccontextmanager
async def talk(
    made: WorkerEngine, networks: tuple[str, str] = ("access", "core"), remotes: bool = True
) -> AsyncIterator[Talk]:
    """A relay; with `remotes`, both sides are known to it."""
    caller, centre = (Peer(NETWORKS[network].media_address) for network in networks)
    events = Events()
    relay = await made.open("call-1", sides(*networks), events)
    try:
        if remotes:
            await made.point(relay, 0, caller.remote)
            await made.point(relay, 1, centre.remote)
        yield Talk(made, relay, caller, centre, events, networks)
    finally:
        await made.close(relay)
        caller.close()
        centre.close()


def worker_pid(made: WorkerEngine, index: int = 0) -> int:
    pid = made.status()[index].pid
    assert pid is not None
    return pid


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def warmed_up(made: WorkerEngine) -> None:
    """Wait until the worker has loaded all that it loads in the background: a room needs that."""
    await made.close_room(await made.open_room("warm-up", print))


def runs(pid: int) -> bool:
    """Whether the process is there, and not as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
