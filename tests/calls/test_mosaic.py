"""A mosaic is shown while it can be had, and the speaker while it cannot: to the phone, and to whoever else chose it."""

from __future__ import annotations

import pytest

from splitter.calls.asks import HandOver, Remove, Show
from splitter.media.ports.events import PictureStopped
from tests.calls.kit import connected, denied, ended, told
from tests.calls.test_desk import room_of
from tests.calls.test_hosts import HOST, OTHER, says, with_two
from tests.world import PeerCall, World


def sends(world: World, caller: PeerCall, *names: str) -> None:
    """These send pictures, and no others."""
    call = world.call_of(caller)
    call.talk.video.sends = "caller" in names
    for one in call.talk.parties.all():
        one.sends = one.name in names
    says(world, caller, "")


@pytest.fixture
def pair(world: World) -> tuple[PeerCall, PeerCall]:
    """A call with two desks that send, whose caller is to see a mosaic; (caller, centre)."""
    caller, centre = with_two(world)
    sends(world, caller, "caller", "desk-1", "desk-2")
    told(world, caller, Show("mosaic", HOST))
    world.run(0.5)
    return caller, centre


def sees(world: World, caller: PeerCall) -> str:
    return world.call_of(caller).talk.video.showing


def mosaic_of(world: World, caller: PeerCall) -> tuple[tuple[str, ...], str]:
    view = world.call_of(caller).view().mosaic
    assert view is not None
    return view.parties, view.reason


class TestAMosaic:
    def test_shows_the_others_with_their_names(self, world: World, pair: tuple[PeerCall, PeerCall]) -> None:
        caller, centre = pair
        assert room_of(world, caller).chosen["caller"] == "mosaic" and sees(world, caller) == "mosaic"
        assert mosaic_of(world, caller) == (("desk-1", "desk-2"), "")
        assert world.call_of(caller).view().chosen == "mosaic"
        (one,) = world.mosaics.plans
        assert [picture.name for picture in one.pictures] == [HOST, OTHER] and one.upright
        assert [format.payload_type for format in one.viewers] == [123]
        room = room_of(world, caller)
        tiles = {name: room.chosen[name] for name in room.members if name.startswith("mosaic.")}
        assert tiles == {"mosaic.0": "desk-1", "mosaic.1": "desk-2"}
        assert [one.code for one in world.notices].count("mosaic-shown") == 1
        ended(world, caller, centre)
        assert not world.mosaics.open

    def test_another_choice_takes_it_away_once_nobody_sees_it(
        self, world: World, pair: tuple[PeerCall, PeerCall]
    ) -> None:
        caller, centre = pair
        told(world, caller, Show("desk-2", HOST))
        world.run(0.1)
        assert sees(world, caller) == "desk-2" and not world.mosaics.open
        assert not [name for name in room_of(world, caller).members if name.startswith("mosaic")]
        assert world.call_of(caller).view().mosaic is None
        ended(world, caller, centre)

    def test_follows_who_comes_and_goes_and_gives_way_when_one_is_left(
        self, world: World, pair: tuple[PeerCall, PeerCall]
    ) -> None:
        caller, centre = pair
        told(world, caller, Show("mosaic", HOST, of=("caller", "desk-1", "desk-2")))
        world.run(0.2)
        assert mosaic_of(world, caller)[0] == ("desk-1", "caller", "desk-2")
        told(world, caller, HandOver(OTHER, HOST))
        world.run(0.2)
        assert mosaic_of(world, caller)[0] == ("desk-2", "caller", "desk-1")
        sends(world, caller, "desk-1", "desk-2")
        assert mosaic_of(world, caller)[0] == ("desk-2", "desk-1")
        told(world, caller, Remove("desk-1", HOST))
        world.run(0.2)
        assert mosaic_of(world, caller) == ((), "fewer than two pictures are there for it")
        assert room_of(world, caller).chosen["caller"] == "", "nobody has spoken yet: the room's own choice"
        world.run(3)
        assert not world.mosaics.open
        says(world, caller, "centre")
        assert room_of(world, caller).chosen["caller"] == "desk-2", "who speaks, meanwhile"
        sends(world, caller, "caller", "desk-2")
        world.run(0.3)
        assert mosaic_of(world, caller)[0] == ("desk-2", "caller") and sees(world, caller) == "mosaic"
        ended(world, caller, centre)

    @pytest.mark.parametrize("of", [("desk-1",), ("desk-1", "desk-1"), ("desk-1", "desk-9"), ("a", "b", "c", "d", "e")])
    def test_of_what_is_not_there_is_refused(self, of: tuple[str, ...], world: World) -> None:
        caller, centre = with_two(world)
        assert denied(world, caller, Show("mosaic", HOST, of=of))[0] in (404, 422)
        ended(world, caller, centre)

    def test_waits_for_pictures(self, world: World) -> None:
        caller, centre = connected(world)
        told(world, caller, Show("mosaic", HOST))
        world.run(1)
        assert not world.mosaics.plans and mosaic_of(world, caller)[1]
        ended(world, caller, centre)


class TestWhatCannotBeHad:
    def test_at_its_end_the_speaker_is_shown_and_it_comes_back(
        self, world: World, pair: tuple[PeerCall, PeerCall]
    ) -> None:
        caller, centre = pair
        says(world, caller, "centre")
        world.mosaics.lose("its process was killed")
        world.run(0.1)
        assert sees(world, caller) == "desk-1"
        shown, reason = mosaic_of(world, caller)
        assert shown == () and reason.startswith("its process was killed; it is tried again in 5 s")
        world.run(6)
        assert sees(world, caller) == "mosaic" and mosaic_of(world, caller) == (("desk-1", "desk-2"), "")
        world.mosaics.lose("once more")
        world.run(6)
        assert sees(world, caller) == "desk-1", "the pause doubles"
        world.run(5)
        assert sees(world, caller) == "mosaic"
        world.run(61)
        world.mosaics.lose("after a long time")
        world.run(6)
        assert sees(world, caller) == "mosaic"
        ended(world, caller, centre)

    def test_one_that_ends_while_it_is_taken_away_is_begun_anew(
        self, world: World, pair: tuple[PeerCall, PeerCall]
    ) -> None:
        caller, centre = pair
        call = world.call_of(caller)
        sends(world, caller, "desk-2")
        call.talk.video.showing = "mosaic"  # no key frame of another one has come yet
        world.mosaics.lose("killed")
        sends(world, caller, "desk-1", "desk-2")
        world.run(0.5)
        assert len(world.mosaics.open) == 1 and mosaic_of(world, caller)[0] == ("desk-1", "desk-2")
        ended(world, caller, centre)

    def test_over_the_limit_it_waits_for_its_turn(self, world: World, pair: tuple[PeerCall, PeerCall]) -> None:
        other, others = with_two(world)
        sends(world, other, "desk-1", "desk-2")
        told(world, other, Show("mosaic", HOST))
        world.run(0.3)
        assert mosaic_of(world, other)[1].startswith("as many mosaics as may be are made already")
        pair[0].bye()
        world.run(6)
        assert mosaic_of(world, other)[0] == ("desk-1", "desk-2")
        ended(world, other, others)

    def test_one_that_does_not_begin_or_stops_is_given_up(self, world: World) -> None:
        caller, centre = with_two(world)
        world.mosaics.begins = False
        sends(world, caller, "desk-1", "desk-2")
        told(world, caller, Show("mosaic", HOST))
        world.run(10.5)
        assert "did not begin" in mosaic_of(world, caller)[1] and not world.mosaics.open
        world.mosaics.begins = True
        world.run(6)
        assert sees(world, caller) == "mosaic"
        world.call_of(caller).post(PictureStopped("", "mosaic", "no packet for 3 s"))
        world.run(2.5)
        assert "no packet" in mosaic_of(world, caller)[1] and not world.mosaics.open
        ended(world, caller, centre)

    def test_a_media_worker_that_dies_takes_it_along(self, world: World, pair: tuple[PeerCall, PeerCall]) -> None:
        caller, centre = pair
        world.engine.lose_room(room_of(world, caller))
        caller.expect("INVITE")
        world.run(3)
        assert not world.mosaics.open and not [one for one in room_of(world, caller).members if one != "caller"]
        assert world.voice_faults(caller) == []
        ended(world, caller, centre)


class TestAnotherProcess:
    def test_makes_it_anew(self, world: World, pair: tuple[PeerCall, PeerCall]) -> None:
        caller, centre = pair
        world.run(1)
        world.restart()
        world.run(2)
        assert world.call_of(caller).view().chosen == "mosaic"
        assert sees(world, caller) == "mosaic" and mosaic_of(world, caller)[0] == ("desk-1", "desk-2")
        assert len(world.mosaics.open) == 1
        ended(world, caller, centre)
        assert not world.mosaics.open
