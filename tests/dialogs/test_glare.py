"""Offers that cross (RFC 3261 §14), what peers say that they can, and what a re-INVITE may come to (RFC 6141)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.calls.settings import CallSettings
from splitter.sdp.write import write
from splitter.sip.message import Request
from tests.dialogs.kit import connected, ended, line, lose, nothing_left, said, sdp
from tests.dialogs.test_update import hears, silent
from tests.world import PeerCall, World


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
