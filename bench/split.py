"""CPU per split call, set up, held for a second and torn down at a fixed rate, against sippy's b2bua_simple.

SIPp calls with the ViLTE offer of a handset, SIPp answers as the centre; both systems stand between the same two, one
after the other, in turns. No media flows. sippy passes the description through and opens no media ports; the gateway
splits it, opens an audio relay and a video room for each call, and writes a trace of every message to its store.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.report import Report, judge
from bench.usage import cpu_by_process, cpu_s
from tests.interop.addresses import Desk
from tests.interop.gateway import Gateway
from tests.interop.process import Process, eventually
from tests.interop.scene import CALLED, Scene, listens

RATE, HELD_MS, CALLS, WARM_UP, ROUNDS = 20, 1000, 200, 40, 2
BUDGET = 0.5


@contextmanager
def sippy(desk: Desk, logging: str) -> Iterator[int]:
    """b2bua_simple between caller and centre; `logging` is its log back end: "none", or "stderr" as it comes."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    program = str(Path(sys.executable).with_name("b2bua_simple"))
    command = [program, "-f", "-l", desk.access, "-p", "5060", "-n", f"{desk.centre}:5060"]
    with Process("sippy", command, folder, {"SIPLOG_BEND": logging}) as process:
        eventually(lambda: listens(desk.access, 5060), "sippy listens", 10, process.tail)
        yield process.pid


@contextmanager
def splitter(desk: Desk, workers: int) -> Iterator[int]:
    """The gateway, with a store, as an operator runs it."""
    with Gateway(desk, {"log_level": "warning", "workers": workers, "quarantine_s": 30}) as gateway:
        yield gateway.process.pid


def ms_per_call(pid: int, desk: Desk) -> float:
    """Play the calls; CPU milliseconds per call of the process and everything below it."""
    _play(desk, WARM_UP)
    before = cpu_s(pid)
    _play(desk, CALLS)
    time.sleep(0.5)
    return 1000 * (cpu_s(pid) - before) / CALLS


def _play(desk: Desk, calls: int) -> None:
    scene = Scene(desk, Path(tempfile.mkdtemp(prefix="bench-")))
    try:
        # SIPp cannot read the display name in sippy's Contact, so the target of ACK and BYE is written out for both.
        target = f"sip:{CALLED}@{desk.access}:5060"
        load = {"calls": calls, "trace": False, "limit_s": 120, "held_ms": HELD_MS, "target": target}
        codec = {"codec": "107", "codec_name": "AMR-WB/16000", "codec_fmtp": "mode-change-capability=2;max-red=0"}
        centre = scene.centre("load-centre", answer="centre-amr", **codec, **load)
        caller = scene.caller(
            "caller-hangs-up", "vilte", options=["-r", str(RATE), "-l", "2000", "-pause_msg_ign"], **load
        )
        caller.finish()
        centre.finish()
    finally:
        scene.close()


def main() -> None:
    """Measure in turns, print and write."""
    systems = {
        "sippy b2bua_simple, its log off": lambda desk: sippy(desk, "none"),
        "sippy b2bua_simple, as it comes": lambda desk: sippy(desk, "stderr"),
        "splitter": lambda desk: splitter(desk, 1),
    }
    chosen = sys.argv[1:] or [""]
    measured: dict[str, list[float]] = {}
    split: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, system in systems.items():
            if not any(word in name for word in chosen):
                continue
            with Desk() as desk, system(desk) as pid:
                measured.setdefault(name, []).append(ms_per_call(pid, desk))
                split = cpu_by_process(pid)
            print(f"  {name}: {measured[name][-1]:.2f} ms", file=sys.stderr, flush=True)
    base = statistics.mean(measured.get("sippy b2bua_simple, its log off", [0.0]))
    rows = []
    for name, rounds in measured.items():
        mean = statistics.mean(rounds)
        spread = f"{min(rounds):.2f} to {max(rounds):.2f}"
        rows.append([name, f"{mean:.2f}", spread, f"{mean / base:.2f}" if base else "-"])
    ours = statistics.mean(measured.get("splitter", [0.0]))
    report = Report(
        name="split",
        title=f"CPU per split call: set up, held {HELD_MS / 1000:g} s, torn down, {RATE} calls/s",
        columns=["system", "ms CPU per call", f"over {ROUNDS} rounds", "of sippy, log off"],
        rows=rows,
        budget=f"at most {BUDGET} of sippy's b2bua_simple",
        verdict=judge(ours / base, BUDGET) if ours and base else "not measured",
        notes=[
            f"{CALLS} calls a round after {WARM_UP} to warm up; user and system time of all processes of each system.",
            "The gateway opens a relay and a room per call and keeps a trace, all counted; sippy does neither.",
            "splitter by process, whole run: " + ", ".join(f"{k} {v:.1f} s" for k, v in split.items()),
        ],
        values=dict(measured),
    )
    report.publish()


if __name__ == "__main__":
    main()
