"""A desk enters another desk's call by that one's consent, or by a rule; over HTTP and by SIP."""

from __future__ import annotations

import pytest

from splitter.calls import entrance
from splitter.calls.asks import Admit, Admitted, AskIn, Bind, Desk, Dismiss, Join, Remove, Show
from splitter.calls.consent import ASK_LIMIT_S
from splitter.calls.logins.access import Scope
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.reception import Reception
from tests.calls.kit import browser_offer, connected, denied, ended, ringing, told
from tests.world import PeerCall, World

OWNER, OTHER, THIRD = "7001", "7002", "7003"


def join(extension: str, client: str = "", *, by_rule: bool = False) -> Join:
    return Join(Desk(client or f"tab of {extension}", extension, by=extension), browser_offer(), "desks", by_rule)


def owned(world: World) -> tuple[PeerCall, PeerCall]:
    """A call whose desk has joined it."""
    caller, centre = connected(world)
    told(world, caller, Bind(OWNER, "cti"))
    told(world, caller, join(OWNER))
    return caller, centre


def with_logins(world: World) -> None:
    """Seats come in by the reception, as in the whole gateway."""
    services = world.calls.services
    accounts = (Account("agent", "x", extension=OWNER), Account("boss", "x", may=frozenset({Scope.JOIN})))
    trunks = tuple(world.trunks.values())
    world.requests.prove_seats(
        Reception(trunks, accounts, RegistrarSettings(), "splitter", world.clock, services.ids, world.driver)
    )


def codes(world: World) -> list[str]:
    return [notice.code for notice in world.notices if notice.code.startswith("join-")]


class TestByHttp:
    def test_a_stranger_does_not_enter(self, world: World) -> None:
        caller, centre = owned(world)
        assert denied(world, caller, join(OTHER)) == (403, "not-admitted")
        assert denied(world, caller, join("")) == (403, "not-admitted")
        assert denied(world, caller, Bind(OTHER, "client")) == (409, "bound-already")
        assert world.call_of(caller).talk.extension == OWNER
        ended(world, caller, centre)

    def test_who_is_admitted_does(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, AskIn(OTHER))
        assert world.call_of(caller).view().asking == (OTHER,)
        told(world, caller, Admit(OTHER, "7001"))
        view = world.call_of(caller).view()
        assert (view.asking, view.admitted) == ((), (OTHER,))
        assert isinstance(told(world, caller, join(OTHER)), Admitted)
        assert codes(world) == ["join-asked", "join-admitted"]
        assert [notice.extension for notice in world.notices if notice.code == "join-admitted"] == [OTHER]
        ended(world, caller, centre)

    def test_who_is_denied_does_not(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, AskIn(OTHER))
        told(world, caller, Dismiss(OTHER, "7001"))
        assert denied(world, caller, join(OTHER)) == (403, "not-admitted")
        assert codes(world) == ["join-asked", "join-denied"]
        assert denied(world, caller, Dismiss(OTHER, "7001")) == (404, "no-such-ask")
        ended(world, caller, centre)

    def test_a_question_that_nobody_answers_lapses(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, AskIn(OTHER))
        told(world, caller, AskIn(OTHER))
        world.run(ASK_LIMIT_S + 1)
        assert world.call_of(caller).view().asking == ()
        assert codes(world) == ["join-asked", "join-unanswered"], "asked twice is one question"
        ended(world, caller, centre)

    def test_while_it_rings_too(self, world: World) -> None:
        caller, _centre = ringing(world)
        told(world, caller, Bind(OWNER, "cti"))
        told(world, caller, AskIn(OTHER))
        world.run(ASK_LIMIT_S + 1)
        assert codes(world) == ["join-asked", "join-unanswered"]
        caller.cancel()
        world.run(1)
        caller.unread.clear()
        world.settle()

    def test_a_rule_needs_no_consent(self, world: World) -> None:
        caller, centre = owned(world)
        assert isinstance(told(world, caller, join(OTHER, by_rule=True)), Admitted)
        ended(world, caller, centre)

    def test_nobodys_call_is_open_and_then_its_own(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        assert denied(world, caller, AskIn(OTHER)) == (409, "may-enter")
        told(world, caller, join(OTHER))
        assert world.call_of(caller).talk.extension == OTHER
        assert denied(world, caller, join(THIRD)) == (403, "not-admitted")
        ended(world, caller, centre)

    def test_who_is_taken_out_asks_again(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, Admit(OTHER, "7001"))
        admitted = told(world, caller, join(OTHER))
        assert isinstance(admitted, Admitted)
        told(world, caller, Remove(admitted.name, "7001"))
        assert denied(world, caller, join(OTHER)) == (403, "not-admitted")
        ended(world, caller, centre)

    def test_who_leaves_by_itself_may_come_back(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, Admit(OTHER, "7001"))
        admitted = told(world, caller, join(OTHER))
        assert isinstance(admitted, Admitted)
        told(world, caller, Remove(admitted.name, OTHER))
        assert isinstance(told(world, caller, join(OTHER)), Admitted)
        ended(world, caller, centre)


def aside(world: World, caller: PeerCall) -> set[str]:
    """Parties whose picture is shown by choice alone."""
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return {name for name, media in room.members.items() if media is not None and media.aside}


class TestWhoIsLetIn:
    def test_looks_on_until_somebody_chooses(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, Admit(OTHER, "7001"))
        told(world, caller, join(OTHER))
        assert aside(world, caller) == {"desk-2"}
        told(world, caller, Show("desk-2", OTHER))
        told(world, caller, join(OTHER))
        assert aside(world, caller) == {"desk-2"}, "after a cut as well"
        ended(world, caller, centre)

    def test_supervisors_too(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, join(THIRD, by_rule=True))
        assert aside(world, caller) == {"desk-2"}
        ended(world, caller, centre)

    def test_by_sip_too_and_in_a_new_room(self, world: World) -> None:
        with_logins(world)
        caller, centre = connected(world)
        told(world, caller, Bind(OWNER, "cti"))
        told(world, caller, Admit(OTHER, "7001"))
        seat = world.desk.invite(world.call_of(caller).talk.call_id, seat=True, number=OTHER)
        seat.expect("200")
        world.run(0.2)
        assert aside(world, caller) == {"seat-1"}
        assert world.call_of(caller).talk.room.aside == {"seat-1"}, "a new room is told again"
        ended(world, caller, centre)

    def test_is_shown_as_others_once_the_call_is_its_own(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, Admit(OTHER, "7001"))
        told(world, caller, join(OTHER))
        told(world, caller, Bind(OTHER, "cti"))
        world.run(0.1)
        assert aside(world, caller) == set()
        ended(world, caller, centre)

    def test_whose_call_it_is_and_guests_are_no_lookers_on(self, world: World) -> None:
        caller, centre = owned(world)
        guest = Join(Desk("phone", kind="guest"), browser_offer(), "desks")
        told(world, caller, guest)
        assert aside(world, caller) == set()
        ended(world, caller, centre)


class TestTransfer:
    def test_the_next_desk_decides_anew(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, Admit(OTHER, "7001"))
        told(world, caller, Bind(THIRD, "cti"))
        assert world.call_of(caller).view().admitted == ()
        assert denied(world, caller, join(OTHER)) == (403, "not-admitted")
        assert denied(world, caller, join(OWNER)) == (403, "not-admitted"), "nor may the former one come back"
        assert isinstance(told(world, caller, join(THIRD)), Admitted)
        ended(world, caller, centre)

    def test_who_is_in_stays_in(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, Admit(OTHER, "7001"))
        told(world, caller, join(OTHER))
        told(world, caller, Bind(THIRD, "cti"))
        names = {party.extension for party in world.call_of(caller).view().parties if party.state != "left"}
        assert names == {OTHER}
        assert isinstance(told(world, caller, join(OTHER)), Admitted), "and comes back after a cut"
        ended(world, caller, centre)

    def test_an_open_question_is_put_to_the_next_desk(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, AskIn(OTHER))
        told(world, caller, Bind(THIRD, "cti"))
        assert world.call_of(caller).view().asking == (OTHER,)
        ended(world, caller, centre)


class TestBySip:
    def test_its_own_call_opens_at_once_whichever_of_its_names_it_says(self, world: World) -> None:
        with_logins(world)
        caller, centre = connected(world)
        told(world, caller, Bind(OWNER, "cti"))
        for name in (OWNER, "agent"):
            seat = world.desk.invite(world.call_of(caller).talk.short_code, seat=True, number=name)
            seat.expect("200")
        assert {party.extension for party in world.call_of(caller).view().parties} == {OWNER}
        ended(world, caller, centre)

    def test_another_ones_rings_until_it_is_let_in(self, world: World) -> None:
        with_logins(world)
        caller, centre = owned(world)
        seat = world.desk.invite(world.call_of(caller).talk.short_code, seat=True, number=OTHER)
        seat.expect("180")
        assert world.call_of(caller).view().asking == (OTHER,)
        told(world, caller, Admit(OTHER, "7001"))
        seat.expect("200")
        world.run(0.2)
        ended(world, caller, centre)

    @pytest.mark.parametrize(("how", "status"), [("no", "603"), ("nobody", "480"), ("over", "480")])
    def test_or_is_not(self, how: str, status: str, world: World) -> None:
        with_logins(world)
        caller, centre = owned(world)
        seat = world.desk.invite(world.call_of(caller).talk.short_code, seat=True, number=OTHER)
        seat.expect("180")
        if how == "no":
            told(world, caller, Dismiss(OTHER, "7001"))
        elif how == "nobody":
            world.run(ASK_LIMIT_S + 1)
        else:
            centre.bye()
            caller.expect("BYE")
        seat.expect(status)
        if how != "over":
            ended(world, caller, centre)
        world.run(1)

    def test_and_may_hang_up_meanwhile(self, world: World) -> None:
        with_logins(world)
        caller, centre = owned(world)
        seat = world.desk.invite(world.call_of(caller).talk.short_code, seat=True, number=OTHER)
        seat.expect("180")
        seat.cancel()
        world.run(1)
        assert world.call_of(caller).view().asking == () and codes(world) == ["join-asked", "join-withdrawn"]
        ended(world, caller, centre)

    def test_codes_are_not_guessed(self, world: World) -> None:
        with_logins(world)
        caller, centre = owned(world)
        for number in range(entrance.GUESSES):
            world.desk.invite(f"{number:04}x", seat=True, number=f"{number}").expect("404")
        for name in ("none", world.call_of(caller).talk.short_code):  # neither a miss nor a hit is told apart
            answer = world.desk.invite(name, seat=True, number="7009").expect("480").message
            assert int(answer.headers.get("retry-after") or 0) > 0
        own = world.desk.invite(world.call_of(caller).talk.short_code, seat=True, number=OWNER)
        own.expect("200")
        world.run(0.2)
        own.bye()
        world.run(entrance.GUESS_FADE_S)
        world.desk.invite("none", seat=True, number="7009").expect("404")
        ended(world, caller, centre)
