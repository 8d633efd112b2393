"""The bus: what happened is told once, and a subscriber harms nobody but itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.calls.bus import SLOW_S, Bus
from splitter.calls.view import CallView, Notice
from splitter.telemetry import metrics
from tests.calls.kit import connected
from tests.world import World

_NAMES = (f"tested-{number}" for number in count())


@dataclass
class Time:
    """A clock that stands until it is moved."""

    seconds: float = 100.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self.seconds


@pytest.fixture
def name() -> str:
    """A subscriber that no other test has."""
    return next(_NAMES)


def failures(name: str) -> float:
    return metrics.REGISTRY.get_sample_value("splitter_subscriber_failures_total", {"subscriber": name}) or 0.0


def seconds(name: str) -> float:
    return metrics.REGISTRY.get_sample_value("splitter_subscriber_seconds_total", {"subscriber": name}) or 0.0


def broken(happening: object) -> None:
    raise RuntimeError("oh")


NOTICE = Notice("call-7", "bound", "bound to 8001")


class TestTelling:
    def test_everybody_who_subscribed_to_its_class_in_order(self) -> None:
        bus = Bus(Time())
        heard: list[Any] = []
        bus.subscribe("a", Notice, lambda one: heard.append(("a", one)))
        bus.subscribe("b", CallView, lambda one: heard.append(("b", one)))
        bus.subscribe("c", Notice, lambda one: heard.append(("c", one)))
        bus.publish(NOTICE)
        assert heard == [("a", NOTICE), ("c", NOTICE)]

    def test_nobody(self) -> None:
        Bus(Time()).publish(NOTICE)

    def test_what_a_subscriber_publishes_comes_after_for_everybody(self) -> None:
        bus = Bus(Time())
        heard: list[Any] = []
        bus.subscribe("desks", Notice, lambda one: bus.publish("follows"))
        for name in ("hub", "webhooks"):
            bus.subscribe(name, str, lambda one, name=name: heard.append((name, one)))  # type: ignore[misc]
            bus.subscribe(name, Notice, lambda one, name=name: heard.append((name, one)))  # type: ignore[misc]
        bus.publish(NOTICE)
        assert heard == [("hub", NOTICE), ("webhooks", NOTICE), ("hub", "follows"), ("webhooks", "follows")]


class TestFaults:
    def test_cost_nobody_else(self, name: str) -> None:
        bus = Bus(Time())
        heard: list[Any] = []
        bus.subscribe("first", Notice, heard.append)
        bus.subscribe(name, Notice, broken)
        bus.subscribe("last", Notice, heard.append)
        bus.publish(NOTICE)
        assert heard == [NOTICE, NOTICE]
        bus.publish(NOTICE)
        assert len(heard) == 4, "and it goes on"

    def test_are_counted_and_logged_with_the_call(self, name: str) -> None:
        bus = Bus(Time())
        bus.subscribe(name, Notice, broken)
        assert failures(name) == 0.0
        with capture_logs() as logs:
            for _ in range(100):
                bus.publish(NOTICE)
        assert failures(name) == 100
        [entry] = logs  # a flood is one line
        assert entry["event"] == "a subscriber failed" and entry["log_level"] == "error"
        assert (entry["subscriber"], entry["call_id"], entry["happening"]) == (name, "call-7", "Notice")
        assert isinstance(entry["exc_info"], RuntimeError)

    def test_in_what_a_subscriber_published_are_its_own(self, name: str) -> None:
        bus = Bus(Time())
        heard: list[Any] = []
        bus.subscribe("outer", Notice, lambda one: bus.publish("inner"))
        bus.subscribe(name, str, broken)
        bus.subscribe("last", Notice, heard.append)
        bus.publish(NOTICE)
        assert heard == [NOTICE]
        assert failures(name) == 1 and failures("outer") == 0


class TestTime:
    def test_that_was_taken_is_counted_and_what_holds_up_is_named(self, name: str) -> None:
        time = Time()
        bus = Bus(time)
        heard: list[Any] = []

        def slow(happening: object) -> None:
            time.seconds += 2 * SLOW_S

        bus.subscribe(name, Notice, slow)
        bus.subscribe("quick", Notice, heard.append)
        with capture_logs() as logs:
            bus.publish(NOTICE)
        assert seconds(name) == pytest.approx(2 * SLOW_S)
        assert [(entry["event"], entry["subscriber"]) for entry in logs] == [("a subscriber holds up the calls", name)]
        assert heard == [NOTICE]


class TestCalls:
    def test_go_on_whatever_their_watchers_do(self, name: str) -> None:
        with World() as world:
            heard: list[CallView] = []
            world.bus.subscribe(name, CallView, broken)
            world.bus.subscribe(name, Notice, broken)
            world.bus.subscribe("last", CallView, heard.append)
            caller, centre = connected(world)
            caller.bye()
            centre.expect("BYE")
            caller.expect("200 BYE")
            world.run(1.0)
            faults = [entry for entry in world.logs if entry["event"] == "a subscriber failed"]
            world.logs[:] = [entry for entry in world.logs if entry not in faults]
            world.settle()
        assert heard[-1].state == "ended"
        assert failures(name) >= len(heard)
        assert {entry["subscriber"] for entry in faults} == {name}
