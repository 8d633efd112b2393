"""The centre takes a call over from itself (RFC 3891): an attended transfer inside it, or a call that another phone picks up."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.lab.offers import VideoLine, Voice
from tests.dialogs.kit import arrived, connected, ended, header, lose, notes, nothing_left, relay_target, said, sdp
from tests.world import PeerCall, World


def naming(centre: PeerCall, flags: str = "", *, to_tag: str = "", from_tag: str = "") -> tuple[str, str]:
    """Replaces for this peer's dialog with us: our tag is the From of the INVITE that it got."""
    dialog = centre.dialog or centre.early_dialogs[""]
    value = f"{centre.sip_call_id};to-tag={to_tag or dialog.remote_tag};from-tag={from_tag or dialog.local_tag}{flags}"
    return "Replaces", value


def replacing(world: World, centre: PeerCall, flags: str = "", **more: Any) -> PeerCall:
    """The centre's INVITE that takes the place of its call; G.711 and AMR as a PBX offers."""
    more = {"picture": VideoLine.NONE, "voice": Voice.AMR, **more}
    headers = [naming(centre, flags), *more.pop("headers", ())]
    return centre.peer.invite("anything", headers=headers, **more)


def hangs_up(world: World, caller: PeerCall, centre: PeerCall) -> None:
    world.run(0.2)
    caller.unread.clear()
    centre.unread.clear()
    ended(world, caller, centre)


class TestConfirmedDialog:
    def test_the_newcomer_takes_its_place_and_the_caller_need_not_know(self, world: World) -> None:
        caller, first = connected(world)
        assert "replaces" in header(first.invite, "supported")
        second = replacing(world, first)
        answer = sdp(second.expect("200"))
        assert [media.kind for media in answer.media] == ["audio"] and answer.media[0].formats == ("107", "101")
        assert 'text="replaced"' in header(first.expect("BYE"), "reason")
        world.run(0.2)
        assert relay_target(world, caller, 1) == second.terminal.local("audio")
        assert world.voice_faults(caller) == []
        caller.hears_nothing(2.0)
        assert "centre-2 takes the place of centre" in notes(world, caller)
        call = world.call_of(caller)
        assert [leg.name for leg in call.view().legs] == ["centre", "caller", "centre-2"]
        ended(world, caller, second)

    def test_everything_works_with_it_afterwards(self, world: World) -> None:
        caller, first = connected(world)
        second = replacing(world, first)
        second.expect("200")
        world.run(0.2)
        caller.reinvite(audio="sendonly")
        assert sdp(second.expect("INVITE")).direction_of(0) == "sendonly"
        caller.expect("200 re-INVITE")
        caller.reinvite(audio="sendrecv")
        second.expect("INVITE")
        caller.expect("200 re-INVITE")
        second.reinvite(audio="inactive")
        caller.expect("INVITE")
        second.expect("200 re-INVITE")
        second.bye([("Reason", "Q.850;cause=16")])
        assert header(caller.expect("BYE"), "reason") == "Q.850;cause=16"
        nothing_left(world, caller, first, second)

    def test_again_and_again(self, world: World) -> None:
        caller, centre = connected(world)
        for _ in range(4):
            before, centre = centre, replacing(world, centre)
            centre.expect("200")
            world.run(0.2)
            assert before.state == "ended" and world.voice_faults(caller) == []
        assert not caller.unread
        ended(world, caller, centre)

    def test_another_codec_is_agreed_with_the_caller(self, world: World) -> None:
        caller, first = connected(world, voice=Voice.EVS)
        second = replacing(world, first, voice=Voice.G711)
        offer = sdp(caller.expect("INVITE"))
        assert offer.media[0].codecs[0].name.upper() == "PCMA" and offer.media[1].port
        assert sdp(second.expect("200")).media[0].codecs[0].name.upper() == "PCMA"
        first.expect("BYE")
        world.run(0.2)
        assert world.voice_faults(caller) == []
        hangs_up(world, caller, second)

    def test_a_call_on_hold_is_taken_back(self, world: World) -> None:
        caller, first = connected(world)
        first.reinvite(audio="sendonly")
        caller.expect("INVITE")
        first.expect("200 re-INVITE")
        second = replacing(world, first)
        assert sdp(caller.expect("INVITE")).direction_of(0) == "sendrecv"
        assert sdp(second.expect("200")).direction_of(0) == "sendrecv"
        first.expect("BYE")
        world.run(0.2)
        assert world.voice_faults(caller) == []
        hangs_up(world, caller, second)

    def test_no_codec_in_common_changes_nothing(self, world: World) -> None:
        caller, first = connected(world, voice=Voice.AMR)
        caller.on_reinvite = lambda call: call.decline(488)
        second = replacing(world, first, voice=Voice.G711)
        caller.expect("INVITE")
        second.expect("488")
        first.hears_nothing(1.0)
        ended(world, caller, first)

    def test_without_an_offer(self, world: World) -> None:
        caller, first = connected(world)
        second = replacing(world, first, offer=b"")
        offer = sdp(second.expect("200"))
        assert [media.kind for media in offer.media] == ["audio"]
        first.expect("BYE")
        world.run(0.3)
        assert relay_target(world, caller, 1) == second.terminal.local("audio")
        assert world.voice_faults(caller) == []
        hangs_up(world, caller, second)

    def test_the_session_timer_of_the_one_before_is_dead(self, world: World) -> None:
        caller, first = arrived(world)
        first.answer(headers=[("Session-Expires", "100;refresher=uas"), ("Require", "timer")])
        caller.expect("200")
        world.run(0.2)
        second = replacing(world, first, timer_s=400)
        assert header(second.expect("200"), "session-expires") == "400;refresher=uac"
        world.run(650)
        assert caller.state == second.state == "confirmed"
        caller.unread.clear()
        second.unread.clear()
        ended(world, caller, second)

    def test_require_replaces(self, world: World) -> None:
        caller, first = connected(world)
        second = replacing(world, first, headers=[("Require", "replaces")])
        second.expect("200")
        ended(world, caller, second)

    def test_it_waits_while_the_caller_is_asked_something(self, world: World) -> None:
        caller, first = connected(world)
        caller.on_reinvite = lambda call: None
        first.reinvite(audio="sendonly")
        caller.expect("INVITE")
        second = replacing(world, first)
        second.hears_nothing(2.0)
        caller.on_reinvite = PeerCall.accept
        caller.accept()
        world.run(3.0)
        assert second.state == "confirmed" and first.state == "ended"
        assert world.voice_faults(caller) == []
        hangs_up(world, caller, second)

    def test_cancelled_while_the_caller_is_asked(self, world: World) -> None:
        caller, first = connected(world, voice=Voice.EVS)
        caller.on_reinvite = lambda call: None
        second = replacing(world, first, voice=Voice.G711)
        caller.expect("INVITE")
        second.cancel()
        second.expect("487")
        world.run(2.0)
        first.hears_nothing(1.0)
        assert world.voice_faults(caller) == [] and caller.state == "confirmed"
        hangs_up(world, caller, first)

    @pytest.mark.parametrize("after_ms", range(0, 40, 4))
    def test_cancelled_at_any_moment(self, after_ms: int, world: World) -> None:
        caller, first = connected(world, voice=Voice.EVS)
        second = replacing(world, first, voice=Voice.G711)
        world.run(after_ms / 1000)
        second.cancel()
        world.run(8.0)
        left = [call for call in (caller, first, second) if call.state == "confirmed"]
        if caller in left:
            assert world.voice_faults(caller) == []
            caller.bye()
        world.run(1.0)
        nothing_left(world, caller, first, second)

    @pytest.mark.parametrize("who", ["caller", "first"])
    @pytest.mark.parametrize("after_ms", [0, 8, 14, 22])
    def test_somebody_hangs_up_meanwhile(self, who: str, after_ms: int, world: World) -> None:
        caller, first = connected(world, voice=Voice.EVS)
        second = replacing(world, first, voice=Voice.G711)
        world.run(after_ms / 1000)
        (caller if who == "caller" else first).bye()
        world.run(5.0)
        if caller.state == "confirmed":
            assert world.voice_faults(caller) == []
            caller.bye()
        world.run(2.0)
        nothing_left(world, caller, first, second)

    def test_the_worker_dies_meanwhile(self, world: World) -> None:
        caller, first = connected(world, voice=Voice.EVS)
        second = replacing(world, first, voice=Voice.G711)
        world.run(0.012)
        world.engine.kill(0)
        world.engine.kill(1)
        world.run(8.0)
        assert second.state == "confirmed" and world.voice_faults(caller) == []
        hangs_up(world, caller, second)

    def test_its_ack_never_comes(self, world: World) -> None:
        caller, first = connected(world)
        lose(world, "ACK")
        second = replacing(world, first)
        second.expect("200")
        call = world.call_of(caller)
        world.engine.silent.add((call.talk.call_id, 1))
        world.run(40)
        lose(world)
        world.run(40)
        assert caller.state in ("ended", "confirmed")
        caller.bye()
        world.run(40)
        world.settle()


class TestEarlyDialog:
    """Another phone takes the call while the first one rings."""

    def ringing(self, world: World, media: bool = False) -> tuple[PeerCall, PeerCall]:
        caller, first = arrived(world)
        first.ring(180, media=media)
        caller.expect("180")
        world.run(0.1)
        return caller, first

    @pytest.mark.parametrize("flags", ["", ";early-only"])
    @pytest.mark.parametrize("media", [False, True])
    def test_is_picked_up(self, flags: str, media: bool, world: World) -> None:
        caller, first = self.ringing(world, media)
        second = replacing(world, first, flags)
        assert sdp(second.expect("200")).media[0].port
        answer = sdp(caller.expect("200"))
        assert answer.media[1].port, "with our video"
        assert "elsewhere" in header(first.expect("CANCEL"), "reason")
        world.run(0.2)
        assert world.voice_faults(caller) == []
        hangs_up(world, caller, second)

    def test_the_first_answers_at_the_same_moment(self, world: World) -> None:
        caller, first = self.ringing(world)
        second = replacing(world, first)
        first.answer()
        world.run(2.0)
        confirmed = [call for call in (first, second) if call.state == "confirmed"]
        assert len(confirmed) == 1 and world.voice_faults(caller) == []
        hangs_up(world, caller, confirmed[0])

    def test_nothing_in_common(self, world: World) -> None:
        caller, first = self.ringing(world)
        second = replacing(world, first, voice=Voice.G711)
        second.expect("488")
        first.answer()
        caller.expect("200")
        hangs_up(world, caller, first)

    def test_without_an_offer(self, world: World) -> None:
        caller, first = self.ringing(world)
        replacing(world, first, offer=b"").expect("488")
        first.answer()
        caller.expect("200")
        hangs_up(world, caller, first)

    def test_the_caller_hangs_up_at_the_same_moment(self, world: World) -> None:
        caller, first = self.ringing(world)
        second = replacing(world, first)
        caller.cancel()
        world.run(2.0)
        nothing_left(world, caller, first, second)


class TestRefused:
    @pytest.mark.parametrize("tags", [{"to_tag": "x"}, {"from_tag": "x"}])
    def test_a_dialog_that_is_not_there(self, tags: dict[str, str], world: World) -> None:
        caller, centre = connected(world)
        world.pbx.invite("x", headers=[naming(centre, **tags)], picture=VideoLine.NONE).expect("481")
        ended(world, caller, centre)

    def test_a_dialog_that_is_over(self, world: World) -> None:
        caller, centre = connected(world)
        name = naming(centre)
        ended(world, caller, centre)
        world.pbx.invite("x", headers=[name], picture=VideoLine.NONE).expect("481")
        world.settle()

    def test_early_only_once_it_was_answered(self, world: World) -> None:
        caller, centre = connected(world)
        replacing(world, centre, ";early-only").expect("486")
        ended(world, caller, centre)

    def test_the_callers_dialog_is_not_the_centres_to_replace(self, world: World) -> None:
        caller, centre = connected(world)
        world.pbx.invite("x", headers=[naming(caller)], picture=VideoLine.NONE).expect("481")
        ended(world, caller, centre)

    @pytest.mark.parametrize(
        "value", ["x", ";to-tag=a;from-tag=b", "x;to-tag=a", "x;to-tag=a;from-tag=b, y;to-tag=a;from-tag=b"]
    )
    def test_unreadable(self, value: str, world: World) -> None:
        world.pbx.invite("x", headers=[("Replaces", value)], picture=VideoLine.NONE).expect("400")
        world.settle()

    def test_an_ordinary_invite_of_the_centre_is_403_as_ever(self, world: World) -> None:
        world.pbx.invite("110", picture=VideoLine.NONE).expect("403")
        world.settle()

    def test_two_at_once(self, world: World) -> None:
        caller, first = connected(world, voice=Voice.EVS)
        caller.on_reinvite = lambda call: None
        second = replacing(world, first, voice=Voice.G711)
        caller.expect("INVITE")
        third = replacing(world, first, voice=Voice.G711)
        assert header(third.expect("500"), "retry-after")
        caller.accept()
        second.expect("200")
        hangs_up(world, caller, second)

    def test_from_the_callers_side_it_means_nothing(self, world: World) -> None:
        """We do not say that we support it there: it is not looked at (RFC 3891 §3)."""
        caller, centre = connected(world)
        other = world.sbc.invite("110", headers=[naming(centre)])
        second = world.pbx.take()
        second.refuse(486)
        other.expect("486")
        ended(world, caller, centre)

    def test_refer_is_405(self, world: World) -> None:
        caller, centre = connected(world)
        for call in (caller, centre):
            call.request("REFER", [("Refer-To", "<sip:8002@10.2.0.5>")])
            assert "REFER" not in header(call.expect("405 REFER"), "allow")
        assert not said(world, caller, "NOTIFY")
        ended(world, caller, centre)
