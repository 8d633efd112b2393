"""CPU per mixed party and added delay, ours against Asterisk's ConfBridge: same traffic, same run, loopback only.

Does I/O. CONFERENCES of four send packets of 20 ms of A-law, spread over time, through one system after the other, in
turns. One of each four says a burst now and then, which the others wait for: what lies between is the delay. The CPU is
that of the process divided by the packets that it was sent; what a party costs of a core follows from that.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import select
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from bench.relay import HOST, Network, cpu_s, end
from bench.report import Report
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import SideSpec
from splitter.media.settings import MediaSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp.packet import HEADER, HEADER_SIZE
from splitter.sdp.voice import VoiceFormat
from splitter.telemetry.settings import TelemetrySettings
from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk, root

PARTIES = 4
CONFERENCES = 10
SECONDS, ROUNDS, WARM_UP_S = 5.0, 2, 2.0
PACKETS_PER_S = CONFERENCES * PARTIES * 50
SHARE = 0.8  # of a core that may be used
SILENCE, BURST = b"\xd5" * 160, bytes((0x2A, 0xAA)) * 80
_EVERY = 25  # packets between two bursts
_OURS, _THEIRS = "splitter, one media worker", "Asterisk ConfBridge"
_BRIDGE = """\
[general]
[default_bridge]
type=bridge
[default_user]
type=user
quiet=yes
"""
_FILES = {"confbridge.conf": _BRIDGE, "rtp.conf": "[general]\nrtpstart=44000\nrtpend=44999\n"}
_ALAW = VoiceFormat("PCMA", 8)


@dataclass(frozen=True, slots=True)
class Mixing:
    """A system that stands ready: its process, and where each party sends to; empty where that is to be learned."""

    pid: int
    targets: list[int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: µs of CPU per packet of a party, and the delays in ms."""

    cpu_us: float
    delays_ms: list[float]
    heard: float  # of the packets that were due


class Party:
    """One socket: what it sends next, and what it waits for."""

    def __init__(self, number: int) -> None:
        self.number, self.sock = number, end()
        self.target = 0
        self.sent = 0
        self.waits_since = 0.0

    @property
    def port(self) -> int:
        port: int = self.sock.getsockname()[1]
        return port


def _begin_of(payload: bytearray) -> int | None:
    """Where in a packet a burst begins; None where there is none."""
    loud = [at for at, one in enumerate(payload) if one not in b"\xd5\x55"]
    return loud[0] if len(loud) > 20 else None


def play(parties: list[Party], seconds: float, random: Random) -> tuple[int, int, list[float]]:
    """Send for so many seconds. Returns: packets sent, packets received, and the delays in seconds."""
    poll, clock, buffer = select.epoll(), time.perf_counter, bytearray(2048)
    by_fd = {party.sock.fileno(): party for party in parties}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    delays: list[float] = []
    received = 0
    shift = [random.random() * 0.02 for _ in parties]

    def take(wait_s: float) -> None:
        nonlocal received
        for fd, _ in poll.poll(wait_s):
            party = by_fd[fd]
            with contextlib.suppress(BlockingIOError):
                while True:
                    size, source = party.sock.recvfrom_into(buffer)
                    received += 1
                    party.target = party.target or source[1]
                    loud = (
                        sum(one not in b"\xd5\x55" for one in buffer[HEADER_SIZE:size]) > 20 if party.waits_since else 0
                    )
                    if loud:
                        delays.append(clock() - party.waits_since)
                        party.waits_since = 0.0

    begin = clock()
    due = sorted((shift[at] + 0.02 * turn, at) for at in range(len(parties)) for turn in range(int(seconds * 50)))
    for offset, at in due:
        while (wait_s := begin + offset - clock()) > 0:
            take(min(wait_s, 0.001))
        party = parties[at]
        if not party.target:
            continue
        bursts = at % PARTIES == 0 and party.sent % _EVERY == 0
        if bursts:
            for other in parties[at + 1 : at + PARTIES]:
                other.waits_since = clock()
        head = HEADER.pack(0x80, 8, party.sent & 0xFFFF, party.sent * 160 & 0xFFFFFFFF, party.number + 1)
        party.sock.sendto(head + (BURST if bursts else SILENCE), (HOST, party.target))
        party.sent += 1
    poll.close()
    return len(due), received, delays


def _traffic(parties: list[Party], orders: Connection) -> None:
    """The generator's process: plays what it is ordered until None."""
    random = Random(5)
    while (order := orders.recv()) is not None:
        targets, seconds = order
        for party, target in zip(parties, targets or [party.target for party in parties], strict=True):
            party.target = target
        orders.send(play(parties, seconds, random))


class Traffic:
    """The generator and its sockets."""

    def __init__(self) -> None:
        parties = [Party(number) for number in range(CONFERENCES * PARTIES)]
        self.ports = [party.port for party in parties]
        self._orders, theirs = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        self._process = fork.Process(target=_traffic, args=(parties, theirs), daemon=True)
        self._process.start()
        for party in parties:
            party.sock.close()

    def run(self, targets: list[int], seconds: float) -> tuple[int, int, list[float]]:
        """Play; `targets`: [] for whoever was learned."""
        self._orders.send((targets, seconds))
        if not self._orders.poll(seconds + 30):
            raise TimeoutError("the traffic generator does not come to an end")
        played: tuple[int, int, list[float]] = self._orders.recv()
        return played

    def measure(self, mixing: Mixing, seconds: float) -> Sample:
        before = cpu_s(mixing.pid)
        sent, received, delays = self.run([], seconds)
        used = cpu_s(mixing.pid) - before
        return Sample(used / sent * 1e6, [1000 * one for one in delays], received / sent)

    def close(self) -> None:
        self._orders.send(None)
        self._process.join(5)


@asynccontextmanager
async def ours(ports: list[int]) -> AsyncIterator[Mixing]:
    """One media worker."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = MediaSettings(workers=1, first_port=42_000, last_port=42_999, socket_dir=folder)
        engine = WorkerEngine(settings, {"lo": Network()}, logs=TelemetrySettings(log_level="warning"))
        await engine.start()
        try:
            targets = []
            for conference in range(CONFERENCES):
                sides = tuple(SideSpec(f"party-{number}", "lo") for number in range(PARTIES))
                relay = await engine.open(f"bench-{conference}", sides, lambda event: None)
                for side in range(PARTIES):
                    port = ports[conference * PARTIES + side]
                    remote = RemoteEnd(Address(HOST, port), Address(HOST, port + 1), (), _ALAW)
                    await engine.point(relay, side, remote)
                targets += [local.rtp_port for local in relay.local]
            pid = engine.status()[0].pid
            assert pid is not None
            yield Mixing(pid, targets)
        finally:
            await engine.stop()


@asynccontextmanager
async def confbridge(ports: list[int]) -> AsyncIterator[Mixing]:
    """Asterisk, with a bridge for each conference; its parties are plain RTP."""
    desk = Desk()
    modules = "res_clioriginate res_rtp_multicast chan_rtp app_confbridge"
    with Asterisk(desk, modules=modules, files=_FILES) as asterisk:
        for number, port in enumerate(ports):
            room = 100 + number // PARTIES
            asterisk.command(f"channel originate UnicastRTP/{HOST}:{port}/c(alaw) application ConfBridge {room}")
        yield Mixing(_pid_of(asterisk), [])


def _pid_of(asterisk: Asterisk) -> int:
    """The process itself, and not what has started it."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_bytes().split(b"\0")
            if words[0].endswith(b"asterisk") and any(asterisk.folder.name.encode() in word for word in words):
                return int(file.parent.name)
    raise RuntimeError("Asterisk is not there")


async def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, list[Sample]]:
    """Mix the same traffic by every system in turns."""
    samples: dict[str, list[Sample]] = {}
    systems = {_OURS: ours} | ({_THEIRS: confbridge} if (root() / ".complete").exists() else {})
    for _ in range(rounds):
        for name, system in systems.items():
            traffic = Traffic()
            try:
                async with system(traffic.ports) as mixing:
                    await asyncio.to_thread(traffic.run, mixing.targets or [0] * len(traffic.ports), WARM_UP_S)
                    samples.setdefault(name, []).append(await asyncio.to_thread(traffic.measure, mixing, seconds))
            finally:
                traffic.close()
    return samples


def report_of(samples: dict[str, list[Sample]]) -> Report:
    """The table."""
    rows, values = [], {}
    for name, runs in samples.items():
        cpu_us = statistics.median(run.cpu_us for run in runs)
        delays = sorted(delay for run in runs for delay in run.delays_ms)
        median, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[-1]
        share = cpu_us * 50 / 1e6
        heard = statistics.mean(run.heard for run in runs)
        values[name] = {"cpu_us": cpu_us, "median_ms": median, "p99_ms": p99, "conferences": SHARE / share / PARTIES}
        rows.append(
            [
                name,
                f"{cpu_us:.0f}",
                f"{100 * share:.2f}",
                f"{SHARE / share / PARTIES:.0f}",
                f"{median:.1f}",
                f"{p99:.1f}",
                f"{100 * heard:.1f}",
            ]
        )
    return Report(
        name="mixes",
        title=f"{CONFERENCES} conferences of {PARTIES}, G.711",
        columns=["system", "µs a packet", "% of a core, a party", "of four a core", "delay ms", "p99", "heard %"],
        rows=rows,
        notes=[
            f"{ROUNDS} rounds of {SECONDS:g} s in turns; delay: from a packet to where it begins in what the others"
            " hear, the wait for the mix's clock included",
            f"conferences of four at {100 * SHARE:g} % of one core, from the CPU of the process by the scheduler",
        ],
        values={"systems": values},
    )


def main() -> int:
    report_of(asyncio.run(measure())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
