"""What people are told of a call, and when."""

from __future__ import annotations

from itertools import pairwise

from splitter.calls.talk.commands import Notify, Tell
from splitter.calls.telling import tell_people
from splitter.calls.view import CallView, Notice
from tests.calls.kit import arrived, connected, ended, picked_up
from tests.world import World


class TestViews:
    def test_changes_are_told_together_and_before_what_is_said_of_them(self, world: World) -> None:
        caller, centre = connected(world)
        (call,) = world.live_calls()
        told: list[object] = []
        world.bus.subscribe("a test", CallView, told.append)
        world.bus.subscribe("a test", Notice, told.append)
        for command in (Tell(), Tell(), Notify("code", "words"), Tell(), Tell()):
            tell_people(command, call)
        assert [type(one) for one in told] == [CallView, Notice]
        del told[:]
        ended(world, caller, centre)
        assert [one.state for one in told if isinstance(one, CallView)] == ["ended"]

    def test_a_video_call_is_told_of_once_a_turn(self, world: World) -> None:
        told: list[CallView] = []
        world.bus.subscribe("a test", CallView, told.append)
        caller, centre = arrived(world)
        picked_up(caller, centre)
        world.run(1)
        assert told[-1] == world.views[told[-1].call_id]
        assert all(one != after for one, after in pairwise(told)), "each says something new"
        ended(world, caller, centre)
