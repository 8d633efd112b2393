"""Calls per second of one core: the gateway, sippy, Asterisk. Does I/O.

The rate goes up in short steps until the 99th percentile of set-up time (INVITE to 200, written down by SIPp at the
caller) passes 200 ms; the last step is then halved twice. A step that fails while others use the core is played once
more before it counts: one late second of theirs is no limit of the system's. That runs on one core, all its processes
and threads with it; SIPp on the other. The centre answers at once and nobody sends media.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bench.bed import Bed, bed, say
from bench.report import Report
from bench.systems import (
    MEASURED_CORE,
    System,
    asterisk,
    sippy_quiet,
    splitter,
)
from bench.usage import cpu_s

LIMIT_MS, QUANTILE = 200, 0.99
FIRST_RATE, STEP_UP, MOST_RATE, HALVINGS = 90.0, 1.5, 1000.0, 2
STEP_S, HELD_MS, GRACE_S, SETTLE_S = 2.0, 300, 1.0, 1.0
QUIET = 0.1  # of the core to others: a failure then is the system's own
CONTROL_RATE = 400.0

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
            say(f"    {rate:.0f}/s: {_ms(played[-1].p99_ms)} ms, others {played[-1].others:.0%} of the core")
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


def main() -> None:
    """Measure one system after the other, print and write."""
    systems = [
        System(SPLITTER, splitter),
        System("sippy b2bua_simple, its log off", sippy_quiet),
        System("Asterisk, Dial between two endpoints", asterisk),
    ]
    with bed(None) as made:
        control = step(made, CONTROL_RATE)
    steps: dict[str, list[Step]] = {}
    for system in systems:
        say(f"  {system.name}")
        with bed(system) as made:
            step(made, FIRST_RATE)  # to warm up
            steps[system.name] = search(partial(step, made))
    report_rate(steps, control)


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


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f}"


if __name__ == "__main__":
    main()
