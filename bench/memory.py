"""Memory per live call at 1,000 calls: of the signalling process (its budget) and of the media workers.

SIPp calls with the ViLTE offer of a handset and holds; the figure is the growth of the proportional set size (Pss).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from bench.report import Report, judge
from bench.usage import resident_kb
from tests.interop.addresses import Desk
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import Scene

CALLS, RATE, HELD_MS = 1000, 40, 45_000
REST_S = 45  # what lingers after a call: transactions 32 s (RFC 3261 §17), its trace 40 s
BUDGET_KB = 100


def memory_kb(gateway: Gateway) -> tuple[int, int]:
    """Of the signalling process, and of its workers together."""
    return resident_kb(gateway.process.pid), sum(resident_kb(pid) for pid in gateway.workers())


def play(desk: Desk, gateway: Gateway, calls: int, held_ms: int) -> tuple[int, int]:
    """Let so many calls live at a time; the memory then."""
    scene = Scene(desk, Path(tempfile.mkdtemp(prefix="bench-")))
    try:
        load: dict[str, Any] = {"calls": calls, "trace": False, "limit_s": 240, "held_ms": held_ms}
        codec = {"codec": "107", "codec_name": "AMR-WB/16000", "codec_fmtp": "mode-change-capability=2;max-red=0"}
        centre = scene.centre("load-centre", answer="centre-amr", **codec, **load)
        caller = scene.caller(
            "caller-hangs-up", "vilte", options=["-r", str(RATE), "-l", "5000", "-pause_msg_ign"], **load
        )
        eventually(lambda: gateway.status()["calls"] == calls, f"{calls} calls live", 120)
        time.sleep(2)
        live = memory_kb(gateway)
        caller.finish(300)
        centre.finish(300)
        gateway.must_be_idle(60)
        return live
    finally:
        scene.close()


def main() -> None:
    """Measure, print and write."""
    with Desk() as desk, Gateway(desk, {"log_level": "warning", "workers": 2, "quarantine_s": 5}) as gateway:
        play(desk, gateway, 20, 1000)
        idle = memory_kb(gateway)
        live = play(desk, gateway, CALLS, HELD_MS)
        time.sleep(REST_S)
        again = play(desk, gateway, CALLS, HELD_MS)
    rows = []
    for name, index in (("signalling process", 0), ("media workers", 1)):
        per_call = (live[index] - idle[index]) / CALLS
        rows.append([name, f"{idle[index]}", f"{live[index]}", f"{per_call:.1f}", f"{again[index]}"])
    ours = (live[0] - idle[0]) / CALLS
    Report(
        name="memory",
        title=f"Memory per live call, at {CALLS} calls",
        columns=["process", "idle kB", f"{CALLS} calls kB", "kB per call", "the next 1000 kB"],
        rows=rows,
        budget=f"at most {BUDGET_KB} kB per call in the signalling process",
        verdict=judge(ours, BUDGET_KB),
        notes=[
            "Pss; idle is after 20 calls. Each call holds an audio relay and a video room that plays the slate.",
            f"The next 1,000 calls come {REST_S} s after the first have gone, when nothing of them may be left.",
        ],
        values={"idle_kb": idle, "live_kb": live, "again_kb": again, "calls": CALLS},
    ).publish()


if __name__ == "__main__":
    main()
