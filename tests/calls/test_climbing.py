"""Where the phone cannot give video, the caller is to be sent a link; a person who said no is left in peace."""

from __future__ import annotations

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.calls.view import LinkWanted
from tests.calls.kit import denied, ended, told
from tests.calls.question_kit import asked_call, voice_call
from tests.world import World

RAISE = RaiseVideo("agent 7001", "zh")


@pytest.fixture
def wanted(world: World) -> list[LinkWanted]:
    """The links that calls want."""
    found: list[LinkWanted] = []
    world.bus.subscribe("test", LinkWanted, found.append)
    return found


class TestALinkIsWanted:
    @pytest.mark.parametrize("status", [415, 488, 480, 486, 606, 513])
    def test_where_the_phone_refuses(self, world: World, wanted: list[LinkWanted], status: int) -> None:
        caller, centre = voice_call(world)
        told(world, caller, RAISE)
        caller.expect("INVITE")
        assert wanted == [], "the phone is asked first"
        caller.decline(status)
        world.run(1)
        [link] = wanted
        assert (link.by, link.language) == ("agent 7001", "zh") and str(status) in link.reason
        ended(world, caller, centre)

    def test_where_it_leaves_video_out_of_its_answer(self, world: World, wanted: list[LinkWanted]) -> None:
        """What a handset without video does: nobody was asked there."""
        caller, centre = voice_call(world)
        told(world, caller, RAISE)
        caller.expect("INVITE")
        caller.accept(video="off")
        world.run(1)
        assert len(wanted) == 1
        ended(world, caller, centre)

    def test_where_nobody_answers_there(self, world: World, wanted: list[LinkWanted]) -> None:
        caller, centre = voice_call(world)
        told(world, caller, RAISE)
        caller.expect("INVITE")
        world.run(120)
        assert len(wanted) == 1
        caller.unread.clear()
        ended(world, caller, centre)

    def test_at_once_where_the_phone_has_said_that_it_cannot(self, world: World, wanted: list[LinkWanted]) -> None:
        caller, centre = asked_call(world)
        caller.decline(488)
        world.run(1)
        assert wanted == [], "that one did not want a link"
        assert denied(world, caller, RaiseVideo("agent 7001")) == (422, "unsupported")
        told(world, caller, RAISE)
        assert len(wanted) == 1
        caller.hears_nothing(1)
        ended(world, caller, centre)


class TestNoLinkIsWanted:
    @pytest.mark.parametrize("status", [600, 603])
    def test_where_a_person_said_no(self, world: World, wanted: list[LinkWanted], status: int) -> None:
        caller, centre = voice_call(world)
        told(world, caller, RAISE)
        caller.expect("INVITE")
        caller.decline(status)
        world.run(1)
        assert wanted == []
        ended(world, caller, centre)

    def test_where_video_comes_or_the_call_ends(self, world: World, wanted: list[LinkWanted]) -> None:
        caller, centre = voice_call(world)
        told(world, caller, RAISE)
        caller.expect("INVITE")
        caller.accept()
        world.run(1)
        ended(world, caller, centre)
        caller, centre = voice_call(world)
        told(world, caller, RAISE)
        caller.expect("INVITE")
        centre.bye()
        world.run(40)
        assert wanted == []
