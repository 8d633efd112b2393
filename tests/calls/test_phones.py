"""Phones that are invited into the voice of a call: they ring, join, and go, and the two who talk lose nothing."""

from __future__ import annotations

import pytest

from splitter.calls.asks import InvitePhone, LeaveVoice, MuteVoice, PhoneInvited, RemovePhone, SetPart
from splitter.calls.settings import CallSettings
from splitter.calls.states import PhonePart
from splitter.calls.view import PhoneView
from splitter.core.errors import MediaUnavailable
from splitter.lab.offers import Voice
from tests.calls.kit import asking, denied, redirecting, told
from tests.calls.kit import connected as answered
from tests.world import PeerCall, World
from tests.world.relays import Relay

EXTENSION, OUTSIDE = "8002", "13900001111"


def connected(world: World, voice: Voice = Voice.G711) -> tuple[PeerCall, PeerCall]:
    """An answered call; (caller, centre)."""
    return answered(world, voice=voice)


def invited(world: World, caller: PeerCall, number: str = EXTENSION, part: PhonePart = PhonePart.TALKS) -> PeerCall:
    """A phone that is being called."""
    answer = told(world, caller, InvitePhone(number, "agent 8001", part))
    assert isinstance(answer, PhoneInvited)
    return (world.sbc if number == OUTSIDE else world.pbx).take()


def joined(world: World, caller: PeerCall, number: str = EXTENSION, part: PhonePart = PhonePart.TALKS) -> PeerCall:
    """A phone that is in the call."""
    phone = invited(world, caller, number, part)
    phone.ring(180)
    phone.answer()
    phone.expect("ACK")
    world.run_until(lambda: phones(world, caller)[-1].state == "joined", 10.0)
    world.run(0.1)
    return phone


def phones(world: World, caller: PeerCall) -> tuple[PhoneView, ...]:
    return world.call_of(caller).view().phones


def relay(world: World, caller: PeerCall) -> Relay:
    found = world.engine.relay_of(world.call_of(caller).talk.call_id)
    assert found is not None
    return found


def heard_by(world: World, caller: PeerCall) -> dict[str, set[str]]:
    """Who hears whom, by name."""
    voice, found = world.call_of(caller).talk.voice, relay(world, caller)
    names = {voice.number(name): name for name in voice.names}
    return {names[side]: {names[one] for one in found.hears(side)} for side in found.pointed}


ALL = {
    "caller": {"centre", "phone-1"},
    "centre": {"caller", "phone-1"},
    "phone-1": {"caller", "centre"},
}


def over(world: World, caller: PeerCall, *others: PeerCall) -> None:
    """The caller hangs up, all others hear of it, and nothing is left."""
    for one in (caller, *others):
        one.unread.clear()
    caller.bye()
    for one in others:
        one.expect("BYE")
    world.settle()


class TestAPhone:
    def test_joins_the_voice_of_the_two(self, world: World) -> None:
        caller, centre = connected(world)
        before = relay(world, caller).handle
        phone = joined(world, caller)
        assert heard_by(world, caller) == ALL and relay(world, caller).handle == before
        assert not caller.unread and not centre.unread, "the two notice nothing"
        view = phones(world, caller)[0]
        assert (view.name, view.number, view.by, view.state) == ("phone-1", EXTENSION, "agent 8001", "joined")
        over(world, caller, centre, phone)

    def test_from_outside_sees_the_number_that_callers_know(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller, OUTSIDE)
        assert phone.invite.from_.user == "110" and phone.invite.uri.startswith(f"sip:{OUTSIDE}@")
        assert [line.kind for line in phone.offered_session().media] == ["audio"]
        assert heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_is_told_which_call_it_is_where_it_is_a_colleague(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        call = world.call_of(caller)
        assert phone.invite.headers.get("x-splitter-call") == call.talk.call_id
        assert call.view().admitted == (EXTENSION,), "its desk may see what it talks about"
        over(world, caller, centre, phone)

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [(486, "busy"), (600, "busy"), (603, "refused"), (404, "unreachable"), (480, "no-answer"), (488, "no-codec")],
    )
    def test_that_does_not_come_says_why(self, world: World, status: int, outcome: str) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller, OUTSIDE)
        phone.ring(180)
        world.run(0.1)
        assert phones(world, caller)[0].state == "ringing"
        phone.refuse(status)
        world.run(0.2)
        view = phones(world, caller)[0]
        assert (view.state, view.outcome) == ("left", outcome) and str(status) in view.reason
        assert len(relay(world, caller).local) == 2
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_goes_by_the_next_trunk_where_one_cannot(self, world: World) -> None:
        caller, centre = connected(world)
        invited(world, caller).refuse(503)
        phone = world.pbx2.take()
        phone.answer()
        phone.expect("ACK")
        world.run(0.2)
        assert heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_whose_calls_are_forwarded_is_called_there(self, world: World) -> None:
        caller, centre = connected(world)
        redirecting(world, (302, "<sip:8005@pbx>"))
        phone = joined(world, caller)
        assert phone.invite.uri.startswith("sip:8005@") and heard_by(world, caller) == ALL
        assert phones(world, caller)[0].number == EXTENSION, "who was invited"
        over(world, caller, centre, phone)

    def test_outside_is_not_called_elsewhere(self, world: World) -> None:
        """Where a call may go, and who pays for it, is not for a phone to say."""
        caller, centre = connected(world)
        redirecting(world, (302, "<sip:0900@sbc>"), by=world.sbc)
        told(world, caller, InvitePhone(OUTSIDE, "agent 8001"))
        world.run(1)
        assert phones(world, caller)[0].state == "left" and not world.sbc.arrived
        over(world, caller, centre)

    def test_rings_for_a_minute_at_most(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        phone.ring(180)
        phone.expect("CANCEL", 61.0)
        assert phones(world, caller)[0].outcome == "no-answer"
        over(world, caller, centre)

    def test_is_withdrawn_while_it_rings(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        phone.ring(180)
        world.run(0.1)
        told(world, caller, RemovePhone("phone-1", "agent 8001"))
        phone.expect("CANCEL")
        assert phones(world, caller)[0].outcome == "withdrawn"
        over(world, caller, centre)

    def test_that_answers_as_it_is_withdrawn_is_ended(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        phone.ring(180)
        world.run(0.1)
        phone.answer()
        told(world, caller, RemovePhone("phone-1", "agent 8001"))
        world.run(1.0)
        assert phone.state == "ended" and [one.outcome for one in phones(world, caller)] in (["withdrawn"], ["removed"])
        over(world, caller, centre)

    def test_hangs_up_and_the_two_go_on(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        phone.bye()
        phone.expect("200 BYE")
        world.run(0.2)
        assert phones(world, caller)[0].outcome == "hung-up"
        assert heard_by(world, caller) == {"caller": {"centre"}, "centre": {"caller"}}
        assert world.voice_faults(caller) == [] and not caller.unread
        over(world, caller, centre)

    def test_is_taken_out(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        told(world, caller, RemovePhone("phone-1", "agent 8001"))
        phone.expect("BYE")
        assert phones(world, caller)[0].outcome == "removed"
        over(world, caller, centre)

    def test_is_not_heard_while_it_holds_nor_is_its_music(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        phone.reinvite(audio="sendonly")
        phone.expect("200 re-INVITE")
        world.run(0.2)
        assert heard_by(world, caller)["caller"] == {"centre"} and heard_by(world, caller)["centre"] == {"caller"}
        phone.reinvite(audio="sendrecv")
        phone.expect("200 re-INVITE")
        world.run(0.2)
        assert heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    @pytest.mark.parametrize(
        ("part", "by_caller", "by_centre"),
        [(PhonePart.LISTENS, {"centre"}, {"caller"}), (PhonePart.WHISPERS, {"centre"}, {"caller", "phone-1"})],
    )
    def test_is_heard_as_its_part_says(
        self, world: World, part: PhonePart, by_caller: set[str], by_centre: set[str]
    ) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller, part=part)
        heard = heard_by(world, caller)
        assert (heard["caller"], heard["centre"], heard["phone-1"]) == (by_caller, by_centre, {"caller", "centre"})
        over(world, caller, centre, phone)


class TestThoseWhoTalk:
    def test_are_asked_for_g711_where_they_speak_what_cannot_be_mixed(self, world: World) -> None:
        caller, centre = connected(world, voice=Voice.AMR)
        phone = invited(world, caller)
        phone.answer()
        phone.expect("ACK")
        asked = caller.expect("INVITE")
        assert asked.session is not None
        assert [codec.name for codec in asked.session.media[0].codecs][:2] == ["PCMA", "PCMU"]
        centre.expect("INVITE")
        world.run(1.0)
        assert phones(world, caller)[0].state == "joined" and heard_by(world, caller) == ALL
        phone.bye()
        world.run(2.0)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_talk_on_where_one_of_them_takes_no_g711(self, world: World) -> None:
        caller, centre = connected(world, voice=Voice.AMR)
        caller.on_reinvite = lambda call: call.decline(488)
        phone = invited(world, caller)
        phone.answer()
        phone.expect("ACK")
        caller.expect("INVITE")
        phone.expect("BYE")
        assert phones(world, caller)[0].outcome == "no-codec"
        centre.unread.clear()
        world.run(5.0)
        over(world, caller, centre)

    def test_hold_without_anybody_else_being_told(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(0.2)
        assert heard_by(world, caller)["caller"] == {"phone-1"} and heard_by(world, caller)["phone-1"] == {"caller"}
        assert not caller.unread and not phone.unread
        centre.reinvite(audio="sendrecv")
        centre.expect("200 re-INVITE")
        world.run(0.2)
        assert heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_are_muted_one_by_one(self, world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, MuteVoice("caller", True, "agent 8001")) == (409, "pair")
        phone = joined(world, caller)
        told(world, caller, MuteVoice("phone-1", True, "agent 8001"))
        told(world, caller, MuteVoice("caller", True, "agent 8001"))
        world.run(0.2)
        assert heard_by(world, caller) == {"caller": {"centre"}, "centre": set(), "phone-1": {"centre"}}
        assert world.call_of(caller).view().muted == ("caller", "phone-1")
        told(world, caller, MuteVoice("caller", False, "agent 8001"))
        told(world, caller, MuteVoice("phone-1", False, "agent 8001"))
        world.run(0.2)
        assert heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_end_the_call_for_all(self, world: World) -> None:
        caller, centre = connected(world)
        first, second = joined(world, caller), joined(world, caller, OUTSIDE)
        assert len(relay(world, caller).pointed) == 4
        centre.bye()
        caller.expect("BYE")
        first.expect("BYE")
        second.expect("BYE")
        world.settle()

    def test_end_it_while_one_rings(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        phone.ring(180)
        world.run(0.1)
        caller.bye()
        centre.expect("BYE")
        phone.expect("CANCEL")
        world.settle()


class TestWhoMayBeInvited:
    def test_is_a_number_that_a_route_of_seats_has(self, world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, InvitePhone("900123456", "agent 8001")) == (403, "not-allowed")
        assert denied(world, caller, InvitePhone("110", "agent 8001")) == (403, "not-allowed")
        over(world, caller, centre)

    def test_is_told_from_one_to_whom_no_line_is_free(self) -> None:
        with World(trunk={"max_calls": 1}) as world:
            caller, centre = connected(world)
            assert denied(world, caller, InvitePhone(OUTSIDE, "agent 8001")) == (503, "no-line")
            over(world, caller, centre)

    def test_is_one_who_is_not_there_yet_and_of_four_voices_at_most(self, world: World) -> None:
        caller, centre = connected(world)
        first, second = joined(world, caller), invited(world, caller, OUTSIDE)
        assert denied(world, caller, InvitePhone("8003", "agent 8001")) == (409, "full")
        first.bye()
        world.run(0.5)
        assert denied(world, caller, InvitePhone(OUTSIDE, "agent 8001")) == (409, "invited-already")
        second.refuse(486)
        world.run(0.5)
        over(world, caller, centre)

    def test_nobody_before_the_call_is_answered(self, world: World) -> None:
        caller = world.sbc.invite()
        centre = world.pbx.take()
        centre.ring(180)
        caller.expect("180")
        assert denied(world, caller, InvitePhone(EXTENSION, "agent 8001")) == (409, "not-connected")
        centre.answer()
        caller.expect("200")
        over(world, caller, centre)

    def test_nobody_by_an_engine_that_mixes_not(self, world: World) -> None:
        world.engine.can = frozenset()
        caller, centre = connected(world)
        assert denied(world, caller, InvitePhone(EXTENSION, "agent 8001")) == (409, "no-mixer")
        over(world, caller, centre)


class TestWhatDies:
    def test_a_worker_and_the_same_mix_is_made_at_the_same_ports(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        told(world, caller, MuteVoice("phone-1", True, "agent 8001"))
        world.run(0.1)
        muted, before = heard_by(world, caller), relay(world, caller)
        for one in (caller, centre, phone):
            one.unread.clear()
        world.engine.kill(before.worker)
        world.run(1.0)
        after = relay(world, caller)
        assert after is not before and (after.handle, after.local, after.remote) == (
            before.handle,
            before.local,
            before.remote,
        )
        assert heard_by(world, caller) == muted and world.voice_faults(caller) == []
        assert not caller.unread and not centre.unread and not phone.unread, "nobody is told anything"
        told(world, caller, MuteVoice("phone-1", False, "agent 8001"))
        world.run(0.1)
        assert heard_by(world, caller) == ALL
        told(world, caller, RemovePhone("phone-1", "agent 8001"))
        phone.expect("BYE")
        world.run(0.1)
        assert heard_by(world, caller) == {"caller": {"centre"}, "centre": {"caller"}}
        over(world, caller, centre)

    def test_a_worker_whose_ports_are_not_to_be_had_and_all_voices_move(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        for one in (caller, centre, phone):
            one.unread.clear()
        world.engine.fault = lambda operation, _: MediaUnavailable("taken") if operation == "restore" else None
        world.engine.kill(relay(world, caller).worker)
        for one in (phone, centre, caller):
            one.expect("INVITE")
        world.run(2.0)
        assert heard_by(world, caller) == ALL and world.voice_faults(caller) == []
        over(world, caller, centre, phone)

    def test_the_only_worker_and_the_mix_waits_for_the_next_one(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        before = relay(world, caller)
        world.engine.down = {1 - before.worker}
        for one in (caller, centre, phone):
            one.unread.clear()
        world.engine.kill(before.worker)
        world.run(1.5)
        assert relay(world, caller).handle == before.handle and heard_by(world, caller) == ALL
        assert not caller.unread and not centre.unread and not phone.unread
        over(world, caller, centre, phone)

    def test_a_worker_while_a_second_phone_gets_its_ports(self, world: World) -> None:
        caller, centre = connected(world)
        first = joined(world, caller)
        asking(world, caller, InvitePhone(OUTSIDE, "agent 8001"))
        world.run_until(lambda: world.engine.asked.get("add_side", 0) == 2, 1.0)
        world.engine.kill(relay(world, caller).worker)
        second = world.sbc.take()
        second.answer()
        world.run(1.0)
        assert [one.state for one in phones(world, caller)] == ["joined", "joined"]
        assert heard_by(world, caller)["phone-2"] == {"caller", "centre", "phone-1"}
        over(world, caller, centre, first, second)

    def test_a_worker_and_a_phone_that_leaves_meanwhile_and_one_that_takes_over(self, world: World) -> None:
        caller, centre = connected(world)
        first, second = joined(world, caller), joined(world, caller, OUTSIDE)
        world.engine.delay = lambda: 0.2
        world.engine.kill(relay(world, caller).worker)
        world.run(0.05)
        told(world, caller, RemovePhone("phone-2", "agent 8001"))
        told(world, caller, LeaveVoice("agent 8001"))
        second.expect("BYE")
        centre.expect("BYE")
        world.run(2.0)
        assert heard_by(world, caller) == {"caller": {"centre"}, "centre": {"caller"}}
        assert len(relay(world, caller).local) == 2
        over(world, caller, first)

    def test_the_gateway_while_the_mix_moves(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        handle = relay(world, caller).handle
        world.engine.down = {0, 1}
        world.engine.kill(relay(world, caller).worker, back_after_s=None)
        world.run(0.5)
        assert world.restart().taken_up == 1
        world.engine.down = set()
        world.run(2.0)
        assert relay(world, caller).handle == handle and heard_by(world, caller) == ALL
        over(world, caller, centre, phone)

    def test_the_gateway_with_a_phone_in_the_call(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        assert world.restart().taken_up == 1
        world.run(0.5)
        assert heard_by(world, caller) == ALL and phones(world, caller)[0].state == "joined"
        told(world, caller, MuteVoice("phone-1", True, "agent 8001"))
        world.run(0.2)
        assert heard_by(world, caller)["caller"] == {"centre"}
        phone.bye()
        world.run(0.5)
        over(world, caller, centre)

    def test_the_gateway_while_one_rings_which_rings_no_longer(self, world: World) -> None:
        caller, centre = connected(world)
        phone = invited(world, caller)
        phone.ring(180)
        world.run(0.5)
        assert world.restart().taken_up == 1
        phone.expect("CANCEL")
        world.run(2.0)
        assert world.call_of(caller).view().phones == ()
        over(world, caller, centre)

    def test_the_gateway_and_the_worker_at_once(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        world.lives[-1].records.flush()
        world.kill()
        world.engine.relays.clear()
        assert world.begin_again().taken_up == 1
        world.run(0.5)
        assert heard_by(world, caller) == ALL
        over(world, caller, centre, phone)


class TestTheAgent:
    def test_leaves_and_the_others_go_on_as_a_pair(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller, OUTSIDE)
        told(world, caller, LeaveVoice("agent 8001"))
        centre.expect("BYE")
        world.run(1.0)
        assert not caller.unread and not phone.unread, "those who go on notice nothing"
        assert heard_by(world, caller) == {"caller": {"centre"}, "centre": {"caller"}}
        view = world.call_of(caller).view()
        assert (view.state, view.route, view.extension, view.phones[-1].outcome) == ("connected", "sbc", "", "promoted")
        phone.reinvite(audio="sendonly")  # what a pair does: the other side is told
        caller.expect("INVITE")
        phone.expect("200 re-INVITE")
        over(world, caller, phone)

    def test_leaves_a_colleague_whose_desk_has_the_call_then(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        told(world, caller, LeaveVoice("agent 8001"))
        centre.expect("BYE")
        world.run(0.2)
        assert world.call_of(caller).view().extension == EXTENSION
        phone.bye()
        caller.expect("BYE")
        world.settle()

    def test_leaves_two_behind(self, world: World) -> None:
        caller, centre = connected(world)
        first, second = joined(world, caller), joined(world, caller, OUTSIDE)
        told(world, caller, LeaveVoice("agent 8001"))
        centre.expect("BYE")
        world.run(0.2)
        assert heard_by(world, caller) == {
            "caller": {"centre", "phone-2"},
            "centre": {"caller", "phone-2"},
            "phone-2": {"caller", "centre"},
        }
        over(world, caller, first, second)

    def test_cannot_leave_the_caller_alone(self, world: World) -> None:
        caller, centre = connected(world)
        assert denied(world, caller, LeaveVoice("agent 8001")) == (409, "alone")
        phone = joined(world, caller, part=PhonePart.LISTENS)
        assert denied(world, caller, LeaveVoice("agent 8001")) == (409, "alone")
        over(world, caller, centre, phone)

    def test_hangs_up_and_the_others_go_on_where_that_is_configured(self) -> None:
        with World(settings=CallSettings(go_on_without_agent=True)) as world:
            caller, centre = connected(world)
            phone = joined(world, caller)
            centre.bye()
            world.run(1.0)
            assert heard_by(world, caller) == {"caller": {"centre"}, "centre": {"caller"}}
            over(world, caller, phone)

    @pytest.mark.parametrize("engine_too", [False, True])
    def test_has_left_when_the_gateway_dies(self, world: World, engine_too: bool) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        told(world, caller, LeaveVoice("agent 8001"))
        centre.expect("BYE")
        world.run(0.5)
        world.lives[-1].records.flush()
        world.kill()
        if engine_too:
            world.engine.relays.clear()
        assert world.begin_again().taken_up == 1
        world.run(0.5)
        assert heard_by(world, caller) == {"caller": {"centre"}, "centre": {"caller"}}
        over(world, caller, phone)

    def test_has_left_when_the_worker_dies(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller)
        told(world, caller, LeaveVoice("agent 8001"))
        centre.expect("BYE")
        world.run(0.5)
        world.engine.kill(relay(world, caller).worker)
        phone.expect("INVITE")
        caller.expect("INVITE")
        world.run(1.0)
        assert heard_by(world, caller) == {"caller": {"centre"}, "centre": {"caller"}}
        over(world, caller, phone)


class TestASupervisor:
    def test_listens_whispers_talks_and_takes_over(self, world: World) -> None:
        caller, centre = connected(world)
        phone = joined(world, caller, part=PhonePart.LISTENS)
        assert heard_by(world, caller)["centre"] == {"caller"}
        told(world, caller, SetPart("phone-1", PhonePart.WHISPERS, "boss"))
        world.run(0.2)
        assert (heard_by(world, caller)["centre"], heard_by(world, caller)["caller"]) == (
            {"caller", "phone-1"},
            {"centre"},
        )
        told(world, caller, SetPart("phone-1", PhonePart.TALKS, "boss"))
        world.run(0.2)
        assert heard_by(world, caller) == ALL
        told(world, caller, LeaveVoice("boss"))
        centre.expect("BYE")
        world.run(0.2)
        assert world.call_of(caller).view().extension == EXTENSION
        over(world, caller, phone)


class TestAnEngineThatConnectsTwoAlone:
    def test_hands_the_voice_to_one_that_mixes(self, world: World) -> None:
        caller, centre = connected(world)
        first = relay(world, caller).handle
        can_on = world.engine.can_on
        world.engine.can_on = lambda relay: frozenset() if relay == first else can_on(relay)  # type: ignore[method-assign]
        phone = invited(world, caller)
        phone.answer()
        world.run(3.0)
        assert relay(world, caller).handle != first and phones(world, caller)[-1].state == "joined"
        assert heard_by(world, caller) == ALL
        over(world, caller, centre, phone)
