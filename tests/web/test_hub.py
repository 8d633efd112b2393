"""Who is told what happens: what each scope hears of which calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from splitter.calls.desks import ClientView, DeskView
from splitter.calls.logins.access import Scope
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.states import LegState, PartyKind, PartyState, PhonePart, PhoneState
from splitter.calls.view import (
    CourseView,
    LegView,
    Notice,
    PartyView,
    PhoneView,
    RecordingView,
    StayView,
)
from splitter.web.access.bearer import CONSOLE, Bearer
from splitter.web.events.hub import Hub
from tests.telemetry.kit import VirtualClock
from tests.web.hub_kit import LI, PARTY, READER, WANG, Stand, heard, news, words
from tests.web.kit import CALL, ended


class TestGreeting:
    def test_says_what_lives_and_then_ready(self) -> None:
        stand = Stand()
        stand.call()
        stand.hub.desk(DeskView("8001", "online", (ClientView("tab-1", "webrtc", 5.0),)))
        frames = heard(stand.hub.attach(READER))
        assert words(frames) == ["hello", "call connected", "desk", "ready"]
        assert frames[0]["resumed"] is False and frames[0]["epoch"] == "e1"
        assert frames[0]["me"] == {"name": "crm", "extension": "", "scopes": ["calls:read"], "expires_at": None}
        assert [frame["seq"] for frame in frames] == [0, 0, 0, 2], "a snapshot that breaks off begins anew"

    def test_calls_that_ended_are_not_in_it(self) -> None:
        stand = Stand()
        stand.hub.call(ended(stand.call()))
        assert words(heard(stand.hub.attach(READER))) == ["hello", "ready"]

    def test_a_desk_is_shown_its_own_calls_alone(self) -> None:
        stand = Stand()
        stand.call(call_id="mine", extension="8001")
        stand.call(call_id="also", parties=(PARTY,))
        stand.call(call_id="other", extension="8002")
        stand.hub.desk(DeskView("8001", "online", (ClientView("tab-1", "webrtc", 5.0),)))
        frames = news(stand.hub.attach(WANG))
        assert [frame["call"]["call_id"] for frame in frames] == ["mine", "also"]


class TestWhoHears:
    def test_every_change_once(self) -> None:
        stand = Stand()
        listener = stand.hub.attach(READER)
        stand.call(state="ringing")
        stand.call(state="ringing")
        stand.call(state="connected")
        assert words(news(listener)) == ["call ringing", "call connected"]

    def test_numbers_rise_without_gaps(self) -> None:
        stand = Stand()
        listener = stand.hub.attach(READER)
        for state in ("routing", "ringing", "connected"):
            stand.call(state=state)
        assert [frame["seq"] for frame in news(listener)] == [1, 2, 3]

    def test_a_call_becomes_the_desks_own_and_goes_on_to_the_next(self) -> None:
        stand = Stand()
        wang, li = stand.hub.attach(WANG), stand.hub.attach(LI)
        stand.call()
        stand.call(extension="8001")
        stand.call(extension="8001", showing="seat-1")
        stand.call(extension="8002", showing="slate")
        stand.call(extension="8002", showing="seat-2")
        frames = news(wang)
        assert words(frames) == ["call connected", "call connected", "call gone connected"]
        assert frames[-1]["call"]["extension"] == "8001", "what became of it is the other desk's"
        assert words(news(li)) == ["call connected", "call connected"]

    def test_who_leaves_the_room_has_it_no_more(self) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        stand.call(parties=(PARTY,))
        stand.call(parties=(replace(PARTY, state=PartyState.LEFT),))
        assert words(news(wang)) == ["call connected", "call gone connected"]

    def test_its_end_is_told_to_who_was_in_it(self) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        view = stand.call(parties=(PARTY,))
        stand.hub.call(ended(replace(view, parties=(replace(PARTY, state=PartyState.LEFT),))))
        assert words(news(wang)) == ["call connected", "call ended"]

    def test_a_desk_is_not_told_what_the_network_said_in_confidence(self) -> None:
        stand = Stand()
        wang, crm = stand.hub.attach(WANG), stand.hub.attach(READER)
        facts = CallerFacts(private=True, access_network="3GPP-NR;cell=1")
        stand.call(extension="8001", facts=facts)
        [shown], [whole] = news(wang), news(crm)
        assert (shown["call"]["caller"], shown["call"]["facts"]["access_network"]) == ("", "")
        assert whole["call"]["caller"] == CALL.caller and "cell" in whole["call"]["facts"]["access_network"]
        assert not any(leg["peer"] for leg in shown["call"]["legs"])

    def test_an_emergency_desk_is_told_number_and_cell(self) -> None:
        stand, desk = Stand(), Bearer("fire", frozenset({Scope.DESK, Scope.IDENTITY}), "8001")
        agent, fire = stand.hub.attach(WANG), stand.hub.attach(desk)
        facts = CallerFacts(private=True, access_network="3GPP-NR;cell=1", charging_id="icid", location_uri="https://l")
        stand.call(extension="8001", facts=facts)
        [hidden], [shown] = news(agent), news(fire)
        assert hidden["call"]["caller"] == "", "what one is told is not what another one is"
        assert shown["call"]["caller"] == CALL.caller and shown["call"]["facts"]["private"]
        assert "cell" in shown["call"]["facts"]["access_network"] and shown["call"]["facts"]["location_uri"]
        assert shown["call"]["facts"]["charging_id"] == "" and not any(leg["peer"] for leg in shown["call"]["legs"])
        stand.call(extension="8002", facts=facts)
        [gone] = news(fire)
        assert gone["gone"] and gone["call"]["caller"] == "", "nor anything of a call that is another desk's"

    def test_a_change_that_no_desk_sees_is_not_told_to_it(self) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        stand.call(extension="8001")
        stand.call(extension="8001", facts=CallerFacts(access_network="3GPP-NR;cell=2"))
        assert len(news(wang)) == 1

    def test_a_desk_is_told_nothing_of_a_hidden_supervisor_who_is_told_of_itself(self) -> None:
        stand, boss = Stand(), Bearer("boss", frozenset({Scope.DESK, Scope.SUPERVISE}), "500")
        agent, reader, supervisor = (stand.hub.attach(one) for one in (WANG, READER, boss))
        stand.call(extension="8001")
        for listener in (agent, reader, supervisor):
            heard(listener)
        looks_on = PartyView("onlooker-1", PartyKind.ONLOOKER, "500", state=PartyState.CONNECTED, hidden=True)
        listens = PhoneView("phone-1", "500", state=PhoneState.JOINED, part=PhonePart.LISTENS, hidden=True)
        there: dict[str, Any] = {"extension": "8001", "parties": (*CALL.parties, looks_on), "phones": (listens,)}
        stays = (StayView("onlooker-1", "onlooker", "500", hidden=True), StayView("phone-1", "phone", hidden=True))
        there["course"] = CourseView(stays=stays)
        stand.call(
            **there,
            legs=(
                *CALL.legs,
                LegView("phone-1", "pbx", "10.0.0.9", "x", LegState.CONFIRMED, "PCMA/8000", ""),
            ),
        )
        stand.hub.notice(Notice(CALL.call_id, "phone-joined", "500 is in the call", "phone-1"))
        stand.hub.notice(Notice(CALL.call_id, "party-joined", "500 is connected", "onlooker-1"))
        assert news(agent) == []
        for other in (reader, supervisor):
            changed, *told = news(other)
            assert changed["call"]["parties"][-1]["name"] == "onlooker-1"
            assert [one["notice"]["code"] for one in told] == ["phone-joined", "party-joined"]
        out = RecordingView(left_out=("onlooker-1", "phone-1"), reason="onlooker-1 is left out: boss (500)")
        stand.call(extension="8001", course=there["course"], recording=out)
        stand.hub.notice(Notice(CALL.call_id, "party-left", "500 is gone", "onlooker-1"))
        assert news(agent) == []
        there["course"] = CourseView(stays=(stays[0], replace(stays[1], hidden=False)))
        stand.call(**{**there, "phones": (replace(listens, part=PhonePart.WHISPERS, hidden=False),)})
        [changed] = news(agent)
        assert [one["number"] for one in changed["call"]["phones"]] == ["500"]
        assert [one["name"] for one in changed["call"]["course"]["stays"]] == ["phone-1"]
        assert "onlooker-1" not in [one["name"] for one in changed["call"]["parties"]]

    def test_notices_go_where_the_call_goes(self) -> None:
        stand = Stand()
        wang, li, crm = (stand.hub.attach(bearer) for bearer in (WANG, LI, READER))
        stand.call(extension="8001")
        stand.hub.notice(Notice(CALL.call_id, "video-refused", "the caller declined"))
        assert words(news(wang)) == words(news(crm)) == ["call connected", "notice"]
        assert news(li) == []

    def test_who_was_taken_out_is_told_why_although_the_call_is_its_own_no_more(self) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        stand.call(parties=(PARTY,))
        stand.call(parties=(replace(PARTY, state=PartyState.LEFT),))
        stand.hub.notice(Notice(CALL.call_id, "party-removed", "the call was passed on", "seat-1"))
        assert words(news(wang)) == ["call connected", "call gone connected", "notice"]

    def test_presence_is_for_who_may_see_all(self) -> None:
        stand = Stand()
        wang, crm = stand.hub.attach(WANG), stand.hub.attach(READER)
        view = DeskView("8001", "online", (ClientView("tab-1", "webrtc", 5.0),))
        stand.hub.desk(view)
        stand.hub.desk(view)
        stand.hub.desk(DeskView("8001", "offline"))
        assert [frame["desk"]["state"] for frame in news(crm)] == ["online", "offline"]
        assert news(wang) == []

    def test_a_token_of_one_call_hears_of_that_alone(self) -> None:
        stand = Stand()
        guest = stand.hub.attach(Bearer("guest", frozenset({Scope.GUEST}), call_id=CALL.call_id))
        stand.call()
        stand.call(call_id="other")
        assert [frame["call"]["call_id"] for frame in news(guest)] == [CALL.call_id]

    def test_a_token_that_may_see_nothing_hears_nothing(self) -> None:
        stand = Stand()
        painter = stand.hub.attach(Bearer("painter", frozenset({Scope.PICTURES})))
        stand.call()
        stand.call(call_id="none", extension="")
        assert news(painter) == []

    def test_who_is_let_into_a_call_sees_it_from_then_on(self) -> None:
        stand = Stand()
        listener = stand.hub.attach(LI)
        stand.call(extension="8001", asking=("8002",))
        stand.hub.notice(Notice(CALL.call_id, "join-asked", "8002 asks to join the call", extension="8002"))
        stand.call(extension="8001", admitted=("8002",))
        stand.call(extension="8001")
        stand.hub.notice(Notice(CALL.call_id, "join-denied", "8002 may not join the call", extension="8002"))
        assert words(news(listener)) == ["notice", "call connected", "call gone connected", "notice"]

    def test_who_left_is_told_nothing(self) -> None:
        stand = Stand()
        listener = stand.hub.attach(READER)
        stand.hub.detach(listener)
        stand.hub.detach(listener)
        stand.call()
        assert news(listener) == [] and len(stand.hub) == 0


class TestTheGatewayItself:
    def test_tells_of_a_drain_whoever_is_there_and_whoever_comes(self) -> None:
        stand = Stand()
        there = stand.hub.attach(CONSOLE)
        stand.hub.tell_gateway(1000.0)
        later = stand.hub.attach(CONSOLE)
        told = {"type": "gateway", "gateway": {"state": "draining", "since": 1000.0}}
        assert heard(there)[-1] == told and heard(later)[-1] == told
        stand.hub.tell_gateway(None)
        assert heard(later)[-1] == {"type": "gateway", "gateway": {"state": "running"}}
        assert heard(stand.hub.attach(CONSOLE))[-1]["type"] == "ready"

    def test_says_that_it_begins_anew(self) -> None:
        stand = Stand()
        listener = stand.hub.attach(CONSOLE)
        stand.hub.leave()
        assert listener.closing == 1012


class TestWhoComesFromAnotherNode:
    def test_is_told_again_what_follows_an_older_snapshot(self) -> None:
        hub = Hub(VirtualClock(), "e1", node="b")
        hub.replace("a", "a.x", 12, [replace(CALL, node="a")], [])
        listener = hub.attach(CONSOLE, {"a.x": 15, "b.old": 3})
        assert [one["type"] for one in heard(listener)].count("call") == 1
        hub.hear("a", 13, 0.0, ended(replace(CALL, node="a")))
        assert [one["call"]["state"] for one in heard(listener)] == ["ended"]
