"""Reliable provisional responses in both roles (RFC 3262), with everything that can go wrong between 18x and 200."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.sip.message import Request
from tests.dialogs.kit import (
    arrived,
    connected,
    ended,
    header,
    is_reliable,
    lose,
    narrowed,
    nothing_left,
    picked_up,
    relay_target,
    request,
    response,
    ringing,
    said,
    sdp,
)
from tests.world import PeerCall, Weather, World


def early(world: World, reliable: str = "supported") -> tuple[PeerCall, PeerCall]:
    """A caller that has heard a 183 with SDP, and the centre that rings."""
    caller, centre = arrived(world, reliable=reliable)
    centre.ring(183, media=True)
    return caller, centre


class TestServerSection3:
    """UAS: towards the caller."""

    def test_a_183_with_sdp_is_reliable_where_the_caller_can_and_the_200_has_none_then(self, world: World) -> None:
        caller, centre = early(world)
        progress = caller.expect("183")
        assert is_reliable(progress) and sdp(progress).media[0].port
        world.run(0.1)
        centre.answer()
        assert caller.expect("200").session is None
        world.run(0.1)
        assert world.voice_faults(caller) == []
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_who_does_not_know_it_gets_none(self, world: World) -> None:
        caller, centre = early(world, "")
        progress = caller.expect("183")
        assert not is_reliable(progress) and "rseq" not in response(progress).headers
        centre.answer()
        assert sdp(caller.expect("200")) == progress.session
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_a_180_without_sdp_is_not_worth_it(self, world: World) -> None:
        caller, centre = arrived(world, reliable="supported")
        centre.ring(180)
        assert not is_reliable(caller.expect("180"))
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_require_100rel_makes_every_one_reliable(self, world: World) -> None:
        caller, centre = arrived(world, reliable="require")
        for status in (180, 182, 183):
            centre.ring(status, media=status == 183)
            assert is_reliable(caller.expect(str(status)))
            world.run(0.1)
        numbers = [
            int(header(message, "rseq"))
            for status in (180, 182, 183)
            for message in said(world, caller, f"{status} INVITE")
        ]
        assert numbers == list(range(numbers[0], numbers[0] + 3)) and 0 < numbers[0] < 2**31
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_a_trunk_may_be_told_not_to(self) -> None:
        with World(trunk={"reliable_provisional": False}) as world:
            caller, centre = early(world)
            assert not is_reliable(caller.expect("183"))
            centre.answer()
            assert caller.expect("200").session is not None
            centre.expect("ACK")
            ended(world, caller, centre)

    def test_it_is_repeated_until_its_prack_and_not_after(self, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        world.run(4.0)
        assert len(said(world, caller, "183 INVITE")) == 4  # 0, 0.5, 1.5, 3.5 s
        caller.prack(response(progress))
        caller.expect("200 PRACK")
        world.run(20.0)
        assert len(said(world, caller, "183 INVITE")) == 4
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_a_lost_prack_is_repeated(self, world: World) -> None:
        lose(world, "PRACK", "200 PRACK", times=3)
        caller, centre = early(world)
        caller.expect("183")
        world.run(8.0)
        picked_up(caller, centre)
        ended(world, caller, centre)

    @pytest.mark.parametrize("rack", ["1 1 INVITE", "{rseq} 2 INVITE", "{rseq} 1 UPDATE"])
    def test_a_wrong_rack_is_481_and_confirms_nothing(self, rack: str, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        caller.prack(response(progress), rack=rack.format(rseq=header(progress, "rseq")))
        caller.expect("481 PRACK")
        world.run(1.0)
        assert len(said(world, caller, "183 INVITE")) > 1
        caller.prack(response(progress))
        caller.expect("200 PRACK")
        caller.prack(response(progress))
        caller.expect("481 PRACK")
        picked_up(caller, centre)
        ended(world, caller, centre)

    @pytest.mark.parametrize("rack", ["", "x 1 INVITE", "1 INVITE"])
    def test_an_unreadable_rack_is_400(self, rack: str, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        caller.prack(response(progress), rack=rack or " ")
        caller.expect("400 PRACK")
        caller.prack(response(progress))
        caller.expect("200 PRACK")
        caller.cancel()
        caller.expect("487")
        centre.expect("CANCEL")
        nothing_left(world, caller, centre)

    def test_a_prack_where_nothing_was_reliable_is_481(self, world: World) -> None:
        caller, centre = arrived(world, reliable="supported")
        centre.ring(180)
        caller.prack(response(caller.expect("180")), rack="1 1 INVITE")
        caller.expect("481 PRACK")
        picked_up(caller, centre)
        caller.request("PRACK", [("RAck", "1 1 INVITE")])
        world.run(0.1)
        assert len(said(world, caller, "481 PRACK")) == 2
        ended(world, caller, centre)

    def test_the_200_waits_for_the_prack(self, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        centre.answer()
        centre.expect("ACK")
        caller.hears_nothing(3.0)
        caller.prack(response(progress))
        assert {caller.expect("200 PRACK").what, caller.expect("200").what} == {"200 PRACK", "200"}
        ended(world, caller, centre)

    def test_one_waits_for_the_prack_of_the_other(self, world: World) -> None:
        caller, centre = early(world, "require")
        caller.pracks = False
        progress = caller.expect("183")
        centre.ring(180)
        caller.hears_nothing(3.0)
        caller.prack(response(progress))
        caller.expect("200 PRACK")
        ringing = caller.expect("180")
        assert int(header(ringing, "rseq")) == int(header(progress, "rseq")) + 1 and ringing.session is None
        caller.prack(response(ringing))
        caller.expect("200 PRACK")
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_without_any_prack_a_200_with_the_answer_may_still_save_the_call(self, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        centre.answer()
        answer = caller.expect("200", 40)
        assert answer.session == progress.session
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_without_any_prack_of_a_caller_that_is_gone_the_call_ends(self, world: World) -> None:
        caller, centre = early(world)
        caller.expect("183")
        caller.vanish()
        centre.answer()
        centre.expect("ACK")
        call = world.call_of(caller)
        world.engine.silent.add((call.talk.call_id, 0))
        centre.expect("BYE", 80)
        world.settle()

    def test_cancel_while_the_prack_is_missing(self, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        caller.expect("183")
        centre.answer()
        centre.expect("ACK")
        caller.cancel("SIP;cause=487")
        caller.expect("487")
        assert header(centre.expect("BYE"), "reason") == "SIP;cause=487"
        nothing_left(world, caller, centre)

    def test_bye_in_the_early_dialog_is_a_cancel(self, world: World) -> None:
        caller, centre = early(world)
        caller.expect("183")
        world.run(0.1)
        caller.request("BYE", [("Reason", "Q.850;cause=31")])
        caller.expect("200 BYE")
        caller.expect("487")
        assert header(centre.expect("CANCEL"), "reason") == "Q.850;cause=31"
        nothing_left(world, caller, centre)

    def test_the_centre_refuses_while_the_prack_is_missing(self, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        caller.expect("183")
        centre.refuse(486)
        caller.expect("486")
        nothing_left(world, caller, centre)

    def test_the_relay_moves_while_the_prack_is_missing(self, world: World) -> None:
        """Another port must not come under the same To tag: the 200 belongs to another dialog."""
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        for relay in tuple(world.engine.relays.values()):
            world.engine.lose_relay(relay)
        world.run(2.0)
        caller.prack(response(progress))
        caller.expect("200 PRACK")
        centre.answer()
        answer = caller.expect("200")
        assert response(answer).to_tag != response(progress).to_tag and answer.session is not None
        world.run(3.0)
        assert world.voice_faults(caller) == []
        centre.unread.clear()
        caller.unread.clear()
        ended(world, caller, centre)


class TestServerSection5:
    """Offers and answers."""

    def test_an_offer_in_the_prack_is_answered_in_its_200(self, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        assert len(sdp(progress).media[0].formats) == 2
        offer = narrowed(caller)
        offer = replace(offer, origin=offer.origin.next())
        caller.prack(response(progress), offer)
        answer = sdp(caller.expect("200 PRACK"))
        assert answer.media[0].formats == sdp(progress).media[0].formats
        assert answer.media[1].port == sdp(progress).media[1].port
        centre.hears_nothing(1.0)
        centre.answer()
        assert caller.expect("200").session is None
        centre.expect("ACK")
        world.run(1.0)
        assert not caller.unread, "nobody is asked again"
        ended(world, caller, centre)

    def test_an_offer_that_moves_is_followed(self, world: World) -> None:
        caller, centre = early(world)
        caller.pracks = False
        progress = caller.expect("183")
        offer = narrowed(caller)
        moved = tuple(media.with_(port=media.port + 100) for media in offer.media)
        offer = replace(offer, origin=offer.origin.next(), media=moved)
        caller.prack(response(progress), offer)
        caller.expect("200 PRACK")
        target = relay_target(world, caller, 0)
        assert target is not None and target.port == moved[0].port
        picked_up(caller, centre)
        target = relay_target(world, caller, 0)
        assert target is not None and target.port == moved[0].port
        caller.early_answers.clear()
        ended(world, caller, centre)

    def test_a_caller_without_an_offer_that_requires_100rel_hears_no_18x(self, world: World) -> None:
        """The first reliable one would have to make the offer, which nobody has made."""
        caller, centre = arrived(world, offer=b"", reliable="require")
        centre.ring(180)
        caller.hears_nothing(2.0)
        centre.answer()
        assert sdp(caller.expect("200")).media
        centre.expect("ACK")
        ended(world, caller, centre)


class TestSeveralEarlyDialogs:
    """A centre that forks: each branch is a dialog of its own, and has numbers of its own."""

    def test_each_has_its_own_row_of_numbers(self, world: World) -> None:
        caller, centre = arrived(world, reliable="supported")
        tags: dict[str, list[int]] = {}
        for fork, status in (("a", 183), ("b", 183), ("a", 180), ("b", 180)):
            centre.ring(status, fork=fork, media=True)
            world.run(0.3)
        for heard in [caller.unread.popleft() for _ in range(4)]:
            if is_reliable(heard):
                tags.setdefault(response(heard).to_tag or "", []).append(int(header(heard, "rseq")))
        assert len(tags) == 2
        assert all(numbers == list(range(numbers[0], numbers[0] + len(numbers))) for numbers in tags.values())
        centre.answer(fork="b")
        answer = response(caller.expect("200"))
        assert answer.to_tag == list(tags)[1] and not answer.body
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_the_rows_of_a_caller_that_requires_it_go_on_by_turns(self, world: World) -> None:
        caller, centre = arrived(world, reliable="require")
        for fork in "abab":
            centre.ring(183, fork=fork, media=True)
        world.run(1.0)
        heard = [caller.unread.popleft() for _ in range(len(caller.unread))]
        assert [one.what for one in heard] == ["183"] * 4, "none was ahead of its turn"
        centre.answer(fork="a")
        caller.expect("200")
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_reliable_branches_of_the_centre_are_confirmed_each(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, fork="a", media=True, reliable=True)
        first = request(centre.expect("PRACK"))
        centre.ring(183, fork="b", media=True, reliable=True)
        second = request(centre.expect("PRACK"))
        assert first.to_tag != second.to_tag
        assert header(first, "rack") == header(second, "rack") == "1 1 INVITE"
        centre.answer(fork="b")
        caller.expect("183")
        caller.expect("183")
        caller.expect("200")
        centre.expect("ACK")
        ended(world, caller, centre)


class TestClientSection4:
    """UAC: towards the centre."""

    @pytest.mark.parametrize("media", [False, True])
    def test_a_reliable_response_is_confirmed(self, media: bool, world: World) -> None:
        caller, centre = arrived(world)
        assert "100rel" in header(centre.invite, "supported")
        centre.ring(183 if media else 180, media=media, reliable=True)
        prack = request(centre.expect("PRACK"))
        assert header(prack, "rack") == "1 1 INVITE" and not prack.body
        caller.expect("183" if media else "180")
        centre.answer()
        assert sdp(caller.expect("200")).media[0].port, "the caller does not know 100rel: its answer is in the 200"
        centre.expect("ACK")
        ended(world, caller, centre)

    def test_a_repetition_is_not_taken_for_another(self, world: World) -> None:
        lose(world, "PRACK", times=2)
        caller, centre = arrived(world)
        centre.ring(183, media=True, reliable=True)
        caller.expect("183")
        centre.expect("PRACK", 5)
        caller.hears_nothing(1.0)
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_one_that_is_ahead_of_its_turn_is_not_confirmed(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True, reliable=True)
        centre.expect("PRACK")
        caller.expect("183")
        centre.rseq[""] = 7
        centre.ring(180, reliable=True)
        centre.hears_nothing(2.0)
        assert not caller.unread
        caller.cancel()
        caller.expect("487")
        centre.expect("CANCEL")
        nothing_left(world, caller, centre)

    def test_a_reliable_one_without_a_number_is_no_reason_to_fail(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(180, headers=[("Require", "100rel")])
        caller.expect("180")
        centre.hears_nothing(1.0)
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_the_200_without_sdp_uses_the_answer_of_the_183(self, world: World) -> None:
        caller, centre = arrived(world, reliable="supported")
        centre.ring(183, media=True, reliable=True)
        centre.expect("PRACK")
        progress = caller.expect("183")
        assert is_reliable(progress)
        centre.answer()
        assert caller.expect("200").session is None
        assert centre.expect("ACK").session is None
        ended(world, caller, centre)

    def test_the_numbers_of_the_two_legs_have_nothing_to_do_with_each_other(self, world: World) -> None:
        caller, centre = arrived(world, reliable="supported")
        centre.ring(183, media=True, reliable=True)
        centre.expect("PRACK")
        assert header(caller.expect("183"), "rseq") != "1"
        prack = [message for message in said(world, centre, "PRACK") if isinstance(message, Request)]
        assert header(prack[0], "rack").split()[0] == "1"
        picked_up(caller, centre)
        ended(world, caller, centre)

    def test_cancel_crosses_the_prack(self, world: World) -> None:
        caller, centre = arrived(world)
        centre.ring(183, media=True, reliable=True)
        caller.expect("183")
        caller.cancel()
        caller.expect("487")
        assert {centre.expect(what).what for what in ("PRACK", "CANCEL")} == {"PRACK", "CANCEL"}
        nothing_left(world, caller, centre)

    def test_a_branch_that_says_bye_while_it_rings_is_gone(self, world: World) -> None:
        caller, centre = ringing(world)
        centre.request("BYE")
        caller.expect("480")
        assert {centre.unread.popleft().what for _ in range(2)} == {"200 BYE", "CANCEL"}
        world.settle()


class TestBadWeather:
    @pytest.mark.parametrize("seed", range(4))
    def test_everything_reliable_through_heavy_loss(self, seed: int) -> None:
        with World(seed=seed, weather=Weather(loss=0.3, duplication=0.2, jitter_s=0.1)) as world:
            caller = world.sbc.invite(reliable="require")
            centre = world.pbx.take(40)
            centre.ring(183, media=True, reliable=True)
            centre.ring(180, reliable=True)
            centre.answer()
            world.run_until(lambda: caller.status, 100)
            assert caller.status == 200
            world.run(10.0)
            assert world.voice_faults(caller) == []
            caller.bye()
            world.settle(200)


def test_nothing_of_it_is_seen_in_an_ordinary_call(world: World) -> None:
    caller, centre = connected(world)
    assert not {"PRACK", "UPDATE"} & {*caller.heard, *centre.heard}
    ended(world, caller, centre)
