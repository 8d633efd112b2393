"""What runs out in silence: the descriptors of a process. Does I/O: reads /proc.

It is read on the event loop of the calls, so a directory of many thousand entries is listed only where it must be: the
kernel tells how many there are (Linux 6.2 and later), or at least how many there is room for.
"""

from __future__ import annotations

import os
from pathlib import Path

SHORT = 0.9  # of what there is: whoever is told now can still do something


def descriptors(pid: int) -> tuple[int, int]:
    """Count the descriptors that a process has open, and that it may have; zeros where that cannot be read."""
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
        soft = _number_after("Max open files", limits)
        return held(pid, soft), soft
    except OSError:
        return 0, 0


def descriptor_alarm(pid: int, whose: str) -> str:
    """Said of a process that has hardly any left; "" for nothing to say."""
    held, limit = descriptors(pid)
    if not limit or held < SHORT * limit:
        return ""
    return f"{whose} runs out of descriptors: {held} of {limit} are open; raise LimitNOFILE"


def held(pid: int, limit: int) -> int:
    """The number that is open; of a process that has many left it may be an upper bound."""
    folder = f"/proc/{pid}/fd"
    if told := os.stat(folder).st_size:  # noqa: PTH116 - no Path for one number
        return told
    room = _number_after("FDSize:", Path(f"/proc/{pid}/status").read_text())
    if 0 < room < SHORT * limit:
        return room
    return len(os.listdir(folder))  # noqa: PTH208 - no Path for each of thousands


def _number_after(word: str, text: str) -> int:
    found = text.partition(word)[2].split()[:1]
    return int(found[0]) if found and found[0].isdigit() else 0
