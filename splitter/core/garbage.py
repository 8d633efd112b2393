"""Garbage collection that no call feels. Does I/O: sets Python's collector, and reads the size of this process.

What ends here goes by its reference count; the tests of rings (tests/garbage.py) see to that. So the collector finds
hardly anything, while what lives is hundreds of objects for each call: a look at all of them takes seconds where 10,000
calls live. Python's own rule looks so whenever their number has grown by a quarter, and at a part of them, for a third
of a second, every thousand calls. Here it looks at what is new, once, and at the rest while nobody would notice.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

LOOK_S = 60.0
"""From one question whether everything is to be looked at to the next."""

_NEVER = 2**31 - 1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class FullLook:
    """The rule when everything is looked at. Times are of a steady clock, in seconds.

    Attributes:
        few: with so many calls, or what else is carried, nobody notices.
        pause_s: from one time to the next.
        explained_bytes: what one that is carried may take, memory that waits for its end counted.
        most_bytes: more than that without an explanation, and there may be rings: then however many are carried.
    """

    few: int
    pause_s: float = 600.0
    explained_bytes: int = 100_000
    most_bytes: int = 256_000_000
    _at: float = 0.0
    _carried: int = 0
    _size_bytes: int = 0

    def is_due(self, now: float, carried: int, size_bytes: int) -> bool:
        """Tell whether to look at everything now."""
        if carried <= self.few and now - self._at >= self.pause_s:
            return True
        explained = self.explained_bytes * max(0, carried - self._carried)
        return size_bytes - self._size_bytes - explained > self.most_bytes

    def note(self, now: float, carried: int, size_bytes: int) -> None:
        """Everything has been looked at: from now on this size is what it is."""
        self._at, self._carried, self._size_bytes = now, carried, size_bytes


class Collector:
    """The collector of this process, which has one.

    Args:
        young: new objects after which these are looked at; a call makes some hundred that live until it ends.
        full: when everything is.
        carried: how many calls there are, or relays and rooms.
    """

    def __init__(self, young: int, full: FullLook, carried: Callable[[], int]) -> None:
        self._young = young
        self._full = full
        self._carried = carried

    def start(self) -> None:
        """Begin, in the event loop: what is loaded by now stays, and is never looked at again."""
        gc.freeze()
        gc.set_threshold(self._young, _NEVER, _NEVER)
        gc.enable()
        loop = asyncio.get_running_loop()
        self._full.note(loop.time(), 0, resident_bytes())
        loop.call_later(LOOK_S, self._ask, loop)

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(LOOK_S, self._ask, loop)
        now, carried = loop.time(), self._carried()
        if not self._full.is_due(now, carried, resident_bytes()):
            return
        began = time.perf_counter()
        found = gc.collect()
        self._full.note(now, carried, resident_bytes())
        if carried > self._full.few:
            took_s = round(time.perf_counter() - began, 2)
            log.warning("memory that no call explains was looked at", found=found, took_s=took_s, live=carried)


def resident_bytes() -> int:
    """The memory of this process that is in use; 0 where the system does not say it."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
