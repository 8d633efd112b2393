"""Calls per second of one core, and what a call costs the more of them live: the gateway, sippy, Asterisk. Does I/O.

The rate goes up in short steps until the 99th percentile of set-up time (INVITE to 200, written down by SIPp at the
caller) passes 200 ms; the last step is then halved twice. A step that fails while others use the core is played once
more before it counts: one late second of theirs is no limit of the system's. That runs on one core, all its processes
and threads with it; SIPp on the other. The centre answers at once and nobody sends media.

For the growth, callers hold a number of calls, and batches of whole calls are played beside them.
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from bench.report import Report
from bench.systems import (
    MEASURED_CORE,
    PLAYING_CORE,
    PORTS_PER_CALL,
    System,
    asterisk,
    pinned,
    sippy_quiet,
    splitter,
    workers_for,
)
from bench.usage import cpu_s
from tests.interop.addresses import Desk
from tests.interop.process import eventually
from tests.interop.scene import CALLED, Scene
from tests.interop.sipp import Sipp

LIMIT_MS, QUANTILE = 200, 0.99
FIRST_RATE, STEP_UP, MOST_RATE, HALVINGS = 90.0, 1.5, 1000.0, 2
STEP_S, HELD_MS, GRACE_S, SETTLE_S = 2.0, 300, 1.0, 1.0
QUIET = 0.1  # of the core to others: a failure then is the system's own
CONTROL_RATE = 400.0

LEVELS = (10, 100, 1000)
MOST_LIVE, PEERS_LIVE = 4000, 1000
FILL_RATE, BATCH_RATE, BATCH, BATCHES, UPKEEP_S = 140, 40, 60, 2, 1.5
_FOREVER_MS, _FOREVER_S = 900_000, 900

SPLITTER = "splitter, a voice call, 1 worker"


@dataclass(frozen=True, slots=True)
class Step:
    """What one rate did.

    Attributes:
        rate: calls per second asked for.
        calls, answered: how many were made, and set up by the end of the step.
        median_ms, p99_ms: of set-up time, over all calls; None where it fell on a call that was never set up.
        cpu_ms: CPU of the system per call made.
        share, others: of the measured core, what the system took and what everybody else took.
    """

    rate: float
    calls: int
    answered: int
    median_ms: float | None
    p99_ms: float | None
    cpu_ms: float
    share: float
    others: float

    @property
    def passed(self) -> bool:
        return self.p99_ms is not None and self.p99_ms <= LIMIT_MS


class Bed:
    """A system between SIPp callers and a SIPp centre."""

    def __init__(self, desk: Desk, pid: int, centre_host: str) -> None:
        self.pid = pid
        self._folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self._scene = Scene(desk, self._folder)
        # Some systems' Contact is not to SIPp's liking, so the target of ACK and BYE is written out for all.
        self._load: dict[str, Any] = {"trace": False, "limit_s": _FOREVER_S, "record_route": ""}
        self._load["target"] = f"sip:{CALLED}@{desk.access}:5060"
        self._numbers = count()
        self.centre = self._scene.centre("bench-centre", calls=10**7, host=centre_host, **self._load)

    def call(self, calls: int, rate: float, held_ms: int) -> Sipp:
        """Start one more SIPp that makes so many calls, at a port of its own."""
        number = next(self._numbers)
        options = ["-r", f"{rate:g}", "-l", "15000", "-trace_rtt", "-rtt_freq", "1", "-pause_msg_ign"]
        options += ["-default_behaviors", "all,-abortunexp"]  # a 180 that the 200 has overtaken ends no call
        more: dict[str, Any] = {"name": f"caller{number}", "port": 6000 + number, "calls": calls, "held_ms": held_ms}
        return self._scene.caller("bench-caller", "voice", options=options, **more, **self._load)

    def times_ms(self, caller: Sipp) -> list[float]:
        """The set-up times that this SIPp has written down, in order of size."""
        files = list(self._folder.glob(f"{caller.name}_*_rtt.csv"))
        lines = [line.split(";") for file in files for line in file.read_text().splitlines()]
        return sorted(float(fields[1]) for fields in lines if len(fields) > 2 and fields[1][:1].isdigit())

    def close(self) -> None:
        self._scene.close()


@contextmanager
def bed(system: System | None) -> Iterator[Bed]:
    """The system started and SIPp on both its sides; without a system the caller calls the centre itself."""
    with Desk() as desk:
        if system is None:
            with _between(desk, 0, desk.access) as made:
                yield made
        else:
            with system.start(desk) as pid, _between(desk, pid, desk.centre) as made:
                yield made


@contextmanager
def _between(desk: Desk, pid: int, centre_host: str) -> Iterator[Bed]:
    with pinned(PLAYING_CORE):
        made = Bed(desk, pid, centre_host)
        try:
            yield made
        finally:
            made.close()


def step(bed: Bed, rate: float) -> Step:
    """Play one rate to its end, or until its calls ought to have ended."""
    calls = round(rate * STEP_S)
    ours, (busy, started) = cpu_s(bed.pid) if bed.pid else 0.0, (core_busy_s(), time.monotonic())
    caller = bed.call(calls, rate, HELD_MS)
    end = started + calls / rate + HELD_MS / 1000 + GRACE_S
    while caller.running and time.monotonic() < end:
        time.sleep(0.05)
    took = time.monotonic() - started
    ours, busy = (cpu_s(bed.pid) if bed.pid else 0.0) - ours, core_busy_s() - busy
    caller.stop()
    times = bed.times_ms(caller)
    return Step(
        rate=rate,
        calls=calls,
        answered=len(times),
        median_ms=_quantile(times, calls, 0.5),
        p99_ms=_quantile(times, calls, QUANTILE),
        cpu_ms=1000 * ours / calls,
        share=ours / took,
        others=max(0.0, busy - ours) / took,
    )


def core_busy_s() -> float:
    """Seconds that the measured core has worked, for whomever."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{MEASURED_CORE} "):
            user, nice, system, _idle, _waiting, *rest = (int(field) for field in line.split()[1:9])
            return (user + nice + system + sum(rest)) / 100
    raise ValueError(f"no core {MEASURED_CORE} in /proc/stat")


def _quantile(ordered: list[float], calls: int, share: float) -> float | None:
    """Over all calls, those that were never set up being the slowest."""
    index = math.ceil(share * calls) - 1
    return ordered[index] if index < len(ordered) else None


def search(play: Callable[[float], Step]) -> list[Step]:
    """Step the rate up to the limit, then halve the last step; every step played, in order."""
    played: list[Step] = []

    def passes(rate: float) -> bool:
        for _ in range(2):
            played.append(play(rate))
            _say(f"    {rate:.0f}/s: {_ms(played[-1].p99_ms)} ms, others {played[-1].others:.0%} of the core")
            if played[-1].passed:
                return True
            time.sleep(SETTLE_S)
            if played[-1].others < QUIET:
                break
        return False

    good, bad = 0.0, FIRST_RATE
    while passes(bad):
        good, bad = bad, bad * STEP_UP
        if good >= MOST_RATE:
            return played
    for _ in range(HALVINGS if good else 0):
        middle = math.sqrt(good * bad)
        good, bad = (middle, bad) if passes(middle) else (good, middle)
    return played


@dataclass(frozen=True, slots=True)
class Level:
    """What a call costs while so many live.

    Attributes:
        live: calls that are held meanwhile.
        call_ms: CPU of one more call, set up and torn down; the upkeep of those held is taken off.
        upkeep_ms: CPU per second that the held ones cost.
        failed: calls of the batch that were not set up.
    """

    live: int
    call_ms: float
    upkeep_ms: float
    failed: int


def grow(bed: Bed, levels: list[int]) -> list[Level]:
    """Hold so many calls, and measure a batch beside them, level by level."""
    found = []
    live = 0
    for level in levels:
        holder = bed.call(level - live, FILL_RATE, _FOREVER_MS)
        wanted = level - live
        limit_s = 10 + 4 * wanted / FILL_RATE
        eventually(partial(_all_up, bed, holder, wanted), f"{level} calls live", limit_s, holder.complaint)
        live = level
        time.sleep(1.0)
        found.append(_measure(bed, live))
        _say(f"    {live} live: {found[-1].call_ms:.2f} ms a call, upkeep {found[-1].upkeep_ms:.0f} ms/s")
    return found


def _all_up(bed: Bed, holder: Sipp, wanted: int) -> bool:
    time.sleep(0.1)
    return len(bed.times_ms(holder)) >= wanted


def _measure(bed: Bed, live: int) -> Level:
    before, at = cpu_s(bed.pid), time.monotonic()
    time.sleep(UPKEEP_S)
    upkeep = (cpu_s(bed.pid) - before) / (time.monotonic() - at)
    batches = [_batch(bed, upkeep) for _ in range(BATCHES)]
    # Whoever else is on the machine can only make a call dearer (caches), so the cheaper batch says more.
    return Level(live, 1000 * min(spent for spent, _ in batches) / BATCH, 1000 * upkeep, sum(n for _, n in batches))


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
    systems = [
        System(SPLITTER, partial(splitter, workers=workers_for(MOST_LIVE, descriptors())), MOST_LIVE),
        System("sippy b2bua_simple, its log off", sippy_quiet, PEERS_LIVE),
        System("Asterisk, Dial between two endpoints", asterisk, PEERS_LIVE),
    ]
    with bed(None) as made:
        control = step(made, CONTROL_RATE)
    steps: dict[str, list[Step]] = {}
    for system in systems:
        _say(f"  {system.name}")
        with bed(system) as made:
            step(made, FIRST_RATE)  # to warm up
            steps[system.name] = search(partial(step, made))
    report_rate(steps, control)
    levels: dict[str, list[Level]] = {}
    for system in systems:
        _say(f"  {system.name}")
        with bed(system) as made:
            levels[system.name] = grow(made, sorted({*(n for n in LEVELS if n <= system.most_live), system.most_live}))
    report_growth(levels)


def report_rate(steps: dict[str, list[Step]], control: Step) -> None:
    """The table of rates."""
    rows = []
    for name, played in steps.items():
        good = max((one for one in played if one.passed), key=lambda one: one.rate, default=None)
        above = good.rate if good else 0.0
        bad = min((one for one in played if one.rate > above), key=lambda one: one.rate, default=None)
        cells = ["-"] * 6
        if good:
            cells = [f"{good.rate:.0f}", _ms(good.median_ms), _ms(good.p99_ms), f"{good.cpu_ms:.2f}"]
            cells += [f"{1000 / good.cpu_ms:.0f}", f"{good.others:.0%}"]
        rows.append([name, *cells, f"{bad.rate:.0f}/s: {_ms(bad.p99_ms)}, {bad.others:.0%}" if bad else "-"])
    Report(
        name="rate",
        title=f"Calls per second of one core, until the 99th percentile of set-up time passes {LIMIT_MS} ms",
        columns=[
            "system",
            "calls/s",
            "median ms",
            "p99 ms",
            "ms CPU per call",
            "1 s / that",
            "others on the core",
            "next step: p99 ms, others",
        ],
        rows=rows,
        notes=[
            f"Each step is {STEP_S:g} s of whole calls (set up, held {HELD_MS} ms, torn down), the same SIPp scenario "
            f"for all, voice alone (PCMA); each is {STEP_UP:g} times the one before, the last is halved {HALVINGS} "
            "times; "
            f"a step that fails while others have {QUIET:.0%} of the core is played once more.",
            "All processes and threads of a system share core 0, SIPp and the measurement have core 1. "
            "The gateway's overload control and limits are out of reach; it relays, keeps a trace and has one worker.",
            f"SIPp against SIPp, at {CONTROL_RATE:.0f}/s: p99 {_ms(control.p99_ms)} ms; SIPp's clock ticks in 4 ms.",
            "The machine was shared: `others` is what further processes took of core 0 in that step, while the system "
            "had to wait; `1 s / that` is the most that the core could do if the system had it alone.",
            "A step is shorter than the 32 s that transactions linger (RFC 3261 §17). No budget is set for this.",
        ],
        values={"steps": {name: [asdict(one) for one in played] for name, played in steps.items()}}
        | {"control": asdict(control)},
    ).publish()


def report_growth(levels: dict[str, list[Level]]) -> None:
    """The table of what a call costs among others."""
    rows = [
        [
            name,
            f"{level.live}",
            f"{level.call_ms:.2f}",
            f"{level.call_ms / found[0].call_ms:.2f}",
            f"{level.upkeep_ms:.0f}",
            f"{level.failed}",
        ]
        for name, found in levels.items()
        for level in found
    ]
    Report(
        name="growth",
        title="CPU per call while others live",
        columns=["system", "live calls", "ms CPU per call", f"of that at {LEVELS[0]}", "upkeep ms/s", "failed"],
        rows=rows,
        notes=[
            f"{BATCH} whole calls at {BATCH_RATE}/s beside those held, the cheaper of {BATCHES} such batches; user and "
            "system time of the whole system, less the upkeep of those held, measured just before.",
            f"At most {MOST_LIVE} live calls, not 10,000: a voice call holds {PORTS_PER_CALL} sockets of the one "
            f"worker, a process may open {descriptors()} descriptors here, and filling takes its time; the peers were "
            f"filled up to {PEERS_LIVE}. Held calls are silent.",
            "The machine was shared; CPU time is counted, but caches were not ours alone. No budget is set for this.",
        ],
        values={name: [asdict(level) for level in found] for name, found in levels.items()},
    ).publish()


def descriptors() -> int:
    """How many a process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
