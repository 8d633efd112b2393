"""CPU per way that a browser's pictures take: UDP, our TCP port, a TURN server by TCP and by UDP; in one run. Does I/O.

PATHS browsers (SRTP, AES-128-GCM) exchange PACKETS packets of SIZE bytes a second each way with as many phones (RTP)
through adapters of one media worker, which is about 1 Mbit/s; ICE, DTLS and TURN are real. By TCP packets come framed
(RFC 4571); by TURN as channel data (RFC 8656 §12), through coturn, to the worker's UDP port. The traffic comes from a
process of its own; what counts is the CPU time of the worker, and that of coturn.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any

from aioice.ice import Connection as IceConnection
from aioice.ice import TransportPolicy
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM
from pylibsrtp import Session

from bench.relay import HOST, Network, cpu_s
from bench.report import Report
from bench.secure import end
from splitter.core.net import Address
from splitter.lab.places import free_ports
from splitter.media.ports.adapters import AdapterSetting
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import TransportChanged
from splitter.media.settings import MediaSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.telemetry.settings import TelemetrySettings
from tests.media.wire.stand import Browser, Ice

PATHS, PACKETS, SIZE = 10, 100, 1100
SECONDS, ROUNDS, WARM_UP_S = 2.5, 3, 1.0
PAYLOAD_TYPE, TCP_PORT = 8, 44_990
COTURN, USER, PASSWORD = "turnserver", "bench", "bench"
_HEADER, _LENGTH, _CHANNEL = struct.Struct("!BBHII"), struct.Struct("!H"), struct.Struct("!HH")


class Way(StrEnum):
    """How packets come from the browser to the worker."""

    UDP = "UDP"
    TCP = "our TCP port"
    TURN_UDP = "TURN by UDP"
    TURN_TCP = "TURN by TCP"


@dataclass
class Speaker:
    """One end of a path. `channel`: of TURN, 0 for none; `stream`: of TCP, so that packets are to be told apart."""

    sock: socket.socket
    target: tuple[str, int] | None
    srtp: Session | None = None
    channel: int = 0
    stream: bool = False
    number: int = 0
    rest: bytes = b""

    def speak(self, ssrc: int) -> None:
        """Send the next packet."""
        packet = _HEADER.pack(0x80, PAYLOAD_TYPE, self.number & 0xFFFF, self.number * 900 & 0xFFFFFFFF, ssrc)
        packet += bytes(SIZE)
        if self.srtp is not None:
            packet = self.srtp.protect(packet)
        if self.channel:
            packet = _CHANNEL.pack(self.channel, len(packet)) + packet + bytes(-len(packet) % 4)
        elif self.stream:
            packet = _LENGTH.pack(len(packet)) + packet
        self.number += 1
        with suppress(BlockingIOError):
            self.sock.sendto(packet, self.target) if self.target else self.sock.send(packet)

    def hear(self, buffer: bytearray) -> int:
        """Read what is there. Returns: how many RTP packets that were."""
        heard = 0
        with suppress(BlockingIOError):
            while size := self.sock.recv_into(buffer):
                data = bytes(buffer[:size])
                heard += self._count(data) if self.stream else self._is_rtp(data[4:] if self.channel else data)
        return heard

    def _count(self, data: bytes) -> int:
        data, at, heard = self.rest + data, 0, 0
        head = 4 if self.channel else 2
        while len(data) >= at + head:
            (size,) = _LENGTH.unpack_from(data, at + head - 2)
            whole = head + size + (-size % 4 if self.channel else 0)
            if len(data) < at + whole:
                break
            heard += self._is_rtp(data[at + head : at + head + 2])
            at += whole
        self.rest = data[at:]
        return heard

    @staticmethod
    def _is_rtp(data: bytes) -> bool:
        return len(data) > 1 and data[0] >> 6 == 2 and not 192 <= data[1] <= 223


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: percent of a core for each path, and the share of packets that arrived."""

    worker: float
    relay: float
    arrived: float


# ---- browsers by each way ----------------------------------------------------------------------------------------


class Bridge(asyncio.DatagramProtocol):
    """Takes what a browser sends by UDP to the worker's TCP port and back, until the way stands.

    Attributes:
        sock: of the connection. rest: of a packet that came in part.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.rest, self._peer = b"", ("", 0)

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        self._transport = transport
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Called by asyncio."""
        self._peer = addr
        self.sock.send(_LENGTH.pack(len(data)) + data)

    def _read(self) -> None:
        data = self.rest + self.sock.recv(65_536)
        while len(data) >= 2 and len(data) >= 2 + _LENGTH.unpack_from(data)[0]:
            size = _LENGTH.unpack_from(data)[0]
            self._transport.sendto(data[2 : 2 + size], self._peer)
            data = data[2 + size :]
        self.rest = data

    def close(self) -> None:
        """Let somebody else read the connection from now on."""
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        self._transport.close()


class RelayedIce(Ice):
    """A browser's agent that knows no other way than the relay."""

    def __init__(self, turn: tuple[str, int], by: str) -> None:
        IceConnection.__init__(
            self,
            ice_controlling=True,
            turn_server=turn,
            turn_username=USER,
            turn_password=PASSWORD,
            turn_transport=by,
            transport_policy=TransportPolicy.RELAY,
        )
        self.host = HOST

    @property
    def client(self) -> Any:
        """Client of TURN: its socket and its channels."""
        transport: Any = self._protocols[0].transport
        return transport._TurnTransport__inner_protocol


@asynccontextmanager
async def coturn() -> AsyncIterator[tuple[int, tuple[str, int]]]:
    """A TURN server with one thread. Yields: its process, and where it is."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        [port] = free_ports(HOST, 1)
        words = ["-n", "--no-tls", "--no-dtls", "--no-cli", "--lt-cred-mech", f"--user={USER}:{PASSWORD}"]
        words += ["--realm=bench", f"--listening-ip={HOST}", f"--relay-ip={HOST}", f"--listening-port={port}"]
        words += ["--allow-loopback-peers", "--min-port=46000", "--max-port=46999", "--relay-threads=1"]
        words += ["--log-file=stdout", "--simple-log", f"--pidfile={folder}/pid", f"--userdb={folder}/none"]
        process = subprocess.Popen([COTURN, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        try:
            await _listens(port)
            yield process.pid, (HOST, port)
        finally:
            process.terminate()
            process.wait(5)


async def _listens(port: int) -> None:
    for _ in range(500):
        with socket.socket() as end_, suppress(OSError):
            end_.connect((HOST, port))
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("coturn does not listen")


@dataclass
class Carried:
    """Scene that stands ready: the worker and coturn, and both ends of each path."""

    worker: int
    relay: int
    speakers: list[Speaker] = field(default_factory=list)


@asynccontextmanager
async def carried(way: Way, engine: WorkerEngine, relay: tuple[int, tuple[str, int]]) -> AsyncIterator[Carried]:
    """Paths by one way."""
    pid = engine.status()[0].pid
    assert pid is not None
    made, browsers, handles = Carried(pid, relay[0]), [], []
    try:
        for number in range(PATHS):
            by = way.value[-3:].lower()
            browser = Browser(RelayedIce(relay[1], by)) if way.startswith("TURN") else Browser()
            browsers.append(browser)
            handle, speakers = await _path(way, engine, number, browser)
            handles.append(handle)
            made.speakers += speakers
        yield made
    finally:
        for speaker in made.speakers:
            speaker.sock.close()
        for handle in handles:
            await engine.adapters.close_adapter(handle)
        for browser in browsers:
            browser.ice._check_list_done = True
            with suppress(Exception):
                await asyncio.wait_for(browser.close(), 2)


async def _path(way: Way, engine: WorkerEngine, number: int, browser: Browser) -> tuple[Any, list[Speaker]]:
    connected, phone = asyncio.Event(), end()

    def on_event(event: object) -> None:
        if isinstance(event, TransportChanged) and event.state == "connected":
            connected.set()

    handle = await engine.adapters.open_adapter(f"bench-{way.name}-{number}", "lo", on_event)
    address = Address(*phone.getsockname())
    if isinstance(browser.ice, RelayedIce):
        await browser.ice.gather_candidates()
    else:
        await browser.ice.gather()
    browser.dtls._srtp_profiles = [SRTP_AEAD_AES_128_GCM]
    types = ((PAYLOAD_TYPE, PAYLOAD_TYPE),)
    told = browser.secure(candidates=way is not Way.TCP)  # else the worker would find the browser by UDP
    setting = AdapterSetting(told, types, (), RemoteEnd(address, address), None, None)
    await engine.adapters.set_adapter(handle, setting)
    local, bridge = handle.secure, None
    if way is Way.TCP:
        bridge, local = await _bridged(local)
    await browser.connect(local)
    await asyncio.wait_for(connected.wait(), 10)
    theirs = Speaker(phone, (HOST, handle.voice.rtp_port))
    srtp = browser.dtls._tx_srtp
    if bridge is not None:
        bridge.close()
        return handle, [theirs, Speaker(bridge.sock, None, srtp, stream=True, rest=bridge.rest)]
    if isinstance(browser.ice, RelayedIce):
        client = browser.ice.client
        [channel] = client.peer_to_channel.values()
        sock = _again(client.transport.get_extra_info("socket"))
        target = None if way is Way.TURN_TCP else client.server
        return handle, [theirs, Speaker(sock, target, srtp, channel, way is Way.TURN_TCP)]
    return handle, [theirs, Speaker(_again(browser.ice.socket), (HOST, handle.public.rtp_port), srtp)]


async def _bridged(local: Any) -> tuple[Bridge, Any]:
    """The worker's description with a bridge instead of its UDP candidate."""
    sock = socket.create_connection((HOST, TCP_PORT))
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bridge = Bridge(sock)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: bridge, (HOST, 0))
    port = transport.get_extra_info("sockname")[1]
    return bridge, replace(local, candidates=(f"1 1 udp 2130706431 {HOST} {port} typ host",))


def _again(sock: Any) -> socket.socket:
    copy = socket.socket(fileno=os.dup(sock.fileno()))
    copy.setblocking(False)
    return copy


# ---- measuring ---------------------------------------------------------------------------------------------------


def play(speakers: list[Speaker], seconds: float) -> tuple[int, int]:
    """Send for so many seconds, evenly spread. Returns: RTP packets sent, and arrived."""
    poll, buffer, clock = select.epoll(), bytearray(65_536), time.perf_counter
    by_fd = {one.sock.fileno(): one for one in speakers}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    arrived, total, begin = 0, int(seconds * PACKETS) * len(speakers), clock()
    for count in range(total):
        due = begin + count / PACKETS / len(speakers)
        while True:
            arrived += sum(by_fd[fd].hear(buffer) for fd, _ in poll.poll(max(0.0, due - clock())))
            if clock() >= due:
                break
        speakers[count % len(speakers)].speak(count % len(speakers) + 1)
    poll.close()
    return total, arrived


def _traffic(speakers: list[Speaker], orders: Connection) -> None:
    while (order := orders.recv()) is not None:
        orders.send(play(speakers, order))


def measure_one(paths: Carried) -> Cost:
    """Play through paths that stand ready. Blocks: nobody else shall read the sockets meanwhile."""
    orders, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_traffic, args=(paths.speakers, theirs), daemon=True)
    process.start()
    cost = Cost(0.0, 0.0, 0.0)
    try:
        for length in (WARM_UP_S, SECONDS):
            before = cpu_s(paths.worker), cpu_s(paths.relay)
            orders.send(length)
            if not orders.poll(length + 30):
                raise TimeoutError("the traffic generator does not come to an end")
            sent, arrived = orders.recv()
            worker, relay = cpu_s(paths.worker) - before[0], cpu_s(paths.relay) - before[1]
            cost = Cost(100 * worker / length / PATHS, 100 * relay / length / PATHS, arrived / sent)
    finally:
        orders.send(None)
        process.join(5)
    return cost


async def measure() -> dict[Way, list[Cost]]:
    """Each way, in turns, through the same worker."""
    costs: dict[Way, list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = MediaSettings(
            workers=1, first_port=44_000, last_port=44_899, socket_dir=folder, tcp_port=TCP_PORT, tcp_hosts=(HOST,)
        )
        engine = WorkerEngine(settings, {"lo": Network()}, logs=TelemetrySettings(log_level="warning"))
        await engine.start()
        try:
            async with coturn() as relay:
                await asyncio.sleep(2.0)  # the worker draws its slates once
                for _ in range(ROUNDS):
                    for way in Way:
                        async with carried(way, engine, relay) as paths:
                            costs.setdefault(way, []).append(measure_one(paths))
        finally:
            await engine.stop()
    return costs


def report(costs: dict[Way, list[Cost]]) -> Report:
    """The table: percent of a core for each path, of the worker and of coturn, and the ratio to UDP."""
    median = {way: statistics.median(one.worker for one in runs) for way, runs in costs.items()}
    rows = []
    for way, runs in costs.items():
        relay = statistics.median(one.relay for one in runs) if way.startswith("TURN") else 0.0
        ratio = (median[way] + relay) / median[Way.UDP]
        arrived = min(one.arrived for one in runs)
        shown = f"{relay:.2f} %" if relay else "–"
        rows.append([way.value, f"{median[way]:.2f} %", shown, f"{ratio:.2f}", f"{arrived:.1%}"])
    return Report(
        "ways",
        "CPU per path of a browser's pictures, by the way that they take",
        ["way", "worker, of a core", "coturn", "together, to UDP", "arrived"],
        rows,
        notes=[
            f"{PATHS} paths, {PACKETS} packets of {SIZE} B a second each way, medians of {ROUNDS} runs, in turns",
            "coturn on the same machine, with one thread; over TLS it would encrypt all of it once more",
        ],
    )


if __name__ == "__main__":
    if shutil.which(COTURN) is None:
        sys.exit("coturn is not installed: make peers")
    report(asyncio.run(measure())).publish()
