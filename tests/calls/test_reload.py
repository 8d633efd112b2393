"""Trunks, routes and bounds change under calls: those that live notice nothing of it. In virtual time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from splitter.calls.settings import CallSettings, Peer, Route, Trunk
from splitter.core.net import Address
from tests.calls.kit import connected, ringing
from tests.world import PeerCall, World

ROUTES = (Route(re.compile("110"), ("pbx", "pbx2")),)


def adopt(world: World, trunks: Iterable[Trunk], routes: tuple[Route, ...] = ROUTES, **bounds: Any) -> None:
    """As `Gateway.adopt` does it."""
    services = world.calls.services
    services.routing.adopt({trunk.name: trunk for trunk in trunks}, routes)
    world.calls.adopt(replace(services.settings, **bounds))


def without(world: World, *names: str) -> list[Trunk]:
    return [trunk for trunk in world.trunks.values() if trunk.name not in names]


def former(world: World) -> list[str]:
    return [trunk.name for trunk in world.calls.services.routing.former]


def over(world: World, *calls: tuple[PeerCall, PeerCall]) -> None:
    """Their callers hang up, and the centre hears of each; then nothing is left."""
    world.run(0.1)
    for caller, centre in calls:
        centre.unread.clear()
        caller.bye()
        centre.expect("BYE")
        caller.expect("200 BYE")
    world.settle()
    assert former(world) == [] and world.faults() == []


class TestATrunkThatIsTakenOut:
    @pytest.mark.parametrize("gone", ["sbc", "pbx"])
    def test_goes_on_in_its_calls_until_the_last_one_is_over(self, gone: str, world: World) -> None:
        caller, centre = connected(world)
        other = connected(world)
        routes = (Route(re.compile("110"), ("pbx2" if gone == "pbx" else "pbx",)),)
        adopt(world, without(world, gone), routes)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        centre.expect("200 re-INVITE")
        assert former(world) == [gone]
        other[0].bye()
        other[1].expect("BYE")
        world.run(5)
        assert former(world) == [gone], "a call is still on it"
        over(world, (caller, centre))

    def test_that_no_call_is_on_is_gone_at_once(self, world: World) -> None:
        pair = connected(world)
        adopt(world, without(world, "pbx2"))
        assert former(world) == []
        over(world, pair)

    def test_is_told_so_and_is_a_stranger_once_its_calls_are_over(self, world: World) -> None:
        pair = connected(world)
        adopt(world, without(world, "sbc"))
        world.sbc.invite("110").expect("503")
        over(world, pair)
        world.sbc.invite("110").hears_nothing(3)

    def test_is_not_called_any_more_by_a_call_that_looks_for_a_centre(self, world: World) -> None:
        caller, centre = ringing(world)
        adopt(world, without(world, "pbx2"), (Route(re.compile("110"), ("pbx",)),))
        centre.refuse(503)
        caller.expect("480", 40)
        assert "pbx2 is passed over: it is no longer configured" in world.ladder(caller)
        world.settle()

    def test_may_still_take_a_call_that_it_is_ringing_for(self, world: World) -> None:
        caller, centre = ringing(world)
        adopt(world, without(world, "pbx"), (Route(re.compile("110"), ("pbx2",)),))
        world.run(1)
        centre.answer()
        caller.expect("200")
        over(world, (caller, centre))

    def test_that_moves_to_another_address_speaks_from_the_old_one_in_its_calls(self, world: World) -> None:
        caller, centre = connected(world)
        moved = replace(world.trunks["pbx"], address=Address("10.9.9.9", 5060), peers=(Peer(ip_network("10.9.9.9")),))
        adopt(world, [moved, *without(world, "pbx")])
        assert former(world) == ["pbx"]
        over(world, (caller, centre))

    def test_lives_on_under_another_name(self, world: World) -> None:
        caller, centre = connected(world)
        renamed = replace(world.trunks["pbx"], name="acd")
        adopt(world, [renamed, *without(world, "pbx")], (Route(re.compile("110"), ("acd",)),))
        over(world, (caller, centre), connected(world))


class TestRoutes:
    def test_are_for_the_next_call(self, world: World) -> None:
        caller, centre = connected(world)
        adopt(world, without(world), (Route(re.compile("119"), ("pbx",)),))
        world.sbc.invite("110").expect("404")
        over(world, (caller, centre))


class TestBounds:
    def test_hold_at_once(self, world: World) -> None:
        caller, centre = connected(world)
        adopt(world, without(world), max_calls=1)
        world.sbc.invite("110").expect("503")
        adopt(world, without(world), max_calls=2)
        over(world, (caller, centre), connected(world))

    def test_of_live_calls_too(self, world: World, caller: PeerCall) -> None:
        adopt(world, without(world), rejoin_window_s=7.0)
        assert world.call_of(caller).live.settings == CallSettings(rejoin_window_s=7.0)


class TestDrain:
    def test_new_calls_go_elsewhere_and_come_back_after_it(self, world: World) -> None:
        caller, centre = connected(world)
        world.calls.refuse_new(True)
        refused = world.sbc.invite("110").expect("503").message
        assert refused is not None and refused.headers.get("retry-after") == "10"
        world.calls.refuse_new(False)
        over(world, (caller, centre), connected(world))
