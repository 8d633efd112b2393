"""The rows of the demo's table, and how a play waits for what it then judges. Does I/O: it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from splitter.core.clock import SystemClock
from splitter.lab.sight import Sight
from splitter.lab.stage import Stage

QUEUE_HZ, AGENT_HZ, CALLER_HZ = 440.0, 660.0, 1000.0
CALLER_ID, SEAT_ID, DESK_ID, SECOND_CALLER_ID = 1, 7, 8, 2

HEARD_S = 0.4
FRAMES = 10
SAME_PICTURE = 6.0  # mean difference of levels; coding alone makes 1 or 2
STEP_LIMIT_S = 60.0  # a slow machine is no fault of the gateway

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table. `detail`: what was measured, in plain words."""

    name: str
    ok: bool
    detail: str


@dataclass(slots=True)
class Play:
    """Calls under way, and the rows that they have earned so far."""

    stage: Stage
    progress: Progress
    checks: list[Check]

    def row(self, name: str, ok: bool, detail: str) -> None:
        """Add one row."""
        self.checks.append(Check(name, ok, detail))


def pictures(sight: Sight, sender: int, since: int = 0) -> tuple[bool, str]:
    """Tell whether a sender's picture moves, with `since` rising frames before, and what was seen."""
    seen = sight.senders.get(sender)
    if seen is None:
        return False, f"saw {sight.in_words()}"
    words = f"{seen.frames} frames of sender {sender}, counters {seen.first} to {seen.last}, {seen.rising} rising"
    return seen.rising - since >= FRAMES and seen.backward == 0, words


def clean(sight: Sight, sender: int, since: int = 0) -> tuple[bool, str]:
    """Tell the same as `pictures`, and that nothing was frozen, turned or black."""
    ok, words = pictures(sight, sender, since)
    if not ok:
        return False, words
    seen = sight.senders[sender]
    faults = f"{seen.repeated} repeated, {seen.rotated} turned, {sight.black} black"
    return not (seen.repeated or seen.rotated or sight.black), f"{words}; {faults}; {sight.worst_delay_ms} ms old"


class Deadline:
    """A time from now on."""

    def __init__(self, limit_s: float) -> None:
        self._clock = SystemClock()
        self._at = self._clock.now() + limit_s

    @property
    def passed(self) -> bool:
        return self._clock.now() >= self._at


async def until(condition: Callable[[], bool], limit_s: float = STEP_LIMIT_S) -> bool:
    """Wait until it is so, or the time is over; the row that follows says which."""
    deadline = Deadline(limit_s)
    while not condition() and not deadline.passed:  # noqa: ASYNC110 — conditions of several streams
        await asyncio.sleep(0.02)
    return condition()
