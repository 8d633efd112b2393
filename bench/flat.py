"""Memory of the signalling process over many calls: flat, whatever the calls were. Does I/O.

    python -m bench.flat                    50,000 calls; about ten minutes
    python -m bench.flat --calls 12600      fewer

SIPp plays whole calls at an even rate, and the memory is read while they come: what lingers after a call (transactions
32 s, its trace 40 s) is then there each time. The garbage collector is as the gateway sets it.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from bench.bed import Bed, bed, say
from bench.report import Report, judge
from bench.systems import System, splitter
from bench.usage import resident_kb
from tests.interop.gateway import children

CALLS, RATE, HELD_MS = 50_000, 90, 200
READINGS = 10
SETTLED = 3  # readings until everything that lingers has come, and caches are full
BUDGET_KB = 4000  # that the later readings may be above the settled ones
SLACK = 0.02  # of the calls may fail: SIPp shares its core


def memory(made: Bed) -> tuple[int, int]:
    """Of the signalling process and of its workers, in kB."""
    return resident_kb(made.pid), sum(resident_kb(pid) for pid in children(made.pid))


def play(made: Bed, calls: int, rate: float) -> list[tuple[int, int]]:
    """The memory after each part of the calls."""
    caller = made.call(calls, rate, HELD_MS)
    found = [memory(made)]
    due = time.monotonic() + 60 + 3 * calls / rate
    while len(found) <= READINGS:
        wanted = calls * len(found) // READINGS
        while (done := len(made.times_ms(caller))) < wanted * (1 - SLACK) and caller.running:
            if time.monotonic() > due:
                raise RuntimeError(f"only {done} of {calls} calls in time")
            time.sleep(2.0)
        found.append(memory(made))
        say(f"    {done} calls: {found[-1][0]} kB")
    if done < calls * (1 - SLACK):
        raise RuntimeError(f"{calls - done} of {calls} calls failed: {caller.complaint()}")
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=CALLS, help="how many (%(default)s)")
    parser.add_argument("--rate", type=float, default=RATE, help="so many a second (%(default)s)")
    wanted = parser.parse_args()
    with bed(System("splitter", splitter)) as made:
        found = play(made, wanted.calls, wanted.rate)
    ours = [signalling for signalling, _ in found]
    grown = round(median(ours[-3:]) - median(ours[SETTLED : SETTLED + 3]))
    rows = [[f"{wanted.calls * index // READINGS}", *(f"{kb}" for kb in both)] for index, both in enumerate(found)]
    Report(
        name="flat",
        title=f"Memory over {wanted.calls} calls",
        columns=["calls played", "signalling kB", "media worker kB"],
        rows=rows,
        budget=f"at most {BUDGET_KB} kB more at the end than after {SETTLED + 1} of {READINGS} parts, by medians of 3",
        verdict=judge(grown, BUDGET_KB),
        notes=[f"Pss; whole voice calls at {wanted.rate:g}/s, held {HELD_MS} ms each, with a store."],
        values={"kb": found, "calls": wanted.calls, "grown_kb": grown},
    ).publish()


if __name__ == "__main__":
    main()
