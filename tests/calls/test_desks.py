"""Which desks are online, with which clients, in which calls."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.desks import ClientView, Desks, DeskView
from splitter.calls.states import CallState, PartyKind, PartyState
from splitter.calls.view import CallView, PartyView
from tests.garbage import held_by
from tests.web.kit import CALL


def desks(*extensions: str) -> tuple[Desks, list[DeskView]]:
    """Desks of these accounts, and what was told of them."""
    told: list[DeskView] = []
    return Desks(extensions, told.append), told


def with_parties(*parties: PartyView, call_id: str = "one") -> CallView:
    return replace(CALL, call_id=call_id, parties=parties)


def seat(
    client: str, extension: str = "8001", kind: PartyKind = PartyKind.WEBRTC, state: PartyState = PartyState.CONNECTED
) -> PartyView:
    return PartyView("seat-1", kind, extension, client, state)


class TestPresence:
    def test_a_desk_is_online_while_it_has_a_client(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "tab-1", "webrtc", 5.0)
        assert all_desks.online("8001") and not all_desks.online("8002")
        all_desks.detach("a")
        assert not all_desks.online("8001")
        assert told == [
            DeskView("8001", "online", (ClientView("tab-1", "webrtc", 5.0),)),
            DeskView("8001", "offline"),
        ]

    def test_several_clients_of_one_desk(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "tab-1", "webrtc", 5.0)
        all_desks.attach("b", "8001", "sip:8001@10.0.0.7", "sip", 6.0)
        all_desks.detach("a")
        assert all_desks.online("8001")
        assert [client.kind for client in told[-1].clients] == ["sip"]

    def test_a_refreshed_registration_is_nothing_new(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "sip:8001@10.0.0.7", "sip", 5.0)
        all_desks.attach("a", "8001", "sip:8001@10.0.0.7", "sip", 65.0)
        assert len(told) == 1 and all_desks.view("8001").clients[0].since == 5.0

    def test_a_client_that_moves_to_another_desk(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "tab-1", "webrtc", 5.0)
        all_desks.attach("a", "8002", "tab-1", "webrtc", 6.0)
        assert not all_desks.online("8001") and all_desks.online("8002")
        assert [(view.extension, view.state) for view in told] == [
            ("8001", "online"),
            ("8001", "offline"),
            ("8002", "online"),
        ]

    def test_who_was_never_there_cannot_leave(self) -> None:
        all_desks, told = desks()
        all_desks.detach("a")
        assert told == []

    def test_accounts_are_shown_offline_too(self) -> None:
        all_desks, _ = desks("8002", "8001", "")
        all_desks.attach("a", "8003", "tab-1", "webrtc", 5.0)
        shown = [(view.extension, view.state) for view in all_desks.views()]
        assert shown == [("8001", "offline"), ("8002", "offline"), ("8003", "online")]

    def test_a_desk_is_known_by_its_account_or_by_being_there(self) -> None:
        all_desks, _ = desks("8001")
        all_desks.attach("a", "8003", "tab-1", "webrtc", 5.0)
        assert [ext for ext in ("8001", "8002", "8003") if all_desks.knows(ext)] == ["8001", "8003"]


class TestCalls:
    def test_the_client_that_is_in_a_call_is_told_apart(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "tab-1", "webrtc", 5.0)
        all_desks.attach("b", "8001", "tab-2", "webrtc", 5.0)
        all_desks.on_call(with_parties(seat("tab-2")))
        assert [(client.client, client.calls) for client in told[-1].clients] == [("tab-1", ()), ("tab-2", ("one",))]

    def test_a_sip_client_is_in_it_by_its_extension(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "sip:8001@10.0.0.7", "sip", 5.0)
        all_desks.attach("b", "8001", "tab-1", "webrtc", 5.0)
        all_desks.on_call(with_parties(seat("", kind=PartyKind.SIP)))
        assert [client.calls for client in told[-1].clients] == [("one",), ()]

    def test_what_else_changes_in_the_call_is_not_told(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "tab-1", "webrtc", 5.0)
        all_desks.on_call(with_parties(seat("tab-1", state="joining")))  # type: ignore[arg-type]
        before = len(told)
        all_desks.on_call(with_parties(replace(seat("tab-1"), sends=True)))
        all_desks.on_call(with_parties(seat("tab-1", state="interrupted")))  # type: ignore[arg-type]
        assert len(told) == before

    def test_it_leaves(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "tab-1", "webrtc", 5.0)
        for last in (
            with_parties(seat("tab-1", state="left")),  # type: ignore[arg-type]
            replace(with_parties(seat("tab-1")), state=CallState.ENDED),
        ):
            all_desks.on_call(with_parties(seat("tab-1")))
            assert told[-1].clients[0].calls == ("one",)
            all_desks.on_call(last)
            assert told[-1].clients[0].calls == ()

    def test_two_calls_at_once(self) -> None:
        all_desks, told = desks()
        all_desks.attach("a", "8001", "tab-1", "webrtc", 5.0)
        all_desks.on_call(with_parties(seat("tab-1"), call_id="one"))
        all_desks.on_call(with_parties(seat("tab-1"), call_id="two"))
        assert told[-1].clients[0].calls == ("one", "two")

    def test_guests_and_seats_without_extension_have_no_desk(self) -> None:
        all_desks, told = desks()
        all_desks.on_call(with_parties(PartyView("guest-1", PartyKind.GUEST, "8001", "g"), seat("tab-1", extension="")))
        assert told == []

    def test_ended_calls_leave_nothing(self) -> None:
        all_desks, _ = desks()
        held = held_by(all_desks)
        for number in range(100):
            view = with_parties(seat("tab-1"), call_id=str(number))
            all_desks.on_call(view)
            all_desks.on_call(replace(view, state=CallState.ENDED))
        assert held_by(all_desks) == held
