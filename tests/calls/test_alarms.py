"""Alarms: one of a name, none after it was stopped, none after the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitter.calls.alarms import Alarms
from splitter.calls.events import TimeUp
from tests.world.loop import VirtualLoop


class Inbox:
    """Where they ring."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.rung: list[TimeUp] = []
        self.alarms = Alarms(self.rung.append)

    def pass_time(self, seconds: float) -> list[str]:
        """What rang and counts."""
        self.loop.run_until(lambda: False, seconds)
        rung, self.rung[:] = tuple(self.rung), []
        return [event.what for event in rung if self.alarms.rings(event)]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    made.loop.enter()
    yield made
    made.loop.leave()


class TestAlarms:
    def test_ring_once_and_in_time(self, inbox: Inbox) -> None:
        inbox.alarms.set(2, "b")
        inbox.alarms.set(1, "a")
        assert inbox.pass_time(0.9) == []
        assert inbox.pass_time(2) == ["a", "b"]
        assert inbox.pass_time(9) == []

    def test_of_the_same_name_replace_each_other(self, inbox: Inbox) -> None:
        inbox.alarms.set(1, "a")
        inbox.alarms.set(3, "a")
        assert inbox.pass_time(2) == []
        assert inbox.pass_time(2) == ["a"]

    def test_that_were_stopped_do_not_ring(self, inbox: Inbox) -> None:
        inbox.alarms.set(1, "a")
        inbox.alarms.stop("a")
        inbox.alarms.stop("never set")
        assert inbox.pass_time(2) == []

    @pytest.mark.parametrize("again", [False, True])
    def test_one_that_rang_does_not_count_once_it_was_stopped_or_set_anew(self, inbox: Inbox, again: bool) -> None:
        """It waits in the inbox while the flow does something else."""
        inbox.alarms.set(1, "a")
        inbox.loop.run_until(lambda: bool(inbox.rung), 2)
        inbox.alarms.stop("a")
        if again:
            inbox.alarms.set(1, "a")
        assert inbox.pass_time(0.5) == []
        assert inbox.pass_time(1) == ["a"] * again

    def test_after_the_end_none_is_set(self, inbox: Inbox) -> None:
        inbox.alarms.set(1, "a")
        inbox.alarms.close()
        inbox.alarms.set(1, "b")
        assert inbox.pass_time(2) == []
