"""CPU per relayed RTP packet where packets really arrive and leave: the kernel, our worker, rtpengine. Does I/O.

Three network namespaces, joined by veth as a gateway's two networks are. What the kernel does for a packet is done in
the time of whoever sent it, so the CPU of the traffic generator counts as well, and that of the kernel's own threads;
what a packet costs that goes straight from one end to the other, over one veth, is taken off. What is left is the
relay: the second veth, and all between the two. A packet that Linux merely routes shows how little that can be.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bench.relay import CALLS, PACKETS_PER_S, RTPENGINE, SIZES, Relayed, Sample, Traffic, cpu_s, end, ours, rtpengine
from bench.report import Report, judge
from splitter.media.settings import KernelUse
from tests.media.offload.lab import CALLER, CENTRE, GATEWAY_ACCESS, GATEWAY_CORE, Lab, missing

SECONDS, ROUNDS = 0.5, 24
SETTLING_S = 2.5
"""Packets pass so long before anything is measured: the kernel takes a voice half a second after it was heard."""
BUDGET_KERNEL, BUDGET_WORKER = 0.2, 0.7
KERNEL, WORKER, THEIRS = "splitter, kernel", "splitter, one media worker", "rtpengine"
STRAIGHT, ROUTED = "straight", "routed, not relayed"
HOSTS, PEERS = (GATEWAY_ACCESS, GATEWAY_CORE), (CALLER, CENTRE)
_BESIDE = ("10.77.3.1", "10.77.3.2")


@asynccontextmanager
async def straight(ports: tuple[int, int]) -> Any:
    """From end to end over a veth of their own."""
    yield Relayed(0, [(ports[1], ports[0])] * CALLS, (_BESIDE[1], _BESIDE[0]))


@asynccontextmanager
async def routed(ports: tuple[int, int]) -> Any:
    """From end to end over the gateway, which relays nothing; see `measure_one`."""
    yield Relayed(0, [(ports[1], ports[0])] * CALLS, (CENTRE, CALLER))


def _forward(on: bool) -> None:
    """Have Linux route packets, or not."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text(str(int(on)))


def systems(ports: tuple[int, int]) -> Iterator[tuple[str, AbstractAsyncContextManager[Relayed]]]:
    """Each system, and how to have it for a while."""
    yield STRAIGHT, straight(ports)
    yield ROUTED, routed(ports)
    yield KERNEL, ours(ports, HOSTS, PEERS, KernelUse.AUTO)
    yield WORKER, ours(ports, HOSTS, PEERS)
    if shutil.which(RTPENGINE):
        yield THEIRS, rtpengine(ports, "--num-threads=1", host=GATEWAY_ACCESS, peers=PEERS)


def kernel_threads() -> list[int]:
    """The kernel's threads that take over what interrupts leave."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if (path / "comm").read_text().startswith("ksoftirqd"):
                    found.append(int(path.name))
            except OSError:
                pass
    return found


def measure_one(traffic: Traffic, relayed: Relayed, size: int, seconds: float) -> Sample:
    """One run; the CPU of everybody."""
    pids = [traffic.pid, *kernel_threads(), *([relayed.pid] if relayed.pid else [])]
    _forward(relayed.hosts == (CENTRE, CALLER))
    before = sum(map(cpu_s, pids))
    sample = traffic.measure(relayed, size, seconds)
    used = sum(map(cpu_s, pids)) - before
    _forward(False)
    return Sample(used / max(1, sample.delivered) * 1e6, sample.sent, sample.delivered, sample.delay_p99_ms)


async def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, dict[int, list[Sample]]]:
    """Relay traffic through all systems, which stand ready side by side, in short turns.

    Returns: samples by system and packet size.
    """
    samples: dict[str, dict[int, list[Sample]]] = {}
    with Lab() as lab:
        with lab.caller as here:
            here.run(f"ip link add beside type veth peer name beside netns {lab.centre.path}")
            here.run(f"ip addr add {_BESIDE[0]}/24 dev beside", "ip link set beside up")
            caller = end("0.0.0.0")
        with lab.centre as here:
            here.run(f"ip addr add {_BESIDE[1]}/24 dev beside", "ip link set beside up")
            centre = end("0.0.0.0")
        traffic = Traffic((caller, centre))
        async with AsyncExitStack() as stack:
            stack.callback(traffic.close)
            ready = {name: await stack.enter_async_context(system) for name, system in systems(traffic.ports)}
            for relayed in ready.values():
                measure_one(traffic, relayed, SIZES[0], SETTLING_S)
            for _ in range(rounds):
                for name, relayed in ready.items():
                    for size in SIZES:
                        sample = measure_one(traffic, relayed, size, seconds)
                        samples.setdefault(name, {}).setdefault(size, []).append(sample)
    return samples


def report(samples: dict[str, dict[int, list[Sample]]]) -> Report:
    """A table of what was measured."""
    whole = {
        system: {size: statistics.median(run.cpu_us for run in runs) for size, runs in sizes.items()}
        for system, sizes in samples.items()
    }
    relay = {
        system: {
            size: statistics.median(
                run.cpu_us - other.cpu_us for run, other in zip(runs, samples[STRAIGHT][size], strict=True)
            )
            for size, runs in sizes.items()
        }
        for system, sizes in samples.items()
    }
    rows = []
    for system, by_size in samples.items():
        runs = [run for size in SIZES for run in by_size[size]]
        lost = 1 - sum(run.delivered for run in runs) / sum(run.sent for run in runs)
        ratios = [relay[system][size] / relay[THEIRS][size] if THEIRS in relay else float("nan") for size in SIZES]
        rows.append(
            [
                system,
                *(f"{whole[system][size]:.1f}" for size in SIZES),
                *(f"{relay[system][size]:.1f}" for size in SIZES),
                *(f"{ratio:.2f}" for ratio in ratios),
                f"{statistics.median(run.delay_p99_ms for run in runs):.2f}",
                f"{100 * lost:.2f}",
            ]
        )
    columns = ["system", *(f"all µs, {size} B" for size in SIZES), *(f"relay µs, {size} B" for size in SIZES)]
    columns += [*(f"ratio, {size} B" for size in SIZES), "delay p99 ms", "lost %"]
    verdict = "not measured: rtpengine is not installed"
    if THEIRS in relay:
        kernel, worker = (max(relay[one][size] / relay[THEIRS][size] for size in SIZES) for one in (KERNEL, WORKER))
        verdict = f"kernel {judge(kernel, BUDGET_KERNEL)}, worker {judge(worker, BUDGET_WORKER)}"
    return Report(
        name="offload",
        title="CPU per relayed RTP packet between two networks",
        columns=columns,
        rows=rows,
        budget=f"kernel ≤ {BUDGET_KERNEL:g} ×, worker ≤ {BUDGET_WORKER:g} × rtpengine in userspace",
        verdict=verdict,
        notes=[
            f"{CALLS} calls, {PACKETS_PER_S} packets/s evenly spread, {ROUNDS} turns of {SECONDS:g} s; medians",
            "all: CPU of generator, relay and ksoftirqd; relay: more than straight, over one veth, in the same turn",
            "delays include the traffic generator's own wait before it reads",
        ],
        values={"all_us": whole, "relay_us": relay},
    )


def main() -> int:
    """Measure, print and write."""
    if reason := missing():
        print(f"bench offload: not measured: {reason}", file=sys.stderr)
        return 0
    report(asyncio.run(measure())).publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
