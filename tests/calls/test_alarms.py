"""Alarms as data, and as they come out of an inbox: one of a name, none after it was stopped, none after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
import uvloop

from splitter.calls.alarms import Alarm, AlarmKind, Alarms
from splitter.calls.events import CallEvent, HangupAsked, TimeUp
from splitter.calls.inbox import Inbox
from tests.world.loop import VirtualLoop

A, B = Alarm(AlarmKind.REJOIN, "a"), Alarm(AlarmKind.REJOIN, "b")


class Reader:
    """An inbox and somebody who reads it."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.inbox = Inbox()
        self.read: list[CallEvent] = []

    async def _run(self) -> None:
        while True:
            self.read.append(await self.inbox.next())

    def pass_time(self, seconds: float) -> list[CallEvent]:
        """What was read meanwhile."""
        task = self.loop.create_task(self._run())
        self.loop.run_until(lambda: False, seconds)
        task.cancel()
        self.loop.run_until(task.done, 1)
        read, self.read = self.read, []
        return read


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    made.loop.enter()
    yield made
    made.loop.leave()


class TestDeadlines:
    def test_come_in_the_order_of_time(self) -> None:
        alarms = Alarms()
        alarms.set(B, 2.0)
        alarms.set(A, 1.0)
        assert alarms.next_at == 1.0
        assert [alarms.ring(0.9), alarms.ring(2.0), alarms.ring(2.0), alarms.ring(9.0)] == [None, A, B, None]
        assert alarms.next_at is None

    def test_of_the_same_alarm_replace_each_other(self) -> None:
        alarms = Alarms()
        alarms.set(A, 1.0)
        alarms.set(A, 3.0)
        assert alarms.ring(2.0) is None
        assert alarms.ring(3.0) == A


class TestAnInbox:
    def test_rings_once_and_in_time(self, reader: Reader) -> None:
        reader.inbox.set_alarm(2, B)
        reader.inbox.set_alarm(1, A)
        assert reader.pass_time(0.9) == []
        assert reader.pass_time(2) == [TimeUp(A), TimeUp(B)]
        assert reader.pass_time(9) == []

    def test_rings_for_an_alarm_that_is_set_while_it_waits_for_a_later_one(self, reader: Reader) -> None:
        reader.inbox.set_alarm(5, B)
        reader.loop.call_later(1, reader.inbox.set_alarm, 1, A)
        assert reader.pass_time(2.5) == [TimeUp(A)]
        assert reader.pass_time(3) == [TimeUp(B)]

    def test_does_not_ring_for_what_was_stopped(self, reader: Reader) -> None:
        reader.inbox.set_alarm(1, A)
        reader.inbox.stop_alarm(A)
        reader.inbox.stop_alarm(B)
        assert reader.pass_time(2) == []
        assert reader.loop.timers() == []

    @pytest.mark.parametrize("again", [False, True])
    def test_does_not_ring_for_one_that_is_due_but_was_stopped_or_set_anew(self, reader: Reader, again: bool) -> None:
        """It is due while the flow does something else."""
        reader.inbox.set_alarm(1, A)
        reader.loop.run_until(lambda: False, 2)
        reader.inbox.stop_alarm(A)
        if again:
            reader.inbox.set_alarm(1, A)
        assert reader.pass_time(0.5) == []
        assert reader.pass_time(1) == [TimeUp(A)] * again

    def test_reads_what_came_before_it_rings(self, reader: Reader) -> None:
        """Whoever answers in time is heard, however late we read it."""
        reader.inbox.set_alarm(1, A)
        reader.loop.run_until(lambda: False, 0.9)
        reader.inbox.post(HangupAsked("operator"))
        reader.loop.run_until(lambda: False, 0.9)
        assert reader.pass_time(0.1) == [HangupAsked("operator"), TimeUp(A)]

    def test_that_is_closed_keeps_nothing(self, reader: Reader) -> None:
        reader.inbox.set_alarm(1, A)
        reader.inbox.post(HangupAsked("operator"))
        assert reader.inbox.close() == (HangupAsked("operator"),)
        reader.inbox.set_alarm(1, B)
        reader.inbox.post(HangupAsked("late"))
        assert reader.pass_time(2) == []
        assert reader.loop.timers() == []

    def test_arms_one_timer_for_all(self, reader: Reader) -> None:
        for number in range(100):
            reader.inbox.set_alarm(100 - number, Alarm(AlarmKind.REJOIN, str(number)))
        assert len(reader.loop.timers()) == 1
        assert isinstance(reader.loop.timers()[0], asyncio.TimerHandle)

    @pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
    def test_takes_alarms_that_are_overdue(self, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        """Such as after a restart, on the loop of the real gateway too."""

        async def ring() -> list[CallEvent]:
            inbox = Inbox()
            for kind in (AlarmKind.MOVE_VOICE, AlarmKind.MOVE_VIDEO):
                inbox.set_alarm(0.0, Alarm(kind))
            inbox.set_alarm(60.0, Alarm(AlarmKind.POINT_VOICE))
            rung = [await inbox.next(), await inbox.next()]
            inbox.close()
            return rung

        with asyncio.Runner(loop_factory=loop) as runner:
            rung = runner.run(ring())
        assert rung == [TimeUp(Alarm(AlarmKind.MOVE_VOICE)), TimeUp(Alarm(AlarmKind.MOVE_VIDEO))]
