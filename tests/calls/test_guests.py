"""What a guest's browser tells of itself reaches the desks and the trace, and outlives the process."""

from __future__ import annotations

from splitter.calls.asks import Admitted, Desk, Join, TellCamera
from splitter.calls.states import CameraState
from splitter.calls.talk.record import read, written
from tests.calls.kit import browser_offer, denied, ended, told
from tests.world import PeerCall, World


def guest(world: World, caller: PeerCall) -> str:
    """A guest's browser that has joined."""
    made = told(world, caller, Join(Desk("phone", kind="guest", by="guest m1"), browser_offer(), "desks"))
    assert isinstance(made, Admitted)
    world.run(0.2)
    return made.name


class TestTheCamera:
    def test_is_in_the_view_and_the_trace(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        name = guest(world, caller)
        told(world, caller, TellCamera(name, CameraState.DENIED))
        call = world.call_of(caller)
        assert [party.camera for party in call.view().parties] == ["denied"]
        kept = read(written(call.talk)).parties.get(name)
        assert kept is not None and kept.camera is CameraState.DENIED
        assert any(event.text == "its browser may not use the camera" for event in world.trace_of(caller))
        ended(world, caller, centre)

    def test_of_nobody_is_refused(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        assert denied(world, caller, TellCamera("guest-9", CameraState.ON)) == (404, "no-such-party")
        ended(world, caller, centre)
