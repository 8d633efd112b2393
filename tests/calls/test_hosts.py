"""The host hands its role over and stays; a supervisor looks on unseen and may take over; who speaks is shown."""

from __future__ import annotations

import pytest

from splitter.calls.asks import (
    Admit,
    Admitted,
    Bind,
    Desk,
    HandOver,
    InvitePhone,
    Join,
    Remove,
    SetPart,
    Show,
    Watched,
    WatchOthers,
)
from splitter.calls.settings import CallSettings
from splitter.calls.states import PhonePart
from splitter.calls.view import CallView
from splitter.media.ports.events import SpeakerChanged
from tests.calls.kit import browser_offer, connected, denied, ended, told
from tests.calls.test_desk import party, room_of
from tests.calls.test_experts import ranks
from tests.calls.test_phones import over
from tests.calls.test_streams import offer_with
from tests.world import PeerCall, World

HOST, OTHER, BOSS = "7001", "7002", "7009"


def join(extension: str, kind: str = "desk") -> Join:
    return Join(Desk(f"tab of {extension}", extension, kind, by=extension), browser_offer(), "desks")


def with_two(world: World) -> tuple[PeerCall, PeerCall]:
    """A call with the host's desk and another one."""
    caller, centre = connected(world)
    told(world, caller, Bind(HOST, "cti"))
    told(world, caller, Admit(OTHER, HOST))
    for extension in (HOST, OTHER):
        assert isinstance(told(world, caller, join(extension)), Admitted)
    world.run(0.2)
    return caller, centre


def hidden_stays(view: CallView) -> set[str]:
    return {stay.name for stay in view.course.stays if stay.hidden}


class TestHandingOver:
    def test_changes_who_is_seen_first_and_puts_nobody_out(self, world: World) -> None:
        caller, centre = with_two(world)
        told(world, caller, HandOver(OTHER, HOST))
        world.run(0.1)
        view = world.call_of(caller).view()
        assert (view.extension, view.bound_by, view.admitted) == (OTHER, "client", (HOST,))
        assert [one.state for one in view.parties] == ["connected", "connected"]
        assert ranks(world, caller)["desk-1"] == (False, True) and ranks(world, caller)["desk-2"] == (True, False)
        assert [one.code for one in world.notices][-1] == "handed-over"
        told(world, caller, Remove("desk-1", HOST))
        assert isinstance(told(world, caller, join(HOST)), Admitted), "it may come back"
        ended(world, caller, centre)

    def test_is_for_desks_that_are_in_the_picture(self, world: World) -> None:
        caller, centre = with_two(world)
        told(world, caller, Join(Desk("phone", kind="expert", by="link"), browser_offer(), "desks"))
        assert denied(world, caller, HandOver(BOSS, HOST)) == (409, "not-in-call")
        assert denied(world, caller, HandOver("", HOST)) == (409, "not-in-call")
        assert denied(world, caller, HandOver(HOST, HOST)) == (409, "bound-already")
        ended(world, caller, centre)

    def test_lets_the_former_host_leave_while_the_others_go_on(self, world: World) -> None:
        caller, centre = with_two(world)
        told(world, caller, HandOver(OTHER, HOST))
        told(world, caller, Remove("desk-1", HOST))
        world.run(0.1)
        assert (party(world, caller, "desk-1"), party(world, caller, "desk-2")) == ("left", "connected")
        ended(world, caller, centre)


class TestASupervisor:
    def test_looks_on_without_being_asked_or_seen(self, world: World) -> None:
        caller, centre = with_two(world)
        admitted = told(world, caller, join(BOSS, "onlooker"))
        assert isinstance(admitted, Admitted) and admitted.name == "onlooker-1"
        assert [line.direction for line in admitted.answer.media] == ["sendonly"]
        world.run(0.1)
        media = room_of(world, caller).members["onlooker-1"]
        assert media is not None and media.sending and not media.receiving and media.aside
        assert world.call_of(caller).view().parties[-1].kind == "onlooker", "the agent is shown it"
        watched = told(world, caller, WatchOthers("onlooker-1", offer_with(1), (("1", "desk-2"),)))
        assert isinstance(watched, Watched)
        assert [line.direction for line in watched.answer.media] == ["sendonly", "sendonly"]
        ended(world, caller, centre)

    def test_is_hidden_from_desks_where_that_is_configured(self) -> None:
        with World(settings=CallSettings(show_supervisors=False)) as world:
            caller, centre = with_two(world)
            told(world, caller, join(BOSS, "onlooker"))
            told(world, caller, InvitePhone("8002", BOSS, PhonePart.LISTENS))
            phone = world.pbx.take()
            phone.answer()
            phone.expect("ACK")
            world.run(0.5)
            view = world.call_of(caller).view()
            assert {party.name: party.hidden for party in view.parties} == {
                "desk-1": False,
                "desk-2": False,
                "onlooker-1": True,
            }
            assert [phone.hidden for phone in view.phones] == [True]
            assert hidden_stays(view) == {"onlooker-1", "phone-1"}
            told(world, caller, SetPart("phone-1", PhonePart.WHISPERS, BOSS))
            view = world.call_of(caller).view()
            assert not view.phones[0].hidden, "who is heard is seen"
            assert "8002" not in view.admitted, "its desk looks on, as before"
            assert hidden_stays(view) == {"onlooker-1"}
            told(world, caller, SetPart("phone-1", PhonePart.LISTENS, BOSS))
            told(world, caller, Remove("onlooker-1", BOSS))
            view = world.call_of(caller).view()
            assert hidden_stays(view) == {"onlooker-1"}, "who has left was not there, and who was seen was"
            over(world, caller, centre, phone)

    def test_takes_over_and_is_seen_then(self, world: World) -> None:
        caller, centre = with_two(world)
        told(world, caller, join(BOSS, "onlooker"))
        told(world, caller, Remove("onlooker-1", BOSS))
        told(world, caller, HandOver(BOSS, BOSS, takes=True))
        told(world, caller, join(BOSS))
        world.run(0.1)
        assert world.call_of(caller).view().extension == BOSS
        assert ranks(world, caller)["desk-3"] == (True, False) and ranks(world, caller)["desk-1"] == (False, True)
        assert party(world, caller, "desk-1") == "connected"
        ended(world, caller, centre)

    def test_of_a_call_that_is_nobodys_does_not_get_it_by_looking(self, world: World) -> None:
        caller, centre = connected(world)
        told(world, caller, join(BOSS, "onlooker"))
        assert world.call_of(caller).view().extension == ""
        ended(world, caller, centre)


def says(world: World, caller: PeerCall, end: str) -> None:
    """The mixer hears this voice."""
    call = world.call_of(caller)
    call.post(SpeakerChanged(call.talk.call_id, end))
    world.run(0.1)


class TestTheSpeaker:
    def test_is_shown_to_the_caller_and_stays_while_nobody_who_is_seen_speaks(self, world: World) -> None:
        caller, centre = with_two(world)
        told(world, caller, Show("speaker", HOST))
        room = room_of(world, caller)
        assert room.chosen["caller"] == "" and world.call_of(caller).view().chosen == "speaker"
        for end, seen in (("centre", "desk-1"), ("caller", "desk-1"), ("", "desk-1"), ("phone-1", "desk-1")):
            says(world, caller, end)
            assert room.chosen["caller"] == seen, end
        ended(world, caller, centre)

    def test_is_somebody_else_for_each_viewer(self, world: World) -> None:
        caller, centre = with_two(world)
        told(world, caller, Show("speaker", HOST, viewer="desk-1"))
        says(world, caller, "centre")
        assert room_of(world, caller).chosen["desk-1"] == "", "not itself"
        world.call_of(caller).talk.video.sends = True
        says(world, caller, "caller")
        assert room_of(world, caller).chosen["desk-1"] == "caller"
        ended(world, caller, centre)

    def test_who_leaves_gives_way_to_the_host(self, world: World) -> None:
        caller, centre = with_two(world)
        told(world, caller, Show("speaker", HOST))
        told(world, caller, HandOver(OTHER, HOST))
        says(world, caller, "centre")
        assert room_of(world, caller).chosen["caller"] == "desk-2"
        told(world, caller, Remove("desk-2", OTHER))
        world.run(0.1)
        assert world.call_of(caller).talk.room.speakers == []
        assert world.call_of(caller).talk.room.choices == {"caller": "speaker"}
        ended(world, caller, centre)

    @pytest.mark.parametrize("end", ["centre", "nobody", "x" * 1000])
    def test_without_a_choice_changes_nothing(self, end: str, world: World) -> None:
        caller, centre = with_two(world)
        asked = world.engine.asked.get("show", 0)
        says(world, caller, end)
        assert world.engine.asked.get("show", 0) == asked
        ended(world, caller, centre)
