"""A call outlives its process: another one makes it anew from its bytes, and carries it on."""

from __future__ import annotations

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.calls.call import Call
from splitter.calls.persistence.undertaker import CSEQ_GAP
from splitter.calls.settings import CallSettings
from splitter.core.errors import LocalError
from splitter.lab.offers import VideoLine
from tests.calls.kit import connected, ended, joined, told, with_webrtc
from tests.calls.legs.test_challenged import OURS, Guard
from tests.dialogs.test_replaces import replacing
from tests.dialogs.test_session_timer import talking, timer
from tests.world import PeerCall, World


def carried_on(world: World, caller: PeerCall) -> Call:
    """Let the gateway's process die; the call of the next one."""
    world.run(0.1)
    before = world.call_of(caller)
    world.restart()
    after = world.call_of(caller)
    assert after is not before and after.talk is not before.talk
    assert after.caller is not before.caller and after.centre is not before.centre
    world.run(0.1)
    return after


class TestACallOfTwo:
    def test_ends_when_the_caller_hangs_up(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        carried_on(world, caller)
        ended(world, caller, centre)

    def test_ends_when_the_centre_hangs_up(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        carried_on(world, caller)
        centre.unread.clear()
        centre.bye()
        caller.expect("BYE")
        centre.expect("200 BYE")
        world.settle()

    def test_ends_when_an_operator_wants_it(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        call = carried_on(world, caller)
        centre.unread.clear()
        assert world.calls.hangup(call.talk.call_id, "the operator")
        caller.expect("BYE")
        centre.expect("BYE")
        world.settle()

    def test_is_held_and_resumed_across_it(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        carried_on(world, caller)
        centre.unread.clear()
        for direction in ("sendonly", "sendrecv"):
            centre.reinvite(audio=direction)
            caller.expect("INVITE")
            caller.accept()
            centre.expect("200 re-INVITE")
            carried_on(world, caller)
            assert world.voice_faults(caller) == []
            caller.unread.clear()
        ended(world, caller, centre)

    def test_answers_info_update_and_a_moved_port(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        carried_on(world, caller)
        caller.request("INFO", body=b"Signal=5\r\nDuration=160\r\n", content_type="application/dtmf-relay")
        caller.expect("200 INFO")
        caller.update(move=True)
        caller.expect("200 UPDATE")
        world.run(0.2)
        assert world.voice_faults(caller) == []
        centre.unread.clear()
        ended(world, caller, centre)

    def test_keeps_its_session_id(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        named = centre.invite.headers.get("session-id")
        carried_on(world, caller)
        caller.bye()
        centre.unread.clear()
        world.run(0.2)
        assert centre.unread[0].message.headers.get("session-id") == named
        world.settle()

    def test_keeps_its_place_on_its_trunks(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        call = carried_on(world, caller)
        limits = call.services.admission.limits
        assert (limits.calls("sbc"), limits.calls("pbx")) == (1, 1)
        ended(world, caller, centre)
        assert (limits.calls("sbc"), limits.calls("pbx")) == (0, 0)


class TestNumbers:
    """Requests in a dialog are numbered on (RFC 3261 §12.2.1.1): a peer drops one that it thinks it has had."""

    def test_of_requests_go_on_where_they_were(self, world: World) -> None:
        caller, centre = connected(world)
        for _ in range(2):
            centre.reinvite(audio="sendonly")
            before = caller.expect("INVITE").message.cseq[0]
            caller.accept()
            centre.expect("200 re-INVITE")
            centre.reinvite(audio="sendrecv")
            caller.expect("INVITE")
            caller.accept()
            centre.expect("200 re-INVITE")
            caller.unread.clear()
        carried_on(world, caller)
        centre.reinvite(audio="sendonly")
        assert caller.expect("INVITE").message.cseq[0] == before + 2 + CSEQ_GAP
        caller.accept()
        centre.expect("200 re-INVITE")
        caller.unread.clear()
        ended(world, caller, centre)

    def test_of_requests_that_were_sent_again_with_credentials(self) -> None:
        with World(trunk=OURS) as world:
            guard = Guard(world.pbx)
            caller, centre = connected(world)
            carried_on(world, caller)
            centre.unread.clear()
            caller.reinvite(audio="sendonly")
            number = centre.expect("INVITE").message.cseq[0]
            assert number == 3 + CSEQ_GAP  # after the challenged one and its repetition
            centre.accept()
            caller.expect("200 re-INVITE")
            assert len(guard.refused) == 1, "what it wants to hear was written down too"
            carried_on(world, caller)
            centre.unread.clear()
            guard.forget_nonces()
            ended(world, caller, centre)
            assert len(guard.refused) == 2


class TestTheSessionTimer:
    @pytest.mark.parametrize("update", [True, False])
    def test_is_refreshed_by_us_when_it_was_to_be(self, update: bool) -> None:
        with World(settings=CallSettings(session_expires_s=1800)) as world:
            allow = "INVITE, ACK, BYE" + ", UPDATE" * update
            caller, centre = talking(world, centre=timer(1800, "uac"), allow=allow)
            world.run(600)
            carried_on(world, caller)
            centre.hears_nothing(290)
            centre.expect("UPDATE" if update else "INVITE", 20)
            world.run(1)
            caller.unread.clear()
            centre.unread.clear()
            ended(world, caller, centre)

    def test_ends_the_call_that_the_caller_does_not_refresh(self) -> None:
        with World(settings=CallSettings(end_on_missed_refresh=True)) as world:
            caller, centre = talking(world, caller_s=100)
            carried_on(world, caller)
            caller.vanish()
            world.run(60)
            assert world.call_of(caller).caller.state == "confirmed"
            world.run(60)
            centre.expect("BYE")
            world.wire.silenced.clear()
            world.settle()


class TestVideo:
    def test_the_caller_is_asked_for_it(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        carried_on(world, caller)
        told(world, caller, RaiseVideo("agent 7001"))
        caller.expect("INVITE")
        caller.accept()
        world.run(0.1)
        assert carried_on(world, caller).talk.video.view.state == "on"
        caller.unread.clear()
        ended(world, caller, centre)

    def test_a_sip_seat_and_a_browser_stay_in_it(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        browser = with_webrtc(world, caller)
        call = carried_on(world, caller)
        assert [*call.legs.seats] == ["seat-1"] and call.talk.parties.get(browser.name) is not None
        seat.reinvite(move=True)
        seat.expect("200 re-INVITE")
        carried_on(world, caller)
        seat.bye()
        seat.expect("200 BYE")
        world.run(0.1)
        assert not world.call_of(caller).legs.seats
        ended(world, caller, centre)

    def test_the_seat_hears_that_the_call_is_over(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        seat = joined(world, caller)
        carried_on(world, caller)
        seat.unread.clear()
        caller.bye()
        seat.expect("BYE")
        world.settle()
        del centre


class TestAnotherLegOfTheCentre:
    def test_takes_the_place_of_the_one_that_was_written_down(self, world: World) -> None:
        caller, centre = connected(world)
        carried_on(world, caller)
        centre.unread.clear()
        newcomer = replacing(world, centre)
        newcomer.expect("200")
        centre.expect("BYE")
        call = carried_on(world, caller)
        assert call.live.centre_leg.name == "centre-2"
        newcomer.unread.clear()
        ended(world, caller, newcomer)


class TestWhatCannotBeCarriedOn:
    def test_a_trunk_that_is_configured_no_more(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        call = world.call_of(caller)
        call.talk.legs["centre"].trunk = "gone"
        with pytest.raises(LocalError, match="gone"):
            Call.restored(call.services, call.value())
        call.talk.legs["centre"].trunk = "pbx"
        ended(world, caller, centre)

    def test_a_call_that_lives(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        async def nothing(call: Call) -> None: ...

        with pytest.raises(LocalError, match="lives"):
            world.calls.restore(world.call_of(caller).value(), 0, nothing)
        ended(world, caller, centre)
