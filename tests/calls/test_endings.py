"""How calls end: CANCEL at each stage and in its crossings, BYE from either side, lost ACKs, operators."""

from __future__ import annotations

import pytest

from splitter.core.net import Address
from splitter.sip.message import Request
from tests.calls.kit import arrived, connected, drop_next, ended, joined, picked_up, ringing
from tests.world import PeerCall, World
from tests.world.wire import label


class TestCancel:
    def test_before_the_centre_said_anything(self, world: World) -> None:
        """CANCEL waits for a provisional response (RFC 3261 §9.1); here none ever comes."""
        world.pbx.vanish()
        world.pbx2.vanish()
        caller = world.sbc.invite()
        world.run(0.2)
        caller.cancel()
        caller.expect("487")
        world.settle()

    def test_while_it_rings(self, world: World) -> None:
        caller, centre = ringing(world)
        caller.cancel('SIP;cause=487;text="gave up"')
        caller.expect("487")
        cancel = centre.expect("CANCEL").message
        assert cancel is not None and cancel.headers.get("reason") == 'SIP;cause=487;text="gave up"'
        world.settle()

    def test_crosses_the_centres_200(self, world: World) -> None:
        caller, centre = ringing(world)
        caller.cancel()
        world.run(0.006)  # it has reached the gateway, and the gateway's own is on its way
        centre.answer()
        caller.expect("487")
        world.run(1)
        assert {"ACK", "BYE"} <= set(centre.heard)
        world.settle()

    def test_crosses_our_200(self, world: World) -> None:
        caller, centre = ringing(world)
        centre.answer()
        world.run(0.008)
        caller.cancel()
        world.run(1)
        assert centre.heard[-2:] == ["ACK", "BYE"] and caller.state == "ended"
        world.settle()

    @pytest.mark.parametrize("after_ms", range(10))  # then the caller has its 200
    def test_at_any_moment_around_the_answer(self, after_ms: int, world: World) -> None:
        caller, centre = ringing(world)
        centre.answer()
        world.run(after_ms / 1000)
        caller.cancel()
        world.run(1)
        assert centre.state == caller.state == "ended"
        world.settle()

    def test_while_an_answer_waits_for_a_room_that_hangs(self, world: World) -> None:
        """The CANCEL is heard before the 200 is sent: it must win."""
        world.engine.stuck = {"join"}
        caller, centre = arrived(world)
        centre.answer()
        world.run(0.02)
        caller.cancel()
        caller.expect("487")
        world.run(1)
        assert "BYE" in centre.heard
        world.settle()

    def test_bye_in_an_early_dialog_means_the_same(self, world: World) -> None:
        caller, centre = ringing(world)
        dialog = next(iter(caller.early_dialogs.values()))
        caller.dialog = dialog
        caller.request("BYE")
        world.run(0.5)
        assert {"200 BYE", "487"} <= set(caller.heard)
        centre.expect("CANCEL")
        world.settle()


class TestBye:
    def test_of_the_caller_carries_reason_and_user_to_user(self, world: World) -> None:
        caller, centre = connected(world)
        caller.bye([("Reason", "Q.850;cause=16"), ("User-to-User", "aa;encoding=hex"), ("X-Secret", "1")])
        bye = centre.expect("BYE").message
        assert isinstance(bye, Request)
        assert bye.headers.get("reason") == "Q.850;cause=16"
        assert bye.headers.get("user-to-user") == "aa;encoding=hex"
        assert "x-secret" not in bye.headers
        world.settle()

    def test_of_the_centre(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.bye()
        caller.expect("BYE")
        world.settle()

    def test_of_both_at_once(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        caller.bye()
        centre.bye()
        world.settle()

    def test_of_the_centre_before_the_callers_ack(self, world: World) -> None:
        """Our BYE waits until the caller has acknowledged (RFC 3261 §15)."""
        drop_next(world, world.sbc, "ACK", times=3)
        caller, centre = arrived(world)
        picked_up(caller, centre)
        centre.bye()
        world.run(0.5)
        assert "BYE" not in caller.heard
        caller.expect("BYE", 20)
        world.settle()

    def test_of_the_caller_whose_ack_was_lost_while_ours_waits(self, world: World) -> None:
        world.wire.drop = lambda sent: sent.source == world.sbc.address and b"ACK" in sent.data[:3]
        caller, centre = arrived(world)
        picked_up(caller, centre)
        centre.bye()
        world.run(0.5)
        caller.bye()
        caller.expect("200 BYE")
        world.run(40)
        sent = [label(sent.message) for sent in world.wire.sent[caller.sip_call_id]]
        assert sent.count("BYE") == 1  # the caller's
        world.settle()

    def test_while_a_reinvite_waits_for_the_other_side(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        """What is pending gets its final response, the one of who hung up as 500; nothing is left of it."""
        centre.on_reinvite = lambda call: None
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.bye()
        world.run(0.1)
        assert sorted(caller.heard[-2:]) == ["500 re-INVITE", "BYE"]
        world.settle()

    def test_of_the_caller_while_its_own_reinvite_waits(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        centre.on_reinvite = lambda call: None
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        caller.bye()
        world.run(1)
        assert "BYE" in centre.heard and "487 re-INVITE" in caller.heard
        world.settle()

    def test_in_a_dialog_that_is_over(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        ended(world, caller, centre)
        caller.request("BYE")
        caller.expect("481 BYE")
        world.settle()


class TestAckMissing:
    def test_with_voice_the_call_goes_on(self, world: World) -> None:
        world.wire.drop = lambda sent: sent.source == world.sbc.address and b"ACK" in sent.data[:3]
        caller, centre = arrived(world)
        centre.answer()
        caller.expect("200")
        world.run(40)
        assert world.voice_faults(caller) == []
        assert any(event.kind == "alarm" and "never acknowledged" in event.text for event in world.trace_of(caller))
        ended(world, caller, centre)

    def test_without_voice_it_is_ended(self, world: World) -> None:
        world.wire.drop = lambda sent: sent.source == world.sbc.address and b"ACK" in sent.data[:3]
        caller, centre = arrived(world)
        centre.answer()
        caller.expect("200")
        world.run(0.1)
        for relay in world.engine.relays.values():
            world.engine.silent.add((relay.handle.call_id, 0))
        centre.expect("ACK")
        centre.expect("BYE", 40)
        caller.expect("BYE", 40)
        world.settle()


class TestOperator:
    def test_of_a_probe_that_was_killed(self, world: World) -> None:
        """Its loan of a trunk has ended: its own call is hung up, and nobody else's is."""
        caller, centre = connected(world)
        other, other_centre = connected(world)
        world.calls.end_test(caller.peer.address)
        world.run(1)
        assert len(world.calls.list()) == 2, "people call from there"
        world.call_of(caller).talk.test = True
        world.calls.end_test(Address("192.0.2.1", 5060))
        world.run(1)
        assert len(world.calls.list()) == 2
        world.calls.end_test(caller.peer.address)
        caller.expect("BYE")
        centre.expect("BYE")
        world.run(1)
        [view] = [view for view in world.views.values() if view.ended_at is not None]
        assert view.end_reason == "the probe that began this test call is gone"
        ended(world, other, other_centre)

    def test_hangs_up_a_call_that_rings(self, world: World) -> None:
        caller, centre = ringing(world)
        assert world.calls.hangup(world.calls.list()[0].call_id, "an operator asked")
        refusal = caller.expect("480").message
        assert refusal is not None and "an operator asked" in (refusal.headers.get("warning") or "")
        centre.expect("CANCEL")
        world.settle()

    def test_hangs_up_a_call_that_was_answered(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        call_id = world.calls.list()[0].call_id
        assert world.calls.hangup(call_id, "an operator asked")
        for party in (caller, centre, seat):
            party.expect("BYE")
        world.settle()
        view = world.views[call_id]
        assert (view.state, view.end_reason, view.end_status) == ("ended", "an operator asked", 200)

    def test_hangs_up_before_the_centre_answered_anything(self, world: World) -> None:
        world.pbx.vanish()
        caller = world.sbc.invite()
        world.run(0.1)
        world.calls.hangup(world.calls.list()[0].call_id, "an operator asked")
        caller.expect("480")
        world.settle()

    def test_asks_for_a_call_that_is_not_there(self, world: World) -> None:
        assert not world.calls.hangup("nobody", "x")
        assert world.calls.get("nobody") is None


class TestRecord:
    def test_what_is_kept_of_a_call(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        call = world.call_of(caller)
        view = world.calls.get(call.talk.call_id)
        assert view is not None
        assert (view.state, view.caller, view.called, view.route) == ("connected", caller.number, "110", "pbx")
        assert [(leg.name, leg.state) for leg in view.legs] == [
            ("caller", "confirmed"),
            ("centre", "confirmed"),
            ("seat-1", "confirmed"),
        ]
        assert view.showing == "seat-1"
        assert (view.legs[0].audio, view.legs[0].video) == ("AMR-WB/16000 sendrecv", "H264 42c01f mode 1 sendrecv")
        assert (view.legs[1].audio, view.legs[1].video) == ("AMR-WB/16000 sendrecv", "")
        seat.bye()
        seat.expect("200 BYE")
        ended(world, caller, centre)
        last = world.views[call.talk.call_id]
        assert last.end_reason == "the caller hung up" and last.answered_at is not None
        assert last.ended_at is not None and last.ended_at > last.answered_at >= last.started_at
        assert {leg.name for leg in last.legs} == {"caller", "centre", "seat-1"}
        assert {leg.state for leg in last.legs} == {"ended"}
