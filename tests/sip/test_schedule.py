"""The heap of timers: order, cancelling, and the moment before which none fires."""

from __future__ import annotations

import random

from splitter.sip.transactions.schedule import RunningTimer, Schedule
from splitter.sip.transactions.table import Event


class TestSchedule:
    def test_timers_of_one_instant_fire_in_the_order_they_were_set(self) -> None:
        schedule: Schedule[str] = Schedule()
        for owner in ("first", "second"):
            schedule.set(1.0, owner, Event.A)
        schedule.set(0.5, "earlier", Event.B)
        assert schedule.pop(0.4) is None
        assert [schedule.pop(1.0) for _ in range(4)] == [
            ("earlier", Event.B),
            ("first", Event.A),
            ("second", Event.A),
            None,
        ]

    def test_a_cancelled_timer_does_not_fire(self) -> None:
        schedule: Schedule[str] = Schedule()
        schedule.cancel(schedule.set(1.0, "one", Event.A))
        assert schedule.next() is None
        assert schedule.soonest == float("inf")

    def test_none_fires_before_soonest(self) -> None:
        """Whoever is woken at `next`, and asks again when `soonest` is before that, misses no timer."""
        rng = random.Random(7)
        schedule: Schedule[int] = Schedule()
        running: list[RunningTimer[int]] = []
        now, armed = 0.0, float("inf")
        for number in range(5000):
            now += rng.random()
            while schedule.pop(now) is not None:
                pass
            if armed <= now:
                armed = float("inf")
            if rng.random() < 0.6:
                running.append(schedule.set(now + 10 * rng.random(), number, Event.A))
            elif running:
                schedule.cancel(running.pop(rng.randrange(len(running))))
            if schedule.soonest < armed:
                armed = schedule.next() or float("inf")
            due = [at for at, _, timer in schedule._heap if timer.owner is not None]
            assert armed <= min(due, default=float("inf"))
