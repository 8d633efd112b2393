"""UPDATE before and after the answer (RFC 3311), glare (RFC 3261 §14), and what a re-INVITE may come to (RFC 6141)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.sdp.write import write
from tests.dialogs.kit import (
    arrived,
    connected,
    ended,
    header,
    line,
    narrowed,
    nothing_left,
    picked_up,
    relay_target,
    ringing,
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
