"""The INVITE machines: their tables, and what follows from them on the wire."""

from __future__ import annotations

import gc

import pytest

from splitter.calls.legs.invite import (
    OPEN,
    ClientState,
    ClientStep,
    ServerState,
    ServerStep,
    client_after,
    server_after,
)
from splitter.calls.legs.server import InviteServer
from splitter.core.errors import LocalError
from tests.calls.kit import connected, ended
from tests.world import World


def ways(state: ServerState) -> dict[ServerStep, ServerState]:
    found = {}
    for step in ServerStep:
        try:
            found[step] = server_after(state, step)
        except LocalError:
            continue
    return found


class TestServer:
    def test_every_state_can_be_reached(self) -> None:
        seen, left = set[ServerState](), {ServerState.RINGING, ServerState.RESERVING}
        while left:
            state = left.pop()
            seen.add(state)
            left |= {*ways(state).values()} - seen
        assert seen == {*ServerState}

    @pytest.mark.parametrize("state", [ServerState.ANSWERED, ServerState.REFUSED])
    def test_nothing_follows_a_final_response(self, state: ServerState) -> None:
        assert ways(state) == {}

    def test_what_was_cancelled_can_only_be_refused(self) -> None:
        assert ways(ServerState.CANCELLED) == {ServerStep.REFUSE: ServerState.REFUSED}

    def test_the_200_goes_when_it_is_accepted_and_the_resources_are_there(self) -> None:
        assert [state for state in ServerState if ServerStep.SEND_200 in ways(state)] == [ServerState.ACCEPTED]

    def test_as_long_as_it_is_open_the_peer_may_cancel_and_the_flow_refuse(self) -> None:
        for state in OPEN:
            assert ways(state)[ServerStep.CANCEL] is ServerState.CANCELLED
            assert ways(state)[ServerStep.REFUSE] is ServerState.REFUSED

    def test_a_step_that_cannot_be_taken_is_named(self) -> None:
        with pytest.raises(LocalError, match="cannot send 200: the peer has given it up"):
            server_after(ServerState.CANCELLED, ServerStep.SEND_200)


class TestClient:
    @pytest.mark.parametrize("step", [*ClientStep])
    def test_only_the_ack_comes_after_the_final_response(self, step: ClientStep) -> None:
        for state in ClientState:
            possible = state is ClientState.CALLING and step is not ClientStep.ACKNOWLEDGE
            possible |= (state, step) == (ClientState.ACK_OWED, ClientStep.ACKNOWLEDGE)
            if possible:
                assert client_after(state, step) is not state
            else:
                with pytest.raises(LocalError, match="cannot"):
                    client_after(state, step)


class TestOnTheWire:
    def test_a_prack_behind_a_cancel_does_not_release_the_200(self) -> None:
        """RFC 3261 §9.2: what was cancelled is answered 487."""
        with World() as world:
            caller = world.sbc.invite(reliable="supported")
            caller.pracks = False
            centre = world.pbx.take()
            centre.ring(183, media=True)
            progress = caller.expect("183").message
            centre.answer()
            centre.expect("ACK")
            caller.cancel()
            caller.prack(progress)  # type: ignore[arg-type]
            centre.expect("BYE")
            world.settle()
            assert "487" in caller.heard and "200" not in caller.heard

    def test_an_answered_invite_of_the_caller_is_forgotten(self) -> None:
        """A call may last for hours: its INVITE is not kept for so long."""
        with World() as world:
            caller, centre = connected(world)
            servers = [one for one in gc.get_objects() if isinstance(one, InviteServer)]
            assert caller.sip_call_id not in {one.request.call_id for one in servers}
            ended(world, caller, centre)
