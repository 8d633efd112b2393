"""The time of day is set by hours, while the process lives and while nobody is there: deadlines of calls do not care."""

from __future__ import annotations

import pytest

from splitter.calls.alarms import Epoch
from splitter.calls.persistence.epochs import Epochs
from splitter.calls.persistence.frame import RecordKind, framed, unframed
from splitter.calls.persistence.records import FLUSH_S
from splitter.calls.settings import CallSettings
from splitter.calls.talk import record as talks
from splitter.calls.talk.outline import Outline
from splitter.store.rows import LiveRow
from tests.calls.kit import connected, hung_up
from tests.world import World
from tests.world.wire import label

HOURS = [-7 * 3600.0, 7 * 3600.0]
INTERVAL_S = 180


@pytest.mark.parametrize("when", ["before", "between", "both"])
@pytest.mark.parametrize("by_s", HOURS)
@pytest.mark.parametrize("refresher", ["we", "the peer"])
def test_sessions_are_refreshed_in_time(refresher: str, by_s: float, when: str) -> None:
    """`before`: in the life that ends. `between`: while nobody is there."""
    settings = CallSettings(session_expires_s=INTERVAL_S, end_on_missed_refresh=True)
    with World(settings=settings) as world:
        caller, centre = connected(world, timer_s=INTERVAL_S if refresher == "the peer" else 0)
        centre.keeps_time = True
        world.run(2 * FLUSH_S)
        if when != "between":
            world.clock.set_by += by_s
        world.run(20)
        world.kill()
        if when != "before":
            world.clock.set_by += by_s
        world.run(2)
        assert world.begin_again().taken_up == 1
        refreshed = list[float]()
        world.wire.watchers.append(
            lambda sent: refreshed.append(world.now) if label(sent.message) == "UPDATE" else None
        )
        began = world.now
        world.run(3 * INTERVAL_S)
        assert refreshed and refreshed[0] - began < INTERVAL_S / 2
        assert caller.state == centre.state == "confirmed", world.ladder()
        caller.unread.clear()
        centre.unread.clear()
        hung_up(world, caller, centre)


def test_on_another_machine_the_times_of_day_are_compared_and_nothing_is_late() -> None:
    settings = CallSettings(session_expires_s=INTERVAL_S, end_on_missed_refresh=True)
    with World(settings=settings) as world:
        caller, centre = connected(world)
        world.run(2 * FLUSH_S)
        world.kill()
        [(key, row)] = world.rows.items()
        talk = talks.read(unframed(row.record).body)
        assert talk.epoch is not None and talk.alarms
        talk.epoch = Epoch("another machine", talk.epoch.offset_s)
        world.rows[key] = LiveRow(key, 0.0, framed(RecordKind.CALL, talks.written(talk), talks.written(Outline())))
        world.clock.set_by -= 7 * 3600
        world.begin_again()
        world.run(3 * INTERVAL_S)
        assert caller.state == centre.state == "confirmed", world.ladder()
        caller.unread.clear()
        centre.unread.clear()
        hung_up(world, caller, centre)


class TestEpochs:
    def test_what_is_written_twice_is_equal_until_the_clock_is_set(self) -> None:
        with World() as world:
            epochs = Epochs(world.clock, "a")
            first = epochs.current()
            world.run(1000)
            assert epochs.current() is first
            world.clock.set_by += 0.5  # it drifts
            assert epochs.current() is first
            world.clock.set_by += 3600
            assert epochs.current().offset_s == first.offset_s + 3600.5
            at = first.offset_s + world.now + 10
            assert epochs.left_s(at, first) == pytest.approx(10)
            assert epochs.left_s(at, None) == pytest.approx(10 - 3600.5)
