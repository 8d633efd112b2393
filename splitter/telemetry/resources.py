"""What runs out in silence: the descriptors of a process. Does I/O: reads /proc."""

from __future__ import annotations

import os
from pathlib import Path

SHORT = 0.9  # of what there is: whoever is told now can still do something


def descriptors(pid: int) -> tuple[int, int]:
    """Count the descriptors that a process has open, and that it may have; zeros where that cannot be read."""
    try:
        held = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - no Path for each of thousands
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return 0, 0
    soft = limits.partition("Max open files")[2].split()[:1]
    return held, int(soft[0]) if soft and soft[0].isdigit() else 0


def descriptor_alarm(pid: int, whose: str) -> str:
    """Said of a process that has hardly any left; "" for nothing to say."""
    held, limit = descriptors(pid)
    if not limit or held < SHORT * limit:
        return ""
    return f"{whose} runs out of descriptors: {held} of {limit} are open; raise LimitNOFILE"
