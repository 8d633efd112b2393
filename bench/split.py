"""CPU per split call, set up, held for a second and torn down at a fixed rate, against sippy's b2bua_simple.

SIPp calls with the ViLTE offer of a handset, SIPp answers as the centre; both systems stand between the same two, one
after the other, in turns, with the same Python, started long before they are measured. The caller sends no media. sippy
passes the description through and opens no media ports; the gateway splits it, opens an audio relay and a video room
for each call, writes a trace of every message to its store, and what the next process needs to carry the call on. What
a video call costs is said with the waiting picture, which the caller is sent from the answer on, and apart from it: of
a caller who sends a picture and wants none. A last run under a profiler says where the time of signalling goes.
"""

from __future__ import annotations

import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from bench.inside import BEGIN, END
from bench.report import Report, judge
from bench.usage import cpu_by_process
from tests.interop.addresses import Desk
from tests.interop.gateway import SPLITTER, Gateway
from tests.interop.process import Process, eventually
from tests.interop.scene import CALLED, Scene, listens
from tests.interop.sipp import sdp_value

RATE, HELD_MS, CALLS, WARM_UP, ROUNDS = 20, 1000, 200, 40, 3
BUDGET_VOICE, BUDGET_VIDEO = 0.85, 1.0
QUIET, USUAL, VOICE, BARE, APART, VIDEO = (
    "sippy b2bua_simple, its log off",
    "sippy b2bua_simple, as it comes",
    "splitter, a voice call",
    "splitter, a voice call, no trace, no records",
    "splitter, a video call, waiting picture apart",
    "splitter, a video call",
)
# Not work of a call: waiting in the event loop.
IDLE = ("run", "run_until_complete", "<method 'poll' of 'select.epoll' objects>")
SENDS = "vilte, the picture one way"
CODEC = {"codec": "107", "codec_name": "AMR-WB/16000", "codec_fmtp": "mode-change-capability=2;max-red=0"}


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
def splitter(desk: Desk, program: tuple[str, ...] = (SPLITTER,)) -> Iterator[int]:
    """The gateway as an operator runs it, with one media worker and a store."""
    with Gateway(desk, {"log_level": "warning", "workers": 1, "quarantine_s": 30}, program) as gateway:
        yield gateway.process.pid


def bare(desk: Desk) -> AbstractContextManager[int]:
    """The gateway without what sippy has not either."""
    return splitter(desk, _inside("bare"))


def _inside(how: str) -> tuple[str, ...]:
    return sys.executable, str(Path(__file__).with_name("inside.py")), how


# What is measured: how it is started, and the offer of its callers.
SYSTEMS: dict[str, tuple[Callable[[Desk], AbstractContextManager[int]], str]] = {
    QUIET: (lambda desk: sippy(desk, "none"), "vilte"),
    USUAL: (lambda desk: sippy(desk, "stderr"), "vilte"),
    VOICE: (splitter, "vilte-voice"),
    BARE: (bare, "vilte-voice"),
    APART: (splitter, SENDS),
    VIDEO: (splitter, "vilte"),
}


def ms_per_call(pid: int, desk: Desk, offer: str) -> dict[str, float]:
    """Play the calls; CPU milliseconds per call of each process."""
    play(desk, WARM_UP, offer)
    before = cpu_by_process(pid)
    play(desk, CALLS, offer)
    time.sleep(0.5)
    return {name: 1000 * (value - before.get(name, 0.0)) / CALLS for name, value in cpu_by_process(pid).items()}


def play(desk: Desk, calls: int, offer: str) -> None:
    """So many calls, one after the other at the fixed rate."""
    scene = Scene(desk, Path(tempfile.mkdtemp(prefix="bench-")))
    try:
        # SIPp cannot read the display name in sippy's Contact, so the target of ACK and BYE is written out for both.
        target = f"sip:{CALLED}@{desk.access}:5060"
        load: dict[str, Any] = {"calls": calls, "trace": False, "limit_s": 120, "held_ms": HELD_MS, "target": target}
        centre = scene.centre("load-centre", answer="centre-amr", **CODEC, **load)
        options = ["-r", str(RATE), "-l", "2000", "-pause_msg_ign"]
        if offer == SENDS:
            voice, line, video = sdp_value("vilte").partition("m=video")
            load["body"] = voice + line + video.replace("a=sendrecv", "a=sendonly")
            offer = "vilte"
        scene.caller("caller-hangs-up", offer, options=options, **load).finish()
        centre.finish()
    finally:
        scene.close()


def profile() -> list[str]:
    """Signalling under cProfile while voice calls come: the functions that take most time of their own."""
    file = Path(tempfile.mkdtemp(prefix="bench-")) / "profile"
    with Desk() as desk, splitter(desk, _inside(f"profile={file}")) as pid:
        play(desk, WARM_UP, "vilte-voice")
        os.kill(pid, BEGIN)
        play(desk, CALLS, "vilte-voice")
        os.kill(pid, END)
        eventually(file.exists, "the profile is written", 30, lambda: "")
        time.sleep(0.5)
    stats = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    own: dict[str, float] = {}
    packages: dict[str, float] = {}
    for (where, line, name), (_, _, spent, _, _) in stats.items():
        if name in IDLE:
            continue
        path = Path(where)
        own[f"{path.parent.name}/{path.name}:{line} {name}" if line else name] = spent
        package = where.partition("/splitter/")[2].partition("/")[0] if "/splitter/" in where else ""
        packages[package or "Python and C"] = packages.get(package or "Python and C", 0.0) + spent
    total = sum(own.values())
    return [
        "signalling by package, own time: "
        + ", ".join(f"{name} {value:.0f} %" for name, value in _shares(packages, total)),
        *(f"signalling, own time: {value:.1f} % {name}" for name, value in _shares(own, total)[:15]),
    ]


def _shares(spent: dict[str, float], total: float) -> list[tuple[str, float]]:
    """In per cent of the total, the largest first."""
    return sorted(((name, 100 * value / total) for name, value in spent.items()), key=lambda row: -row[1])


def main() -> None:
    """Measure in turns, print and write."""
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in SYSTEMS}
    for _ in range(ROUNDS):
        for name, (system, offer) in SYSTEMS.items():
            with Desk() as desk, system(desk) as pid:
                measured[name].append(ms_per_call(pid, desk, offer))
            print(f"  {name}: {sum(measured[name][-1].values()):.2f} ms", file=sys.stderr, flush=True)
    totals = {name: [sum(found.values()) for found in rounds] for name, rounds in measured.items()}
    base = statistics.median(totals[QUIET])
    voice, video = (statistics.median(totals[name]) / base for name in (VOICE, APART))
    Report(
        name="split",
        title=f"CPU per split call: set up, held {HELD_MS / 1000:g} s, torn down, {RATE} calls/s",
        columns=[
            "system",
            "ms CPU per call",
            f"over {ROUNDS} rounds",
            "signalling",
            "media worker",
            "of sippy, log off",
        ],
        rows=[
            [
                name,
                f"{statistics.median(total):.2f}",
                f"{min(total):.2f} to {max(total):.2f}",
                *(_part(measured[name], part) for part in ("signalling", "worker")),
                f"{statistics.median(total) / base:.2f}",
            ]
            for name, total in totals.items()
        ],
        budget=f"at most {BUDGET_VOICE} of sippy's b2bua_simple for voice, {BUDGET_VIDEO:g} for video apart",
        verdict=f"voice {judge(voice, BUDGET_VOICE)}, video {judge(video, BUDGET_VIDEO)}",
        notes=[
            f"{CALLS} calls a round after {WARM_UP} to warm up, in turns; medians; user and system time of all "
            "processes of each system, with the same Python. Load of the machine at the end: "
            f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
            "The gateway opens a relay and a room per call, keeps a trace, and records for the process that comes "
            "after it; sippy does none of it, and has no media.",
            *profile(),
        ],
        values=dict(measured),
    ).publish()


def _part(rounds: list[dict[str, float]], part: str) -> str:
    values = [found[part] for found in rounds if part in found]
    return f"{statistics.median(values):.2f}" if values else "-"


if __name__ == "__main__":
    main()
