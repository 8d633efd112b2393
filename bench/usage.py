"""CPU time and memory of processes and everything below them, from /proc. Does I/O."""

from __future__ import annotations

import os
from pathlib import Path

from tests.interop.gateway import children

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system seconds of the process, its threads, its children and those it has reaped."""
    return sum(_cpu_of(one) for one in [pid, *children(pid)])


def cpu_by_process(pid: int) -> dict[str, float]:
    """The same by what the process is: "signalling" and "worker" for ours, else its program."""
    found: dict[str, float] = {}
    for one in [pid, *children(pid)]:
        found[_name(one)] = found.get(_name(one), 0.0) + _cpu_of(one)
    return found


def resident_kb(pid: int) -> int:
    """Memory of one process that is its own: private and unshared pages (Pss), in kB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"no Pss of {pid}")


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    user, system, reaped_user, reaped_system = (int(field) for field in fields[11:15])
    return (user + system + reaped_user + reaped_system) * _TICK_S


def _name(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "?"
    if "splitter.media.worker" in words:
        return "worker"
    return "signalling" if "run" in words else Path(words[0]).name
