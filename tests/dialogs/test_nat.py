"""Peers behind a NAT: their Contact names an address that nobody here can reach (RFC 3581 §1)."""

from __future__ import annotations

from ipaddress import ip_network

from splitter.calls.settings import MediaSources
from splitter.calls.settings import Peer as Source
from splitter.core.net import Address
from tests.calls.kit import connected, ended, joined
from tests.world import PeerCall, World
from tests.world.world import DESK, SBC

INSIDE = Address("192.168.9.9", 5060)
ELSEWHERE = Address(DESK.host, 40_001)
BEHIND_NATS = {"media_sources": MediaSources.ANY, "peers": (Source(ip_network("10.0.0.0/8")),)}


def ways(world: World, call: PeerCall, method: str) -> set[Address]:
    """Where the gateway's requests of this method went."""
    sent = world.wire.sent.get(call.sip_call_id, ())
    return {
        one.target for one in sent if getattr(one.message, "method", "") == method and one.source.host == "10.3.0.1"
    }


class TestBehindNats:
    def test_the_seat_hears_the_end_where_it_comes_from(self) -> None:
        with World(trunk=BEHIND_NATS) as world:
            caller, centre = connected(world)
            world.desk.address = INSIDE
            seat = joined(world, caller)
            caller.bye()
            centre.expect("BYE")
            seat.expect("BYE")
            world.settle()

    def test_and_where_it_came_from_last(self) -> None:
        with World(trunk=BEHIND_NATS) as world:
            caller, centre = connected(world)
            world.desk.address = INSIDE
            seat = joined(world, caller)
            assert seat.dialog is not None
            data = seat.dialog.request("OPTIONS", headers=[("Via", f"SIP/2.0/UDP {INSIDE};rport;branch=z9hG4bK1")])
            world.driver.received(world.driver.flow_to("desks", "udp", ELSEWHERE), data.serialize())
            caller.bye()
            centre.expect("BYE")
            world.run(0.1)
            assert ways(world, seat, "BYE") == {ELSEWHERE}


class TestConnectedAnew:
    def test_a_contact_at_the_connection_that_was_left_is_passed_over(self) -> None:
        first, second = Address(SBC.host, 40_001), Address(SBC.host, 40_002)
        with World(trunk=BEHIND_NATS) as world:
            caller, centre = connected(world)
            leg = world.call_of(caller).caller
            assert leg.record.dialog is not None and caller.dialog is not None
            before = leg.flow
            leg.record.flow = world.driver.flow_to("access", "udp", first)._replace(transport="tcp")
            contact = leg.flow
            world.driver.locate = lambda *_: contact  # type: ignore[method-assign]
            world.driver.reaches = lambda _: True  # type: ignore[method-assign, assignment]
            via = ("Via", f"SIP/2.0/TCP {first};branch=z9hG4bK1")
            data = caller.dialog.request("OPTIONS", headers=[via]).serialize()
            world.driver.received(leg.flow._replace(remote=second), data)
            assert leg._context.way().remote == second  # type: ignore[attr-defined]
            leg.record.flow = before
            del world.driver.locate
            ended(world, caller, centre)


class TestNotBehindNats:
    def test_another_private_address_is_where_the_peer_wants_it(self, world: World) -> None:
        """A neighbour in the same private network may well take requests elsewhere than it sends from."""
        caller, centre = connected(world)
        world.desk.address = INSIDE
        seat = joined(world, caller)
        caller.bye()
        centre.expect("BYE")
        world.run(0.1)
        assert ways(world, seat, "BYE") == {INSIDE}
