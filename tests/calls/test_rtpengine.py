"""Calls whose voice is on rtpengines, and what becomes of it when one dies: the voice moves, the call lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from splitter.media.chooser import EngineChooser
from tests.calls.kit import arrived, connected, picked_up, sdp
from tests.calls.test_header_table_info import press
from tests.media.ng.daemon import Daemon, Farm, farm
from tests.world import PeerCall, World

INFO = b"Signal=5\r\nDuration=200\r\n", "application/dtmf-relay"


@contextmanager
def world_with(*names: str) -> Iterator[tuple[World, Farm]]:
    """The voice of callers from the access network is on rtpengines."""
    world = World()
    made = farm(*names, networks=world.networks)
    world.calls.attach(replace(world.calls.services, voice=EngineChooser(made.engine, ["access"], world.engine)))
    world.loop.run_until_complete(made.engine.start())
    with world:
        yield world, made
        world.settle()
        assert not any(daemon.calls for daemon in made.daemons.values() if daemon.alive)
        assert not any(one.relays for one in made.engine.status())
        stopping = world.loop.create_task(made.engine.stop())
        world.run(1)
        stopping.result()


def connected_on(world: World, daemon: Daemon) -> tuple[PeerCall, PeerCall]:
    """A call whose voice goes through this rtpengine, from where the caller is to where the centre is."""
    caller, centre = arrived(world)
    picked_up(caller, centre)
    world.run(0.1)
    assert_carried(daemon, caller, centre)
    return caller, centre


def assert_carried(daemon: Daemon, caller: PeerCall, centre: PeerCall) -> None:
    """The peers are told this rtpengine's ports, and it is told theirs."""
    [sides] = daemon.calls.values()
    one, other = sides["side-0"], sides["side-1"]
    assert (one.address, one.remote) == caller.terminal.local("audio")
    assert (other.address, other.remote) == centre.terminal.local("audio")
    for peer, side in ((caller, one), (centre, other)):
        assert peer.terminal.theirs is not None
        assert peer.terminal.theirs.address_of(0)[1] == side.port


def notes(world: World, caller: PeerCall) -> list[str]:
    return [event.text for event in world.traces[world.call_of(caller).talk.call_id] if event.kind in ("note", "alarm")]


def hung_up(world: World, caller: PeerCall, centre: PeerCall) -> None:
    world.run(1)
    caller.unread.clear()
    centre.unread.clear()
    caller.bye()
    centre.expect("BYE")
    caller.expect("200 BYE")


class TestTheVoice:
    def test_is_on_an_rtpengine_and_the_video_with_the_workers(self) -> None:
        with world_with("one") as (world, made):
            caller, centre = connected_on(world, made.daemons["one"])
            assert world.engine.relays == {} and len(world.engine.rooms) == 1
            hung_up(world, caller, centre)

    def test_follows_a_side_that_moves_and_keeps_our_ports(self) -> None:
        with world_with("one") as (world, made):
            caller, centre = connected_on(world, made.daemons["one"])
            [sides] = made.daemons["one"].calls.values()
            before = [(side.port, side.remote) for side in sides.values()]
            caller.reinvite(move=True)
            world.run(1)
            assert_carried(made.daemons["one"], caller, centre)
            after = [(side.port, side.remote) for side in sides.values()]
            assert [port for port, _ in after] == [port for port, _ in before] and after != before
            hung_up(world, caller, centre)

    def test_of_callers_from_elsewhere_is_with_the_workers(self) -> None:
        world = World()
        made = farm("one", networks=world.networks)
        world.calls.attach(replace(world.calls.services, voice=EngineChooser(made.engine, ["desks"], world.engine)))
        with world:
            caller, centre = connected(world)
            assert len(world.engine.relays) == 1
            hung_up(world, caller, centre)
            world.settle()


class TestAnRtpengineThatDies:
    def test_gives_the_voice_to_the_next_one(self) -> None:
        with world_with("one", "two") as (world, made):
            caller, centre = connected_on(world, made.daemons["one"])
            made.daemons["one"].alive = False
            world.run(0.8)
            for peer, kinds in ((caller, ["audio", "video"]), (centre, ["audio"])):
                assert [media.kind for media in sdp(peer.expect("INVITE")).media] == kinds
            world.run(1)
            assert_carried(made.daemons["two"], caller, centre)
            assert "the voice is lost (rtpengine one does not answer): it moves to another engine" in notes(
                world, caller
            )
            hung_up(world, caller, centre)

    def test_gives_it_to_the_workers_where_there_is_no_other(self) -> None:
        with world_with("one") as (world, made):
            caller, centre = connected_on(world, made.daemons["one"])
            made.daemons["one"].alive = False
            world.run(3)
            assert world.voice_faults(caller) == []
            assert "the voice is for another engine: no rtpengine takes relays" in notes(world, caller)
            hung_up(world, caller, centre)

    def test_before_a_call_comes_costs_nobody_the_voice(self) -> None:
        with world_with("one") as (world, made):
            made.daemons["one"].alive = False  # and nobody knows yet
            caller, centre = connected(world)
            assert any("the voice is for another engine" in note for note in notes(world, caller))
            hung_up(world, caller, centre)


class TestDigits:
    def test_are_refused_with_415_where_the_relay_has_none(self) -> None:
        with world_with("one") as (world, made):
            caller, centre = connected_on(world, made.daemons["one"])
            centre.statuses["INFO"] = 415
            press(caller, *INFO)
            centre.expect("INFO")
            caller.expect("415 INFO")
            assert world.engine.digits == []
            hung_up(world, caller, centre)

    def test_are_sent_where_the_workers_have_the_relay(self) -> None:
        with world_with("one") as (world, made):
            made.daemons["one"].refusal = {"result": "error", "error-reason": "Ran out of ports"}
            caller, centre = connected(world)
            centre.statuses["INFO"] = 415
            press(caller, *INFO)
            caller.expect("200 INFO")
            assert len(world.engine.digits) == 1
            hung_up(world, caller, centre)
