"""What a call costs the more of them live: the gateway, sippy, Asterisk. Does I/O.

    python -m bench.growth                          the gateway up to 10,000 live calls, its peers up to 1,000
    python -m bench.growth --most 2000 --peers 0    the gateway alone, up to 2,000

Callers hold a number of calls, and batches of whole calls are played beside them. A system runs on one core, all its
processes and threads with it; SIPp on the other. Nobody sends media. 10,000 calls take about three minutes: each holds
four sockets of a media worker, so there are as many workers as the limit of open files asks for.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import asdict, dataclass
from functools import partial

from bench.bed import FOREVER_S, Bed, bed, say
from bench.report import Report
from bench.systems import PORTS_PER_CALL, System, asterisk, sippy_quiet, splitter, workers_for
from bench.usage import cpu_s, resident_kb
from tests.interop.gateway import children
from tests.interop.sipp import Sipp

LEVELS = (10, 100, 1000, 4000)
MOST_LIVE, PEERS_LIVE = 10_000, 1000
FILL_RATE, BATCH_RATE, BATCH, BATCHES, UPKEEP_S = 70, 40, 60, 4, 1.5
HELD_MS, GRACE_S, TRIES = 300, 1.0, 3
SLACK = 0.02  # of those to be held may be missing: a shared machine loses some


@dataclass(frozen=True, slots=True)
class Level:
    """What a call costs while so many live.

    Attributes:
        live: calls that are held meanwhile.
        call_ms: CPU of one more call, set up and torn down; the upkeep of those held is taken off. dearest_ms: in the
            batch that cost most.
        upkeep_ms: CPU per second that the held ones cost.
        memory_mb: of the whole system.
        own_mb: of its first process, which is signalling in ours.
        failed: calls of the batch that were not set up.
    """

    live: int
    call_ms: float
    dearest_ms: float
    upkeep_ms: float
    memory_mb: float
    own_mb: float
    failed: int


def grow(bed: Bed, levels: list[int]) -> list[Level]:
    """Hold so many calls, and measure a batch beside them, level by level."""
    found: list[Level] = []
    live = 0
    for level in levels:
        live += _fill(bed, level - live)
        time.sleep(1.0)
        found.append(_measure(bed, live))
        last = found[-1]
        say(f"    {live} live: {last.call_ms:.2f} ms a call, upkeep {last.upkeep_ms:.0f} ms/s, {last.memory_mb:.0f} MB")
    return found


def _fill(bed: Bed, wanted: int) -> int:
    """Hold so many more; returns how many it became. Those that a busy machine lost are called once more."""
    up = 0
    for _ in range(TRIES):
        holder = bed.call(wanted - up, FILL_RATE, FOREVER_S * 1000)
        up += _held(bed, holder, wanted - up)
        if up >= (1 - SLACK) * wanted:
            return up
    raise RuntimeError(f"only {up} of {wanted} calls were set up: {holder.complaint()}")


def _held(bed: Bed, holder: Sipp, wanted: int) -> int:
    end = time.monotonic() + 10 + 2 * wanted / FILL_RATE
    while (up := len(bed.times_ms(holder))) < wanted and time.monotonic() < end and holder.running:
        time.sleep(0.2)
    return up


def _measure(bed: Bed, live: int) -> Level:
    before, at = cpu_s(bed.pid), time.monotonic()
    time.sleep(UPKEEP_S)
    upkeep = (cpu_s(bed.pid) - before) / (time.monotonic() - at)
    batches = [_batch(bed, upkeep) for _ in range(BATCHES)]
    return Level(
        live=live,
        # Whoever else is on the machine can only make a call dearer (caches), so the cheapest batch says most.
        call_ms=1000 * min(spent for spent, _ in batches) / BATCH,
        dearest_ms=1000 * max(spent for spent, _ in batches) / BATCH,
        upkeep_ms=1000 * upkeep,
        own_mb=resident_kb(bed.pid) / 1024,
        memory_mb=sum(resident_kb(pid) for pid in (bed.pid, *children(bed.pid))) / 1024,
        failed=sum(missing for _, missing in batches),
    )


def _batch(bed: Bed, upkeep: float) -> tuple[float, int]:
    """CPU seconds of a batch above the upkeep, and how many of its calls were not set up."""
    before, at = cpu_s(bed.pid), time.monotonic()
    caller = bed.call(BATCH, BATCH_RATE, HELD_MS)
    end = at + BATCH / BATCH_RATE + HELD_MS / 1000 + GRACE_S
    while caller.running and time.monotonic() < end:
        time.sleep(0.05)
    spent = cpu_s(bed.pid) - before - upkeep * (time.monotonic() - at)
    caller.stop()
    return spent, BATCH - len(bed.times_ms(caller))


def main() -> None:
    """Measure one system after the other, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--most", type=int, default=MOST_LIVE, help="live calls of the gateway (%(default)s)")
    parser.add_argument("--peers", type=int, default=PEERS_LIVE, help="of the others; 0 leaves them out (%(default)s)")
    wanted = parser.parse_args()
    workers = workers_for(wanted.most, descriptors())
    systems = [(System(_name(workers), partial(splitter, workers=workers)), wanted.most)]
    if wanted.peers:
        systems.append((System("sippy b2bua_simple, its log off", sippy_quiet), wanted.peers))
        systems.append((System("Asterisk, Dial between two endpoints", asterisk), wanted.peers))
    levels: dict[str, list[Level]] = {}
    for system, most in systems:
        say(f"  {system.name}")
        with bed(system) as made:
            levels[system.name] = grow(made, sorted({*(level for level in LEVELS if level < most), most}))
    report(levels, wanted.most)


def report(levels: dict[str, list[Level]], most: int) -> None:
    """The table of what a call costs among others."""
    rows = [
        [
            name,
            f"{level.live}",
            f"{level.call_ms:.2f}",
            f"{level.call_ms / found[0].call_ms:.2f}",
            f"{level.dearest_ms:.2f}",
            f"{level.upkeep_ms:.0f}",
            f"{level.memory_mb:.0f}",
            _per_call(level, found[0]),
            f"{level.failed}",
        ]
        for name, found in levels.items()
        for level in found
    ]
    Report(
        name="growth",
        title="CPU per call while others live",
        columns=[
            "system",
            "live calls",
            "ms CPU per call",
            f"of that at {LEVELS[0]}",
            "dearest batch",
            "upkeep ms/s",
            "MB",
            "signalling kB a call",
            "failed",
        ],
        rows=rows,
        notes=[
            f"{BATCH} whole calls at {BATCH_RATE}/s beside those held, the cheapest of {BATCHES} such batches; user "
            "and system time of the whole system, less the upkeep of those held, measured just before. Memory is what "
            "is its own (Pss) of all its processes; a call's, of the first process, over those of the lowest level.",
            f"A voice call holds {PORTS_PER_CALL} sockets of a media worker, and a process may open {descriptors()} "
            f"descriptors here: {most} calls take {_workers(workers_for(most, descriptors()))}. Held calls are silent.",
            "The machine was shared; CPU time is counted, but caches were not ours alone. No budget is set for this.",
        ],
        values={name: [asdict(level) for level in found] for name, found in levels.items()},
    ).publish()


def _per_call(level: Level, least: Level) -> str:
    """Memory of the first process for each call beyond those of the lowest level."""
    more = level.live - least.live
    return f"{1024 * (level.own_mb - least.own_mb) / more:.1f}" if more else "-"


def descriptors() -> int:
    """How many a process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _name(workers: int) -> str:
    return f"splitter, a voice call, {_workers(workers)}"


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


if __name__ == "__main__":
    main()
