"""The cost of a recorded voice: CPU, bytes and delay, ours beside that of rtpengine in one run. Does I/O.

Calls of 50 packets per second and direction, G.711, pass through one media worker, recorded or not, and through an
rtpengine in userspace, which writes pcap files. What counts is the CPU of all processes that relay and record.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.relay import RTPENGINE, Relayed, Sample, Traffic, cpu_s, ours, rtpengine
from bench.report import Report, judge
from splitter.media.record import protocol as p
from splitter.media.record.about import RecordingAbout
from splitter.media.record.client import RecorderLink
from splitter.media.record.settings import RecordingSettings
from splitter.media.worker.engine import WorkerEngine
from splitter.telemetry.settings import TelemetrySettings

CALLS, MANY = 50, 200
SECONDS, ROUNDS, WARM_UP_S, SIZE = 2.0, 3, 0.4, 172
BUDGET = 1.0


@dataclass(frozen=True, slots=True)
class Stand:
    """A system that stands ready; `beside`: its other processes, `folder`: where it writes; None where it does not."""

    relayed: Relayed
    beside: tuple[int, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: CPU in µs a packet, bytes for each second and call, and what was heard."""

    cpu_us: float
    bytes_per_s: float
    sample: Sample


@asynccontextmanager
async def plain(ports: tuple[int, int], calls: int) -> AsyncIterator[Stand]:
    """A worker that records nothing."""
    async with ours(ports, calls=calls) as relayed:
        yield Stand(relayed)


@asynccontextmanager
async def recorded(ports: tuple[int, int], calls: int, **more: str) -> AsyncIterator[Stand]:
    """A worker and a recorder; `more`: settings of that."""
    opened: list[tuple[WorkerEngine, str]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, ready = Path(name) / "recordings", asyncio.Event()
        settings = RecordingSettings(folder=str(folder), least_free_mb=0, **more)  # type: ignore[arg-type]
        link = RecorderLink(settings, Path(name), TelemetrySettings(log_level="warning"), ready.set, lambda *_: None)
        link.start()
        try:
            await ready.wait()
            async with ours(ports, calls=calls, opened=opened) as relayed:
                for call, (engine, relay) in enumerate(opened):
                    await link.ask(p.BeginRecording(RecordingAbout(f"call-{call}", f"bench-{call}")))
                    await engine.taps.tap(relay, link.tap(f"call-{call}"))
                assert link.pid is not None
                yield Stand(relayed, (link.pid,), folder)
        finally:
            await link.stop()


@asynccontextmanager
async def theirs(ports: tuple[int, int], calls: int, record: bool) -> AsyncIterator[Stand]:
    """An rtpengine in userspace, one thread; as pcap files where it records."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        options = ("--num-threads=1", f"--recording-dir={name}", "--recording-method=pcap")
        more = {"record_call": "yes"} if record else {}
        async with rtpengine(ports, *options, calls=calls, **more) as relayed:  # type: ignore[arg-type]
            yield Stand(relayed, (), Path(name) if record else None)


def systems(ports: tuple[int, int], seal: str) -> Iterator[tuple[str, int, AbstractAsyncContextManager[Stand]]]:
    """Each system with its calls, and how to have it for a while."""
    yield "splitter", CALLS, plain(ports, CALLS)
    yield "splitter, recorded", CALLS, recorded(ports, CALLS)
    yield "splitter, recorded and sealed", CALLS, recorded(ports, CALLS, seal_key=seal)
    if shutil.which(RTPENGINE):
        yield "rtpengine", CALLS, theirs(ports, CALLS, False)
        yield "rtpengine, recorded (pcap)", CALLS, theirs(ports, CALLS, True)
    yield f"splitter, {MANY} calls", MANY, plain(ports, MANY)
    yield f"splitter, {MANY} calls, recorded", MANY, recorded(ports, MANY)


def size_of(folder: Path | None) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder is not None else 0


async def measured(traffic: Traffic, stand: Stand, calls: int) -> Cost:
    """Play once. CPU of those beside is added to the worker's."""
    before, size = sum(cpu_s(pid) for pid in stand.beside), size_of(stand.folder)
    sample = await asyncio.to_thread(traffic.measure, stand.relayed, SIZE, SECONDS)
    await asyncio.sleep(0.4)  # what was recorded is written within 0.25 s
    beside_us = (sum(cpu_s(pid) for pid in stand.beside) - before) / max(1, sample.delivered) * 1e6
    written = (size_of(stand.folder) - size) / SECONDS / calls
    return Cost(sample.cpu_us + beside_us, written, replace(sample, cpu_us=sample.cpu_us + beside_us))


async def measure(rounds: int = ROUNDS) -> dict[str, list[Cost]]:
    """Play through every system in turns."""
    costs: dict[str, list[Cost]] = {}
    traffic = Traffic()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as keys:
            for _ in range(rounds):
                for name, calls, system in systems(traffic.ports, str(Path(keys) / "seal.key")):
                    async with system as stand:
                        await asyncio.to_thread(traffic.measure, stand.relayed, SIZE, WARM_UP_S)
                        costs.setdefault(name, []).append(await measured(traffic, stand, calls))
    finally:
        traffic.close()
    return costs


def report(costs: dict[str, list[Cost]]) -> Report:
    """A table of what was measured."""
    cpu = {name: statistics.median(cost.cpu_us for cost in runs) for name, runs in costs.items()}
    rows = []
    for name, runs in costs.items():
        lost = 1 - sum(one.sample.delivered for one in runs) / sum(one.sample.sent for one in runs)
        p99 = statistics.median(one.sample.delay_p99_ms for one in runs)
        kept = statistics.median(one.bytes_per_s for one in runs) / 1000
        percent = cpu[name] * 100 / 1e4  # 100 packets a second and call
        rows.append([name, f"{cpu[name]:.1f}", f"{percent:.2f}", f"{kept:.1f}", f"{p99:.2f}", f"{100 * lost:.2f}"])
    theirs = cpu.get("rtpengine, recorded (pcap)", float("nan"))
    ratio = cpu["splitter, recorded"] / theirs
    return Report(
        name="recording",
        title="A recorded voice",
        columns=["system", "CPU µs a packet", "% of a core a call", "kB/s a call", "delay p99 ms", "lost %"],
        rows=rows,
        budget=f"CPU of a recorded packet in times of rtpengine's, at most {BUDGET:g}",
        verdict=judge(ratio / BUDGET, 1.0) if ratio == ratio else "not measured: rtpengine is not installed",
        notes=[
            f"G.711 of {SIZE} bytes in both directions, medians of {ROUNDS} turns of {SECONDS:g} s, loopback",
            "CPU of all threads of the relaying process and of the recorder; kB/s of what was written, with its hashes",
            "splitter writes Matroska, hashed and chained as it comes; rtpengine raw pcap files, by its own threads",
            "rtpengine takes each packet as it comes where it has a core at once; where it waits for one it takes"
            " several at a wake, which halves its CPU a packet and so doubles the ratio: look at its delay beside it",
        ],
        values={"cpu_us": cpu, "ratio": ratio},
    )


def main() -> int:
    """Measure, print and write."""
    report(asyncio.run(measure())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
