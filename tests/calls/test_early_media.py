"""Early media and who allows it (RFC 5009): a row of the header table."""

from __future__ import annotations

import pytest

from splitter.core.net import Address
from tests.calls.kit import arrived, ended
from tests.calls.table import header
from tests.world import PeerCall, World


class TestEarlyMedia:
    """RFC 5009: the centre's word gates what it sends before its answer; ours is told to a network that asks."""

    ASKS = ("P-Early-Media", "supported")

    @pytest.mark.parametrize("untrusted", [(), ("sbc",)])
    @pytest.mark.parametrize("asks", [True, False])
    def test_is_generated_where_we_send_some(self, asks: bool, untrusted: tuple[str, ...]) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = arrived(world, headers=[self.ASKS] if asks else [])
            assert not header(centre.invite, "p-early-media")
            centre.ring(180)
            assert not header(caller.expect("180"), "p-early-media")
            centre.ring(183, media=True)
            wanted = ["sendrecv"] if asks and not untrusted else []
            assert header(caller.expect("183"), "p-early-media") == wanted
            assert heard_by_caller(world, caller)

    @pytest.mark.parametrize("word", ["inactive", "recvonly", "Inactive, sendrecv", "gated, inactive"])
    def test_one_that_forbids_it_gates_it(self, word: str, world: World) -> None:
        caller, centre = arrived(world, headers=[self.ASKS])
        centre.ring(183, media=True, headers=[("P-Early-Media", word)])
        ringing = caller.expect("183")
        assert header(ringing, "p-early-media") == ["recvonly" if word == "recvonly" else "inactive"]
        assert ringing.session is not None, "offer and answer go on"
        world.run(0.1)
        assert not heard_by_caller(world, caller)
        centre.answer()
        caller.expect("200")
        ended(world, caller, centre)

    def test_the_gate_opens_and_shuts(self, world: World) -> None:
        caller, centre = arrived(world, headers=[self.ASKS])
        centre.ring(183, media=True, headers=[("P-Early-Media", "inactive")])
        caller.expect("183")
        for word, open_ in (("sendrecv", True), ("inactive", False), ("sendonly", True)):
            centre.ring(180, headers=[("P-Early-Media", word)])
            assert header(caller.expect("180"), "p-early-media") == [word]
            world.run(0.1)
            assert heard_by_caller(world, caller) is open_
        centre.ring(180)  # nothing said: nothing changes
        caller.expect("180")
        world.run(0.1)
        assert heard_by_caller(world, caller)

    def test_of_the_fork_that_is_heard(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True, fork="a", headers=[("P-Early-Media", "inactive")])
        caller.expect("183")
        centre.ring(183, media=True, fork="b")
        caller.expect("183")
        world.run(0.1)
        assert heard_by_caller(world, caller)

    def test_an_untrusted_centre_has_no_say(self) -> None:
        with World(untrusted=["pbx"]) as world:
            caller, centre = arrived(world, headers=[self.ASKS])
            centre.ring(183, media=True, headers=[("P-Early-Media", "inactive")])
            assert header(caller.expect("183"), "p-early-media") == ["sendrecv"]
            assert heard_by_caller(world, caller)

    def test_the_next_route_begins_anew(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True, headers=[("P-Early-Media", "inactive")])
        caller.expect("183")
        centre.refuse(503)
        world.pbx2.take().ring(183, media=True)
        caller.expect("183")
        world.run(0.1)
        assert heard_by_caller(world, caller)


# ---- steps ----


def heard_by_caller(world: World, caller: PeerCall) -> bool:
    """The relay sends to the caller."""
    call = world.call_of(caller)
    relay = world.engine.relay_of(call.talk.call_id)
    assert relay is not None
    remote = relay.remote[0]
    assert remote is None or isinstance(remote.rtp, Address)
    return remote is not None
