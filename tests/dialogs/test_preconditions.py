"""Preconditions of a caller (RFC 3312, RFC 4032): it needs resources of its network before anybody is alerted."""

from __future__ import annotations

import pytest

from splitter.sdp.write import write
from tests.dialogs.kit import (
    SILENCE_S,
    arrived,
    ended,
    header,
    invite_with_qos,
    is_reliable,
    lose,
    nothing_left,
    picked_up,
    qos_of,
    ready,
    relay_target,
    response,
    sdp,
    with_qos,
)
from tests.world import PeerCall, World

ANSWERED = {
    "curr:qos local sendrecv",
    "curr:qos remote none",
    "des:qos mandatory local sendrecv",
    "des:qos mandatory remote sendrecv",
    "conf:qos remote sendrecv",
}


def reserving(world: World) -> tuple[PeerCall, PeerCall]:
    """A caller that has our answer and no resources yet; the centre has sent 183."""
    caller = invite_with_qos(world)
    centre = world.pbx.take()
    centre.ring(183, media=True)
    caller.expect("183")
    world.run(0.1)
    return caller, centre


class TestRequired:
    """Require: precondition, and 100rel."""

    def test_the_whole_sequence(self, world: World) -> None:
        caller = invite_with_qos(world)
        centre = world.pbx.take()
        assert b"qos" not in centre.invite.body, "the centre hears nothing of it"
        assert "precondition" not in header(centre.invite, "require") + header(centre.invite, "supported")
        centre.ring(183, media=True)
        progress = caller.expect("183")
        assert is_reliable(progress) and "precondition" in header(progress, "supported")
        assert [qos_of(media) for media in sdp(progress).media] == [ANSWERED, ANSWERED]
        world.run(0.1)
        centre.ring(180)
        caller.hears_nothing(1.0)
        caller.update(ready(caller))
        updated = caller.expect("200 UPDATE")
        for media in sdp(updated).media:
            assert "curr:qos remote sendrecv" in qos_of(media) and not any("conf" in one for one in qos_of(media))
        caller.expect("180")
        centre.answer()
        assert caller.expect("200").session is None
        centre.expect("ACK")
        world.run(0.1)
        assert world.voice_faults(caller) == []
        centre.hears_nothing(1.0)
        ended(world, caller, centre)

    def test_the_centre_answers_before_the_resources_are_there(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        caller.hears_nothing(5.0)
        caller.update(ready(caller))
        assert {caller.expect(what).what for what in ("200 UPDATE", "200")}
        world.run(0.1)
        assert world.voice_faults(caller) == []
        centre.hears_nothing(1.0)
        ended(world, caller, centre)

    def test_a_centre_that_answers_without_a_18x(self, world: World) -> None:
        """The caller needs our answer to reserve anything: it gets a 183 of ours."""
        caller = invite_with_qos(world)
        centre = world.pbx.take()
        centre.answer()
        centre.expect("ACK")
        progress = caller.expect("183")
        assert is_reliable(progress) and qos_of(sdp(progress).media[0]) == ANSWERED
        caller.hears_nothing(2.0)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        assert caller.expect("200").session is None
        ended(world, caller, centre)

    def test_a_180_with_early_media_does_not_ring(self, world: World) -> None:
        caller = invite_with_qos(world)
        centre = world.pbx.take()
        centre.ring(180, media=True)
        assert sdp(caller.expect("183")).media[0].port
        caller.hears_nothing(1.0)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        assert caller.expect("180").session is None
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_a_180_with_require_100rel_is_confirmed_before_the_200(self, world: World) -> None:
        caller = invite_with_qos(world, tags="Require: precondition, 100rel")
        centre = world.pbx.take()
        centre.ring(183, media=True)
        centre.ring(180)
        caller.expect("183")
        world.run(0.2)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        assert is_reliable(caller.expect("180"))
        world.run(0.1)
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_resources_come_in_steps(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        caller.update(ready(caller, "send"))
        updated = caller.expect("200 UPDATE")
        assert {"curr:qos remote recv", "conf:qos remote sendrecv"} <= qos_of(sdp(updated).media[0])
        caller.hears_nothing(1.0)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        caller.expect("200")
        ended(world, caller, centre)

    def test_met_in_the_first_offer(self, world: World) -> None:
        caller = invite_with_qos(world, "sendrecv")
        centre = world.pbx.take()
        centre.ring(180)
        caller.expect("180")
        centre.answer()
        assert sdp(caller.expect("200")).media[0].port
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_met_in_the_first_offer_with_early_media(self, world: World) -> None:
        caller = invite_with_qos(world, "sendrecv")
        centre = world.pbx.take()
        centre.ring(183, media=True)
        lines = qos_of(sdp(caller.expect("183")).media[0])
        assert {
            "curr:qos local sendrecv",
            "curr:qos remote sendrecv",
        } <= lines and "conf:qos remote sendrecv" not in lines
        world.run(0.1)
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_the_offer_in_the_prack_may_say_that_they_are_there(self, world: World) -> None:
        caller = invite_with_qos(world)
        caller.pracks = False
        centre = world.pbx.take()
        centre.ring(183, media=True)
        progress = caller.expect("183")
        centre.answer()
        centre.expect("ACK")
        caller.prack(response(progress), ready(caller))
        assert "curr:qos remote sendrecv" in qos_of(sdp(caller.expect("200 PRACK")).media[0])
        caller.expect("200")
        ended(world, caller, centre)

    def test_a_caller_that_moves_when_it_is_ready(self, world: World) -> None:
        caller, centre = reserving(world)
        offer = with_qos(caller.terminal.first_offer(), "sendrecv")
        caller.update(caller.terminal.given(write(offer)))
        caller.expect("200 UPDATE")
        picked_up(caller, centre)
        world.run(0.1)
        assert relay_target(world, caller, 0) == caller.terminal.local("audio")
        ended(world, caller, centre)


class TestNotRequired:
    def test_supported_alone_gets_a_plain_answer(self, world: World) -> None:
        caller = invite_with_qos(world, tags="Supported: precondition")
        centre = world.pbx.take()
        centre.ring(180, media=True)
        assert not qos_of(sdp(caller.expect("180")).media[0])
        world.run(0.1)
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_optional_strength_is_waited_for_by_nobody(self, world: World) -> None:
        offer = with_qos(world.sbc.terminal().first_offer(), "none", "optional")
        tags = [("Supported", "100rel"), ("Require", "precondition")]
        caller, centre = arrived(world, offer=write(offer), headers=tags)
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_without_100rel_there_is_no_way_to_wait(self, world: World) -> None:
        offer = with_qos(world.sbc.terminal().first_offer(), "none")
        caller, centre = arrived(world, offer=write(offer), headers=[("Require", "precondition")])
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_an_unknown_extension_beside_it_is_420(self, world: World) -> None:
        caller = invite_with_qos(world, tags="Require: precondition, teleport")
        assert header(caller.expect("420"), "unsupported") == "teleport"
        world.settle()


class TestWhileWaiting:
    def test_cancel(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        caller.cancel("SIP;cause=487")
        caller.expect("487")
        assert header(centre.expect("BYE"), "reason") == "SIP;cause=487"
        nothing_left(world, caller, centre)

    def test_cancel_crosses_the_update(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        caller.cancel()
        caller.update(ready(caller))
        world.run(1.0)
        assert caller.state == "ended" and centre.state == "ended"
        world.settle()

    def test_the_centre_hangs_up(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        centre.bye([("Reason", "Q.850;cause=16")])
        caller.expect("480")
        nothing_left(world, caller, centre)

    def test_the_resources_never_come(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        caller.expect("580", 40)
        centre.expect("BYE")
        nothing_left(world, caller, centre)

    def test_the_caller_vanishes(self, world: World) -> None:
        caller, centre = reserving(world)
        caller.vanish()
        centre.answer()
        centre.expect("ACK")
        centre.expect("BYE", SILENCE_S)
        world.settle()

    def test_no_prack(self, world: World) -> None:
        caller = invite_with_qos(world)
        caller.pracks = False
        centre = world.pbx.take()
        centre.answer()
        centre.expect("ACK")
        caller.expect("183")
        assert {"200", "580"} & {caller.expect("200", 40).what}
        ended(world, caller, centre)

    def test_the_worker_dies(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        world.engine.kill(0)
        world.engine.kill(1)
        world.run(2.0)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        caller.expect("200")
        world.run(4.0)
        assert world.voice_faults(caller) == []
        caller.unread.clear()
        centre.unread.clear()
        ended(world, caller, centre)

    def test_an_operator_hangs_up(self, world: World) -> None:
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        call = world.call_of(caller)
        assert world.calls.hangup(call.talk.call_id, "enough")
        caller.expect("480")
        centre.expect("BYE")
        nothing_left(world, caller, centre)

    def test_the_centre_holds(self, world: World) -> None:
        """Its re-INVITE waits until the caller can be asked."""
        caller, centre = reserving(world)
        centre.answer()
        centre.expect("ACK")
        centre.reinvite(audio="sendonly")
        caller.hears_nothing(1.0)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        caller.expect("200")
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendonly"
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "recvonly"
        ended(world, caller, centre)

    def test_lost_updates(self, world: World) -> None:
        caller, centre = reserving(world)
        lose(world, "UPDATE", "200 UPDATE", times=3)
        centre.answer()
        centre.expect("ACK")
        caller.update(ready(caller))
        world.run(10.0)
        assert {"200 UPDATE", "200"} == {heard.what for heard in caller.unread}
        caller.unread.clear()
        ended(world, caller, centre)


class TestInTheCall:
    def test_an_offer_of_ours_has_no_status_of_resources(self, world: World) -> None:
        caller, centre = reserving(world)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        picked_up(caller, centre)
        centre.reinvite(audio="sendonly")
        offer = sdp(caller.expect("INVITE"))
        assert not any(qos_of(media) for media in offer.media)
        centre.expect("200 re-INVITE")
        ended(world, caller, centre)

    @pytest.mark.parametrize("current", ["none", "sendrecv"])
    def test_a_reinvite_that_speaks_of_them_is_answered_with_them(self, current: str, world: World) -> None:
        caller, centre = reserving(world)
        caller.update(ready(caller))
        caller.expect("200 UPDATE")
        picked_up(caller, centre)
        world.run(0.1)
        assert caller.terminal.ours is not None
        caller.extra = [("Require", "precondition")]
        caller.reinvite(caller.terminal.given(write(with_qos(caller.terminal.ours, current))))
        answer = sdp(caller.expect("200 re-INVITE"))
        assert "curr:qos local sendrecv" in qos_of(answer.media[0])
        centre.hears_nothing(1.0)
        caller.extra = []
        ended(world, caller, centre)
