"""One heap of alarms with lazy deletion. Pure: time is an argument."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

from splitter.sip.transactions.table import Event

T = TypeVar("T")

_SWEEP_AT = 512
"""Below this many cancelled alarms a sweep is not worth its while."""


class RunningTimer(Generic[T]):
    """One running timer. `owner` is None once it was cancelled or has fired."""

    __slots__ = ("event", "owner")

    def __init__(self, owner: T, event: Event) -> None:
        self.owner: T | None = owner
        self.event = event


class Schedule(Generic[T]):
    """All running timers of one endpoint.

    Cancelling only empties the alarm; it leaves the heap when it comes up, or when the cancelled ones outnumber the
    others and the heap is swept. So memory follows the number of live timers.
    """

    __slots__ = ("_cancelled", "_heap", "_serial", "soonest")

    def __init__(self) -> None:
        self.soonest = float("inf")  # no timer fires before this moment; it need not be the next one's
        self._heap: list[tuple[float, int, RunningTimer[T]]] = []
        self._serial = 0  # alarms of the same instant fire in the order they were set
        self._cancelled = 0

    def set(self, at: float, owner: T, event: Event) -> RunningTimer[T]:
        """Start a timer that fires at `at` seconds of the endpoint's clock."""
        alarm = RunningTimer(owner, event)
        if at < self.soonest:
            self.soonest = at
        self._serial += 1
        heapq.heappush(self._heap, (at, self._serial, alarm))
        return alarm

    def cancel(self, alarm: RunningTimer[T]) -> None:
        """Stop a timer; harmless where it has fired."""
        if alarm.owner is None:
            return
        alarm.owner = None
        self._cancelled += 1
        if self._cancelled > _SWEEP_AT and 2 * self._cancelled > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].owner is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next(self) -> float | None:
        """When the next timer fires; None where none runs."""
        heap = self._heap
        while heap:
            if heap[0][2].owner is not None:
                self.soonest = heap[0][0]
                return self.soonest
            heapq.heappop(heap)
            self._cancelled -= 1
        self.soonest = float("inf")
        return None

    def pop(self, now: float) -> tuple[T, Event] | None:
        """Take the next timer that is due at `now`; None where none is."""
        at = self.next()
        if at is None or at > now:
            return None
        alarm = heapq.heappop(self._heap)[2]
        owner, alarm.owner = alarm.owner, None
        assert owner is not None  # `next` leaves a live alarm on top
        return owner, alarm.event

    def __len__(self) -> int:
        """Entries in the heap, cancelled ones included: what the memory is."""
        return len(self._heap)
