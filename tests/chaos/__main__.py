"""`python -m tests.chaos`: processes are killed at random under calls; the same seed plays the same mishaps again."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Chaos, Setting


def main() -> int:
    """Play one run; 1 where anything was wrong, and its files are kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600.0, help="of mishaps (%(default)s)")
    parser.add_argument("--calls", type=int, default=100, help="so many live at a time (%(default)s)")
    parser.add_argument("--no-valkey", action="store_true", help="records on the disk alone")
    given = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="chaos-")
    setting = Setting(given.seed, given.seconds, given.calls, valkey=not given.no_valkey)
    result = asyncio.run(Chaos(setting, Path(folder)).play())
    print(", ".join(f"{what}: {count}" for what, count in sorted(result.counts.items())))
    for fault in result.faults:
        print(fault)
    print(f"{len(result.faults)} faults; {folder} is kept" if result.faults else "nothing was wrong")
    return 1 if result.faults else 0


sys.exit(main())
