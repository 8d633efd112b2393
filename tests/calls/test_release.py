"""An ended call leaves no ring of objects: its memory is free at once, without a pause of the garbage collector."""

from __future__ import annotations

import gc
import weakref

import pytest

from splitter.calls.asks import Denial, DropVideo, RaiseVideo, Remove, TakeSnapshot
from splitter.calls.call import Call
from splitter.calls.inbox import Inbox
from tests.calls.kit import asking, connected, ended, joined, ringing, with_webrtc
from tests.garbage import held_by, no_rings
from tests.sim.run import Run, Setting
from tests.world import PeerCall, World


@pytest.mark.slow
class TestNoRing:
    """With the collector off."""

    def test_a_call_that_was_answered(self) -> None:
        with World() as world, no_rings():
            ended(world, *connected(world))

    def test_it_is_gone_as_soon_as_its_last_transaction_is(self) -> None:
        gc.disable()
        try:
            with World() as world:
                caller, centre = connected(world)
                call = weakref.ref(world.call_of(caller))
                ended(world, caller, centre)
                assert call() is None
        finally:
            gc.enable()

    def test_one_that_the_caller_gives_up(self) -> None:
        with World() as world, no_rings():
            caller, centre = ringing(world)
            caller.cancel()
            centre.expect("CANCEL")
            world.run(60)

    def test_one_that_every_centre_refuses(self) -> None:
        with World() as world, no_rings():
            caller = world.sbc.invite(called="110")
            world.pbx.take().refuse(503)
            world.pbx2.take().refuse(486)
            caller.expect("486")
            world.run(60)

    def test_one_with_a_sip_seat_and_a_browser(self) -> None:
        with World() as world, no_rings():
            caller, centre = connected(world)
            joined(world, caller)
            with_webrtc(world, caller)
            caller.bye()
            centre.expect("BYE")
            world.run(60)

    @pytest.mark.parametrize("ask", [DropVideo("cti"), RaiseVideo("cti"), TakeSnapshot(), Remove("nobody", "nobody")])
    def test_one_that_denied_what_was_asked_of_it(self, ask: object) -> None:
        with World() as world, no_rings():
            caller, centre = connected(world)
            task = asking(world, caller, ask)  # type: ignore[arg-type]
            world.run(20)  # not until `task.done`: a frame that holds it would be in the denial's traceback
            assert task.exception() is None or isinstance(task.exception(), Denial)
            del task
            caller.bye()
            centre.expect("BYE")
            world.run(60)

    @pytest.mark.parametrize("seed", range(2))
    def test_whatever_people_networks_and_workers_do(self, seed: int) -> None:
        with no_rings():
            run = Run(Setting(seed, calls=25, loss=0.1))
            assert run.play().faults == []


class TestInbox:
    async def test_nothing_is_kept_after_the_end(self) -> None:
        inbox = Inbox()
        inbox.post("first")  # type: ignore[arg-type]
        assert inbox.close() == ("first",)
        inbox.post("late")  # type: ignore[arg-type]
        assert inbox.close() == ()

    def test_a_call_that_is_over_can_still_be_told(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """By a worker or a timer that has not heard of its end."""
        call: Call = world.call_of(caller)
        ended(world, caller, centre)
        held = held_by(call)
        call.hang_up("late")
        assert held_by(call) == held
