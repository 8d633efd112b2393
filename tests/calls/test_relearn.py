"""When the ports of a peer are learned anew: whenever something was agreed, also where no description has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.rooms import ParticipantHandle, ParticipantMedia
from splitter.media.ports.voice import RelayHandle
from tests.calls.kit import arrived, connected, ended, picked_up
from tests.world import PeerCall, World

CALLER, CENTRE, PICTURE = "caller", "centre", "picture"


@contextmanager
def named(world: World) -> Iterator[list[str]]:
    """What the media engine is told (again) while this lasts."""
    engine, told = world.engine, list[str]()
    point, set_participant = engine.point, engine.set_participant

    async def remote(relay: RelayHandle, side: int, end: RemoteEnd | None) -> None:
        told.append((CALLER, CENTRE)[side])
        await point(relay, side, end)

    async def participant(handle: ParticipantHandle, media: ParticipantMedia | None) -> None:
        told.append(PICTURE)
        await set_participant(handle, media)

    engine.point, engine.set_participant = remote, participant  # type: ignore[assignment,method-assign]
    try:
        yield told
    finally:
        del engine.point, engine.set_participant


class TestAtTheAnswer:
    def test_after_early_media_all_are(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        caller.expect("183")
        world.run(7)
        with named(world) as told:
            centre.answer()
            caller.expect("200")
            world.run(0.1)
            assert sorted(told) == [CALLER, CENTRE, PICTURE]
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_what_rings_again_is_no_answer(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True)
        caller.expect("183")
        with named(world) as told:
            centre.ring(180, media=True)
            caller.expect("180")
            world.run(1)
            assert told == []
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_without_early_media_once(self, world: World) -> None:
        with named(world) as told:
            caller, centre = connected(world)
            world.run(0.1)
            assert sorted(told) == [CALLER, CENTRE, PICTURE]
        ended(world, caller, centre)

    def test_an_update_before_it(self, world: World) -> None:
        caller, centre = arrived(world, reliable="supported")
        centre.ring(183, media=True)
        caller.expect("183")
        world.run(7)
        with named(world) as told:
            caller.update(caller.terminal.sent)
            caller.expect("200 UPDATE")
            world.run(0.1)
            assert sorted(told) == [CALLER, PICTURE]
        picked_up(caller, centre)
        ended(world, caller, centre)


class TestInTheCall:
    def test_a_reinvite_of_the_caller_and_one_of_the_centre(self, world: World) -> None:
        caller, centre = connected(world)
        with named(world) as told:
            caller.reinvite()
            caller.expect("200 re-INVITE")
            world.run(0.1)
            assert sorted(told) == [CALLER, PICTURE]
            told.clear()
            centre.reinvite()
            centre.expect("200 re-INVITE")
            world.run(0.1)
            assert told == [CENTRE]
        ended(world, caller, centre)

    def test_hold_and_resume_of_either_side(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        for side in (caller, centre):
            for direction in ("sendonly", "sendrecv"):
                with named(world) as told:
                    side.reinvite(audio=direction)
                    side.expect("200 re-INVITE")
                    world.run(0.1)
                    assert sorted(told) == [CALLER, CENTRE, PICTURE]
                caller.unread.clear()
                centre.unread.clear()
        ended(world, caller, centre)

    def test_an_answer_in_ack(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        with named(world) as told:
            centre.reinvite(offerless=True)
            centre.expect("200 re-INVITE")
            world.run(0.1)
            assert told == [CENTRE]
        ended(world, caller, centre)

    def test_a_refresh_without_a_description_touches_nothing(self, world: World) -> None:
        caller, centre = connected(world)
        with named(world) as told:
            caller.update(bare=True)
            caller.expect("200 UPDATE")
            world.run(0.1)
            assert told == []
        ended(world, caller, centre)

    def test_a_worker_that_does_not_take_it_costs_nothing(self, world: World) -> None:
        caller, centre = connected(world)
        world.engine.stuck |= {"point", "set_participant"}
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        caller.expect("200 re-INVITE")
        world.engine.stuck.clear()
        world.run(3)
        caller.reinvite(audio="sendrecv")
        centre.expect("INVITE")
        caller.expect("200 re-INVITE")
        ended(world, caller, centre)
