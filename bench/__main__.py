"""Runs every measurement, or those named: `python -m bench [NAME…]`. Each is a process of its own."""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "parser",
    "split",
    "rate",
    "growth",
    "memory",
    "flat",
    "storm",
    "relay",
    "recording",
    "films",
    "mixes",
    "mosaics",
    "offload",
    "secure",
    "rooms",
    "webcalls",
    "ways",
    "joins",
    "clicks",
    "pages",
    "recovery",
    "many",
    "failover",
)


def main() -> int:
    """Run them one after the other; 1 if any failed."""
    failed = [
        name for name in sys.argv[1:] or NAMES if subprocess.run([sys.executable, "-m", f"bench.{name}"]).returncode
    ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
