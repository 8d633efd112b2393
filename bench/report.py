"""What a measurement says: a table, its budget, and where it was made. Does I/O: prints and writes bench/results/."""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
import timeit
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from splitter.media.fast.build import FLAGS

RESULTS = Path(__file__).parent / "results"


@dataclass
class Report:
    """One measurement.

    Attributes:
        name: of the result's files.
        title: one line.
        columns, rows: the table; the first column names what was measured.
        budget: in words, with what it takes.
        verdict: "met" or "missed by …".
        notes: how it was measured, and where the time goes.
    """

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]]
    budget: str = ""
    verdict: str = ""
    notes: list[str] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)

    def publish(self) -> None:
        """Print it, and write NAME.json and NAME.md."""
        text = self._markdown()
        print(text, flush=True)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.md").write_text(text)
        (RESULTS / f"{self.name}.json").write_text(json.dumps({**asdict(self), "machine": machine()}, indent=2) + "\n")

    def _markdown(self) -> str:
        widths = [max(len(row[i]) for row in [self.columns, *self.rows]) for i in range(len(self.columns))]
        lines = [f"# {self.title}", "", _row(self.columns, widths), _row(["-" * width for width in widths], widths)]
        lines += [_row(row, widths) for row in self.rows]
        if self.budget:
            lines += ["", f"Budget: {self.budget}: **{self.verdict}**."]
        lines += ["", *(f"- {note}" for note in self.notes), f"- {' · '.join(str(v) for v in machine().values())}"]
        return "\n".join(lines) + "\n"


def machine() -> dict[str, object]:
    """What it was measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": f"{os.cpu_count()} cores",
        "load": load(),
        "python": f"Python {platform.python_version()}",
        "kernel": f"Linux {platform.release()}",
        "interpreter": interpreter(),
        "native": "native form: " + " ".join(FLAGS),
    }


def load() -> str:
    """Load of the machine, the bench's own with it; and whether others came after it (`chrt -r 10`)."""
    first = os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO)
    words = "load " + ", ".join(f"{one:.1f}" for one in os.getloadavg()) + " in 1, 5 and 15 min"
    return f"{words}, before which all of this came (real-time scheduling)" if first else words


def interpreter() -> str:
    """How this Python was built: with what it learned of itself (PGO), and for how fast; and how fast it is here."""
    chosen = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    flags = f"{sysconfig.get_config_var('CFLAGS') or ''}".split()
    level = next((flag for flag in reversed(flags) if flag.startswith("-O")), "-O?")
    pgo = "PGO" if "--enable-optimizations" in chosen else "no PGO"
    how = f"{pgo}, {'LTO' if '--with-lto' in chosen else 'no LTO'}"
    if sys.base_prefix == "/usr" and pgo == "no PGO":
        how = "as its distribution builds it"  # Debian's has both, and says neither (requirements/choose-python)
    return f"interpreter: {platform.python_compiler()}, {level}, {how}, {_step_ns():.0f} ns a small call"


def _step_ns() -> float:
    """The time of one call of an empty function in a loop, the best of several: tells one build from another."""
    return 1e4 * min(timeit.repeat("f()", "def f(): pass", number=100_000, repeat=9))


def judge(measured: float, limit: float) -> str:
    """ "met" or by how much it was missed."""
    return "met" if measured <= limit else f"missed by {100 * (measured / limit - 1):.0f} %"


def _row(cells: list[str], widths: list[int]) -> str:
    first, *rest = (
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "| " + " | ".join([first, *rest]) + " |"
