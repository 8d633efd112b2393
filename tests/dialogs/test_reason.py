"""Why a call ended is told to the other side (RFC 3326), whoever ended it and however."""

from __future__ import annotations

import pytest

from tests.dialogs.kit import arrived, connected, header, nothing_left, ringing
from tests.world import PeerCall, World

REASONS = ['SIP;cause=487;text="The caller gave up"', 'Q.850;cause=16;text="Normal call clearing"', "X;cause=1"]


@pytest.mark.parametrize("reason", REASONS)
class TestOneReason:
    def test_cancel_of_the_caller(self, reason: str, world: World) -> None:
        caller, centre = ringing(world)
        caller.cancel(reason)
        caller.expect("487")
        assert header(centre.expect("CANCEL"), "reason") == reason
        nothing_left(world, caller, centre)

    def test_cancel_that_crosses_the_200(self, reason: str, world: World) -> None:
        caller, centre = arrived(world)
        caller.cancel(reason)
        centre.answer()
        world.run(2.0)
        said = [header(heard, "reason") for heard in centre.unread if heard.what in ("CANCEL", "BYE")]
        assert said and set(said) == {reason}
        nothing_left(world, caller, centre)

    @pytest.mark.parametrize("after_ms", [0, 4, 8, 12])
    def test_cancel_at_any_moment_around_the_answer(self, reason: str, after_ms: int, world: World) -> None:
        caller, centre = arrived(world)
        centre.answer()
        world.run(after_ms / 1000)
        caller.cancel(reason)
        world.run(2.0)
        if caller.status == 487:
            assert header(next(h for h in centre.unread if h.what in ("CANCEL", "BYE")), "reason") == reason
        caller.bye()
        world.run(1.0)
        nothing_left(world, caller, centre)

    @pytest.mark.parametrize("who", ["caller", "centre"])
    def test_bye(self, reason: str, who: str, world: World) -> None:
        caller, centre = connected(world)
        one, other = (caller, centre) if who == "caller" else (centre, caller)
        one.bye([("Reason", reason), ("User-to-User", "00ff;encoding=hex")])
        heard = other.expect("BYE")
        assert header(heard, "reason") == reason and header(heard, "user-to-user") == "00ff;encoding=hex"
        one.expect("200 BYE")
        nothing_left(world, caller, centre)


class TestSeveral:
    def test_both_headers_of_a_bye_cross(self, world: World) -> None:
        caller, centre = connected(world)
        caller.bye([("Reason", REASONS[0]), ("Reason", REASONS[1])])
        heard = centre.expect("BYE")
        assert heard.message is not None and heard.message.headers.get_all("reason") == REASONS[:2]
        caller.expect("200 BYE")
        nothing_left(world, caller, centre)


class TestReinvite:
    def test_a_withdrawn_reinvite_is_withdrawn_on_the_other_side(self, world: World) -> None:
        caller, centre = connected(world)
        centre.on_reinvite = lambda call: None
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        caller.peer.driver.cancel(caller.offering, REASONS[0])
        caller.expect("487 re-INVITE")
        assert header(centre.expect("CANCEL"), "reason") == REASONS[0]
        world.run(1.0)
        assert world.voice_faults(caller) == []
        finish(world, caller, centre)


def finish(world: World, caller: PeerCall, centre: PeerCall) -> None:
    caller.bye()
    world.run(1.0)
    nothing_left(world, caller, centre)
