"""UPDATE before and after the answer (RFC 3311), glare (RFC 3261 §14), and what a re-INVITE may come to (RFC 6141)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.settings import CallSettings
from splitter.sdp.write import write
from splitter.sip.message import Request
from tests.dialogs.kit import (
    arrived,
    connected,
    ended,
    header,
    line,
    lose,
    narrowed,
    nothing_left,
    picked_up,
    relay_target,
    ringing,
    said,
    sdp,
)
from tests.world import Heard, PeerCall, World


def silent(call: PeerCall) -> None:
    """From now on the script answers re-INVITEs."""
    call.on_reinvite = lambda _: None


def early(world: World, reliable: str = "supported") -> tuple[PeerCall, PeerCall]:
    """Both sides have heard a reliable answer, if they can; nobody has answered the call."""
    caller, centre = arrived(world, reliable=reliable)
    centre.ring(183, media=True, reliable=True)
    caller.expect("183")
    centre.expect("PRACK")
    world.run(0.1)
    return caller, centre


def hears(world: World, call: PeerCall, what: str) -> Heard:
    """The next thing of this name, whatever comes before it."""
    world.run_until(lambda: any(heard.what == what for heard in call.unread), 20)
    while call.unread[0].what != what:
        call.unread.popleft()
    return call.unread.popleft()


class TestBeforeTheAnswer:
    """RFC 3311 §5.1, §5.2: once a first offer was answered reliably."""

    def test_of_the_caller_is_absorbed(self, world: World) -> None:
        caller, centre = early(world)
        caller.update(caller.terminal.given(write(narrowed(caller))))
        answer = sdp(caller.expect("200 UPDATE"))
        assert line(answer, "video").port and line(answer, "audio").formats == ("107", "101")
        centre.hears_nothing(0.5)
        centre.answer()
        assert caller.expect("200").session is None
        centre.expect("ACK")
        world.run(0.1)
        assert not caller.unread
        ended(world, caller, centre)

    def test_of_the_caller_may_put_video_off(self, world: World) -> None:
        caller, centre = early(world)
        offer = narrowed(caller)
        media = (offer.media[0], offer.media[1].with_(port=0))
        caller.update(caller.terminal.given(write(replace(offer, media=media))))
        assert not line(sdp(caller.expect("200 UPDATE")), "video").port
        call = world.call_of(caller)
        room = world.engine.room_of(call.talk.call_id)
        assert room is None or room.members["caller"] is None
        picked_up(caller, centre)
        world.run(1.0)
        assert not caller.unread, "and it is not offered again"
        ended(world, caller, centre)

    def test_a_hold_of_the_caller_is_told_to_the_centre_when_it_has_answered(self, world: World) -> None:
        caller, centre = early(world)
        offer = narrowed(caller)
        media = (offer.media[0].with_direction("sendonly"), offer.media[1])
        caller.update(caller.terminal.given(write(replace(offer, media=media))))
        assert sdp(caller.expect("200 UPDATE")).direction_of(0) == "recvonly"
        centre.answer()
        caller.expect("200")
        assert sdp(hears(world, centre, "INVITE")).direction_of(0) == "sendonly"
        ended(world, caller, centre)

    def test_another_codec_has_to_wait_for_the_answer(self, world: World) -> None:
        caller, centre = early(world)
        offer = narrowed(caller)
        assert caller.open_offer is not None
        other = caller.open_offer.media[0].with_(formats=("105", "102"))
        caller.update(caller.terminal.given(write(replace(offer, media=(other, offer.media[1])))))
        assert header(caller.expect("500 UPDATE"), "retry-after")
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_without_sdp(self, world: World) -> None:
        caller, centre = early(world)
        caller.update(bare=True)
        assert caller.expect("200 UPDATE").session is None
        centre.request("UPDATE", centre.own_headers())
        assert centre.expect("200 UPDATE").session is None
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_its_contact_counts_from_then_on(self, world: World) -> None:
        caller, centre = early(world)
        centre.request("UPDATE", [("Contact", "<sip:moved@10.2.0.5:5060>")])
        centre.expect("200 UPDATE")
        caller.cancel()
        caller.expect("487")
        centre.expect("CANCEL")
        nothing_left(world, caller, centre)

    def test_before_the_offer_is_answered_the_caller_gets_500(self, world: World) -> None:
        caller, centre = ringing(world, reliable="supported")
        assert caller.terminal.sent is not None
        caller.update(caller.terminal.sent)
        assert header(caller.expect("500 UPDATE"), "retry-after")
        picked_up(caller, centre)
        ended(world, caller, centre)

    @pytest.mark.parametrize("media", [True, False])
    def test_before_it_has_answered_ours_reliably_the_centre_gets_491(self, media: bool, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(180, media=media)
        caller.expect("180")
        world.run(0.1)
        centre.update(centre.terminal.answer(centre.offered_session()))
        centre.expect("491 UPDATE")
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_the_centre_moves_before_it_answers(self, world: World) -> None:
        """Its 200 has no description, or repeats the first one: what counts is the UPDATE."""
        caller, centre = early(world)
        centre.update(move=True)
        assert sdp(centre.expect("200 UPDATE")).media[0].port
        world.run(0.1)
        assert relay_target(world, caller, 1) == centre.terminal.local("audio")
        picked_up(caller, centre)
        world.run(0.1)
        assert relay_target(world, caller, 1) == centre.terminal.local("audio")
        assert not caller.unread
        ended(world, caller, centre)

    def test_a_200_that_repeats_the_first_answer_does_not_move_it_back(self, world: World) -> None:
        caller, centre = early(world)
        first = centre.early_answers[""]
        centre.update(move=True)
        centre.expect("200 UPDATE")
        centre.respond_first(200, first, "", ())
        caller.expect("200")
        world.run(0.2)
        assert relay_target(world, caller, 1) == centre.terminal.local("audio")
        caller.bye()
        world.run(1.0)
        nothing_left(world, caller, centre)

    def test_the_centre_changes_its_codec_has_to_wait(self, world: World) -> None:
        caller, centre = early(world)
        assert centre.terminal.ours is not None
        other = centre.terminal.answer(centre.offered_session(), codec=2)
        centre.update(other)
        assert header(centre.expect("500 UPDATE"), "retry-after")
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_a_second_one_while_the_first_is_open_is_impossible_as_each_is_answered_at_once(self, world: World) -> None:
        caller, centre = early(world)
        offer = narrowed(caller)
        caller.update(caller.terminal.given(write(offer)))
        caller.expect("200 UPDATE")
        caller.update(caller.terminal.given(write(offer)))
        caller.expect("200 UPDATE")
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_a_reinvite_of_the_caller_is_too_early(self, world: World) -> None:
        caller, centre = early(world)
        caller.request("INVITE", caller.own_headers())
        assert header(hears(world, caller, "500 INVITE"), "retry-after")
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_an_invite_of_the_centre_in_its_early_dialog_is_glare(self, world: World) -> None:
        caller, centre = early(world)
        centre.request("INVITE", centre.own_headers())
        hears(world, centre, "491 INVITE")
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_cancel_crosses_it(self, world: World) -> None:
        caller, centre = early(world)
        caller.update(caller.terminal.given(write(narrowed(caller))))
        caller.cancel()
        world.run(1.0)
        nothing_left(world, caller, centre)

    def test_the_worker_dies_around_it(self, world: World) -> None:
        caller, centre = early(world)
        caller.update(caller.terminal.given(write(narrowed(caller))))
        world.engine.kill(0)
        world.engine.kill(1)
        world.run(2.0)
        centre.answer()
        world.run(4.0)
        assert caller.state == "confirmed" and world.voice_faults(caller) == []
        caller.unread.clear()
        centre.unread.clear()
        ended(world, caller, centre)


class TestInTheCall:
    @pytest.mark.parametrize(("wanted", "answered"), [("sendonly", "recvonly"), ("inactive", "inactive")])
    def test_a_hold_by_update_is_relayed(self, wanted: str, answered: str, world: World) -> None:
        caller, centre = connected(world)
        caller.update(audio=wanted)
        assert sdp(centre.expect("INVITE")).direction_of(0) == wanted
        assert sdp(caller.expect("200 UPDATE")).direction_of(0) == answered
        caller.update(audio="sendrecv")
        centre.expect("INVITE")
        caller.expect("200 UPDATE")
        ended(world, caller, centre)

    def test_a_hold_by_update_of_the_centre(self, world: World) -> None:
        caller, centre = connected(world)
        centre.update(audio="sendonly")
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendonly"
        assert sdp(centre.expect("200 UPDATE")).direction_of(0) == "recvonly"
        ended(world, caller, centre)

    def test_a_move_is_absorbed(self, world: World) -> None:
        caller, centre = connected(world)
        caller.update(move=True)
        caller.expect("200 UPDATE")
        world.run(0.1)
        assert world.voice_faults(caller) == []
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_video_off_and_on(self, world: World) -> None:
        caller, centre = connected(world)
        for change, port in (("off", False), ("on", True)):
            caller.update(video=change)
            assert bool(line(sdp(caller.expect("200 UPDATE")), "video").port) is port
        centre.hears_nothing(1)
        ended(world, caller, centre)

    def test_while_the_first_offer_of_the_same_side_is_open(self, world: World) -> None:
        caller, centre = connected(world)
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        caller.update(audio="inactive")
        assert header(caller.expect("500 UPDATE"), "retry-after")
        centre.accept()
        caller.expect("200 re-INVITE")
        ended(world, caller, centre)

    def test_while_ours_is_open(self, world: World) -> None:
        caller, centre = connected(world)
        silent(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.update(video="off")
        caller.expect("491 UPDATE")
        caller.accept()
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "recvonly"
        ended(world, caller, centre)

    def test_without_sdp_while_ours_is_open(self, world: World) -> None:
        caller, centre = connected(world)
        silent(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.update(bare=True)
        assert caller.expect("200 UPDATE").session is None
        caller.accept()
        centre.expect("200 re-INVITE")
        ended(world, caller, centre)

    def test_bye_while_it_is_asked(self, world: World) -> None:
        caller, centre = connected(world)
        silent(centre)
        caller.update(audio="sendonly")
        centre.expect("INVITE")
        caller.bye()
        world.run(1.0)
        nothing_left(world, caller, centre)

    def test_both_sides_at_once(self, world: World) -> None:
        caller, centre = connected(world)
        caller.update(audio="sendonly")
        centre.update(audio="sendonly")
        world.run(10.0)
        answers = {heard for call in (caller, centre) for heard in call.heard if heard.endswith("UPDATE")}
        assert answers <= {"200 UPDATE", "491 UPDATE", "500 UPDATE"} and caller.state == "confirmed"
        caller.bye()
        world.run(1.0)
        nothing_left(world, caller, centre)


class TestReinviteAnsweredInSteps:
    """A handset answers in a reliable 183 and finishes when its user has consented (RFC 3262 §5, RFC 6141 §3)."""

    def stepping(self, world: World) -> tuple[PeerCall, PeerCall]:
        caller, centre = connected(world)
        silent(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.progress()
        caller.expect("PRACK")
        return caller, centre

    def test_the_answer_counts_at_once(self, world: World) -> None:
        caller, centre = self.stepping(world)
        assert sdp(centre.expect("200 re-INVITE")).direction_of(0) == "recvonly"
        caller.accept()
        world.run(1.0)
        assert not caller.unacknowledged
        ended(world, caller, centre)

    def test_an_offer_in_an_update_meanwhile_is_200(self, world: World) -> None:
        caller, centre = self.stepping(world)
        centre.expect("200 re-INVITE")
        caller.update(video="off", audio="recvonly")
        answer = sdp(caller.expect("200 UPDATE"))
        assert not line(answer, "video").port and not centre.unread
        caller.accept()
        world.run(0.5)
        ended(world, caller, centre)

    def test_an_update_that_the_centre_has_to_be_asked_about(self, world: World) -> None:
        caller, centre = self.stepping(world)
        centre.expect("200 re-INVITE")
        caller.update(audio="inactive")
        assert sdp(centre.expect("INVITE")).direction_of(0) == "inactive"
        assert sdp(caller.expect("200 UPDATE")).direction_of(0) == "inactive"
        caller.accept()
        world.run(0.5)
        ended(world, caller, centre)

    def test_another_reinvite_of_it_meanwhile_is_491(self, world: World) -> None:
        caller, centre = self.stepping(world)
        centre.expect("200 re-INVITE")
        caller.request("INVITE", caller.own_headers())
        hears(world, caller, "491 INVITE")
        caller.accept()
        world.run(0.5)
        ended(world, caller, centre)

    def test_a_refusal_after_the_answer_is_put_right_by_another_offer(self, world: World) -> None:
        """RFC 6141 §3.4: what both sides then hold is in doubt; a re-INVITE says it."""
        caller, centre = self.stepping(world)
        centre.expect("200 re-INVITE")
        caller.on_reinvite = PeerCall.accept
        caller.decline(603)
        offer = sdp(caller.expect("INVITE", 10))
        assert offer.direction_of(0) == "sendonly"
        world.run(0.5)
        assert caller.state == "confirmed"
        ended(world, caller, centre)

    def test_a_lost_prack_and_a_lost_200(self, world: World) -> None:
        caller, centre = connected(world)
        silent(caller)
        lose(world, "PRACK", "200 INVITE", times=3)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.progress()
        caller.expect("PRACK", 20)
        caller.accept()
        world.run(10.0)
        assert centre.heard.count("200 re-INVITE") == 1 and not caller.unacknowledged
        assert world.voice_faults(caller) == []
        centre.unread.clear()
        ended(world, caller, centre)

    def test_the_caller_hangs_up_in_the_middle(self, world: World) -> None:
        caller, centre = self.stepping(world)
        caller.decline(487)
        caller.bye()
        world.run(1.0)
        nothing_left(world, caller, centre)

    def test_a_reliable_response_without_a_number(self, world: World) -> None:
        caller, centre = connected(world)
        silent(caller)
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        assert caller.pending is not None
        txn, request = caller.pending
        caller.peer.driver.respond(txn, request.respond(183, headers=[("Require", "100rel")]))
        world.run(0.5)
        caller.accept()
        centre.expect("200 re-INVITE")
        ended(world, caller, centre)


class TestGlare:
    """RFC 3261 §14.1: who owns the Call-ID waits 2.1 to 4 s, the other one up to 2 s."""

    def again_after(self, world: World, who: str, status: int, headers: tuple[tuple[str, str], ...] = ()) -> float:
        """Seconds from the refusal of an offer of our own (new ports) until it is made again."""
        caller, centre = connected(world)
        asked = caller if who == "caller" else centre
        refused: list[float] = []

        def judge(call: PeerCall) -> None:
            if refused:
                call.accept()
            else:
                refused.append(world.now)
                call.decline(status, headers)

        asked.on_reinvite = judge
        for relay in tuple(world.engine.relays.values()):
            world.engine.lose_relay(relay)
        world.run_until(lambda: asked.heard.count("INVITE") - (asked is centre) == 2, 30)
        waited = world.now - refused[0]
        world.run(2.0)
        assert world.voice_faults(caller) == []
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)
        return waited

    def test_towards_the_centre_the_call_id_is_ours(self) -> None:
        for seed in range(4):
            with World(seed) as world:
                assert 2.1 <= self.again_after(world, "centre", 491) <= 4.1

    def test_towards_the_caller_it_is_not(self) -> None:
        for seed in range(4):
            with World(seed) as world:
                assert self.again_after(world, "caller", 491) <= 2.1

    def test_500_with_retry_after_is_kept(self, world: World) -> None:
        assert 7.0 <= self.again_after(world, "caller", 500, (("Retry-After", "7"),)) <= 7.1

    def test_491_to_a_relayed_offer_is_the_askers_to_repeat(self, world: World) -> None:
        caller, centre = connected(world)
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.decline(491)
        caller.expect("491 re-INVITE")
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.accept()
        caller.expect("200 re-INVITE")
        ended(world, caller, centre)

    def test_the_centre_holds_while_the_caller_downgrades(self, world: World) -> None:
        """Nothing of a downgrade concerns the centre: both succeed, whatever crosses."""
        caller, centre = connected(world)
        caller.reinvite(video="off")
        centre.reinvite(audio="sendonly")
        world.run(8.0)
        if "491 re-INVITE" in caller.heard:
            caller.reinvite(video="off")
            world.run(2.0)
        assert "200 re-INVITE" in caller.heard
        if "200 re-INVITE" not in centre.heard:
            centre.reinvite(audio="sendonly")
            world.run(2.0)
        assert "200 re-INVITE" in centre.heard and world.voice_faults(caller) == []
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)


class TestCapabilities:
    """tcap, pcfg and acfg in later offers (RFC 5939)."""

    def test_the_configuration_in_use_may_be_offered_as_potential_again(self, world: World) -> None:
        caller, centre = connected(world)
        first = said(world, caller, "200 INVITE")[0]
        assert b"m=video" in first.body and b"RTP/AVPF" in first.body and b"a=acfg:1 t=1" in first.body
        caller.reinvite()
        answer = line(sdp(caller.expect("200 re-INVITE")), "video")
        assert answer.proto == "RTP/AVPF" and answer.get("acfg") == "1 t=1"
        ended(world, caller, centre)

    def test_or_as_what_it_is(self, world: World) -> None:
        caller, centre = connected(world)
        offer = caller.terminal.change()
        video = offer.media[1].without(("tcap", "pcfg")).with_(proto="RTP/AVPF")
        caller.reinvite(caller.terminal.given(write(replace(offer, media=(offer.media[0], video)))))
        answer = line(sdp(caller.expect("200 re-INVITE")), "video")
        assert answer.proto == "RTP/AVPF" and answer.get("acfg") is None
        ended(world, caller, centre)

    def test_a_caller_that_takes_feedback_back(self, world: World) -> None:
        caller, centre = connected(world)
        offer = caller.terminal.change()
        video = offer.media[1].without(("tcap", "pcfg", "rtcp-fb"))
        caller.reinvite(caller.terminal.given(write(replace(offer, media=(offer.media[0], video)))))
        answer = line(sdp(caller.expect("200 re-INVITE")), "video")
        assert answer.proto == "RTP/AVP" and answer.get("acfg") is None
        ended(world, caller, centre)

    def test_an_offer_of_ours_names_the_configuration_in_use_and_no_outcome(self, world: World) -> None:
        caller, centre = connected(world)
        centre.reinvite(audio="sendonly")
        video = line(sdp(caller.expect("INVITE")), "video")
        assert video.proto == "RTP/AVPF" and video.get("acfg") is None and video.get("tcap") is None
        centre.expect("200 re-INVITE")
        ended(world, caller, centre)


class TestOutcomes:
    """RFC 6141, RFC 3261 §14.1: after a refusal the session stands as it was, on both legs."""

    @pytest.mark.parametrize("status", [400, 403, 415, 480, 486, 488, 500, 503, 603, 606])
    def test_a_refused_hold_leaves_both_as_they_were(self, status: int, world: World) -> None:
        caller, centre = connected(world)
        silent(centre)
        caller.reinvite(audio="sendonly")
        centre.expect("INVITE")
        centre.decline(status)
        world.run(0.1)
        assert caller.unread.popleft().what in (f"{status} re-INVITE", "500 re-INVITE", "488 re-INVITE")
        world.run(1.0)
        assert caller.state == centre.state == "confirmed"
        ended(world, caller, centre)

    def test_a_200_without_a_description_is_put_right(self) -> None:
        with World(settings=CallSettings(consult_limit_s=5)) as world:
            caller, centre = connected(world)
            silent(centre)
            caller.reinvite(audio="sendonly")
            centre.expect("INVITE")
            assert centre.pending is not None
            (txn, request), centre.pending = centre.pending, None
            centre.on_reinvite = PeerCall.accept
            centre.peer.driver.respond(txn, request.respond(200, headers=centre.own_headers()))
            hears(world, centre, "INVITE")
            world.run(1.0)
            assert caller.state == "confirmed" and world.voice_faults(caller) == []
            for call in (caller, centre):
                call.unread.clear()
            ended(world, caller, centre)

    def test_of_two_transactions_each_has_its_own_version(self, world: World) -> None:
        caller, centre = connected(world)
        silent(centre)
        versions = []
        for status in (488, 488, 200):
            caller.reinvite(audio="sendonly")
            versions.append(sdp(centre.expect("INVITE")).origin.version)
            if status == 200:
                centre.accept()
            else:
                centre.decline(status)
            caller.expect(f"{status} re-INVITE")
        assert versions == sorted(versions)
        requests = [m for m in said(world, centre, "INVITE") if isinstance(m, Request)]
        assert len({m.cseq[0] for m in requests}) == len({m.via.branch for m in requests}) == 4
        ended(world, caller, centre)
