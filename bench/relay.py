"""CPU per relayed RTP packet, ours against rtpengine in userspace: same traffic, same run, loopback only. Does I/O.

CALLS calls of 50 packets per second and direction pass through one system after the other, in turns. The traffic comes
from a process of its own, evenly spread over time as in the field. What counts is the CPU time of the relaying process
divided by the packets that arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.report import Report, judge
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import SideSpec
from splitter.media.settings import KernelUse, MediaSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.telemetry.settings import TelemetrySettings

HOST = "127.0.0.1"
CALLS = 50
PACKETS_PER_S = CALLS * 2 * 50
SIZES = (172, 1000)
SECONDS, ROUNDS, WARM_UP_S = 0.7, 5, 0.3
BUDGETS = {f"{size} B": 0.7 for size in SIZES}
RTPENGINE = "/usr/bin/rtpengine"
SO_RCVBUFFORCE = 33
_HEADER = struct.Struct("!BBHIId")  # RTP, and the time of sending as payload


@dataclass(frozen=True, slots=True)
class Network:
    media_address: str = HOST
    advertised_address: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: µs of CPU per packet, packets sent and delivered, 99th percentile of the delay in ms."""

    cpu_us: float
    sent: int
    delivered: int
    delay_p99_ms: float


@dataclass(frozen=True, slots=True)
class Relayed:
    """A system that stands ready: its process, and where to send for each call, from the caller and from the centre."""

    pid: int
    targets: list[tuple[int, int]]
    hosts: tuple[str, str] = (HOST, HOST)


# ---- traffic -----------------------------------------------------------------------------------------------------


def end(host: str = HOST) -> socket.socket:
    """One side of all calls: sends from and receives at one port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    return sock


def play(
    ends: tuple[socket.socket, socket.socket], relayed: Relayed, size: int, seconds: float
) -> tuple[int, list[float]]:
    """Send for so many seconds. Returns: packets sent, and the delay in seconds of each that arrived."""
    jobs = [(ends[side], (relayed.hosts[side], ports[side])) for ports in relayed.targets for side in (0, 1)]
    packet, buffer = bytearray(size), bytearray(2048)
    poll = select.epoll()
    by_fd = {sock.fileno(): sock for sock in ends}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    delays: list[float] = []
    clock = time.perf_counter

    def take(wait_s: float) -> bool:
        events = poll.poll(wait_s)
        for fd, _ in events:
            with contextlib.suppress(BlockingIOError):
                while True:
                    by_fd[fd].recv_into(buffer)
                    delays.append(clock() - _HEADER.unpack_from(buffer)[5])
        return bool(events)

    begin, rate = clock(), 50 * len(jobs)
    total = int(seconds * rate)
    for number in range(total):
        wait_s = begin + number / rate - clock()
        if wait_s > 0:
            take(0)
            time.sleep(max(0.0, begin + number / rate - clock()))
        turn, which = divmod(number, len(jobs))
        sock, target = jobs[which]
        _HEADER.pack_into(packet, 0, 0x80, 8, turn & 0xFFFF, turn * 160 & 0xFFFFFFFF, which + 1, clock())
        sock.sendto(packet, target)
    while take(0.1):
        pass
    poll.close()
    return total, delays


def _traffic(ends: tuple[socket.socket, socket.socket], orders: Connection) -> None:
    """The generator's process: plays what it is ordered until None."""
    while (order := orders.recv()) is not None:
        orders.send(play(ends, *order))


class Traffic:
    """The generator and its two ends."""

    def __init__(self, ends: tuple[socket.socket, socket.socket] | None = None) -> None:
        self._ends = ends or (end(), end())
        self._orders, theirs = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        self._process = fork.Process(target=_traffic, args=(self._ends, theirs), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        self.ports = (self._ends[0].getsockname()[1], self._ends[1].getsockname()[1])

    def measure(self, relayed: Relayed, size: int, seconds: float) -> Sample:
        before = cpu_s(relayed.pid)
        self._orders.send((relayed, size, seconds))
        if not self._orders.poll(seconds + 10):
            raise TimeoutError("the traffic generator does not come to an end")
        sent, delays = self._orders.recv()
        used = cpu_s(relayed.pid) - before
        p99 = statistics.quantiles(delays, n=100)[-1] if len(delays) > 1 else 0.0
        return Sample(used / max(1, len(delays)) * 1e6, sent, len(delays), p99 * 1000)

    def close(self) -> None:
        self._orders.send(None)
        self._process.join(5)
        for sock in self._ends:
            sock.close()


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads of a process, user and system, as the scheduler counts them (nanoseconds)."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def waited_s(pid: int) -> float:
    """Seconds that the threads of a process were ready to run while others had the core."""
    return sum(int(task.read_text().split()[1]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


# ---- the systems -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def ours(
    ports: tuple[int, int],
    hosts: tuple[str, str] = (HOST, HOST),
    peers: tuple[str, str] = (HOST, HOST),
    offload: KernelUse = KernelUse.OFF,
    calls: int = CALLS,
    opened: list[tuple[WorkerEngine, str]] | None = None,
) -> AsyncIterator[Relayed]:
    """One media worker, between our addresses and those of the ends; `opened` gets its engine and its relays."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = MediaSettings(workers=1, first_port=42_000, last_port=42_999, socket_dir=folder, offload=offload)
        networks = {"caller": Network(hosts[0]), "centre": Network(hosts[1])}
        engine = WorkerEngine(settings, networks, logs=TelemetrySettings(log_level="warning"))
        await engine.start()
        try:
            targets = []
            sides = SideSpec("caller", "caller"), SideSpec("centre", "centre")
            for call in range(calls):
                relay = await engine.open(f"bench-{call}", sides, lambda event: None)
                for side in (0, 1):
                    remote = RemoteEnd(Address(peers[side], ports[side]), Address(peers[side], ports[side] + 1))
                    await engine.point(relay, side, remote)
                if opened is not None:
                    opened.append((engine, relay.relay_id))
                targets.append((relay.local[0].rtp_port, relay.local[1].rtp_port))
            pid = engine.status()[0].pid
            assert pid is not None
            yield Relayed(pid, targets, hosts)
        finally:
            await engine.stop()


@asynccontextmanager
async def rtpengine(
    ports: tuple[int, int],
    *options: str,
    host: str = HOST,
    peers: tuple[str, str] = (HOST, HOST),
    calls: int = CALLS,
    **more: str,
) -> AsyncIterator[Relayed]:
    """rtpengine without its kernel module, on one address of ours."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        control = free.getsockname()[1]
    command = [
        RTPENGINE,
        "--config-file=none",
        "--table=-1",
        f"--interface={host}",
        f"--listen-ng={HOST}:{control}",
    ]
    command += ["--foreground", "--log-stderr", "--log-level=3", "--port-min=43000", "--port-max=43999", *options]
    # It raises its own limit of core dumps, and may die of its end: what it leaves goes with the folder.
    left = tempfile.TemporaryDirectory(prefix="bench-")
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=left.name)  # noqa: ASYNC220
    try:
        with Ng(control) as ng:
            made = [ng.call(f"bench-{call}", ports, peers, **more) for call in range(calls)]
            yield Relayed(process.pid, made, (host, host))
    finally:
        process.terminate()
        process.wait(5)
        left.cleanup()


class Ng:
    """As much of rtpengine's NG protocol as it takes to make a call: a cookie and a bencoded dictionary over UDP."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((HOST, port))
        self._socket.settimeout(0.2)
        self._cookie = 0

    def __enter__(self) -> Ng:
        deadline = time.monotonic() + 10
        while True:
            try:
                self.ask({"command": "ping"})
                return self
            except OSError:  # not listening yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def ask(self, command: dict[str, Any]) -> bytes:
        self._cookie += 1
        cookie = b"%d " % self._cookie
        self._socket.send(cookie + bencode(command))
        while not (answer := self._socket.recv(65536)).startswith(cookie):
            pass
        return answer

    def call(
        self, call_id: str, ports: tuple[int, int], peers: tuple[str, str] = (HOST, HOST), **more: str
    ) -> tuple[int, int]:
        """Set up one call between the two ends. Returns: where the caller and where the centre send to."""
        offer = {
            "command": "offer",
            "call-id": call_id,
            "from-tag": "a",
            "ICE": "remove",
            "sdp": _sdp(peers[0], ports[0]),
            **{name.replace("_", " "): value for name, value in more.items()},
        }
        centre = _port(self.ask(offer))
        answer = {**offer, "command": "answer", "to-tag": "b", "sdp": _sdp(peers[1], ports[1])}
        return _port(self.ask(answer)), centre


def bencode(value: Any) -> bytes:
    """Write strings, and lists and dictionaries of them."""
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    data = value.encode()
    return b"%d:%s" % (len(data), data)


def _sdp(host: str, port: int) -> str:
    head = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    return f"{head}m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"


def _port(answer: bytes) -> int:
    found = re.search(rb"m=audio (\d+)", answer)
    if found is None:
        raise ValueError(f"rtpengine answered {answer!r}")
    return int(found[1])


# ---- measuring ---------------------------------------------------------------------------------------------------

OURS = "splitter, one media worker"


def systems(ports: tuple[int, int]) -> Iterator[tuple[str, AbstractAsyncContextManager[Relayed]]]:
    """Each system, and how to have it for a while."""
    yield OURS, ours(ports)
    if shutil.which(RTPENGINE):
        yield "rtpengine, as it comes", rtpengine(ports)
        yield "rtpengine, one thread", rtpengine(ports, "--num-threads=1")


async def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, dict[str, list[Sample]]]:
    """Relay traffic through every system in turns. Returns: samples by system and packet size."""
    samples: dict[str, dict[str, list[Sample]]] = {}
    traffic = Traffic()
    try:
        for _ in range(rounds):
            for name, system in systems(traffic.ports):
                async with system as relayed:
                    traffic.measure(relayed, SIZES[0], WARM_UP_S)
                    for size in SIZES:
                        sample = traffic.measure(relayed, size, seconds)
                        samples.setdefault(name, {}).setdefault(f"{size} B", []).append(sample)
    finally:
        traffic.close()
    return samples


def compare(
    name: str,
    title: str,
    samples: dict[str, dict[str, list[Sample]]],
    ours: str,
    budgets: dict[str, float],
    notes: list[str],
) -> Report:
    """The table of a comparison by packet: each system and kind of traffic, and ours beside the cheaper rtpengine."""
    cpu = {
        system: {size: statistics.median(sample.cpu_us for sample in runs) for size, runs in sizes.items()}
        for system, sizes in samples.items()
    }
    sizes = tuple(cpu[ours])
    others = [system for system in cpu if system.startswith("rtpengine")]
    ratios = {
        size: cpu[ours][size] / min((cpu[other][size] for other in others), default=float("nan")) for size in sizes
    }
    rows = []
    for system, by_size in samples.items():
        runs = [run for size in sizes for run in by_size[size]]
        lost = 1 - sum(run.delivered for run in runs) / sum(run.sent for run in runs)
        slowest = max(run.delay_p99_ms for run in runs)
        rows.append([system, *(f"{cpu[system][size]:.1f}" for size in sizes), f"{slowest:.2f}", f"{100 * lost:.2f}"])
    rows.append(["ratio to the cheaper rtpengine", *(f"{ratios[size]:.2f}" for size in sizes), "", ""])
    worst = max(ratio / budgets[size] for size, ratio in ratios.items())
    said = ", ".join(f"{size} {budget:g}" for size, budget in budgets.items())
    return Report(
        name=name,
        title=title,
        columns=["system", *(f"µs, {size}" for size in sizes), "delay p99 ms", "lost %"],
        rows=rows,
        budget=f"CPU per packet in times of rtpengine in userspace, at most: {said}",
        verdict=judge(worst, 1.0) if worst == worst else "not measured: rtpengine is not installed",
        notes=notes,
        values={"cpu_us": cpu, "ratio": ratios},
    )


def report(samples: dict[str, dict[str, list[Sample]]]) -> Report:
    """A table of what was measured."""
    notes = [
        f"{CALLS} calls, {PACKETS_PER_S} packets/s evenly spread, medians of {ROUNDS} turns of {SECONDS:g} s, loopback",
        "CPU of all threads of the relaying process; on loopback it includes delivery to the receiver's socket",
        "delays include the traffic generator's own wait before it reads",
    ]
    return compare("relay", "CPU per relayed RTP packet", samples, OURS, BUDGETS, notes)


def main() -> int:
    """Measure, print and write."""
    report(asyncio.run(measure())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
